//! Media types: Content-Type and Accept (TS-0009 6.4.2, 6.4.3; TS-0004 6.7).
//!
//! Responsible for which ones this node speaks, and in which one it answers. How contents are written is left to
//! [`dyad_protocol::serialization`].

use dyad_protocol::{Failure, Serialization, StatusCode};

/// A media type that this node speaks.
#[derive(Debug, PartialEq, Eq)]
pub struct MediaType {
    /// `application/json`
    pub name: &'static str,
    /// How contents of this type are written.
    pub serialization: Serialization,
}

const fn media(name: &'static str, serialization: Serialization) -> MediaType {
    MediaType { name, serialization }
}

/// `application/json`
pub static JSON: MediaType = media("application/json", Serialization::Json);

/// `application/cbor`
pub static CBOR: MediaType = media("application/cbor", Serialization::Cbor);

/// `application/xml`
pub static XML: MediaType = media("application/xml", Serialization::Xml);

/// What this node speaks besides the general media type of each serialisation (TS-0004 6.7).
pub static TYPES: [MediaType; 12] = [
    media("application/vnd.onem2m-res+json", Serialization::Json),
    media("application/vnd.onem2m-ntfy+json", Serialization::Json),
    media("application/vnd.onem2m-preq+json", Serialization::Json),
    media("application/vnd.onem2m-prsp+json", Serialization::Json),
    media("application/vnd.onem2m-res+cbor", Serialization::Cbor),
    media("application/vnd.onem2m-ntfy+cbor", Serialization::Cbor),
    media("application/vnd.onem2m-preq+cbor", Serialization::Cbor),
    media("application/vnd.onem2m-prsp+cbor", Serialization::Cbor),
    media("application/vnd.onem2m-res+xml", Serialization::Xml),
    media("application/vnd.onem2m-ntfy+xml", Serialization::Xml),
    media("application/vnd.onem2m-preq+xml", Serialization::Xml),
    media("application/vnd.onem2m-prsp+xml", Serialization::Xml),
];

/// The general media type of a serialisation.
pub fn of(serialization: Serialization) -> &'static MediaType {
    match serialization {
        Serialization::Json => &JSON,
        Serialization::Cbor => &CBOR,
        Serialization::Xml => &XML,
    }
}

/// The media type of a name, in any mixture of cases.
pub fn by_name(name: &str) -> Option<&'static MediaType> {
    let general = Serialization::ALL.into_iter().map(of);
    general.chain(&TYPES).find(|media| media.name.eq_ignore_ascii_case(name))
}

/// A Content-Type header taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// The media type.
    pub media: &'static MediaType,
    /// `ty`: the Resource Type parameter of a CREATE.
    pub resource_type: Option<u32>,
}

const CONTENT_UNKNOWN: &str = "the Content-Type is none of application/json, application/cbor and application/xml, nor of \
    those of oneM2M";

const NONE_ACCEPTED: &str =
    "Accept has none of application/json, application/cbor and application/xml, nor of those of oneM2M";

/// Reads a Content-Type. UNSUPPORTED_MEDIA_TYPE for one that this node does not speak and for a character set other
/// than UTF-8, BAD_REQUEST for a `ty` that is no number or comes twice. Other parameters are ignored.
pub fn content_type(value: &str) -> Result<ContentType, Failure> {
    let unsupported = |why| Failure::new(StatusCode::UnsupportedMediaType, why);
    let (name, parameters) = value.split_once(';').unwrap_or((value, ""));
    let media = by_name(name.trim()).ok_or_else(|| unsupported(CONTENT_UNKNOWN))?;
    let mut resource_type = None;
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.eq_ignore_ascii_case("ty") {
            let number =
                value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten();
            let number = number.ok_or_else(|| {
                Failure::bad_request("ty in the Content-Type is not a resource type number")
            })?;
            if resource_type.replace(number).is_some() {
                return Err(Failure::bad_request("ty comes twice in the Content-Type"));
            }
        } else if name.eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return Err(unsupported("contents are written in UTF-8"));
        }
    }
    Ok(ContentType { media, resource_type })
}

/// The media type of the response: what the Accept headers prefer most, and of equals the first. Without Accept,
/// with an empty one, or where anything is accepted, `default`. NOT_ACCEPTABLE if this node speaks none of them.
pub fn negotiate(accepts: &[&str], default: &'static MediaType) -> Result<&'static MediaType, Failure> {
    let ranges = accepts.iter().flat_map(|accept| accept.split(',')).map(str::trim);
    let mut ranges = ranges.filter(|range| !range.is_empty()).peekable();
    if ranges.peek().is_none() {
        return Ok(default);
    }
    let mut best: Option<(f32, &'static MediaType)> = None;
    for range in ranges {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        let media = match name.trim() {
            "*/*" | "application/*" => Some(default),
            name => by_name(name),
        };
        let quality = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
        let quality: f32 = quality.map_or(1.0, |quality| quality.trim().parse().unwrap_or(1.0));
        if let Some(media) = media
            && quality > best.map_or(0.0, |(quality, _)| quality)
        {
            best = Some((quality, media));
        }
    }
    best.map(|(_, media)| media).ok_or_else(|| Failure::new(StatusCode::NotAcceptable, NONE_ACCEPTED))
}

#[cfg(test)]
mod tests {
    use super::{JSON, content_type, negotiate};

    #[test]
    fn content_types() {
        for (value, ty) in [
            ("application/json", None),
            ("Application/JSON ; charset=UTF-8", None),
            ("application/vnd.onem2m-res+json; ty=3", Some(3)),
            ("application/vnd.onem2m-ntfy+cbor", None),
            ("application/vnd.onem2m-res+xml; charset=utf-8", None),
            ("application/json;charset=utf-8;ty=\"10002\"", Some(10002)),
            ("application/json;ty=4;", Some(4)),
        ] {
            assert_eq!(content_type(value).unwrap().resource_type, ty, "{value}");
        }
        for (value, rsc) in [
            ("", 4015),
            ("text/plain", 4015),
            ("application/yaml;ty=3", 4015),
            ("application/vnd.onem2m-res+yaml", 4015),
            ("application/json;charset=latin1", 4015),
            ("application/json;ty=", 4000),
            ("application/json;ty=x", 4000),
            ("application/json;ty=-1", 4000),
            ("application/json;ty=+1", 4000),
            ("application/json;ty=3;ty=3", 4000),
            ("application/json;ty=99999999999", 4000),
        ] {
            assert_eq!(content_type(value).unwrap_err().rsc.number(), rsc, "{value}");
        }
    }

    #[test]
    fn accepts() {
        for (accept, name) in [
            (&[][..], "application/json"),
            (&["*/*"], "application/json"),
            (&["", " ,"], "application/json"),
            (&["application/yaml, application/vnd.onem2m-res+json;q=0.5"], "application/vnd.onem2m-res+json"),
            (&["application/json;q=0.1,application/vnd.onem2m-res+json"], "application/vnd.onem2m-res+json"),
            (&["text/html", "application/*;q=0.2"], "application/json"),
            (&["application/json;q=0.5, application/cbor"], "application/cbor"),
        ] {
            assert_eq!(negotiate(accept, &JSON).unwrap().name, name, "{accept:?}");
        }
        for accept in ["application/yaml", "text/*", "application/json;q=0"] {
            assert_eq!(negotiate(&[accept], &JSON).unwrap_err().rsc.number(), 5207, "{accept}");
        }
    }
}
