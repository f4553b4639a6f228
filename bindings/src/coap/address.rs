//! Uri-Path and the To parameter (TS-0008 6.2.2.3, Table 6.2.2.3-1).
//!
//! Responsible for the three forms and for what no path may have. Which resource a To leads to is left to the core.

use dyad_protocol::{Failure, id};

/// The To of the segments of a path: `x` → `x`, `~ cse x` → `/cse/x`, `_ sp cse x` → `//sp/cse/x`.
///
/// `lenient` tolerates one empty segment at the end and a path that ends with the CSE-ID and so means the CSEBase.
/// BAD_REQUEST for empty segments, `.` and `..`, and characters that identifiers cannot have (TS-0004 6.2.3).
pub fn from_segments(segments: &[&str], lenient: bool) -> Result<String, Failure> {
    let malformed =
        || Failure::bad_request("the path has an empty segment or a character that identifiers cannot have");
    let segments = match segments {
        [rest @ .., ""] if lenient => rest,
        segments => segments,
    };
    let (start, rest, least) = match segments {
        [] => return Err(Failure::bad_request("the path names no resource")),
        ["~", rest @ ..] => ("/", rest, 1),
        ["_", rest @ ..] => ("//", rest, 2),
        rest => ("", rest, 0),
    };
    if rest.len() < least
        || rest.iter().any(|segment| !id::is_unreserved(segment) || matches!(*segment, "." | ".."))
    {
        return Err(malformed());
    }
    if rest.len() == least && !lenient {
        return Err(Failure::bad_request("the path names a CSE and no resource"));
    }
    let mut to =
        String::with_capacity(start.len() + rest.iter().map(|segment| segment.len() + 1).sum::<usize>());
    to.push_str(start);
    for (place, segment) in rest.iter().enumerate() {
        if place > 0 {
            to.push('/');
        }
        to.push_str(segment);
    }
    Ok(to)
}

/// The segments of a To: the reverse of [`from_segments`]. An attribute name behind `#` is left out; it travels in the
/// query ([`crate::query::encode_fields`]).
pub fn to_segments(to: &str) -> impl Iterator<Item = &str> {
    let resource = to.split_once('#').map_or(to, |(resource, _)| resource);
    let (start, rest) = match (resource.strip_prefix("//"), resource.strip_prefix('/')) {
        (Some(rest), _) => (Some("_"), rest),
        (None, Some(rest)) => (Some("~"), rest),
        (None, None) => (None, resource),
    };
    start.into_iter().chain(rest.split('/'))
}

#[cfg(test)]
mod tests {
    use super::{from_segments, to_segments};

    #[test]
    fn forms_of_the_specification() {
        for (to, path) in [
            ("CSEBase/ae12/cont27/contInst696", "CSEBase ae12 cont27 contInst696"),
            ("cin00856", "cin00856"),
            ("/CSE178/CSEBase/ae12", "~ CSE178 CSEBase ae12"),
            ("/CSE178/cin00856", "~ CSE178 cin00856"),
            ("//mym2msp.org/CSE178/CSEBase/ae12", "_ mym2msp.org CSE178 CSEBase ae12"),
            ("//mym2msp.org/CSE178/cin00856", "_ mym2msp.org CSE178 cin00856"),
        ] {
            let segments: Vec<&str> = path.split(' ').collect();
            assert_eq!(from_segments(&segments, false).unwrap(), to);
            assert_eq!(to_segments(to).collect::<Vec<_>>(), segments);
            let trailing: Vec<&str> = segments.iter().copied().chain([""]).collect();
            assert_eq!(from_segments(&trailing, true).unwrap(), to);
            assert!(from_segments(&trailing, false).is_err());
        }
        assert_eq!(to_segments("cnt#mni").collect::<Vec<_>>(), ["cnt"]);
        assert_eq!(from_segments(&["~", "id-in"], true).unwrap(), "/id-in");
        assert!(from_segments(&["~", "id-in"], false).is_err());
    }

    #[test]
    fn refusals() {
        for path in [
            &[][..],
            &[""],
            &["~"],
            &["_"],
            &["_", "sp"],
            &["a", "", "b"],
            &["", "a"],
            &["a", "..", "b"],
            &["."],
            &["a/b"],
            &["a;b"],
            &["a#b"],
            &["a%41"],
            &["é"],
            &["a b"],
            &["\0"],
        ] {
            for lenient in [true, false] {
                assert_eq!(from_segments(path, lenient).unwrap_err().rsc.number(), 4000, "{path:?}");
            }
        }
    }
}
