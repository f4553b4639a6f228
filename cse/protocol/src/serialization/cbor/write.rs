//! From a value to its one deterministic encoding (RFC 8949 4.2.1).

use std::convert::Infallible;

use minicbor::Encoder;
use minicbor::data::{Int, Tag};
use minicbor::encode::Error;
use serde_json::Value;

use super::number::{self, Form};
use super::tags;
use crate::Object;

type Writer = Encoder<Vec<u8>>;
type Written = Result<(), Error<Infallible>>;

/// Writes a value.
pub(in super::super) fn write(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // Writing to memory does not fail.
    let _ = any(&mut encoder, value);
    encoder.into_writer()
}

fn any(to: &mut Writer, value: &Value) -> Written {
    match value {
        Value::Null => to.null()?,
        Value::Bool(flag) => to.bool(*flag)?,
        Value::Number(digits) => return form(to, number::form(digits.as_str()), digits.as_str()),
        Value::String(text) => to.str(text)?,
        Value::Array(elements) => {
            to.array(count(elements.len()))?;
            return elements.iter().try_for_each(|element| any(to, element));
        }
        Value::Object(object) => return members(to, object),
    };
    Ok(())
}

fn members(to: &mut Writer, object: &Object) -> Written {
    let mut members: Vec<_> = object.iter().collect();
    // The length of a name comes before its bytes, so that shorter names sort first.
    members.sort_unstable_by(|(left, _), (right, _)| {
        left.len().cmp(&right.len()).then_with(|| left.as_bytes().cmp(right.as_bytes()))
    });
    to.map(count(members.len()))?;
    members.into_iter().try_for_each(|(name, value)| {
        to.str(name)?;
        any(to, value)
    })
}

/// `text` is what is written where CBOR has no form.
fn form(to: &mut Writer, form: Form, text: &str) -> Written {
    match form {
        Form::Unsigned(number) => to.u64(number)?,
        Form::Negative(offset) => {
            // From -2^64 on, all of which an `Int` has.
            to.int(Int::try_from(-1 - i128::from(offset)).unwrap_or(Int::from(0_u8)))?
        }
        Form::Big { is_negative, bytes } => {
            let tag = if is_negative { tags::NEGATIVE_BIGNUM } else { tags::POSITIVE_BIGNUM };
            to.tag(Tag::new(tag))?.bytes(&bytes)?
        }
        Form::Single(float) => to.f32(float)?,
        Form::Double(float) => to.f64(float)?,
        Form::Decimal { mantissa, exponent } => {
            to.tag(Tag::new(tags::DECIMAL_FRACTION))?.array(2)?.i64(exponent)?;
            return self::form(to, *mantissa, text);
        }
        Form::Text => to.str(text)?,
    };
    Ok(())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
