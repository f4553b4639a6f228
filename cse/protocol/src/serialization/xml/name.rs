//! Names and namespaces: what elements are called in JSON, and back (TS-0004 6.2).

use std::borrow::Cow;

/// Where the namespaces of an operator's own prefixes begin.
const BASE: &str = "http://www.onem2m.org/xml/protocols/";

/// Types and nulls of XML Schema in documents.
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The types of XML Schema.
pub(super) const XS: &str = "http://www.w3.org/2001/XMLSchema";

/// Prefixes of names in JSON and their namespaces: TS-0004 6.2, TS-0022 7.3.1, TS-0023 6.5.1. `hd` is what the domain
/// `hod` was called in release 2; the one that has that prefix now has no elements.
const NAMESPACES: [(&str, &str); 14] = [
    ("m2m", "http://www.onem2m.org/xml/protocols"),
    ("agd", "http://www.onem2m.org/xml/protocols/agriculturedomain"),
    ("cid", "http://www.onem2m.org/xml/protocols/citydomain"),
    ("cod", "http://www.onem2m.org/xml/protocols/commondomain"),
    ("dcfg", "http://www.onem2m.org/xml/deviceConfig"),
    ("hd", "http://www.onem2m.org/xml/protocols/homedomain"),
    ("hed", "http://www.onem2m.org/xml/protocols/healthdomain"),
    ("hod", "http://www.onem2m.org/xml/protocols/homedomain"),
    ("ind", "http://www.onem2m.org/xml/protocols/industrydomain"),
    ("mad", "http://www.onem2m.org/xml/protocols/managementdomain"),
    ("mdd", "http://www.onem2m.org/xml/protocols/metadatadomain"),
    ("psd", "http://www.onem2m.org/xml/protocols/publicsafetydomain"),
    ("rad", "http://www.onem2m.org/xml/protocols/railwaydomain"),
    ("ved", "http://www.onem2m.org/xml/protocols/vehiculardomain"),
];

/// The namespace of a prefix. One that oneM2M has not gets a namespace of its own below that of oneM2M.
pub(super) fn namespace(prefix: &str) -> Cow<'static, str> {
    match NAMESPACES.iter().find(|(known, _)| *known == prefix) {
        Some((_, namespace)) => (*namespace).into(),
        None => format!("{BASE}{prefix}").into(),
    }
}

/// The prefix that names of a namespace have in JSON; `None` for a namespace that is not of oneM2M's kind.
pub(super) fn prefix(namespace: &str) -> Option<&str> {
    // Of two the later.
    match NAMESPACES.iter().rev().find(|(_, known)| *known == namespace) {
        Some((prefix, _)) => Some(prefix),
        None => namespace.strip_prefix(BASE).filter(|prefix| is_ncname(prefix)),
    }
}

/// Whether a prefix is one of oneM2M's, which documents in the field use without declaring it.
pub(super) fn is_known(prefix: &str) -> bool {
    NAMESPACES.iter().any(|(known, _)| *known == prefix)
}

/// Whether a text is a name without colon (Namespaces in XML 3), of the characters that names of oneM2M have.
pub(super) fn is_ncname(text: &str) -> bool {
    let is_start = |first: char| first.is_alphabetic() || first == '_';
    text.chars().next().is_some_and(is_start)
        && text.chars().all(|next| next.is_alphanumeric() || matches!(next, '-' | '.' | '_'))
}

/// A name in JSON taken apart, if it can be that of an element: `m2m:cnt`, `mni`.
pub(super) fn split(name: &str) -> Option<(Option<&str>, &str)> {
    match name.split_once(':') {
        Some((prefix, local)) => (is_ncname(prefix) && is_ncname(local)).then_some((Some(prefix), local)),
        None => is_ncname(name).then_some((None, name)),
    }
}
