//! The header fields of a request (TS-0009 6.4), conditions of RFC 7232 among them.
//!
//! Responsible for which header carries which parameter. Headers that the clause does not name are ignored.

use dyad_protocol::precondition::{Precondition, Tags};
use dyad_protocol::time::{AbsRelTime, Timestamp};
use dyad_protocol::{Failure, Request, StatusCode};

/// What headers say beyond the primitive.
#[derive(Default)]
pub(super) struct Carried<'a> {
    /// `Content-Type`
    pub(super) content_type: Option<&'a str>,
    /// `Accept`, which may come several times.
    pub(super) accept: Vec<&'a str>,
    identified: bool,
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl Carried<'_> {
    /// What the state of the target has to be.
    pub(super) fn precondition(&mut self) -> Option<Precondition> {
        Precondition::new(self.if_match.take(), self.if_none_match.take())
    }

    /// Whether X-M2M-RI was there.
    pub(super) const fn identified(&self) -> bool {
        self.identified
    }
}

/// Reads all headers into a request; names in lower case. The first failure is returned, and the headers behind it
/// are read all the same, so that the answer can carry the request's identifier and release.
pub(super) fn read<'a>(
    request: &mut Request,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> (Carried<'a>, Result<(), Failure>) {
    let (mut carried, mut outcome) = (Carried::default(), Ok(()));
    for (name, value) in headers {
        let known = name.starts_with("x-m2m-")
            || matches!(name, "content-type" | "content-encoding" | "accept")
            || matches!(name, "authorization" | "if-match" | "if-none-match");
        if known
            && let Err(failure) = text(name, value).and_then(|value| take(request, &mut carried, name, value))
        {
            outcome = outcome.and(Err(failure));
        }
    }
    (carried, outcome)
}

fn text<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(value)
        .map(str::trim_ascii)
        .map_err(|_| Failure::bad_request(format!("{name} is not UTF-8")))
}

fn take<'a>(
    request: &mut Request,
    carried: &mut Carried<'a>,
    name: &str,
    value: &'a str,
) -> Result<(), Failure> {
    match name {
        "content-type" => once(&mut carried.content_type, name, value),
        "content-encoding" if !matches!(value, "" | "identity") => Err(Failure::new(
            StatusCode::UnsupportedMediaType,
            "contents are taken as they are, without a Content-Encoding",
        )),
        "accept" => {
            carried.accept.push(value);
            Ok(())
        }
        "if-match" => once(&mut carried.if_match, name, tags(name, value)?),
        "if-none-match" => once(&mut carried.if_none_match, name, tags(name, value)?),
        "authorization" => tokens(request, name, value),
        // An empty From asks for an identifier to be assigned, as a missing one does (TS-0001 10.2.2.2).
        "x-m2m-origin" if value.is_empty() => Ok(()),
        "x-m2m-origin" => once(&mut request.from, name, value.to_owned()),
        "x-m2m-ri" => {
            if carried.identified {
                return Err(twice(name));
            }
            value.clone_into(&mut request.request_identifier);
            carried.identified = !value.is_empty();
            if carried.identified { Ok(()) } else { Err(wrong(name)) }
        }
        "x-m2m-rvi" => once(&mut request.release_version_indicator, name, filled(name, value)?.to_owned()),
        "x-m2m-gid" => once(&mut request.group_request_identifier, name, filled(name, value)?.to_owned()),
        "x-m2m-vsi" => once(&mut request.vendor_information, name, value.to_owned()),
        "x-m2m-prpi" => {
            once(&mut request.primitive_profile_identifier, name, filled(name, value)?.to_owned())
        }
        "x-m2m-rtu" => {
            let uris = value.split('&').map(str::trim_ascii).filter(|uri| !uri.is_empty());
            once(&mut request.response_type.notification_uri, name, uris.map(str::to_owned).collect())
        }
        "x-m2m-ot" => once(
            &mut request.originating_timestamp,
            name,
            Timestamp::parse(value).ok_or_else(|| wrong(name))?,
        ),
        "x-m2m-rst" => once(&mut request.result_expiration_timestamp, name, time(name, value)?),
        "x-m2m-ret" => once(&mut request.request_expiration_timestamp, name, time(name, value)?),
        "x-m2m-oet" => once(&mut request.operation_execution_time, name, time(name, value)?),
        "x-m2m-ec" => once(&mut request.event_category, name, value.parse().map_err(|_| wrong(name))?),
        "x-m2m-as" => {
            let signatures: Vec<String> = value.split('+').map(|one| one.trim_ascii().to_owned()).collect();
            list_once(&mut request.authorization_signatures, name, signatures)
        }
        _ => Ok(()),
    }
}

/// The Tokens parameter. A scheme of RFC 7235 other than Bearer is none of oneM2M's and therefore ignored.
fn tokens(request: &mut Request, name: &str, value: &str) -> Result<(), Failure> {
    let credentials = match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest,
        Some((scheme, _)) if !scheme.contains(['+', '.']) => return Ok(()),
        _ => value,
    };
    let tokens: Vec<String> = credentials.split('+').map(|token| token.trim_ascii().to_owned()).collect();
    let compact = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=');
    if !tokens.iter().all(|token| token.bytes().all(compact)) {
        return Err(wrong(name));
    }
    list_once(&mut request.tokens, name, tokens)
}

fn tags(name: &str, value: &str) -> Result<Tags, Failure> {
    Tags::parse(value).ok_or_else(|| wrong(name))
}

fn time(name: &str, value: &str) -> Result<AbsRelTime, Failure> {
    AbsRelTime::parse(value).ok_or_else(|| wrong(name))
}

fn filled<'a>(name: &str, value: &'a str) -> Result<&'a str, Failure> {
    if value.is_empty() { Err(wrong(name)) } else { Ok(value) }
}

fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Failure> {
    if slot.replace(value).is_some() { Err(twice(name)) } else { Ok(()) }
}

fn list_once(slot: &mut Vec<String>, name: &str, values: Vec<String>) -> Result<(), Failure> {
    if values.iter().any(String::is_empty) {
        return Err(wrong(name));
    }
    if std::mem::replace(slot, values).is_empty() { Ok(()) } else { Err(twice(name)) }
}

fn wrong(name: &str) -> Failure {
    Failure::bad_request(format!("the value of {name} is malformed"))
}

fn twice(name: &str) -> Failure {
    Failure::bad_request(format!("{name} comes more than once"))
}
