//! From a CoAP response message to a response primitive (TS-0008 6.2), for requests that this node sent. Pure.

use bytes::Bytes;
use coap_lite::Packet;
use dyad_protocol::exchange::TransportError;
use dyad_protocol::primitive::ContentStatus;
use dyad_protocol::serialization::Codec;
use dyad_protocol::time::{AbsRelTime, Timestamp};
use dyad_protocol::{Request, Response, StatusCode};

use super::format::Format;
use super::options::{self, Parameter as P};
use super::status;
use crate::tokens;

/// Maps a response message, whole. One without oneM2M-RSC comes from a plain CoAP server: its code decides, and a
/// payload in a format that this node does not speak is none of ours. Options of release 1 are understood.
///
/// Fails with [`TransportError::Malformed`] for what is no answer to a primitive.
pub fn response(packet: &Packet, request: &Request, codec: &Codec) -> Result<Response, TransportError> {
    let malformed = |what: &str| TransportError::Malformed(what.to_owned());
    let code = value(packet, P::ResponseStatusCode).map(options::uint);
    let status = match code {
        Some(number) => {
            let number = u16::try_from(number).map_err(|_| malformed("oneM2M-RSC is too large"))?;
            StatusCode::from_number(number)
        }
        None => status::from_coap(u8::from(packet.header.code), request.operation)
            .ok_or_else(|| malformed("the response code is no answer"))?,
    };
    let mut response = Response::to(request, status);
    response.release_version_indicator = text(packet, P::ReleaseVersionIndicator).map(str::to_owned);
    response.from = text(packet, P::From).map(str::to_owned);
    response.originating_timestamp = text(packet, P::OriginatingTimestamp).and_then(Timestamp::parse);
    response.result_expiration_timestamp =
        text(packet, P::ResultExpirationTimestamp).and_then(AbsRelTime::parse);
    response.event_category = uint(packet, P::EventCategory).and_then(|number| u16::try_from(number).ok());
    response.content_status = uint(packet, P::ContentStatus).and_then(ContentStatus::from_number);
    response.content_offset = uint(packet, P::ContentOffset);
    response.authorization_signature_request_information =
        text(packet, P::AuthorizationSignatureRequestInformation).map(|flag| matches!(flag, "true" | "1"));
    response.vendor_information = text(packet, P::VendorInformation).map(str::to_owned);
    response.assigned_token_identifiers =
        text(packet, P::AssignedTokenIdentifiers).map(tokens::assigned).unwrap_or_default();
    if packet.payload.is_empty() {
        return Ok(response);
    }
    let format = packet.options().find(|(number, _)| **number == options::CONTENT_FORMAT);
    let format = format.and_then(|(_, values)| Format::from_number(options::uint(values.front()?), true));
    let payload = Bytes::copy_from_slice(&packet.payload);
    match format.map(|format| codec.read_content(format.serialization, payload)) {
        Some(Ok(content)) => tokens::take_content(&mut response, content),
        // A diagnostic text, perhaps (RFC 7252 5.5.2).
        Some(Err(_)) | None if code.is_none() => {}
        Some(Err(failure)) => return Err(malformed(&failure.debug)),
        None => return Err(malformed("the content is in a format this node does not speak")),
    }
    Ok(response)
}

fn value(packet: &Packet, parameter: P) -> Option<&[u8]> {
    let mut of = packet.options().filter(|(number, values)| {
        options::parameter(**number, true).is_some_and(|(known, _)| known == parameter) && !values.is_empty()
    });
    of.next().and_then(|(_, values)| values.front()).map(Vec::as_slice)
}

fn text(packet: &Packet, parameter: P) -> Option<&str> {
    std::str::from_utf8(value(packet, parameter)?).ok()
}

fn uint(packet: &Packet, parameter: P) -> Option<u64> {
    value(packet, parameter).filter(|value| value.len() <= 8).map(options::uint)
}
