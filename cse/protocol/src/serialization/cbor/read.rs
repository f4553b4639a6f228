//! From any well-formed encoding to the value that it stands for (RFC 8949 5, 6.1), within limits.
//!
//! Nothing is allocated for what a length merely claims: elements are read one after the other, and texts are as long as
//! the bytes that are there.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error;
use serde_json::{Number, Value};

use super::{number, tags};
use crate::{Failure, Object};

/// Reads one value, and nothing behind it.
///
/// Byte strings become base64 texts, which is what attributes with bytes are; tags 21 to 23 choose another
/// alphabet. `undefined` is `null`. Tags that do not change what their content is are ignored.
///
/// BAD_REQUEST if it is malformed, names a member twice or with something other than a text, has a number that JSON
/// has not, or nests deeper than `max_depth` levels of arrays and maps.
pub(in super::super) fn read(bytes: &[u8], max_depth: usize) -> Result<Value, Failure> {
    let mut reader = Reader { decoder: Decoder::new(bytes), max_depth };
    let value = reader.value(0, Alphabet::Base64).and_then(|value| match reader.at_end() {
        true => Ok(value),
        false => Err(Problem("has something behind its value")),
    });
    value.map_err(|Problem(what)| {
        Failure::bad_request(format!("the content {what} (CBOR, byte {})", reader.decoder.position()))
    })
}

/// What is wrong with the content: the rest of a sentence.
struct Problem(&'static str);

impl From<Error> for Problem {
    fn from(_: Error) -> Self {
        Self("is not well-formed CBOR")
    }
}

const TOO_DEEP: Problem = Problem("nests too deep");
const NO_NUMBER: Problem = Problem("has a number that is none in JSON or is too large");

/// How bytes become a text.
#[derive(Clone, Copy)]
enum Alphabet {
    Base64,
    Base64Url,
    Base16,
}

struct Reader<'b> {
    decoder: Decoder<'b>,
    max_depth: usize,
}

impl Reader<'_> {
    fn at_end(&self) -> bool {
        self.decoder.position() >= self.decoder.input().len()
    }

    fn value(&mut self, depth: usize, mut alphabet: Alphabet) -> Result<Value, Problem> {
        loop {
            return Ok(match self.decoder.datatype()? {
                Type::Tag => match self.decoder.tag()?.as_u64() {
                    tag @ (tags::POSITIVE_BIGNUM | tags::NEGATIVE_BIGNUM) => {
                        to_number(&self.bignum(tag == tags::NEGATIVE_BIGNUM)?)?
                    }
                    tags::DECIMAL_FRACTION => self.decimal_fraction()?,
                    tags::BIG_FLOAT => return Err(NO_NUMBER),
                    tags::AS_BASE64URL => {
                        alphabet = Alphabet::Base64Url;
                        continue;
                    }
                    tags::AS_BASE64 => {
                        alphabet = Alphabet::Base64;
                        continue;
                    }
                    tags::AS_BASE16 => {
                        alphabet = Alphabet::Base16;
                        continue;
                    }
                    _ => continue,
                },
                Type::Array | Type::ArrayIndef => self.array(depth + 1, alphabet)?,
                Type::Map | Type::MapIndef => self.map(depth + 1, alphabet)?,
                Type::Bytes | Type::BytesIndef => Value::String(encode(&self.bytes()?, alphabet)),
                Type::String | Type::StringIndef => Value::String(self.text()?),
                Type::Bool => Value::Bool(self.decoder.bool()?),
                Type::Null => {
                    self.decoder.null()?;
                    Value::Null
                }
                Type::Undefined => {
                    self.decoder.undefined()?;
                    Value::Null
                }
                Type::F16 => to_float(self.half()?)?,
                Type::F32 => to_float(f64::from(self.decoder.f32()?))?,
                Type::F64 => to_float(self.decoder.f64()?)?,
                Type::Simple => return Err(Problem("has a simple value without a meaning")),
                Type::Break | Type::Unknown(_) => return Err(Problem("is not well-formed CBOR")),
                _ => to_number(&self.integer()?)?,
            });
        }
    }

    fn array(&mut self, depth: usize, alphabet: Alphabet) -> Result<Value, Problem> {
        self.check_depth(depth)?;
        let mut left = self.decoder.array()?;
        let mut elements = Vec::new();
        while self.more(&mut left)? {
            elements.push(self.value(depth, alphabet)?);
        }
        Ok(Value::Array(elements))
    }

    fn map(&mut self, depth: usize, alphabet: Alphabet) -> Result<Value, Problem> {
        self.check_depth(depth)?;
        let mut left = self.decoder.map()?;
        let mut object = Object::new();
        while self.more(&mut left)? {
            if !matches!(self.decoder.datatype()?, Type::String | Type::StringIndef) {
                return Err(Problem("has a member whose name is no text"));
            }
            let name = self.text()?;
            if object.contains_key(&name) {
                return Err(Problem("repeats a member name"));
            }
            let value = self.value(depth, alphabet)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }

    /// Whether an array or a map goes on. `left`: how many there are to come, or that a break ends them.
    fn more(&mut self, left: &mut Option<u64>) -> Result<bool, Problem> {
        match left {
            Some(0) => Ok(false),
            Some(count) => {
                *count -= 1;
                Ok(true)
            }
            None if self.decoder.datatype()? == Type::Break => {
                self.decoder.set_position(self.decoder.position() + 1);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn check_depth(&self, depth: usize) -> Result<(), Problem> {
        if depth > self.max_depth { Err(TOO_DEEP) } else { Ok(()) }
    }

    fn text(&mut self) -> Result<String, Problem> {
        let mut text = String::new();
        for chunk in self.decoder.str_iter()? {
            text.push_str(chunk?);
        }
        Ok(text)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        for chunk in self.decoder.bytes_iter()? {
            bytes.extend_from_slice(chunk?);
        }
        Ok(bytes)
    }

    /// Digits of what major types 0 and 1 have.
    fn integer(&mut self) -> Result<String, Problem> {
        Ok(i128::from(self.decoder.int()?).to_string())
    }

    fn bignum(&mut self, is_negative: bool) -> Result<String, Problem> {
        number::digits(is_negative, &self.bytes()?).ok_or(NO_NUMBER)
    }

    fn decimal_fraction(&mut self) -> Result<Value, Problem> {
        if self.decoder.array()? != Some(2) {
            return Err(NO_NUMBER);
        }
        let exponent = i128::from(self.decoder.int()?);
        let mantissa = match self.decoder.datatype()? {
            Type::Tag => match self.decoder.tag()?.as_u64() {
                tag @ (tags::POSITIVE_BIGNUM | tags::NEGATIVE_BIGNUM) => {
                    self.bignum(tag == tags::NEGATIVE_BIGNUM)?
                }
                _ => return Err(NO_NUMBER),
            },
            _ => self.integer()?,
        };
        to_number(&number::decimal(&mantissa, exponent))
    }

    fn half(&mut self) -> Result<f64, Problem> {
        let at = self.decoder.position();
        let bytes = self.decoder.input().get(at + 1..at + 3).and_then(|bytes| bytes.try_into().ok());
        self.decoder.set_position(at + 3);
        let bytes = bytes.ok_or(Problem("is not well-formed CBOR"))?;
        Ok(number::from_half(u16::from_be_bytes(bytes)))
    }
}

fn to_number(digits: &str) -> Result<Value, Problem> {
    digits.parse::<Number>().map(Value::Number).map_err(|_| NO_NUMBER)
}

fn to_float(float: f64) -> Result<Value, Problem> {
    // By way of its digits, which the reader of JSON writes a little differently.
    to_number(&Number::from_f64(float).ok_or(NO_NUMBER)?.to_string())
}

fn encode(bytes: &[u8], alphabet: Alphabet) -> String {
    match alphabet {
        Alphabet::Base64 => STANDARD.encode(bytes),
        Alphabet::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
        Alphabet::Base16 => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
    }
}
