//! Texts and the values that they stand for (TS-0004 6.3.2), and what XML escapes.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::shape::Shape;
use crate::schema::{DataType, Syntax};

/// The value of a text. One that does not conform stays a text, for the validation of the resource to refuse.
/// `typed` is the type of XML Schema that the element says it has, without prefix.
pub(super) fn value(shape: Shape<'_>, typed: Option<&str>, text: String) -> Value {
    let data_type = match shape {
        Shape::Data(data_type) => data_type,
        _ => &DataType::Any,
    };
    let trimmed = text.trim_matches(is_blank);
    let read = match data_type {
        DataType::Boolean => boolean(trimmed),
        DataType::Integer { .. } | DataType::Enumeration(_) => integer(trimmed),
        DataType::Number => number(trimmed),
        DataType::Scalar if typed.is_none() => integer(trimmed),
        DataType::Any | DataType::Scalar => match typed {
            Some("boolean") => boolean(trimmed),
            Some(
                "integer" | "long" | "int" | "short" | "nonNegativeInteger" | "positiveInteger"
                | "unsignedInt",
            ) => integer(trimmed),
            Some("decimal" | "double" | "float") => number(trimmed),
            _ => None,
        },
        DataType::Text(Syntax::String | Syntax::Coordinates) => None,
        // Lines that base64 is broken into.
        DataType::Text(Syntax::Base64) => Some(text.split(is_blank).collect::<String>().into()),
        _ => Some(collapsed(trimmed).into()),
    };
    read.unwrap_or(Value::String(text))
}

/// A text in which white space only separates: as much of it as there is between two words is one blank
/// (XML Schema Part 2, 4.3.6: `collapse`).
fn collapsed(trimmed: &str) -> Cow<'_, str> {
    let is_plain = !trimmed.contains("  ") && !trimmed.contains(['\t', '\n', '\r']);
    if is_plain {
        return trimmed.into();
    }
    let words: Vec<&str> = trimmed.split(is_blank).filter(|word| !word.is_empty()).collect();
    words.join(" ").into()
}

/// A value that is no object and no array as a text, with the type to say where nothing else does.
pub(super) fn simple<'v>(shape: Shape<'_>, value: &'v Value) -> (Cow<'v, str>, Option<&'static str>) {
    let is_any = matches!(shape, Shape::Unknown | Shape::Data(DataType::Any));
    let is_scalar = matches!(shape, Shape::Data(DataType::Scalar));
    match value {
        Value::Bool(flag) => {
            (if *flag { "true" } else { "false" }.into(), (is_any || is_scalar).then_some("boolean"))
        }
        Value::Number(number) => {
            let is_whole = integer(number.as_str()).is_some();
            let typed = match is_whole {
                true => is_any.then_some("integer"),
                false => (is_any || is_scalar).then_some("double"),
            };
            (number.as_str().into(), typed)
        }
        Value::String(text) => (
            text.as_str().into(),
            (is_scalar && integer(text.trim_matches(is_blank)).is_some()).then_some("string"),
        ),
        other => (other.to_string().into(), None),
    }
}

fn boolean(text: &str) -> Option<Value> {
    match text {
        "true" | "1" => Some(Value::Bool(true)),
        "false" | "0" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// A whole number as it is in JSON, which has no signs but minus and no zeros in front.
fn integer(text: &str) -> Option<Value> {
    let (sign, digits) = sign(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    format!("{sign}{digits}").parse::<Number>().ok().map(Value::Number)
}

/// A number of `xs:decimal` or `xs:double` with all its digits; infinities and what is no number are none.
fn number(text: &str) -> Option<Value> {
    let (sign, rest) = sign(text);
    let (digits, exponent) =
        rest.split_once(['e', 'E']).map_or((rest, None), |(digits, exponent)| (digits, Some(exponent)));
    let (before, behind) =
        digits.split_once('.').map_or((digits, None), |(before, behind)| (before, Some(behind)));
    let are_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let behind_given = behind.unwrap_or_default();
    if (before.is_empty() && behind_given.is_empty()) || !are_digits(before) || !are_digits(behind_given) {
        return None;
    }
    let before = before.trim_start_matches('0');
    let mut json = format!("{sign}{}", if before.is_empty() { "0" } else { before });
    if behind.is_some() {
        json.push('.');
        json.push_str(if behind_given.is_empty() { "0" } else { behind_given });
    }
    if let Some(exponent) = exponent {
        json.push('e');
        json.push_str(exponent);
    }
    json.parse::<Number>().ok().map(Value::Number)
}

fn sign(text: &str) -> (&'static str, &str) {
    match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

/// White space of XML.
pub(super) const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// Whether XML 1.0 has a character at all (XML 1.0 2.2).
pub(super) const fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Where a text is written to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Element,
    /// A list, in which blanks separate.
    List,
    Attribute,
}

/// Appends a text so that it reads the same.
pub(super) fn escape(to: &mut String, text: &str, within: Within) {
    for character in text.chars() {
        match character {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' if within == Within::Attribute => to.push_str("&quot;"),
            '\r' => to.push_str("&#13;"),
            '\n' if within != Within::Element => to.push_str("&#10;"),
            '\t' if within != Within::Element => to.push_str("&#9;"),
            ' ' if within == Within::List => to.push_str("&#32;"),
            character if is_allowed(character) => to.push(character),
            _ => to.push('\u{fffd}'),
        }
    }
}

/// Appends a text as CDATA sections.
pub(super) fn cdata(to: &mut String, text: &str) {
    to.push_str("<![CDATA[");
    to.push_str(&text.replace("]]>", "]]]]><![CDATA[>"));
    to.push_str("]]>");
}
