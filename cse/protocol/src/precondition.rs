//! Conditions of a transport on the present state of a target: entity tags (RFC 7232).
//!
//! A binding reads them and the core holds them against the resource, in the transaction that changes it: between a look
//! and a change nobody else comes. oneM2M has no parameter and no response status code for them, so they travel beside
//! the primitive.

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Tags that one request may name.
const MOST: usize = 64;

/// What a target has to be, or must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: anything that is there.
    Any,
    /// One of these, each with whether it is a weak one.
    Of(Vec<(String, bool)>),
}

/// The conditions of one request.
#[derive(Debug, Default)]
pub struct Precondition {
    /// `If-Match`
    pub if_match: Option<Tags>,
    /// `If-None-Match`
    pub if_none_match: Option<Tags>,
    failed: AtomicBool,
}

/// The tag of a representation, without quotation marks: equal for equal bytes.
pub fn entity_tag(representation: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(representation);
    format!("{:016x}", hasher.finish())
}

impl Tags {
    /// The value of a header field: `*`, or tags between commas. `None` if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (is_weak, quoted) = match rest.strip_prefix("W/") {
                Some(weak) => (true, weak),
                None => (false, rest),
            };
            let (tag, behind) = quoted.strip_prefix('"')?.split_once('"')?;
            tags.push((tag.to_owned(), is_weak));
            rest = behind.trim_start();
            match rest.strip_prefix(',') {
                Some(more) => rest = more.trim_start_matches([',', ' ', '\t']),
                None if rest.is_empty() => {}
                None => return None,
            }
        }
        (!tags.is_empty() && tags.len() <= MOST).then_some(Self::Of(tags))
    }

    fn names(&self, tag: &str, counts_weak: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Of(tags) => tags.iter().any(|(own, is_weak)| own == tag && (counts_weak || !is_weak)),
        }
    }
}

impl Precondition {
    /// Conditions; `None` if there are none.
    pub fn new(if_match: Option<Tags>, if_none_match: Option<Tags>) -> Option<Self> {
        let some = if_match.is_some() || if_none_match.is_some();
        some.then(|| Self { if_match, if_none_match, failed: AtomicBool::new(false) })
    }

    /// Whether a target with this tag meets `If-Match` (RFC 7232 3.1, strong comparison).
    pub fn is_matched(&self, tag: &str) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.names(tag, false))
    }

    /// Whether `If-None-Match` names this tag (RFC 7232 3.2, weak comparison).
    pub fn is_excluded(&self, tag: &str) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.names(tag, true))
    }

    /// Holds both against a target that is about to be changed, and remembers what came of it. `None` stands for a
    /// target without a representation, which no tag names.
    pub fn hold(&self, representation: Option<&[u8]>) -> bool {
        let is_met = match representation.map(entity_tag) {
            Some(tag) => self.is_matched(&tag) && !self.is_excluded(&tag),
            None => self.if_match.is_none(),
        };
        self.failed.store(!is_met, Ordering::Relaxed);
        is_met
    }

    /// Whether the request was refused because a condition was not met.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read() {
        let of = |tags: &[(&str, bool)]| {
            Some(Tags::Of(tags.iter().map(|(tag, is_weak)| ((*tag).to_owned(), *is_weak)).collect()))
        };
        assert_eq!(Tags::parse(" * "), Some(Tags::Any));
        assert_eq!(Tags::parse("\"a\""), of(&[("a", false)]));
        assert_eq!(Tags::parse("\"a,b\", W/\"c\" ,\"\""), of(&[("a,b", false), ("c", true), ("", false)]));
        for text in ["", "a", "\"a", "\"a\" \"b\"", "*, \"a\"", "w/\"a\""] {
            assert_eq!(Tags::parse(text), None, "{text}");
        }
        assert_eq!(Tags::parse(&["\"a\""; 65].join(",")), None);
    }

    #[test]
    fn weak_tags_match_no_target_but_exclude_it() {
        let tag = entity_tag(b"x");
        let quoted = |prefix: &str| Tags::parse(&format!("{prefix}\"{tag}\""));
        assert!(Precondition::new(quoted(""), None).unwrap().hold(Some(b"x")));
        assert!(!Precondition::new(quoted(""), None).unwrap().hold(Some(b"y")));
        assert!(!Precondition::new(quoted(""), None).unwrap().hold(None));
        assert!(!Precondition::new(quoted("W/"), None).unwrap().hold(Some(b"x")));
        let weak = Precondition::new(None, quoted("W/")).unwrap();
        assert!(!weak.hold(Some(b"x")) && weak.has_failed());
        assert!(weak.hold(Some(b"y")) && !weak.has_failed());
        assert!(Precondition::new(None, None).is_none());
    }
}
