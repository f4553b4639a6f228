//! The path component and the To parameter (TS-0009 6.2.2.1, Table 6.2.2.1-1).
//!
//! Responsible for the three forms and for what no path may have. Which resource a To leads to is left to the core.

use dyad_protocol::{Failure, id};

use crate::escape;

/// The To of a path: `/x` → `x`, `/~/cse/x` → `/cse/x`, `/_/sp/cse/x` → `//sp/cse/x`.
///
/// `root` is a prefix that is taken off first (`""` or `/x/y`); NOT_FOUND for a path outside. `lenient` tolerates
/// one trailing slash (the specification's own example has one) and a path that ends with the CSE-ID and so means
/// the CSEBase. BAD_REQUEST for empty segments, `.` and `..`, and characters, escaped or not, that identifiers
/// cannot have (TS-0004 6.2.3): an escaped slash is one.
pub fn from_path(path: &str, root: &str, lenient: bool) -> Result<String, Failure> {
    let path = path.strip_prefix(root).filter(|rest| rest.starts_with('/'));
    let path = path.ok_or_else(|| Failure::not_found("the path is outside the root of this node"))?;
    let path = if lenient { path.strip_suffix('/').unwrap_or(path) } else { path };
    let path = path.strip_prefix('/').ok_or_else(|| Failure::bad_request("the path names no resource"))?;
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    // Escaped or not, it is the same character (RFC 3986 6.2.2.2).
    let (mut to, rest, cse_at) = match (&*escape::decode(first, "the path")?, rest) {
        ("~", Some(rest)) => (String::with_capacity(path.len()), rest, Some(1)),
        ("_", Some(rest)) => (String::from("/"), rest, Some(2)),
        ("~" | "_", None) => return Err(malformed()),
        _ => (String::with_capacity(path.len()), path, None),
    };
    let mut segments = 0;
    for segment in rest.split('/') {
        let segment = escape::decode(segment, "the path")?;
        if !id::is_unreserved(&segment) || matches!(&*segment, "." | "..") {
            return Err(malformed());
        }
        if segments > 0 || cse_at.is_some() {
            to.push('/');
        }
        to.push_str(&segment);
        segments += 1;
    }
    match cse_at {
        Some(least) if segments < least => Err(malformed()),
        Some(least) if segments == least && !lenient => {
            Err(Failure::bad_request("the path names a CSE and no resource"))
        }
        _ => Ok(to),
    }
}

fn malformed() -> Failure {
    Failure::bad_request("the path has an empty segment or a character that identifiers cannot have")
}

/// The path of a To, without the root: the reverse of [`from_path`]. An attribute name behind `#` is left out;
/// it travels in the query ([`crate::query::encode`]).
pub fn to_path(to: &str) -> String {
    let resource = to.split_once('#').map_or(to, |(resource, _)| resource);
    match resource.strip_prefix('/') {
        Some(rest) if rest.starts_with('/') => format!("/_{rest}"),
        Some(_) => format!("/~{resource}"),
        None => format!("/{resource}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{from_path, to_path};

    #[test]
    fn forms_of_the_specification() {
        for (to, path) in [
            ("CSEBase/ae12/cont27/contInst696", "/CSEBase/ae12/cont27/contInst696"),
            ("cin00856", "/cin00856"),
            ("/CSE178/CSEBase/ae12", "/~/CSE178/CSEBase/ae12"),
            ("/CSE178/cin00856", "/~/CSE178/cin00856"),
            ("//mym2msp.org/CSE178/CSEBase/ae12", "/_/mym2msp.org/CSE178/CSEBase/ae12"),
            ("//mym2msp.org/CSE178/cin00856", "/_/mym2msp.org/CSE178/cin00856"),
        ] {
            assert_eq!(from_path(path, "", false).unwrap(), to);
            assert_eq!(from_path(&format!("/a/b{path}"), "/a/b", false).unwrap(), to);
            assert_eq!(from_path(&format!("{path}/"), "", true).unwrap(), to);
            assert_eq!(from_path(&format!("{path}/"), "", false).unwrap_err().rsc.number(), 4000);
            assert_eq!(to_path(to), path);
        }
        assert_eq!(from_path("/cse%2Din/%41", "", false).unwrap(), "cse-in/A");
        assert_eq!(from_path("/%7E/CSE178/a", "", false).unwrap(), "/CSE178/a");
        assert_eq!(from_path("/%5f/sp/CSE178/a", "", false).unwrap(), "//sp/CSE178/a");
        assert_eq!(to_path("cnt#mni"), "/cnt");
    }

    #[test]
    fn lenience() {
        assert_eq!(from_path("/~/id-in", "", true).unwrap(), "/id-in");
        assert_eq!(from_path("/~/id-in/", "", true).unwrap(), "/id-in");
        assert!(from_path("/~/id-in", "", false).is_err());
        assert_eq!(from_path("/_/sp/id-in", "", true).unwrap(), "//sp/id-in");
    }

    #[test]
    fn refusals() {
        for path in [
            "/",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/~",
            "/~/",
            "/_",
            "/%5F",
            "/_/sp",
            "/_/sp/",
            "/a/../b",
            "/a/%2e%2e",
            "/./a",
            "/a%2Fb",
            "/a%00",
            "/a%",
            "/a%4",
            "/a;b",
            "/a%3Bb",
            "/a%23b",
            "/a%3Fb",
            "/a%2541",
            "/%c0%af",
            "/a b",
            "/é",
            "/%C3%A9",
            "*",
        ] {
            for lenient in [true, false] {
                let failure = from_path(path, "", lenient).unwrap_err();
                assert!(matches!(failure.rsc.number(), 4000 | 4004), "{path}");
            }
        }
        for path in ["/", "/x", "/rootx/a", "/roo"] {
            assert_eq!(from_path(path, "/root", true).unwrap_err().rsc.number(), 4004, "{path}");
        }
        assert!(from_path("/root/", "/root", true).is_err());
    }
}
