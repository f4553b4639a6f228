//! From a document to the value that it stands for, within limits.

use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use rustc_hash::FxHashSet;
use serde_json::Value;

use super::PLAIN;
use super::shape::Shape;
use super::tag::{MALFORMED, Problem, Scopes, Tag};
use super::text::{self, is_allowed, is_blank};
use crate::primitive::json;
use crate::schema::{Place, Schemas};
use crate::serialization::nesting::is_deeper;
use crate::{Failure, Object};

/// Reads a document into an object whose one member is the root, or what stands in a root of none.
///
/// BAD_REQUEST if it is no well-formed XML 1.0 in UTF-8, has a document type, a processing instruction or an entity
/// of its own, repeats what comes once, nests elements deeper than `max_depth`, or exceeds another limit.
pub(in super::super) fn read(schemas: &Schemas, bytes: &[u8], max_depth: usize) -> Result<Value, Failure> {
    let document =
        std::str::from_utf8(bytes).map_err(|_| Failure::bad_request("the content is not UTF-8"))?;
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    if !document.chars().all(is_allowed) {
        return Err(Failure::bad_request("the content has a character that XML has not"));
    }
    let mut events = quick_xml::Reader::from_str(document);
    events.config_mut().expand_empty_elements = true;
    events.config_mut().check_comments = true;
    let mut reader = Reader { schemas, events, max_depth, scopes: Scopes::default() };
    reader.document().map_err(|Problem(what)| {
        let at = reader.events.buffer_position();
        Failure::bad_request(format!("the content {what} (XML, byte {at})"))
    })
}

struct Reader<'a> {
    schemas: &'a Schemas,
    events: quick_xml::Reader<&'a [u8]>,
    max_depth: usize,
    scopes: Scopes,
}

/// What an element contains.
#[derive(Default)]
struct Content {
    object: Object,
    /// Names in the object under which elements are gathered in an array.
    gathered: FxHashSet<String>,
    has_elements: bool,
    /// All texts.
    text: String,
    /// What blanks separate.
    tokens: Vec<String>,
    /// Whether it begins with an empty CDATA section.
    is_marked: bool,
    is_empty: bool,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value, Problem> {
        let mut root = None;
        let mut is_first = true;
        loop {
            match self.events.read_event()? {
                Event::Decl(declaration) if is_first => {
                    let version = declaration.version()?;
                    let encoding = declaration.encoding().transpose().map_err(|_| MALFORMED)?;
                    if &*version != b"1.0"
                        || encoding.is_some_and(|name| !name.eq_ignore_ascii_case(b"utf-8"))
                    {
                        return Err(Problem("is not XML 1.0 in UTF-8"));
                    }
                }
                Event::Start(start) if root.is_none() => root = Some(self.root(&start)?),
                Event::Text(text) if text.iter().all(|byte| is_blank(char::from(*byte))) => {}
                Event::Comment(_) => {}
                Event::Eof => return root.ok_or(MALFORMED),
                Event::DocType(_) => return Err(Problem("has a document type")),
                Event::PI(_) => return Err(Problem("has a processing instruction")),
                _ => return Err(MALFORMED),
            }
            is_first = false;
        }
    }

    fn root(&mut self, start: &BytesStart<'_>) -> Result<Value, Problem> {
        let tag = self.scopes.enter(start)?;
        let qualified = format!("{}:{}", tag.prefix.as_deref().unwrap_or("m2m"), tag.local);
        let shape = Shape::of_root(self.schemas, &qualified);
        let is_known = tag.prefix.is_some() || !matches!(shape, Shape::Unknown);
        let name = if is_known { qualified } else { tag.local.clone() };
        let value = match self.element(tag, shape, 1)? {
            // Nothing more is said of a content than that it is there.
            Value::Null if shape.members().is_some() => Value::Object(Object::new()),
            value => value,
        };
        Ok(if name == PLAIN { value } else { Value::Object(Object::from_iter([(name, value)])) })
    }

    /// What is behind a start tag, up to and with the end tag.
    fn element(&mut self, mut tag: Tag, shape: Shape<'_>, depth: usize) -> Result<Value, Problem> {
        if depth > self.max_depth {
            return Err(Problem("nests too deep"));
        }
        let mut content = Content { is_empty: true, ..Content::default() };
        for (name, value) in std::mem::take(&mut tag.attributes) {
            let part = shape.part(self.schemas, &name);
            if part.place != Place::Attribute {
                return Err(Problem("has an XML attribute that its element has not"));
            }
            content.object.insert(name, text::value(part.shape, None, value));
        }
        loop {
            match self.events.read_event()? {
                Event::Start(start) => {
                    content.has_elements = true;
                    let tag = self.scopes.enter(&start)?;
                    self.child(tag, shape, &mut content, depth)?;
                }
                Event::Text(raw) => content.take_text(std::str::from_utf8(&raw).map_err(|_| MALFORMED)?)?,
                Event::CData(raw) => content.take_section(std::str::from_utf8(&raw).map_err(|_| MALFORMED)?),
                Event::Comment(_) => {}
                Event::End(_) => break,
                Event::DocType(_) => return Err(Problem("has a document type")),
                Event::PI(_) => return Err(Problem("has a processing instruction")),
                Event::Eof | Event::Decl(_) | Event::Empty(_) => return Err(MALFORMED),
            }
        }
        self.scopes.leave(&tag);
        self.value(content, &tag, shape, depth)
    }

    fn child(
        &mut self,
        tag: Tag,
        parent: Shape<'_>,
        content: &mut Content,
        depth: usize,
    ) -> Result<(), Problem> {
        let name = self.name(&tag, parent);
        let part = parent.part(self.schemas, &name);
        let one = part.shape.repeated();
        let value = self.element(tag, one.unwrap_or(part.shape), depth + 1 + usize::from(one.is_some()))?;
        let is_open = matches!(parent, Shape::Unknown) || matches!(part.shape, Shape::Unknown);
        match content.object.get_mut(&name) {
            // An empty element stands for the whole.
            None if one.is_some() && !value.is_null() => {
                content.gathered.insert(name.clone());
                content.object.insert(name, Value::Array(vec![value]));
            }
            None => {
                content.object.insert(name, value);
            }
            Some(Value::Array(elements)) if content.gathered.contains(&name) => elements.push(value),
            // Where nothing says how often something comes, it may come several times.
            Some(first) if is_open || one.is_some() => {
                *first = Value::Array(vec![first.take(), value]);
                content.gathered.insert(name);
            }
            Some(_) => return Err(Problem("repeats an element")),
        }
        Ok(())
    }

    /// What an element is called in JSON.
    fn name(&self, tag: &Tag, parent: Shape<'_>) -> String {
        let is_part = |name: &str| !matches!(parent.part(self.schemas, name).shape, Shape::Unknown);
        let Some(prefix) = &tag.prefix else {
            // An element without the namespace of its name.
            let local = parent.members().and_then(|members| {
                members.iter().find(|member| {
                    member.place == Place::Local
                        && member.short.rsplit(':').next() == Some(tag.local.as_str())
                })
            });
            return local.map_or_else(|| tag.local.clone(), |member| member.short.to_string());
        };
        let qualified = format!("{prefix}:{}", tag.local);
        // Parts are in no namespace, but a default one reaches them where the sender did not take care.
        let is_local = match tag.is_explicit {
            true => !is_part(&qualified) && is_part(&tag.local),
            false => is_part(&tag.local),
        };
        if is_local { tag.local.clone() } else { qualified }
    }

    fn value(&self, content: Content, tag: &Tag, shape: Shape<'_>, depth: usize) -> Result<Value, Problem> {
        let Content { mut object, has_elements, text, tokens, is_marked, is_empty, .. } = content;
        let is_blank = text.chars().all(is_blank);
        if has_elements && !is_blank {
            return Err(Problem("has a text beside elements"));
        }
        if is_marked && !text.is_empty() && object.is_empty() {
            return self.json(&text, depth);
        }
        let beside = shape.members().and_then(|all| all.iter().find(|member| member.place == Place::Text));
        if let (Some(member), false) = (beside, has_elements || is_empty && object.is_empty()) {
            let value = text::value(Shape::Data(&member.data_type), None, text);
            object.insert(member.short.to_string(), value);
            return Ok(Value::Object(object));
        }
        if let (Some(entry), true) = (shape.entry(), has_elements) {
            let entries = object.shift_remove(entry.short.as_str()).filter(|_| object.is_empty());
            return entries.ok_or(Problem("has an element that it has not"));
        }
        if has_elements || !object.is_empty() {
            return Ok(Value::Object(object));
        }
        match (tag.nil, is_empty) {
            (Some(true), _) => return Ok(Value::Null),
            (None, true) if !matches!(shape, Shape::Resource(_)) => return Ok(Value::Null),
            _ => {}
        }
        Ok(match shape {
            Shape::Resource(_) if is_blank => Value::Object(object),
            Shape::Resource(_) => return Err(Problem("has a text where elements belong")),
            shape if shape.entry().is_some() && is_blank => Value::Array(Vec::new()),
            shape if shape.members().is_some() && is_blank => Value::Object(object),
            shape => match shape.listed() {
                Some(one) => {
                    tokens.into_iter().map(|token| text::value(Shape::Data(one), None, token)).collect()
                }
                None => text::value(shape, tag.typed.as_deref(), text),
            },
        })
    }

    /// A value that was written as JSON.
    fn json(&self, text: &str, depth: usize) -> Result<Value, Problem> {
        if is_deeper(text.as_bytes(), self.max_depth.saturating_sub(depth)) {
            return Err(Problem("nests too deep"));
        }
        json::parse(text.as_bytes())
            .map_err(|_| Problem("has a text behind an empty CDATA section that is no JSON"))
    }
}

impl Content {
    /// A text as it stands in the document.
    fn take_text(&mut self, raw: &str) -> Result<(), Problem> {
        if raw.contains("]]>") {
            return Err(MALFORMED);
        }
        let raw = line_ends(raw);
        let text = unescape(&raw).map_err(|_| Problem("has an entity that XML has not"))?;
        if !text.chars().all(is_allowed) {
            return Err(Problem("has a character that XML has not"));
        }
        self.is_empty &= text.is_empty();
        self.text.push_str(&text);
        // Blanks that are escaped do not separate.
        for token in raw.split(is_blank).filter(|token| !token.is_empty()) {
            self.tokens.push(unescape(token).map_err(|_| MALFORMED)?.into_owned());
        }
        Ok(())
    }

    fn take_section(&mut self, raw: &str) {
        self.is_marked |= self.is_empty && !self.has_elements && raw.is_empty();
        self.is_empty = false;
        self.text.push_str(&line_ends(raw));
        self.tokens.extend(raw.split(is_blank).filter(|token| !token.is_empty()).map(str::to_owned));
    }
}

/// Ends of lines as XML has them (XML 1.0 2.11).
fn line_ends(raw: &str) -> std::borrow::Cow<'_, str> {
    if raw.contains('\r') { raw.replace("\r\n", "\n").replace('\r', "\n").into() } else { raw.into() }
}
