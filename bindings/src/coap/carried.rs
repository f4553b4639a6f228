//! What the options of a request message say (RFC 7252 5.10, TS-0008 6.2.2).
//!
//! Responsible for which option carries which parameter, for the rules of RFC 7252 5.4 about options that are unknown,
//! too long or repeated. What path and query mean is left to `decode`.

use std::collections::LinkedList;

use coap_lite::Packet;
use dyad_protocol::time::{AbsRelTime, Timestamp};
use dyad_protocol::{Failure, Request};

use super::decode::{Observe, Refusal};
use super::options::{self, Dialect, Parameter};
use super::status;
use crate::escape;

/// What options say beyond the primitive, and what the method decides about.
#[derive(Default)]
pub(super) struct Carried<'a> {
    pub(super) path: Vec<&'a str>,
    pub(super) query: Vec<&'a str>,
    pub(super) content_format: Option<u64>,
    pub(super) accept: Option<u64>,
    pub(super) observe: Option<Observe>,
    pub(super) resource_type: Option<u32>,
    /// Whether oneM2M-RQI was there.
    pub(super) identified: bool,
    pub(super) dialect: Dialect,
}

/// Reads all options into a request. The first failure is returned, and the options behind it are read all the same, so
/// that the answer can carry the request's identifier and release.
pub(super) fn read<'a>(
    request: &mut Request,
    packet: &'a Packet,
    lenient: bool,
) -> (Carried<'a>, Result<(), Refusal>) {
    let (mut carried, mut outcome) = (Carried::default(), Ok(()));
    for (number, values) in packet.options() {
        if let Err(refusal) = take(request, &mut carried, *number, values, lenient) {
            outcome = outcome.and(Err(refusal));
        }
    }
    (carried, outcome)
}

fn take<'a>(
    request: &mut Request,
    carried: &mut Carried<'a>,
    number: u16,
    values: &'a LinkedList<Vec<u8>>,
    lenient: bool,
) -> Result<(), Refusal> {
    let Some(value) = values.front() else { return Ok(()) };
    match number {
        options::URI_PATH => carried.path = texts(number, values)?,
        options::URI_QUERY => carried.query = texts(number, values)?,
        // Elective: what is repeated or too long is as if it were unknown, and that is as if it were not there.
        options::CONTENT_FORMAT => {
            carried.content_format = (value.len() <= 2).then(|| options::uint(value));
        }
        options::OBSERVE => {
            carried.observe = match (value.len() <= 3).then(|| options::uint(value)) {
                Some(0) => Some(Observe::Register),
                Some(1) => Some(Observe::Deregister),
                _ => None,
            };
        }
        options::ACCEPT if value.len() > 2 || values.len() > 1 => return Err(Refusal::option(number)),
        options::ACCEPT => carried.accept = Some(options::uint(value)),
        number if options::PROXY.contains(&number) => {
            let failure = Failure::not_implemented("this node is no proxy");
            return Err(Refusal { failure, code: Some(status::NO_PROXY) });
        }
        number => match options::parameter(number, lenient) {
            Some((parameter, dialect)) => {
                if values.len() > 1 || value.len() > parameter.longest() {
                    return Err(Refusal::option(number));
                }
                if dialect == Some(Dialect::First) {
                    carried.dialect = Dialect::First;
                }
                parameter_of(request, carried, parameter, number, value)?;
            }
            None if number % 2 == 1 && !options::is_known(number, lenient) => {
                return Err(Refusal::option(number));
            }
            None => {}
        },
    }
    Ok(())
}

fn texts(number: u16, values: &LinkedList<Vec<u8>>) -> Result<Vec<&str>, Refusal> {
    let text = |value| match Vec::len(value) > options::LONGEST {
        true => Err(Refusal::option(number)),
        false => Ok(text(number, value)?),
    };
    values.iter().map(text).collect()
}

fn text(number: u16, value: &[u8]) -> Result<&str, Failure> {
    let text = std::str::from_utf8(value).ok().filter(|text| !escape::has_controls(text));
    text.ok_or_else(|| {
        Failure::bad_request(format!("option {number} is not UTF-8, or has control characters"))
    })
}

fn parameter_of(
    request: &mut Request,
    carried: &mut Carried<'_>,
    parameter: Parameter,
    number: u16,
    value: &[u8],
) -> Result<(), Failure> {
    match parameter {
        Parameter::ResourceType => {
            carried.resource_type = u32::try_from(options::uint(value)).ok();
            return Ok(());
        }
        Parameter::EventCategory => {
            return once(&mut request.event_category, number, u16::try_from(options::uint(value)).ok());
        }
        // Those of responses say nothing in a request.
        Parameter::ResponseStatusCode
        | Parameter::ContentOffset
        | Parameter::ContentStatus
        | Parameter::AssignedTokenIdentifiers
        | Parameter::AuthorizationSignatureRequestInformation => return Ok(()),
        _ => {}
    }
    let text = text(number, value)?;
    let filled = || Some(text.to_owned()).filter(|text| !text.is_empty());
    match parameter {
        // An empty From asks for an identifier to be assigned, as a missing one does (TS-0001 10.2.2.2).
        Parameter::From if text.is_empty() => Ok(()),
        Parameter::From => once(&mut request.from, number, filled()),
        Parameter::RequestIdentifier => {
            if carried.identified {
                return Err(twice(number));
            }
            text.clone_into(&mut request.request_identifier);
            carried.identified = !text.is_empty();
            if carried.identified { Ok(()) } else { Err(wrong(number)) }
        }
        Parameter::ReleaseVersionIndicator => once(&mut request.release_version_indicator, number, filled()),
        Parameter::GroupRequestIdentifier => once(&mut request.group_request_identifier, number, filled()),
        Parameter::VendorInformation => once(&mut request.vendor_information, number, Some(text.to_owned())),
        Parameter::NotificationUri => {
            let uris = text.split('&').map(str::trim_ascii).filter(|uri| !uri.is_empty());
            once(&mut request.response_type.notification_uri, number, Some(uris.map(str::to_owned).collect()))
        }
        Parameter::OriginatingTimestamp => {
            once(&mut request.originating_timestamp, number, Timestamp::parse(text))
        }
        Parameter::RequestExpirationTimestamp => {
            once(&mut request.request_expiration_timestamp, number, AbsRelTime::parse(text))
        }
        Parameter::ResultExpirationTimestamp => {
            once(&mut request.result_expiration_timestamp, number, AbsRelTime::parse(text))
        }
        Parameter::OperationExecutionTime => {
            once(&mut request.operation_execution_time, number, AbsRelTime::parse(text))
        }
        Parameter::GroupRequestTargetMembers => {
            list_once(&mut request.group_request_target_members, number, text)
        }
        Parameter::AuthorizationSignatures => list_once(&mut request.authorization_signatures, number, text),
        Parameter::ResourceType
        | Parameter::EventCategory
        | Parameter::ResponseStatusCode
        | Parameter::ContentOffset
        | Parameter::ContentStatus
        | Parameter::AssignedTokenIdentifiers
        | Parameter::AuthorizationSignatureRequestInformation => Ok(()),
    }
}

/// Both numbers of a parameter may be there: that is twice, too.
fn once<T>(slot: &mut Option<T>, number: u16, value: Option<T>) -> Result<(), Failure> {
    let value = value.ok_or_else(|| wrong(number))?;
    if slot.replace(value).is_some() { Err(twice(number)) } else { Ok(()) }
}

fn list_once(slot: &mut Vec<String>, number: u16, text: &str) -> Result<(), Failure> {
    let values: Vec<String> = text.split('+').map(|one| one.trim_ascii().to_owned()).collect();
    if values.iter().any(String::is_empty) {
        return Err(wrong(number));
    }
    if std::mem::replace(slot, values).is_empty() { Ok(()) } else { Err(twice(number)) }
}

fn wrong(number: u16) -> Failure {
    Failure::bad_request(format!("the value of option {number} is malformed"))
}

fn twice(number: u16) -> Failure {
    Failure::bad_request(format!("the parameter of option {number} comes more than once"))
}
