//! The decision itself: a pure function (TS-0003 7.1.5).

use std::net::IpAddr;

use dyad_protocol::Timestamp;
use dyad_protocol::primitive::ResourceType;

use super::{ObjectDetail, Place, Rule, operation};

/// What is asked: may this originator do this to that resource now?
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The originator in all forms in which a rule may name it, the shortest first (`Cae`, `/id-in/Cae`,
    /// `//sp/id-in/Cae`).
    pub originator: &'a [String],
    /// If set, rules count that name this group, of which the originator is a member, and no others.
    pub group: Option<&'a str>,
    /// One bit of [`operation`].
    pub operation: u8,
    /// Type of the target.
    pub resource_type: ResourceType,
    /// containerDefinition or mgmtDefinition of the target.
    pub specialization: Option<&'a str>,
    /// Type of the child that a CREATE makes.
    pub child_type: Option<ResourceType>,
    /// The moment.
    pub now: Timestamp,
    /// Address of the sender.
    pub peer: Option<IpAddr>,
    /// Whether the transport has proved the identity of the originator.
    pub authenticated: bool,
    /// Where the originator is.
    pub place: Option<&'a Place>,
}

/// Whether one of the rules grants what is asked.
pub fn decide<'a>(question: &Question<'_>, rules: impl IntoIterator<Item = &'a Rule>) -> bool {
    rules.into_iter().any(|rule| grants(question, rule))
}

fn grants(question: &Question<'_>, rule: &Rule) -> bool {
    rule.operations & question.operation != 0
        && (!rule.authenticated || question.authenticated)
        && rule.originators.iter().any(|pattern| match question.group {
            Some(group) => pattern == group,
            None => matches_originator(pattern, question.originator),
        })
        && (rule.details.is_empty() || rule.details.iter().any(|detail| fits(question, detail)))
        && (rule.contexts.is_empty()
            || rule.contexts.iter().any(|context| context.holds(question.now, question.peer, question.place)))
}

/// Whether the object details fit: the type of the target, and for CREATE the type of the child.
fn fits(question: &Question<'_>, detail: &ObjectDetail) -> bool {
    let child_fits = || match question.child_type {
        Some(child) => detail.child_types.contains(&child),
        None => question.operation != operation::CREATE,
    };
    detail.resource_type.is_none_or(|ty| ty == question.resource_type)
        && detail.specialization.as_deref().is_none_or(|spty| question.specialization == Some(spty))
        && (detail.child_types.is_empty() || child_fits())
}

/// Whether an entry of `acor` names an originator, which comes in all its forms. A domain (`//sp.example`) names
/// everybody below it.
pub fn matches_originator(pattern: &str, originator: &[String]) -> bool {
    if pattern == "all" {
        return originator.first().is_some_and(|form| !form.is_empty());
    }
    if originator.iter().any(|form| matches_pattern(pattern, form)) {
        return true;
    }
    let Some(domain) = pattern.strip_prefix("//").map(|name| name.trim_end_matches('/')) else {
        return false;
    };
    let domains = originator.iter().filter_map(|form| form.strip_prefix("//")?.split_once('/'));
    !domain.contains('/') && domains.into_iter().any(|(own, _)| matches_pattern(domain, own))
}

/// Whether a text matches a pattern in which `*` stands for any run of characters, the empty one included.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::matches_pattern;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        for (pattern, text, matches) in [
            ("Cae", "Cae", true),
            ("Cae", "Cae2", false),
            ("C*", "Cae", true),
            ("*", "", true),
            ("*ae*", "Cae1", true),
            ("a*a", "a", false),
            ("a*a", "aba", true),
            ("a*b*c", "axbxbc", true),
            ("a*b*c", "acb", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), matches, "{pattern} {text}");
        }
    }

    proptest! {
        /// Against the obvious recursive definition.
        #[test]
        fn agrees_with_its_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            fn naive(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
                    Some((byte, rest)) => text.first() == Some(byte) && naive(rest, &text[1..]),
                }
            }
            prop_assert_eq!(matches_pattern(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
