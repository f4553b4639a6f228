//! From primitives to CoAP messages (TS-0008 6.2). Pure.
//!
//! Responsible for code, options and payload of whole messages. Message types, IDs, tokens and blocks are left to the
//! endpoint.

use coap_lite::MessageClass;
use coap_lite::Packet;
use dyad_protocol::exchange::TransportError;
use dyad_protocol::primitive::{Response, ResponseType};
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Content, Operation, Request, Serialization, StatusCode};

use super::address;
use super::decode::{Refused, Reply};
use super::format::Format;
use super::options::{self, Dialect, Parameter as P};
use super::status;
use crate::{escape, query, tokens};

/// Maps a response.
///
/// One that is suppressed (Response Type noResponse) has a code and nothing else, the least that acknowledges a
/// message. Nothing may be answered from a cache (TS-0008 6.4): Max-Age is 0.
pub fn response(response: &Response, reply: &Reply, codec: &Codec) -> Packet {
    let mut packet = Packet::new();
    if response.suppressed {
        packet.header.code = MessageClass::from(status::code(2, 4));
        return packet;
    }
    let names_request =
        response.status != StatusCode::AcceptedNonBlockingAsynch || response.content.is_some();
    let code = match response.status {
        // 2.01 is for a <request> resource that was made (TS-0008 6.3.2).
        StatusCode::AcceptedNonBlockingAsynch if !names_request => status::code(2, 4),
        status => status::to_coap(status, reply.operation),
    };
    packet.header.code = MessageClass::from(code);
    let mut to = Writer { packet: &mut packet, dialect: reply.dialect };
    to.uint(P::ResponseStatusCode, Some(response.status.number().into()));
    to.text(P::RequestIdentifier, Some(&response.request_identifier));
    to.text(P::ReleaseVersionIndicator, response.release_version_indicator.as_deref());
    to.text(P::From, response.from.as_deref());
    // Without a fraction of a second, for which the option has no room.
    let time = response.originating_timestamp.map(|at| at.to_string());
    to.text(P::OriginatingTimestamp, time.as_deref().map(|time| time.get(..15).unwrap_or(time)));
    let time = response.result_expiration_timestamp.map(|at| at.to_string());
    to.text(P::ResultExpirationTimestamp, time.as_deref());
    to.uint(P::EventCategory, response.event_category.map(u64::from));
    to.uint(P::ContentStatus, response.content_status.map(|status| status.number().into()));
    to.uint(P::ContentOffset, response.content_offset);
    let asked = response.authorization_signature_request_information.map(|flag| flag.to_string());
    to.text(P::AuthorizationSignatureRequestInformation, asked.as_deref());
    to.text(P::VendorInformation, response.vendor_information.as_deref());
    let pairs = tokens::write_assigned(&response.assigned_token_identifiers);
    to.text(P::AssignedTokenIdentifiers, Some(&*pairs).filter(|pairs| !pairs.is_empty()));
    for segment in location(response).into_iter().flat_map(address::to_segments) {
        options::put(&mut packet, options::LOCATION_PATH, segment);
    }
    // Codes of success other than 2.05 are never fresh.
    if code == status::code(2, 5) || code >> 5 > 2 {
        options::put_uint(&mut packet, options::MAX_AGE, 0);
    }
    payload(&mut packet, response, reply, codec);
    packet
}

/// Where the resource is that the request made (TS-0008 6.3.2, 6.3.3; RFC 7252 5.8.2).
fn location(response: &Response) -> Option<&str> {
    match response.status {
        StatusCode::AcceptedNonBlockingSynch | StatusCode::AcceptedNonBlockingAsynch => {
            response.content.as_ref()?.value().get("m2m:uri")?.as_str()
        }
        _ => response.location.as_deref(),
    }
}

/// The content as it is, or the Token Request Information. A notification that was taken has none (Table 6.2.4-1).
fn payload(packet: &mut Packet, response: &Response, reply: &Reply, codec: &Codec) {
    if response.status == StatusCode::Ok && reply.operation == Operation::Notify {
        return;
    }
    if let Some(content) = tokens::content(response) {
        write(packet, reply.format, &content, codec);
    }
}

fn write(packet: &mut Packet, format: Format, content: &Content, codec: &Codec) {
    let bytes = codec.write_content(format.serialization, content);
    if !bytes.is_empty() {
        options::put_uint(packet, options::CONTENT_FORMAT, format.number.into());
        packet.payload = bytes.into();
    }
}

/// The answer to a message that was not understood.
pub fn refusal(refused: &Refused, codec: &Codec) -> Packet {
    let mut packet = response(&Response::failed(&refused.request, &refused.failure), &refused.reply, codec);
    if let Some(code) = refused.code {
        packet.header.code = MessageClass::from(code);
    }
    packet
}

/// The message of a request that this node sends (TS-0008 6.2.1, 6.2.2).
///
/// `path` and `query` are those of the URL, escaped: the whole address if the To of the request is a URL, otherwise
/// where the path of the To begins. Fails with [`TransportError::Malformed`] if a parameter is too long for its option
/// or the URL is malformed.
pub fn request(
    path: &str,
    query: Option<&str>,
    request: &Request,
    serialization: Serialization,
    codec: &Codec,
) -> Result<Packet, TransportError> {
    let mut packet = Packet::new();
    let is_blocking =
        matches!(request.response_type.value, ResponseType::Blocking | ResponseType::NoResponse);
    packet.header.code = MessageClass::from(match request.operation {
        _ if !is_blocking => 2,
        Operation::Create | Operation::Notify => 2,
        Operation::Retrieve => 1,
        Operation::Update => 3,
        Operation::Delete => 4,
    });
    url(&mut packet, path, query)?;
    if !request.to.contains("://") {
        for segment in address::to_segments(&request.to) {
            options::put(&mut packet, options::URI_PATH, segment);
        }
        // A POST without a resource type would be a NOTIFY.
        let is_untyped = request.operation == Operation::Create && request.resource_type.is_none();
        if !is_blocking || is_untyped {
            options::put(&mut packet, options::URI_QUERY, format!("op={}", request.operation.number()));
        }
        let mut fields = query::encode_fields(request);
        // The option has it.
        fields.retain(|field| !field.starts_with("grtm="));
        fields.extend((!request.tokens.is_empty()).then(|| format!("tkns={}", request.tokens.join("+"))));
        fields.extend(request.primitive_profile_identifier.as_ref().map(|profile| format!("prpi={profile}")));
        fields.into_iter().for_each(|field| options::put(&mut packet, options::URI_QUERY, field));
    }
    let mut to = Writer { packet: &mut packet, dialect: Dialect::Current };
    parameters(&mut to, request);
    let format = Format::of(serialization);
    options::put_uint(&mut packet, options::ACCEPT, format.number.into());
    if let Some(content) = &request.content {
        write(&mut packet, format, content, codec);
    }
    check(packet)
}

fn parameters(to: &mut Writer<'_>, request: &Request) {
    to.text(P::RequestIdentifier, Some(&request.request_identifier));
    to.text(P::From, request.from.as_deref());
    to.text(P::ReleaseVersionIndicator, request.release_version_indicator.as_deref());
    let ty = request.resource_type.filter(|_| request.operation == Operation::Create);
    to.uint(P::ResourceType, ty.map(u64::from));
    to.text(P::GroupRequestIdentifier, request.group_request_identifier.as_deref());
    to.text(P::VendorInformation, request.vendor_information.as_deref());
    let uris = request.response_type.notification_uri.as_ref().map(|uris| uris.join("&"));
    to.text(P::NotificationUri, uris.as_deref());
    let time = request.originating_timestamp.map(|at| at.to_string());
    to.text(P::OriginatingTimestamp, time.as_deref());
    for (parameter, time) in [
        (P::RequestExpirationTimestamp, request.request_expiration_timestamp),
        (P::ResultExpirationTimestamp, request.result_expiration_timestamp),
        (P::OperationExecutionTime, request.operation_execution_time),
    ] {
        to.text(parameter, time.map(|at| at.to_string()).as_deref());
    }
    to.uint(P::EventCategory, request.event_category.map(u64::from));
    for (parameter, list) in [
        (P::GroupRequestTargetMembers, &request.group_request_target_members),
        (P::AuthorizationSignatures, &request.authorization_signatures),
    ] {
        to.text(parameter, (!list.is_empty()).then(|| list.join("+")).as_deref());
    }
}

/// Path and query of a URL as options (RFC 7252 6.4).
fn url(packet: &mut Packet, path: &str, query: Option<&str>) -> Result<(), TransportError> {
    let plain = |raw| escape::decode(raw, "the URL").map_err(|failure| malformed(&failure.debug));
    for segment in path.trim_start_matches('/').trim_end_matches('/').split('/').filter(|_| path.len() > 1) {
        options::put(packet, options::URI_PATH, &*plain(segment)?);
    }
    for field in query.into_iter().flat_map(|query| query.split('&')) {
        options::put(packet, options::URI_QUERY, &*plain(field)?);
    }
    Ok(())
}

/// Whether every option is within its bounds.
fn check(packet: Packet) -> Result<Packet, TransportError> {
    for (number, values) in packet.options() {
        let longest =
            options::parameter(*number, false).map_or(options::LONGEST, |(parameter, _)| parameter.longest());
        if values.iter().any(|value| value.len() > longest) {
            return Err(malformed(&format!("a value is too long for option {number}")));
        }
    }
    Ok(packet)
}

fn malformed(what: &str) -> TransportError {
    TransportError::Malformed(what.to_owned())
}

/// Writes parameters as options.
struct Writer<'a> {
    packet: &'a mut Packet,
    dialect: Dialect,
}

impl Writer<'_> {
    fn text(&mut self, parameter: P, value: Option<&str>) {
        if let Some(value) = value {
            options::put(self.packet, parameter.number(self.dialect), value);
        }
    }

    fn uint(&mut self, parameter: P, value: Option<u64>) {
        if let Some(value) = value {
            options::put_uint(self.packet, parameter.number(self.dialect), value);
        }
    }
}
