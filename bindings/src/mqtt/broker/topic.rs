//! Topic names and filters (MQTT 5 clause 4.7): what is valid, what matches what. Pure; the index over many filters
//! is in `tree`.

/// The first level of what the specification reserves for the server's own topics.
const RESERVED: &str = "$";

/// Levels of a topic or filter, at the most: a deeper one costs more than any use has shown.
pub(super) const MAX_LEVELS: usize = 64;

/// Whether a topic may be published to: no wildcards, no NUL, not empty, no more than [`MAX_LEVELS`].
pub(super) fn is_name(topic: &str) -> bool {
    !topic.is_empty()
        && u16::try_from(topic.len()).is_ok()
        && !topic.contains(['+', '#', '\0'])
        && topic.split('/').count() <= MAX_LEVELS
}

/// Whether a filter, without its `$share` levels, may be subscribed to.
pub(super) fn is_filter(filter: &str) -> bool {
    if filter.is_empty() || filter.contains('\0') || u16::try_from(filter.len()).is_err() {
        return false;
    }
    let mut levels = 0;
    let mut is_over = false;
    for level in filter.split('/') {
        if is_over {
            return false;
        }
        is_over = level == "#";
        levels += 1;
        if level.len() > 1 && level.contains(['+', '#']) {
            return false;
        }
    }
    levels <= MAX_LEVELS
}

/// A filter of a SUBSCRIBE, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filter<'a> {
    /// The group of a shared subscription (`$share/<group>/…`).
    pub(super) group: Option<&'a str>,
    /// What is matched.
    pub(super) filter: &'a str,
}

impl<'a> Filter<'a> {
    /// Takes a filter apart; `None` if it is none (MQTT 5 clauses 4.7.1, 4.8.2).
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let Some(shared) = text.strip_prefix("$share/") else {
            return is_filter(text).then_some(Self { group: None, filter: text });
        };
        let (group, filter) = shared.split_once('/')?;
        let is_valid = !group.is_empty() && !group.contains(['+', '#', '\0']) && is_filter(filter);
        is_valid.then_some(Self { group: Some(group), filter })
    }
}

/// Whether a topic belongs to the server itself: `$SYS/…` and whatever else begins with a dollar sign.
pub(super) fn is_reserved(topic: &str) -> bool {
    topic.starts_with(RESERVED)
}

/// Whether a filter matches a topic. Wildcards in the first level do not match what begins with `$`.
pub(super) fn matches(filter: &str, topic: &str) -> bool {
    if is_reserved(topic) && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topic_levels = topic.split('/');
    for level in filter.split('/') {
        if level == "#" {
            return true;
        }
        match topic_levels.next() {
            Some(_) if level == "+" => {}
            Some(other) if other == level => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

/// The part of a filter before its first wildcard: what it matches begins with this, but for the parent that a `#`
/// matches too, whose name lacks the slash at the end.
pub(super) fn literal_prefix(filter: &str) -> &str {
    let end = filter.find(['+', '#']).unwrap_or(filter.len());
    let prefix = filter.get(..end).unwrap_or_default();
    if end < filter.len() { prefix.strip_suffix('/').unwrap_or(prefix) } else { prefix }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_whole_levels() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("a/+", "a/b/c", false),
            ("+", "a", true),
            ("+", "/a", false),
            ("+/+", "/a", true),
            ("/+", "/a", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/#", "ab", false),
            ("#", "a/b", true),
            ("#", "$SYS/a", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/a", true),
            ("/oneM2M/req/+/id-in/#", "/oneM2M/req/Ca/id-in/json", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn filters_with_wildcards_inside_of_levels_are_none() {
        for valid in ["a", "/", "+", "#", "a/+/b", "a/#", "+/+/#", "$SYS/#"] {
            assert!(is_filter(valid), "{valid}");
        }
        for invalid in ["", "a+", "+a", "a/+b", "a/b#", "#/a", "a/#/b", "a\0", "++", "a/##"] {
            assert!(!is_filter(invalid), "{invalid}");
        }
    }

    #[test]
    fn shared_filters_name_their_group() {
        let parse = |text| Filter::parse(text).map(|filter| (filter.group, filter.filter));
        assert_eq!(parse("$share/g/a/#"), Some((Some("g"), "a/#")));
        assert_eq!(parse("$share/g//a"), Some((Some("g"), "/a")));
        assert_eq!(parse("$shared/g"), Some((None, "$shared/g")));
        for invalid in ["$share/", "$share/g", "$share//a", "$share/+/a", "$share/g/", "$share/g/a#"] {
            assert_eq!(parse(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn literal_prefixes_end_before_the_wildcard() {
        for (filter, prefix) in
            [("a/b", "a/b"), ("a/#", "a"), ("a/+/b", "a"), ("#", ""), ("/+", ""), ("a/b/#", "a/b")]
        {
            assert_eq!(literal_prefix(filter), prefix, "{filter}");
        }
    }
}
