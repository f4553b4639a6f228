//! Media types: Content-Type and Accept (TS-0009 6.4.2, 6.4.3; TS-0004 6.7).
//!
//! Responsible for which ones this node speaks. A further serialisation is a line each in
//! [`TYPES`].

use dyad_protocol::{Failure, Serialization, StatusCode};

/// A media type that this node speaks.
#[derive(Debug, PartialEq, Eq)]
pub struct MediaType {
    /// `application/json`
    pub name: &'static str,
    /// How contents of this type are written.
    pub serialization: Serialization,
}

/// `application/json`
pub static JSON: MediaType = MediaType { name: "application/json", serialization: Serialization::Json };

/// What this node speaks besides [`JSON`].
pub static TYPES: [MediaType; 4] = [
    MediaType { name: "application/vnd.onem2m-res+json", serialization: Serialization::Json },
    MediaType { name: "application/vnd.onem2m-ntfy+json", serialization: Serialization::Json },
    MediaType { name: "application/vnd.onem2m-preq+json", serialization: Serialization::Json },
    MediaType { name: "application/vnd.onem2m-prsp+json", serialization: Serialization::Json },
];

/// The media type of a name, in any mixture of cases.
pub fn by_name(name: &str) -> Option<&'static MediaType> {
    std::iter::once(&JSON).chain(&TYPES).find(|media| media.name.eq_ignore_ascii_case(name))
}

/// A Content-Type header taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// The media type.
    pub media: &'static MediaType,
    /// `ty`: the Resource Type parameter of a CREATE.
    pub resource_type: Option<u32>,
}

/// Reads a Content-Type. UNSUPPORTED_MEDIA_TYPE for one that this node does not speak and for a character set other
/// than UTF-8, BAD_REQUEST for a `ty` that is no number or comes twice. Other parameters are ignored.
pub fn content_type(value: &str) -> Result<ContentType, Failure> {
    let unsupported =
        || Failure::new(StatusCode::UnsupportedMediaType, "the Content-Type is not one this node speaks");
    let (name, parameters) = value.split_once(';').unwrap_or((value, ""));
    let media = by_name(name.trim()).ok_or_else(unsupported)?;
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
            return Err(unsupported());
        }
    }
    Ok(ContentType { media, resource_type })
}

/// The media type of the response: what the Accept headers prefer most, and of equals the first. Without Accept,
/// or where anything is accepted, `default`. NOT_ACCEPTABLE if this node speaks none of them.
pub fn negotiate(accepts: &[&str], default: &'static MediaType) -> Result<&'static MediaType, Failure> {
    if accepts.is_empty() {
        return Ok(default);
    }
    let mut best: Option<(f32, &'static MediaType)> = None;
    for range in accepts.iter().flat_map(|accept| accept.split(',')) {
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
    let none =
        || Failure::new(StatusCode::NotAcceptable, "this node speaks none of the media types in Accept");
    best.map(|(_, media)| media).ok_or_else(none)
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
            ("application/json;charset=utf-8;ty=\"10002\"", Some(10002)),
            ("application/json;ty=4;", Some(4)),
        ] {
            assert_eq!(content_type(value).unwrap().resource_type, ty, "{value}");
        }
        for (value, rsc) in [
            ("", 4015),
            ("text/plain", 4015),
            ("application/xml;ty=3", 4015),
            ("application/vnd.onem2m-res+cbor", 4015),
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
            (&["application/xml, application/vnd.onem2m-res+json;q=0.5"], "application/vnd.onem2m-res+json"),
            (&["application/json;q=0.1,application/vnd.onem2m-res+json"], "application/vnd.onem2m-res+json"),
            (&["text/html", "application/*;q=0.2"], "application/json"),
        ] {
            assert_eq!(negotiate(accept, &JSON).unwrap().name, name, "{accept:?}");
        }
        for accept in ["application/xml", "", "text/*", "application/json;q=0"] {
            assert_eq!(negotiate(&[accept], &JSON).unwrap_err().rsc.number(), 5207, "{accept}");
        }
    }
}
