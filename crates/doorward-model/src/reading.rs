//! The paths that programs make of the path of a URL: some decode it more than once, merge slashes,
//! drop the parameters of segments or ignore case.

/// The number of times that a path is decoded: by a proxy, the program behind it, its framework.
const DECODINGS: usize = 3;
/// The characters at which programs end a name in a path.
const ENDS: [char; 4] = [';', '?', '#', '\0'];

/// The byte of two digits, as in `%2f`.
fn byte(digits: &str) -> Option<u8> {
    let are_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| are_digits)
}

/// The text with each escape replaced by its byte.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        bytes.extend_from_slice(before.as_bytes());
        let code = escape.get(1..3).and_then(byte);
        bytes.push(code.unwrap_or(b'%'));
        let length = if code.is_some() { 3 } else { 1 };
        rest = escape.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The names in a path, as the most lenient program reads it.
pub(crate) fn lenient(path: &str) -> Vec<String> {
    let mut text = path.to_owned();
    for _ in 0..DECODINGS {
        text = decoded(&text);
    }
    let mut names: Vec<String> = Vec::new();
    for segment in text.to_lowercase().split(['/', '\\']) {
        match segment.split(ENDS).next().unwrap_or_default().trim() {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name.to_owned()),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_the_most_lenient_program_does() {
        for path in [
            "/a/b",
            "/a/b/",
            "//a//b",
            "/A/b",
            "/%61/b",
            "/%2561/b",
            "/a%2fb",
            "/a%252Fb",
            "/a\\b",
            "/a;v=1/b;x",
            "/a/x/..;/b",
            "/./a/b%00.html",
            "/a/b%3fx",
            "/x/%2e%2e/a/b%20",
        ] {
            assert_eq!(lenient(path), ["a", "b"], "{path}");
        }
        for (path, names) in [
            ("", vec![]),
            ("/", vec![]),
            ("/../..", vec![]),
            ("/%", vec!["%"]),
            ("/%+f%zz%2", vec!["%+f%zz%2"]),
            ("/%C3%A4", vec!["ä"]),
            ("/a.b", vec!["a.b"]),
        ] {
            assert_eq!(lenient(path), names, "{path}");
        }
    }
}
