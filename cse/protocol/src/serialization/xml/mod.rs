//! XML (TS-0004 8.3): short names, elements in the order of the schemas, types from the tables.
//!
//! Responsible for both directions between a document and the value that is the same content in JSON. What a value is
//! follows from the tables (`shape`), as XML has texts alone:
//!
//! - A document is one element: a resource, another content, or a primitive. `rn`, and what references to children and
//!   management objects have beside their address, are XML attributes.
//! - Lists of simple values are one text (`xs:list`), other arrays are repeated elements.
//! - `null` is an empty element (TS-0004 8.3.1). An empty text, list or object is one whose content is an empty CDATA
//!   section, which all readers take for nothing and this one tells apart. An empty array of what is repeated is left
//!   out.
//! - Where any value may stand, numbers and booleans say their type (`xsi:type`), a text does not. An object or an array
//!   that is no representation is its JSON as a text behind an empty CDATA section.
//! - A blank within a text of a list is written as a character reference, which keeps it in one piece for this reader.
//!
//! What is read has to be a document in UTF-8 without a document type, with no entities but the five of XML, and within
//! limits of depth, attributes and declarations. XML cannot say control characters: they become U+FFFD.

mod name;
mod read;
mod shape;
mod tag;
mod text;
mod write;

#[cfg(test)]
mod tests;

pub(super) use read::read;
pub(super) use write::write;

/// The root of a content that has none: no representation, or several.
const PLAIN: &str = "m2m:pc";

/// What tells an element with an empty text, and one with JSON in it, from others.
const MARK: &str = "<![CDATA[]]>";
