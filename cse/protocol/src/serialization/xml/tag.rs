//! Start tags: names, namespaces (Namespaces in XML 1.0), what XML attributes say.

use quick_xml::events::BytesStart;

use super::name;
use super::text::is_allowed;

/// XML attributes that an element may have, without declarations of namespaces.
const MAX_ATTRIBUTES: usize = 32;

/// Namespaces that may be declared at the same time.
const MAX_NAMESPACES: usize = 64;

/// What is wrong with the content: the rest of a sentence.
pub(super) struct Problem(pub(super) &'static str);

pub(super) const MALFORMED: Problem = Problem("is not well-formed XML");

impl From<quick_xml::Error> for Problem {
    fn from(_: quick_xml::Error) -> Self {
        MALFORMED
    }
}

/// A start tag taken apart.
pub(super) struct Tag {
    pub(super) prefix: Option<String>,
    /// Whether the tag names the prefix, rather than a default namespace.
    pub(super) is_explicit: bool,
    pub(super) local: String,
    pub(super) attributes: Vec<(String, String)>,
    /// `xsi:type` without its prefix.
    pub(super) typed: Option<String>,
    /// `xsi:nil`
    pub(super) nil: Option<bool>,
    /// Scopes that were there before.
    outer: usize,
}

/// The namespaces that are declared where the reader is.
#[derive(Default)]
pub(super) struct Scopes {
    /// Prefixes (empty for the default) and namespaces, those of the innermost element last.
    bindings: Vec<(String, String)>,
}

impl Scopes {
    /// Forgets what an element has declared.
    pub(super) fn leave(&mut self, tag: &Tag) {
        self.bindings.truncate(tag.outer);
    }

    /// Takes a start tag apart and declares its namespaces.
    pub(super) fn enter(&mut self, start: &BytesStart<'_>) -> Result<Tag, Problem> {
        let outer = self.bindings.len();
        let mut others = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| MALFORMED)?;
            let key = std::str::from_utf8(attribute.key.into_inner()).map_err(|_| MALFORMED)?;
            if attribute.value.contains(&b'<') {
                return Err(MALFORMED);
            }
            let value = attribute.unescape_value()?.into_owned();
            if !value.chars().all(is_allowed) {
                return Err(Problem("has a character that XML has not"));
            }
            match key.strip_prefix("xmlns") {
                Some("") => self.bindings.push((String::new(), value)),
                Some(prefix) if prefix.starts_with(':') => {
                    self.bindings.push((prefix.trim_start_matches(':').to_owned(), value));
                }
                _ => others.push((key.to_owned(), value)),
            }
            if others.len() > MAX_ATTRIBUTES || self.bindings.len() > MAX_NAMESPACES {
                return Err(Problem("has too many XML attributes or namespaces"));
            }
        }
        let whole = std::str::from_utf8(start.name().into_inner()).map_err(|_| MALFORMED)?;
        let (explicit, local) = name::split(whole).ok_or(MALFORMED)?;
        let namespace = self.namespace(explicit)?;
        let prefix = match (namespace.as_deref().and_then(name::prefix), explicit) {
            (Some(prefix), _) => Some(prefix.to_owned()),
            (None, explicit) => explicit.map(str::to_owned),
        };
        let local = local.to_owned();
        let mut tag = Tag {
            prefix,
            is_explicit: explicit.is_some(),
            local,
            attributes: Vec::new(),
            typed: None,
            nil: None,
            outer,
        };
        for (key, value) in others {
            self.attribute(&mut tag, key, value)?;
        }
        Ok(tag)
    }

    fn attribute(&self, tag: &mut Tag, key: String, value: String) -> Result<(), Problem> {
        match name::split(&key).ok_or(MALFORMED)? {
            (None, _) => tag.attributes.push((key, value)),
            (Some("xml"), _) => {}
            (Some(prefix), local) => match (self.namespace(Some(prefix))?.as_deref(), local) {
                (Some(name::XSI), "type") => {
                    tag.typed = Some(value.trim().rsplit(':').next().unwrap_or_default().to_owned());
                }
                (Some(name::XSI), "nil") => tag.nil = Some(matches!(value.trim(), "true" | "1")),
                (Some(name::XSI), _) => {}
                _ => return Err(Problem("has an XML attribute that its element has not")),
            },
        }
        Ok(())
    }

    /// The namespace of a prefix, or the default one. Prefixes of oneM2M need no declaration.
    fn namespace(&self, prefix: Option<&str>) -> Result<Option<String>, Problem> {
        let wanted = prefix.unwrap_or_default();
        let declared = self.bindings.iter().rev().find(|(prefix, _)| prefix == wanted);
        match (declared, prefix) {
            (Some((_, namespace)), _) => {
                Ok(Some(namespace.clone()).filter(|namespace| !namespace.is_empty()))
            }
            (None, None) => Ok(None),
            (None, Some("xsi")) => Ok(Some(name::XSI.to_owned())),
            (None, Some(prefix)) if name::is_known(prefix) => Ok(Some(name::namespace(prefix).into_owned())),
            (None, Some(_)) => Err(Problem("has a prefix without a namespace")),
        }
    }
}
