//! From a value to a document.

use serde_json::Value;

use super::shape::{Part, Shape};
use super::text::{self, Within};
use super::{MARK, PLAIN, name};
use crate::Object;
use crate::schema::{Place, Schemas};

/// Writes a content: an object whose one member is the root, or whatever else in an element of its own.
pub(in super::super) fn write(schemas: &Schemas, content: &Value) -> String {
    let (root, value) = match content.as_object().map(|object| (object.len(), object.iter().next())) {
        Some((1, Some((root, value)))) if name::split(root).is_some() => (root.as_str(), value),
        _ => (PLAIN, content),
    };
    let mut writer = Writer { schemas, out: String::new(), prefixes: Vec::new(), has_types: false };
    writer.element(Shape::of_root(schemas, root), root, value);
    writer.document()
}

struct Writer<'a> {
    schemas: &'a Schemas,
    out: String,
    /// What needs a namespace.
    prefixes: Vec<String>,
    has_types: bool,
}

impl Writer<'_> {
    /// The whole, its namespaces declared in the first tag.
    fn document(self) -> String {
        let mut document = String::from(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
        let end = self.out.find([' ', '>', '/']).unwrap_or(self.out.len());
        let (tag, rest) = self.out.split_at_checked(end).unwrap_or((&self.out, ""));
        document.push_str(tag);
        for prefix in &self.prefixes {
            declare(&mut document, prefix, &name::namespace(prefix));
        }
        if self.has_types {
            declare(&mut document, "xsi", name::XSI);
            declare(&mut document, "xs", name::XS);
        }
        document.push_str(rest);
        document
    }

    fn element(&mut self, shape: Shape<'_>, name: &str, value: &Value) {
        self.open(name);
        match value {
            Value::Null => {
                self.out.push_str("/>");
                return;
            }
            Value::Object(object) if self.has_parts(shape, object) => self.parts(shape, object),
            Value::Array(elements) => self.array(shape, elements, value),
            // A representation without attributes is nothing else.
            Value::Object(object) if object.is_empty() && matches!(shape, Shape::Resource(_)) => {
                self.out.push('>')
            }
            Value::Object(object) if object.is_empty() && shape.members().is_some() => self.marked(""),
            Value::Object(_) => self.json(value),
            value => self.simple(shape, value),
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Whether an object is to be written as elements: where nothing says what it is, a representation alone.
    fn has_parts(&self, shape: Shape<'_>, object: &Object) -> bool {
        let are_names = || object.keys().all(|name| name::split(name).is_some());
        let are_roots = || {
            object.keys().all(|name| {
                !matches!(Shape::of_root(self.schemas, name), Shape::Unknown) && name.contains(':')
            })
        };
        !object.is_empty()
            && are_names()
            && match shape {
                Shape::Resource(_) => true,
                shape if shape.members().is_some() => shape.entry().is_none(),
                _ => are_roots(),
            }
    }

    fn parts(&mut self, shape: Shape<'_>, object: &Object) {
        let mut parts: Vec<(Part<'_>, &String, &Value)> =
            object.iter().map(|(name, value)| (shape.part(self.schemas, name), name, value)).collect();
        parts.sort_by_key(|(part, ..)| part.order);
        for (part, name, value) in &parts {
            if part.place == Place::Attribute && is_simple(value) {
                let (value, _) = text::simple(part.shape, value);
                self.attribute(name, &value);
            }
        }
        self.out.push('>');
        let start = self.out.len();
        for (part, name, value) in parts {
            match part.place {
                Place::Attribute if is_simple(value) => {}
                Place::Text if is_simple(value) => {
                    let (value, _) = text::simple(part.shape, value);
                    text::escape(&mut self.out, &value, Within::Element);
                }
                Place::Local => self.part(part.shape, name.rsplit(':').next().unwrap_or(name), value),
                _ => self.part(part.shape, name, value),
            }
        }
        if self.out.len() == start && !matches!(shape, Shape::Resource(_)) {
            self.out.push_str(MARK);
        }
    }

    /// One element, or one for each element of an array.
    fn part(&mut self, shape: Shape<'_>, name: &str, value: &Value) {
        match (shape.repeated(), value) {
            (Some(one), Value::Array(elements)) => {
                elements.iter().for_each(|element| self.element(one, name, element));
            }
            (Some(one), value) => self.element(one, name, value),
            (None, value) => self.element(shape, name, value),
        }
    }

    fn array(&mut self, shape: Shape<'_>, elements: &[Value], value: &Value) {
        if let Some(entry) = shape.entry() {
            self.out.push('>');
            return self.part(Shape::Data(&entry.data_type), &entry.short, value);
        }
        let Some(one) = shape.listed() else { return self.json(value) };
        let mut is_first = true;
        self.out.push('>');
        for element in elements {
            let text = match element {
                // As the only list of them has it (`limitsDelAggregation`).
                Value::Bool(flag) => if *flag { "1" } else { "0" }.into(),
                element => text::simple(Shape::Data(one), element).0,
            };
            if text.is_empty() {
                continue;
            }
            if !is_first {
                self.out.push(' ');
            }
            is_first = false;
            text::escape(&mut self.out, &text, Within::List);
        }
        if is_first {
            self.out.push_str(MARK);
        }
    }

    fn simple(&mut self, shape: Shape<'_>, value: &Value) {
        let (text, typed) = text::simple(shape, value);
        if text.is_empty() {
            return self.marked("");
        }
        // A number where the tables have a text, and the like: it looks the same to others, and reads the same.
        if !value.is_string() && text::value(shape, typed, text.clone().into_owned()) != *value {
            return self.json(value);
        }
        if let Some(typed) = typed {
            self.has_types = true;
            self.attribute("xsi:type", &format!("xs:{typed}"));
        }
        self.out.push('>');
        text::escape(&mut self.out, &text, Within::Element);
    }

    /// What XML has no form for.
    fn json(&mut self, value: &Value) {
        self.marked(&value.to_string());
    }

    fn marked(&mut self, text: &str) {
        self.out.push('>');
        self.out.push_str(MARK);
        if !text.is_empty() {
            // Control characters are escaped in JSON; others that XML has not are seldom.
            let text = text.replace(|character| !text::is_allowed(character), "\u{fffd}");
            text::cdata(&mut self.out, &text);
        }
    }

    fn open(&mut self, name: &str) {
        if let Some((prefix, _)) = name.split_once(':')
            && !self.prefixes.iter().any(|known| known == prefix)
        {
            self.prefixes.push(prefix.to_owned());
        }
        self.out.push('<');
        self.out.push_str(name);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        text::escape(&mut self.out, value, Within::Attribute);
        self.out.push('"');
    }
}

fn is_simple(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_))
}

fn declare(to: &mut String, prefix: &str, namespace: &str) {
    to.push_str(&format!(" xmlns:{prefix}=\"{namespace}\""));
}
