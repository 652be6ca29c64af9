//! JSON texts whose values are nested deeper than a limit.

/// Replaces each list and object below a depth by `null`.
pub(super) fn shortened(text: &[u8], most: usize) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.iter().copied() {
        let outside = depth > most;
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => {
                    depth += 1;
                    if depth == most + 1 {
                        kept.extend_from_slice(b"null");
                    }
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if outside {
                        continue;
                    }
                }
                _ => {}
            }
        }
        if depth <= most {
            kept.push(byte);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_nested_too_deep_is_replaced() {
        for (text, wanted) in [
            (r#"{"a":[1,{"b":[2]}],"c":"[[{{"}"#, r#"{"a":[1,null],"c":"[[{{"}"#),
            (r#"[[[]],[{}],[[["]"]],"x"]]"#, r#"[[null],[null],[null,"x"]]"#),
            (r#"[["\"[{\\",[["\"]"]]],7]"#, r#"[["\"[{\\",null],7]"#),
            ("7", "7"),
            ("[[[[", "[[null"),
        ] {
            let made = shortened(text.as_bytes(), 2);
            assert_eq!(String::from_utf8(made).unwrap(), wanted, "{text}");
        }
    }
}
