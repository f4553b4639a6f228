//! What a member ID leads to, and whether it suits the group (TS-0004 7.4.13.2.1).

use dyad_core::request::{Asker, Target, Virtual, path_here};
use dyad_core::resource::{Lookup, Resource};
use dyad_core::{Cse, access};
use dyad_protocol::schema::Specialization;
use dyad_protocol::{Failure, StatusCode, Timestamp};
use serde_json::Value;

use super::FAN_OUT_POINT;

/// memberType of a group whose members may be of any type.
pub(super) const MIXED: u64 = 0;

/// memberType of the virtual resources `ol` and `la` (TS-0004 6.3.4.2.11).
const OLDEST: u64 = 20_001;
const LATEST: u64 = 20_002;

/// What the members of a group have to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// `mt`; 0 for any type.
    pub(super) member_type: u64,
    /// `spty`: containerDefinition or mgmtDefinition.
    pub(super) specialization: Option<Value>,
}

/// The same member, however its ID is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// A resource on this node by its number, and the virtual resource below it.
    Here(i64, String),
    /// Nothing that is there: by its path.
    Nothing(String),
    /// On another node: by its ID without the M2M-SP-ID of this one.
    Elsewhere(String),
}

/// Whether a member suits its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It does.
    Conforms,
    /// It is of another type, or not there.
    Differs,
    /// It is on another node, or what it is shows only when a request goes there.
    Unknown,
}

/// What was found about a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) identity: Identity,
    pub(super) fit: Fit,
}

/// Looks at one member, with the rights of the originator if there is one. BAD_REQUEST for what is no address,
/// RECEIVER_HAS_NO_PRIVILEGE if its type has to be known and may not be retrieved.
pub(super) fn examine(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: Option<&Asker<'_>>,
    now: Timestamp,
    wanted: &Wanted,
    member: &str,
) -> Result<Finding, Failure> {
    if member.contains('#') {
        return Err(Failure::bad_request(format!("the member {member} is an attribute and no resource")));
    }
    let Some(path) = path_here(cse, member)? else {
        let identity = Identity::Elsewhere(cse.config().shorten(member).to_owned());
        return Ok(Finding { identity, fit: fit_of_any(wanted, Fit::Unknown) });
    };
    let target = match Target::at(look, path, now) {
        Ok(target) => target,
        Err(failure) if failure.rsc == StatusCode::NotFound && failure.source.is_none() => {
            let identity = Identity::Nothing(path.to_owned());
            return Ok(Finding { identity, fit: fit_of_any(wanted, Fit::Differs) });
        }
        Err(failure) => return Err(failure),
    };
    let identity = Identity::Here(
        target.resource.id(),
        target.virtual_child.as_ref().map_or_else(String::new, ToString::to_string),
    );
    if wanted.member_type == MIXED {
        return Ok(Finding { identity, fit: Fit::Conforms });
    }
    if let Some(asker) = asker {
        access::authorize(look, cse, asker, &target.resource, access::operation::RETRIEVE, None).map_err(
            |failure| match failure.rsc {
                StatusCode::OriginatorHasNoPrivilege => Failure::new(
                    StatusCode::ReceiverHasNoPrivilege,
                    format!("the type of the member {member} cannot be retrieved"),
                ),
                _ => failure,
            },
        )?;
    }
    Ok(Finding { identity, fit: fit(&target, wanted) })
}

fn fit_of_any(wanted: &Wanted, fit: Fit) -> Fit {
    if wanted.member_type == MIXED { Fit::Conforms } else { fit }
}

fn fit(target: &Target, wanted: &Wanted) -> Fit {
    let resource = &target.resource;
    let conforms = match &target.virtual_child {
        None => {
            u64::from(resource.ty()) == wanted.member_type
                && wanted.specialization.as_ref().is_none_or(|wanted| is_specialization(resource, wanted))
        }
        Some(Virtual::Latest) => wanted.member_type == LATEST,
        Some(Virtual::Oldest) => wanted.member_type == OLDEST,
        // The members of a sub-group are what the sub-group says they are.
        Some(Virtual::Other { name, rest }) if &**name == FAN_OUT_POINT && rest.is_empty() => {
            resource.number("mt") == Some(wanted.member_type)
                && wanted
                    .specialization
                    .as_ref()
                    .is_none_or(|wanted| resource.get("spty").is_some_and(|own| text(own) == text(wanted)))
        }
        Some(Virtual::Other { name, .. }) if &**name == FAN_OUT_POINT => return Fit::Unknown,
        Some(Virtual::Other { .. }) => false,
    };
    if conforms { Fit::Conforms } else { Fit::Differs }
}

fn is_specialization(resource: &Resource, wanted: &Value) -> bool {
    match &resource.table().specialization {
        Specialization::None => false,
        Specialization::Container(definition) => *definition == text(wanted),
        Specialization::Management(definition) => definition.to_string() == text(wanted),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
