//! Commands in the documentation are ones that the program accepts, with their options.

use clap::error::ErrorKind;

use super::{files, is_generated, read};

/// The simple commands of a line of a shell, as words without quotes. Comments and redirections are
/// left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words) = (Vec::new(), Vec::new());
    let (mut word, mut begun, mut quote, mut redirected) = (String::new(), false, None, false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.push(letter),
            (None, '\'' | '"') => (quote, begun) = (Some(letter), true),
            (None, '$') if letters.peek() == Some(&'(') => {
                word.push(letter);
                word.extend(letters.by_ref().take_while(|letter| *letter != ')'));
                word.push(')');
                begun = true;
            }
            (None, '#') if !begun => break,
            (None, ' ' | '|' | ';' | '&' | '<' | '>' | ')') => {
                if begun && !redirected {
                    words.push(std::mem::take(&mut word));
                }
                word.clear();
                begun = false;
                match letter {
                    ' ' | ')' => {}
                    '<' | '>' => redirected = true,
                    _ => {
                        all.push(std::mem::take(&mut words));
                        redirected = false;
                    }
                }
            }
            (None, _) => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun && !redirected {
        words.push(word);
    }
    all.push(words);
    all.retain(|words: &Vec<String>| !words.is_empty());
    all
}

/// The arguments of the program in a command: as it is, from the source, or in a container.
fn arguments(words: &[String]) -> Option<&[String]> {
    let at = |name: &str| words.iter().rposition(|word| word == name);
    match words.first()?.as_str() {
        "doorward" => Some(words),
        "cargo" if words.get(1)? == "run" => words.get(at("--")?..),
        "docker" => words.get(at("doorward")?..).filter(|rest| rest.len() > 1),
        _ => None,
    }
}

fn parse(words: &[String]) -> Result<(), clap::Error> {
    let words = std::iter::once("doorward").chain(words.iter().skip(1).map(String::as_str));
    match doorward::commands::describe().try_get_matches_from(words) {
        Err(error)
            if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

fn pages() -> Vec<String> {
    let mut pages = files("docs", &[".md"]);
    pages.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned));
    pages.retain(|page| !is_generated(page));
    pages
}

#[test]
fn every_command_of_every_page_is_accepted() {
    let mut tried = 0;
    for page in pages() {
        let text = read(&page).replace("\\\n", " ");
        let mut fenced = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            for words in commands(line.trim()).iter().filter(|_| fenced) {
                // A line of its output begins with the name and version.
                if let Some(words) = arguments(words)
                    .filter(|words| words.get(1).is_some_and(|word| word != "0.1.0"))
                {
                    parse(words).unwrap_or_else(|error| panic!("{page}: {line}: {error}"));
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 80, "{tried}");
}

#[test]
fn every_command_that_a_sentence_names_exists_with_its_options() {
    let mut tried = 0;
    for page in pages() {
        let text = read(&page);
        for (number, part) in text.split("```").enumerate().filter(|(at, _)| at % 2 == 0) {
            // Code in a sentence may go on in the next line.
            let part = part.replace('\n', " ");
            for code in part.split('`').skip(1).step_by(2).filter(|code| !code.contains('…')) {
                for words in commands(code) {
                    let Some(words) = arguments(&words).filter(|words| words.len() > 1) else {
                        continue;
                    };
                    tried += 1;
                    // A sentence may leave arguments out.
                    let accepted = match parse(words) {
                        Ok(()) => true,
                        Err(error) => matches!(
                            error.kind(),
                            ErrorKind::MissingRequiredArgument
                                | ErrorKind::MissingSubcommand
                                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                        ),
                    };
                    assert!(accepted, "{page}, part {number}: {code}");
                }
            }
        }
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let read = |line: &str| commands(line);
    assert_eq!(read("a 'b c' \"d\"e # f"), [["a", "b c", "de"]]);
    assert_eq!(
        read("a $(date +%F).db < x && b --c | d"),
        [vec!["a", "$(date +%F).db"], vec!["b", "--c"], vec!["d"]]
    );
    let refused = |line: &str| parse(&commands(line)[0]).is_err();
    assert!(refused("doorward provider set okta --set assertions=true"));
    assert!(refused("doorward upstrem list") && !refused("doorward upstream list --json"));
}
