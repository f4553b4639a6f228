//! What a message is: a request or a response, and whether it says so by a root element (TS-0004 8.3, 8.4).
//!
//! Responsible for telling them apart before they are read, for transports that carry both over one connection
//! (TS-0020), and for the root elements that JSON and CBOR do not have and that some put there all the same. Reading
//! primitives is left to [`super::Codec`].

use bytes::Bytes;
use minicbor::{Decoder, Encoder};

use super::Serialization;

/// Which of the two a primitive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `m2m:rqp`
    Request,
    /// `m2m:rsp`
    Response,
}

impl Kind {
    /// The root element of its kind.
    const fn root(self) -> &'static str {
        match self {
            Self::Request => "m2m:rqp",
            Self::Response => "m2m:rsp",
        }
    }
}

/// A message before its primitive is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// A request, unless it is plain that it is a response.
    pub kind: Kind,
    /// Whether the primitive stood in a root element although its serialisation has none.
    pub is_wrapped: bool,
    /// The primitive, as [`super::Codec::read_request`] and [`super::Codec::read_response`] take it.
    pub primitive: Bytes,
}

impl Envelope {
    /// Looks at a message. Never fails: what is malformed is found out by whoever reads it.
    pub fn open(serialization: Serialization, message: Bytes) -> Self {
        match serialization.name() {
            "json" => json(message),
            "cbor" => cbor(message),
            _ => xml(message),
        }
    }

    /// The same for a message that can be of one kind alone, as its topic says (TS-0010 6.4). One that says that it is of the other
    /// is left as it is, for whoever reads it to refuse.
    pub fn open_as(kind: Kind, serialization: Serialization, message: Bytes) -> Self {
        let found = Self::open(serialization, message.clone());
        if found.kind == kind { found } else { Self { kind, is_wrapped: false, primitive: message } }
    }
}

/// Puts a primitive into a root element, for whoever does so himself.
pub fn wrap(serialization: Serialization, kind: Kind, primitive: Bytes) -> Bytes {
    match serialization.name() {
        "json" => {
            let root = kind.root();
            [b"{\"", root.as_bytes(), b"\":", &primitive, b"}"].concat().into()
        }
        "cbor" => {
            let root = kind.root();
            let mut message = Encoder::new(Vec::with_capacity(primitive.len() + 9));
            // Writing to a Vec cannot fail.
            let _ = message.map(1).and_then(|message| message.str(root));
            let mut message = message.into_writer();
            message.extend_from_slice(&primitive);
            message.into()
        }
        // XML has the root.
        _ => primitive,
    }
}

fn json(message: Bytes) -> Envelope {
    for kind in [Kind::Request, Kind::Response] {
        if let Some(inner) = json_inside(&message, kind.root()) {
            return Envelope { kind, is_wrapped: true, primitive: message.slice_ref(inner) };
        }
    }
    let kind = if is_json_response(&message) { Kind::Response } else { Kind::Request };
    Envelope { kind, is_wrapped: false, primitive: message }
}

/// The value of an object's first member, up to the end of the object, if it has this name. Further members stay in
/// it, so that whoever reads it finds that it is not JSON.
fn json_inside<'a>(message: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let inside = message.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?.trim_ascii();
    let value = inside.strip_prefix(b"\"")?.strip_prefix(name.as_bytes())?.strip_prefix(b"\"")?;
    Some(value.trim_ascii_start().strip_prefix(b":")?.trim_ascii())
}

/// Whether an object has the member `rsc`, which every response has, and `op`, which every request has, not before it
/// (TS-0020 A.1).
fn is_json_response(message: &[u8]) -> bool {
    let (mut depth, mut is_escaped) = (0_usize, false);
    // Where the text that is being read begins, and the last one that was.
    let (mut begin, mut last): (Option<usize>, &[u8]) = (None, b"");
    for (index, byte) in message.iter().enumerate() {
        if let Some(from) = begin {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => {
                    last = message.get(from..index).unwrap_or_default();
                    begin = None;
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => begin = Some(index + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 1 && last == b"op" => return false,
            b':' if depth == 1 && last == b"rsc" => return true,
            _ => {}
        }
    }
    false
}

fn cbor(message: Bytes) -> Envelope {
    let mut reader = Decoder::new(&message);
    // What cannot be read is left to whoever reads it whole, in any kind.
    let kind = cbor_kind(&mut reader).unwrap_or(Some((Kind::Request, false)));
    let (kind, is_wrapped) = kind.unwrap_or((Kind::Request, false));
    let primitive = if is_wrapped { message.slice(reader.position()..) } else { message.clone() };
    Envelope { kind, is_wrapped, primitive }
}

/// Goes through the members of a map up to the first that says which kind it is. The reader is then in front of a
/// primitive in a root element.
fn cbor_kind(reader: &mut Decoder<'_>) -> Result<Option<(Kind, bool)>, minicbor::decode::Error> {
    let mut left = reader.map()?.unwrap_or(u64::MAX);
    let is_only = left == 1;
    while left > 0 {
        match reader.str()? {
            "op" => return Ok(Some((Kind::Request, false))),
            "rsc" => return Ok(Some((Kind::Response, false))),
            root if is_only && root == Kind::Request.root() => return Ok(Some((Kind::Request, true))),
            root if is_only && root == Kind::Response.root() => return Ok(Some((Kind::Response, true))),
            _ => reader.skip()?,
        }
        left -= 1;
    }
    Ok(None)
}

/// XML has a root element, which stays.
fn xml(message: Bytes) -> Envelope {
    let local = |name: &[u8]| name.rsplit(|byte| *byte == b':').next() == Some(b"rsp");
    let kind = if xml_root(&message).is_some_and(local) { Kind::Response } else { Kind::Request };
    Envelope { kind, is_wrapped: false, primitive: message }
}

/// The name of the first element.
fn xml_root(mut message: &[u8]) -> Option<&[u8]> {
    loop {
        let start = message.iter().position(|byte| *byte == b'<')?;
        let rest = message.get(start + 1..)?;
        let end: &[u8] = match rest {
            [b'!', b'-', b'-', ..] => b"-->",
            [b'?', ..] => b"?>",
            [b'!', ..] => b">",
            name => {
                let length =
                    name.iter().position(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte))?;
                return name.get(..length);
            }
        };
        let skipped = rest.windows(end.len()).position(|window| window == end)?;
        message = rest.get(skipped + end.len()..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::{Envelope, Kind, wrap, xml};
    use crate::Serialization;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn open(message: &'static str) -> (Kind, bool, String) {
        let found = Envelope::open(Serialization::Json, Bytes::from_static(message.as_bytes()));
        (found.kind, found.is_wrapped, String::from_utf8(found.primitive.to_vec()).unwrap())
    }

    #[test]
    fn requests_and_responses_are_told_apart_in_json() {
        for (message, kind) in [
            (r#"{"op":1,"to":"x","rqi":"1"}"#, Kind::Request),
            (r#"{"rsc":2000,"rqi":"1"}"#, Kind::Response),
            (r#" { "rqi" : "\"rsc\":" , "pc":{"rsc":1,"op":[{"rsc":2}]}, "op" : 2 }"#, Kind::Request),
            (r#"{"pc":{"op":1},"x":"op","rsc":4000}"#, Kind::Response),
            (r#"{"pc":{"m2m:rsp":{"rsc":2000}},"op":5}"#, Kind::Request),
            ("", Kind::Request),
            ("[\"rsc\":1]", Kind::Response),
            ("{\"rsc", Kind::Request),
        ] {
            assert_eq!(open(message), (kind, false, message.to_owned()));
        }
    }

    #[test]
    fn root_elements_are_taken_off() {
        for (message, expected) in [
            (r#"{"m2m:rqp":{"op":1}}"#, (Kind::Request, r#"{"op":1}"#)),
            (" {\n\"m2m:rsp\" : {\"rsc\":2000} } ", (Kind::Response, r#"{"rsc":2000}"#)),
            (r#"{"m2m:rqp":{"op":1},"a":2}"#, (Kind::Request, r#"{"op":1},"a":2"#)),
            (r#"{"m2m:rqp":1}"#, (Kind::Request, "1")),
        ] {
            assert_eq!(open(message), (expected.0, true, expected.1.to_owned()), "{message}");
        }
        let other = Bytes::from_static(br#"{"m2m:rsp":{"op":1}}"#);
        let left = Envelope { kind: Kind::Request, is_wrapped: false, primitive: other.clone() };
        assert_eq!(Envelope::open_as(Kind::Request, Serialization::Json, other), left);
        for other in [r#"{"m2m:rqpx":{}}"#, r#"{"m2m:rqp"}"#, r#"["m2m:rqp":{}]"#] {
            assert!(!open(other).1, "{other}");
        }
    }

    #[test]
    fn requests_and_responses_are_told_apart_in_cbor() {
        for (message, kind, is_wrapped, rest) in [
            // {"rqi": "1", "op": 1}
            (&b"\xa2\x63rqi\x611\x62op\x01"[..], Kind::Request, false, 0),
            // {_ "pc": {"op": 1}, "rsc": 2000}
            (b"\xbf\x62pc\xa1\x62op\x01\x63rsc\x19\x07\xd0\xff", Kind::Response, false, 0),
            (b"\xa1\x67m2m:rsp\xa0", Kind::Response, true, 9),
            (b"\xa2\x67m2m:rsp\xa0", Kind::Request, false, 0),
            (b"\xa1\x01\x02", Kind::Request, false, 0),
            (b"", Kind::Request, false, 0),
        ] {
            let found = Envelope::open(Serialization::Cbor, Bytes::from_static(message));
            let expected = Bytes::from_static(&message[rest..]);
            assert_eq!(found, Envelope { kind, is_wrapped, primitive: expected }, "{message:x?}");
        }
    }

    #[test]
    fn requests_and_responses_are_told_apart_in_xml() {
        for (message, kind) in [
            ("<m2m:rqp xmlns:m2m=\"x\"><op>1</op></m2m:rqp>", Kind::Request),
            ("<?xml version=\"1.0\"?>\n<!-- <m2m:rqp> -->\n<m2m:rsp>", Kind::Response),
            ("<rsp/>", Kind::Response),
            ("<!DOCTYPE x><m2m:rsp a=\"\">", Kind::Response),
            ("<m2m:rsp", Kind::Request),
            ("", Kind::Request),
        ] {
            assert_eq!(xml(Bytes::from_static(message.as_bytes())).kind, kind, "{message}");
        }
    }

    proptest! {
        #[test]
        fn what_is_wrapped_is_found_again(members in "(\"[a-z]{0,5}\":[0-9]{1,3})?") {
            let primitive = Bytes::from(format!("{{{members}}}"));
            for kind in [Kind::Request, Kind::Response] {
                for serialization in [Serialization::Json, Serialization::Cbor] {
                    let opened = Envelope::open(serialization, wrap(serialization, kind, primitive.clone()));
                    prop_assert_eq!(opened, Envelope { kind, is_wrapped: true, primitive: primitive.clone() });
                }
            }
        }

        #[test]
        fn never_panics(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            for serialization in Serialization::ALL {
                let _ = Envelope::open(serialization, message.clone().into());
                let _ = xml(message.clone().into());
            }
        }
    }
}
