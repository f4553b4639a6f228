//! From a CoAP request message to a request primitive (TS-0008 6.2). Pure.
//!
//! Responsible for the mapping as a whole: options are gathered here, `carried` reads those with parameters. Which
//! parameters an operation may have is left to the core, message types and blocks to the endpoint.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use coap_lite::Packet;
use dyad_protocol::primitive::ResponseType;
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Failure, Operation, Request, Serialization, StatusCode};

use super::address;
use super::carried::{self, Carried};
use super::format::Format;
use super::options::Dialect;
use super::status;
use crate::{escape, query};

/// Tells whether a text is the short name of an attribute of some resource type.
pub type IsAttribute = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What decoding depends on besides the message.
#[derive(Clone)]
pub struct Rules {
    /// Tolerates what clients in the field do: oneM2M-RQI and oneM2M-RVI left out (then release 1), option numbers of
    /// release 1, non-blocking requests with another method than POST, and see [`address::from_segments`]; ignores
    /// oneM2M-TY in what is no CREATE.
    pub lenient: bool,
    /// How responses are written for originators that say nothing about it.
    pub default: Serialization,
    /// Reads contents.
    pub codec: Codec,
    /// Which query fields are attribute conditions.
    pub is_attribute: IsAttribute,
    /// Makes the request identifier of a request that came without.
    pub new_identifier: Arc<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("lenient", &self.lenient)
            .field("default", &self.default)
            .finish_non_exhaustive()
    }
}

/// What the answer to a request message looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How its content is written.
    pub format: Format,
    /// The numbers of its options.
    pub dialect: Dialect,
    /// What was asked for.
    pub operation: Operation,
}

/// What a request says about observation (RFC 7641 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observe {
    /// 0: the originator wants to be told of changes.
    Register,
    /// 1: it wants that no more.
    Deregister,
}

/// A request message that was understood.
#[derive(Debug)]
pub struct Decoded {
    /// The request.
    pub request: Box<Request>,
    /// What the answer looks like.
    pub reply: Reply,
    /// Whether a RETRIEVE begins or ends an observation.
    pub observe: Option<Observe>,
}

/// A request message that was not understood.
#[derive(Debug)]
pub struct Refused {
    /// What could be read of the request: the answer needs its identifier and release.
    pub request: Request,
    /// What the answer looks like.
    pub reply: Reply,
    /// Why.
    pub failure: Failure,
    /// The response code, where it is another than that of the failure.
    pub code: Option<u8>,
}

/// Why a message is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) failure: Failure,
    pub(super) code: Option<u8>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, code: None }
    }
}

impl Refusal {
    /// An option that a server has to understand and this one does not (RFC 7252 5.4.1).
    pub(super) fn option(number: u16) -> Self {
        let failure = Failure::bad_request(format!("option {number} is unknown, too long, or repeated"));
        Self { failure, code: Some(status::BAD_OPTION) }
    }
}

/// The operation of a method; for POST, CREATE, which the lack of a resource type turns into NOTIFY (TS-0008 6.2.1).
/// OPERATION_NOT_ALLOWED for methods that no operation has.
fn operation(method: u8) -> Result<Operation, Failure> {
    Ok(match method {
        1 => Operation::Retrieve,
        2 => Operation::Create,
        3 => Operation::Update,
        4 => Operation::Delete,
        _ => return Err(Failure::not_allowed("no operation is mapped to this CoAP method")),
    })
}

/// Maps a request message, whole.
///
/// Fails with BAD_REQUEST for what is malformed, with 4.02 (Bad Option) for critical options that are unknown, too
/// long or repeated, with 5.05 for what is meant for a proxy, and with OPERATION_NOT_ALLOWED,
/// UNSUPPORTED_MEDIA_TYPE and NOT_ACCEPTABLE. Never panics, whatever comes.
pub fn decode(packet: &Packet, rules: &Rules) -> Result<Decoded, Box<Refused>> {
    let mut request = Request::default();
    let (carried, read) = carried::read(&mut request, packet, rules.lenient);
    let identified = identify(&mut request, carried.identified, rules);
    let accept = accept(&carried, rules);
    let mut reply = Reply {
        format: *accept.as_ref().unwrap_or(&Format::of(rules.default)),
        dialect: carried.dialect,
        operation: Operation::default(),
    };
    let outcome = read
        .and(identified.map_err(Refusal::from))
        .and(accept.map(drop).map_err(Refusal::from))
        .and_then(|()| fill(&mut request, packet, &carried, rules).map_err(Refusal::from));
    reply.operation = request.operation;
    match outcome {
        Ok(()) => {
            let observe = carried.observe.filter(|_| request.operation == Operation::Retrieve);
            Ok(Decoded { request: Box::new(request), reply, observe })
        }
        Err(Refusal { failure, code }) => Err(Box::new(Refused { request, reply, failure, code })),
    }
}

/// Every answer carries an identifier, even where the request should have had one.
fn identify(request: &mut Request, identified: bool, rules: &Rules) -> Result<(), Failure> {
    if !identified {
        request.request_identifier = (rules.new_identifier)();
        if !rules.lenient {
            return Err(Failure::bad_request("oneM2M-RQI is missing"));
        }
    }
    if request.release_version_indicator.is_none() && !rules.lenient {
        return Err(Failure::bad_request("oneM2M-RVI is missing"));
    }
    Ok(())
}

/// The format of the answer: what Accept says, otherwise that of the payload, otherwise the default.
fn accept(carried: &Carried<'_>, rules: &Rules) -> Result<Format, Failure> {
    let is_first = carried.dialect == Dialect::First;
    match carried.accept {
        Some(number) => Format::from_number(number, is_first).ok_or_else(|| {
            Failure::new(StatusCode::NotAcceptable, "this node does not speak the format in Accept")
        }),
        None => {
            let sent = carried.content_format.and_then(|number| Format::from_number(number, is_first));
            Ok(Format::of(sent.map_or(rules.default, |format| format.serialization)))
        }
    }
}

fn fill(request: &mut Request, packet: &Packet, carried: &Carried<'_>, rules: &Rules) -> Result<(), Failure> {
    let method = u8::from(packet.header.code);
    request.operation = operation(method)?;
    request.to = address::from_segments(&carried.path, rules.lenient)?;
    let mut named = None;
    let fields = carried.query.iter().copied();
    let fields: Vec<&str> = fields
        .filter_map(|field| {
            own_field(field, request, &mut named).map(|own| (!own).then_some(field)).transpose()
        })
        .collect::<Result<_, _>>()?;
    query::decode_fields(fields, request, &*rules.is_attribute)?;
    let is_post = request.operation == Operation::Create;
    if let Some(named) = named {
        // A POST may mean any operation, the other methods none but their own (TS-0008 6.2.1).
        if !is_post && named != request.operation {
            return Err(Failure::bad_request("the method is that of another operation than op"));
        }
        request.operation = named;
    } else if is_post && carried.resource_type.is_none() {
        request.operation = Operation::Notify;
    }
    let is_blocking =
        matches!(request.response_type.value, ResponseType::Blocking | ResponseType::NoResponse);
    if !is_blocking && !is_post && !rules.lenient {
        return Err(Failure::bad_request("a request that is not blocking uses POST"));
    }
    match carried.resource_type {
        Some(_) if request.operation != Operation::Create && !rules.lenient => {
            return Err(Failure::bad_request("oneM2M-TY is for CREATE only"));
        }
        Some(ty) if request.operation == Operation::Create => request.resource_type = Some(ty),
        _ => {}
    }
    content(request, packet, carried, rules)
}

/// Takes a query field that CoAP has and HTTP does not. `false` if it is none.
fn own_field(field: &str, request: &mut Request, named: &mut Option<Operation>) -> Result<bool, Failure> {
    let wrong =
        |name: &str| Failure::bad_request(format!("the value of the query field {name} is malformed"));
    match field.split_once('=') {
        Some(("op", value)) => {
            let number = value.parse().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()));
            let operation = number.and_then(Operation::from_number).ok_or_else(|| wrong("op"))?;
            match named.replace(operation) {
                None => Ok(true),
                Some(_) => Err(Failure::bad_request("the query field op comes more than once")),
            }
        }
        Some(("tkns", value)) => {
            if value.split('+').any(str::is_empty) {
                return Err(wrong("tkns"));
            }
            request.tokens.extend(value.split('+').map(str::to_owned));
            Ok(true)
        }
        // No option is known for it.
        Some(("prpi", value)) => {
            if value.is_empty()
                || request.primitive_profile_identifier.is_some()
                || escape::has_controls(value)
            {
                return Err(wrong("prpi"));
            }
            request.primitive_profile_identifier = Some(value.to_owned());
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn content(
    request: &mut Request,
    packet: &Packet,
    carried: &Carried<'_>,
    rules: &Rules,
) -> Result<(), Failure> {
    if packet.payload.is_empty() {
        return Ok(());
    }
    let number =
        carried.content_format.ok_or_else(|| Failure::bad_request("a payload needs a Content-Format"))?;
    let format = Format::from_number(number, carried.dialect == Dialect::First).ok_or_else(|| {
        Failure::new(StatusCode::UnsupportedMediaType, "the Content-Format is not one this node speaks")
    })?;
    let payload = Bytes::copy_from_slice(&packet.payload);
    request.content = Some(rules.codec.read_content(format.serialization, payload)?);
    request.take_attribute_list()
}
