//! How deep a JSON text nests, found out before it is parsed.

/// The depth at which the parser gives up by itself.
pub const PARSER_LIMIT: usize = 127;

/// Whether objects and arrays nest deeper than so many levels. Says nothing about texts that are no JSON.
pub fn is_deeper(json: &[u8], limit: usize) -> bool {
    // The parser looks after its own limit.
    if limit >= PARSER_LIMIT {
        return false;
    }
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_deeper;

    #[test]
    fn brackets_in_texts_do_not_count() {
        for (json, depth) in [
            ("", 0),
            ("1", 0),
            ("[]", 1),
            (r#"{"a":[{}]}"#, 3),
            (r#"["[[[",{"]":"\"[{"}]"#, 2),
            (r#"[[],[],[]]"#, 2),
            (r#"["\\",[1]]"#, 2),
        ] {
            assert!(!is_deeper(json.as_bytes(), depth), "{json}");
            assert!(depth == 0 || is_deeper(json.as_bytes(), depth - 1), "{json}");
        }
        assert!(!is_deeper("[".repeat(1_000).as_bytes(), 127), "left to the parser");
    }
}
