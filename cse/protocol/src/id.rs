//! Identifiers and addresses (TS-0001 7.2, TS-0004 6.2.3 and 6.2.4).
//!
//! Responsible for their syntax: which characters an identifier may have, and how a `To` splits into the node that
//! is meant and the path on it. Which resource a path leads to is left to the core.

use crate::Failure;

/// The longest resource name and identifier part that is accepted, in bytes.
pub const MAX_SEGMENT: usize = 255;

/// The longest `To` that is accepted, in bytes.
pub const MAX_ADDRESS: usize = 4096;

/// The most segments that an address may have.
pub const MAX_SEGMENTS: usize = 64;

/// Whether every character is of the `unreserved` class of TS-0004 6.2.3 (with the tilde of RFC 3986) and the
/// length is from 1 to [`MAX_SEGMENT`].
pub fn is_unreserved(segment: &str) -> bool {
    !segment.is_empty()
        && segment.len() <= MAX_SEGMENT
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

/// Whether a text may be the `resourceName` of a resource: unreserved characters, and none of the names that mean
/// something else in a path (`-` for the CSEBase, `.` and `..`, `~` and `_` of the HTTP binding).
pub fn is_resource_name(name: &str) -> bool {
    is_unreserved(name) && !matches!(name, "-" | "." | ".." | "~" | "_")
}

/// Whether a text is an SP-relative CSE-ID, `/id-in`.
pub fn is_cse_id(id: &str) -> bool {
    id.strip_prefix('/').is_some_and(is_unreserved)
}

/// Whether a text is an M2M-SP-ID, `//dyad.example.com`.
pub fn is_sp_id(id: &str) -> bool {
    id.strip_prefix("//").is_some_and(|fqdn| is_unreserved(fqdn) && !fqdn.contains('~'))
}

/// Whether a text is an AE-ID-Stem: `C` or `S` and at least one more unreserved character.
pub fn is_ae_id_stem(stem: &str) -> bool {
    stem.len() > 1 && stem.starts_with(['C', 'S']) && is_unreserved(stem)
}

/// The three formats of a resource identifier (TS-0001 7.2): how much of it is left to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// `cse-in/ae/cnt` or `cnt7`: on the node that receives it.
    CseRelative,
    /// `/id-in/cse-in/ae`: on the named node of this service provider. The CSE-ID comes without its slash.
    SpRelative {
        /// `id-in`
        cse: &'a str,
    },
    /// `//dyad.example.com/id-in/cse-in/ae`: on the named node of the named service provider.
    Absolute {
        /// `dyad.example.com`
        sp: &'a str,
        /// `id-in`
        cse: &'a str,
    },
}

/// A `To` taken apart: which node, which path on it, which single attribute.
///
/// The path is structured (`cse-in/ae/cnt`, `-/ae/cnt`), unstructured (`cnt7`) or hybrid (`cnt7/la`); it is empty
/// for an address that ends with the CSE-ID and so means the CSEBase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The node that is meant.
    pub scope: Scope<'a>,
    /// The rest, without a leading slash.
    pub path: &'a str,
    /// The short name after `#`.
    pub attribute: Option<&'a str>,
}

impl<'a> Address<'a> {
    /// Takes an address apart. BAD_REQUEST for what no resource can have: empty segments (a trailing slash is
    /// one), characters outside the syntax, over-long addresses.
    pub fn parse(to: &'a str) -> Result<Self, Failure> {
        if to.len() > MAX_ADDRESS {
            return Err(Failure::bad_request("the address is too long"));
        }
        let (resource, attribute) = match to.split_once('#') {
            Some((resource, attribute)) => (resource, Some(attribute)),
            None => (to, None),
        };
        let (scope, path) = if let Some(rest) = resource.strip_prefix("//") {
            let (sp, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let (cse, path) = split_path(rest)?;
            check(sp)?;
            (Scope::Absolute { sp, cse: check(cse)? }, path)
        } else if let Some(rest) = resource.strip_prefix('/') {
            let (cse, path) = split_path(rest)?;
            (Scope::SpRelative { cse: check(cse)? }, path)
        } else {
            check(resource.split('/').next().unwrap_or_default())?;
            (Scope::CseRelative, resource)
        };
        if !path.is_empty() {
            let mut count = 0;
            for segment in path.split('/') {
                check(segment)?;
                count += 1;
            }
            if count > MAX_SEGMENTS {
                return Err(Failure::bad_request("the address has too many segments"));
            }
        }
        if attribute.is_some_and(|name| !is_unreserved(name)) {
            return Err(Failure::bad_request("the attribute name after '#' is malformed"));
        }
        Ok(Self { scope, path, attribute })
    }
}

/// The CSE-ID and the path behind it; a slash with nothing behind it is malformed.
fn split_path(rest: &str) -> Result<(&str, &str), Failure> {
    match rest.split_once('/') {
        Some((_, "")) => Err(malformed()),
        Some((cse, path)) => Ok((cse, path)),
        None => Ok((rest, "")),
    }
}

fn check(segment: &str) -> Result<&str, Failure> {
    if is_unreserved(segment) { Ok(segment) } else { Err(malformed()) }
}

fn malformed() -> Failure {
    Failure::bad_request("the address has an empty segment or a character that identifiers cannot have")
}

#[cfg(test)]
mod tests {
    use super::{Address, Scope, is_resource_name};
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let cases = [
            ("cse-in/ae/cnt", Scope::CseRelative, "cse-in/ae/cnt"),
            ("-/ae", Scope::CseRelative, "-/ae"),
            ("cnt7", Scope::CseRelative, "cnt7"),
            ("/id-in", Scope::SpRelative { cse: "id-in" }, ""),
            ("/id-in/-/ae", Scope::SpRelative { cse: "id-in" }, "-/ae"),
            ("//sp.example/id-in/cnt7/la", Scope::Absolute { sp: "sp.example", cse: "id-in" }, "cnt7/la"),
        ];
        for (to, scope, path) in cases {
            assert_eq!(Address::parse(to).unwrap(), Address { scope, path, attribute: None }, "{to}");
        }
        assert_eq!(Address::parse("cnt7#mni").unwrap().attribute, Some("mni"));
        for wrong in [
            "",
            "/",
            "//",
            "///",
            "//sp",
            "cse-in/",
            "cse-in//ae",
            "/id-in/",
            "a b",
            "a?b",
            "cse-in/ä",
            "a#",
            "a#b#c",
        ] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names() {
        assert!(is_resource_name("a-b.c_d~1"));
        for wrong in ["", "-", "..", "a/b", "a b", "a%20", "é", &"x".repeat(256)] {
            assert!(!is_resource_name(wrong), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(to in ".{0,80}") {
            let _ = Address::parse(&to);
        }
    }
}
