//! The fuzz targets of `fuzz/`, run with inputs that are made from their seeds. Each target runs for
//! a moment, or for `DOORWARD_FUZZ_SECONDS` (`tests/run fuzz`). The sequence of inputs follows from
//! `DOORWARD_FUZZ_SEED`, which a failure names.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use targets::{TARGETS, Target};

/// Pieces of inputs that mean something to a parser.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\\u0000",
    "null",
    "true",
    "-0",
    "1e999",
    "9223372036854775808",
    "\n\n",
    "\r\n",
    "data: ",
    ": ",
    ", ",
    "&",
    "=",
    "%2e%2e",
    "%00",
    "/",
    "//",
    "..",
    "#",
    "?",
    "@",
    "https://",
    "http://127.0.0.1",
    "[::1]",
    "xn--",
    "\u{202e}",
    "\u{200b}",
    "é",
    "\0",
    "$ref",
    "*x",
    "&x ",
    "{x}",
    "eyJhbGciOiJub25lIn0",
    ".",
    "type",
    "object",
    "---\n",
    "# ",
    "boundary=",
    "Content-Type: ",
    "(",
    "NOT ",
    " TO ",
    "<",
    "/>",
];
/// The longest input.
const MOST: usize = 1 << 16;
/// The longest time that one input may take, in an unoptimised build on a busy machine.
const WITHIN: Duration = Duration::from_secs(10);

/// A sequence of numbers (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }
}

/// Another input, made of those before it.
fn changed(corpus: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut input = corpus[numbers.below(corpus.len())].clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(input.len() + 1);
        let until = at + numbers.below((input.len() - at).min(16) + 1);
        match numbers.below(6) {
            0 if at < input.len() => input[at] ^= 1 << numbers.below(8),
            1 => drop(input.drain(at..until)),
            2 => {
                let piece = PIECES[numbers.below(PIECES.len())].bytes();
                drop(input.splice(at..until, piece));
            }
            3 => {
                let again = input[at..until].repeat(1 + numbers.below(64));
                drop(input.splice(at..at, again));
            }
            4 => {
                let other = &corpus[numbers.below(corpus.len())];
                let from = numbers.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input.insert(at, u8::try_from(numbers.below(256)).unwrap()),
        }
    }
    input.truncate(MOST);
    input
}

fn setting(name: &str, otherwise: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests and not of the program")]
    let value = std::env::var(name);
    value.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Runs a target on its seeds, and then on inputs made from them until its time is over.
fn run(target: &Target) {
    let (seed, seconds) = (setting("DOORWARD_FUZZ_SEED", 1), setting("DOORWARD_FUZZ_SECONDS", 1));
    let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut corpus = (target.seeds)();
    assert!(!corpus.is_empty(), "{} has no seeds", target.name);
    let (began, mut count) = (Instant::now(), 0_usize);
    let mut waiting = corpus.clone();
    while count < 50 || began.elapsed() < Duration::from_secs(seconds) {
        let input = waiting.pop().unwrap_or_else(|| changed(&corpus, &mut numbers));
        let one = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        let shown = || input.escape_ascii().to_string();
        assert!(outcome.is_ok(), "{}: input {count} of seed {seed}: {}", target.name, shown());
        assert!(one.elapsed() < WITHIN, "{}: takes too long: {}", target.name, shown());
        // Inputs differ more and more from the seeds, which stay.
        if numbers.below(8) == 0 {
            let at = numbers.below(64) + (target.seeds)().len();
            if at < corpus.len() { corpus[at] = input } else { corpus.push(input) }
        }
        count += 1;
    }
    eprintln!("{}: {count} inputs", target.name);
}

fn run_named(name: &str) {
    run(TARGETS.iter().find(|target| target.name == name).unwrap());
}

/// A test for each target, so that they run beside each other and fail by name.
macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            run_named(stringify!($name));
        })*

        #[test]
        fn every_target_has_a_test_and_a_file_for_cargo_fuzz() {
            let tested = [$(stringify!($name)),*];
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, tested);
            let top = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz"));
            let manifest = std::fs::read_to_string(top.join("Cargo.toml")).unwrap();
            for name in names {
                let file = top.join(format!("fuzz_targets/{name}.rs"));
                let text = std::fs::read_to_string(file).unwrap();
                assert!(text.contains(&format!("run(\"{name}\"")), "{text}");
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            }
        }
    };
}

targets!(
    redirect, metadata, token, document, listing, events, challenge, sealed, params, multipart,
    csv, chat, mail, html, markdown, pdf, docx, query, citation
);

#[test]
fn a_target_that_fails_is_reported_with_its_input() {
    let fails = Target {
        name: "fails",
        run: |input| assert!(!input.contains(&0x80), "a byte that fails"),
        seeds: || vec![b"abc".to_vec()],
    };
    let outcome = catch_unwind(|| run(&fails));
    let told = outcome.unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.starts_with("fails: input ") && told.contains("\\x80"), "{told}");
}
