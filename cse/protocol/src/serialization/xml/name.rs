//! Names and namespaces: what elements are called in JSON, and back (TS-0004 6.2, TS-0023 6.2.3).

/// Where the namespaces of oneM2M begin.
const BASE: &str = "http://www.onem2m.org/xml/protocols";

/// Types and nulls of XML Schema in documents.
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The types of XML Schema.
pub(super) const XS: &str = "http://www.w3.org/2001/XMLSchema";

/// Prefixes of names in JSON, and what follows [`BASE`] in their namespaces.
const NAMESPACES: [(&str, &str); 14] = [
    ("m2m", ""),
    ("agd", "/agriculturedomain"),
    ("cid", "/citydomain"),
    ("cod", "/commondomain"),
    ("dcfg", "/deviceConfig"),
    ("hd", "/homedomain"),
    ("hed", "/healthdomain"),
    ("hod", "/homedomain"),
    ("ind", "/industrydomain"),
    ("mad", "/managementdomain"),
    ("mdd", "/metadatadomain"),
    ("psd", "/publicsafetydomain"),
    ("rad", "/railwaydomain"),
    ("ved", "/vehiculardomain"),
];

/// The namespace of a prefix. One that oneM2M has not gets a namespace of its own below that of oneM2M.
pub(super) fn namespace(prefix: &str) -> String {
    match NAMESPACES.iter().find(|(known, _)| *known == prefix) {
        Some((_, path)) => format!("{BASE}{path}"),
        None => format!("{BASE}/{prefix}"),
    }
}

/// The prefix that names of a namespace have in JSON; `None` for a namespace that is not of oneM2M's kind.
pub(super) fn prefix(namespace: &str) -> Option<&str> {
    let path = namespace.strip_prefix(BASE)?;
    // Of two the later: the first ones were for one domain alone.
    match NAMESPACES.iter().rev().find(|(_, known)| *known == path) {
        Some((prefix, _)) => Some(prefix),
        None => path.strip_prefix('/').filter(|prefix| is_ncname(prefix)),
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
