//! Which policies apply to a resource (TS-0001 9.6.1.3.2 `accessControlPolicyIDs`, 11.3.2).

use std::sync::Arc;

use dyad_protocol::Failure;
use dyad_protocol::id::{Address, Scope};
use dyad_protocol::primitive::ResourceType;
use dyad_protocol::schema::Specialization;

use super::membership::groups_of;
use super::{Place, Question, Rule, decide, operation};
use crate::Cse;
use crate::geography::location;
use crate::request::Asker;
use crate::resource::{Lookup, Resource, View, resolve};

/// What an AE may do on the CSEBase as long as no policy says more: see it, search below it, and make resources
/// of its own there.
const CSE_BASE_FOR_REGISTERED: u8 = operation::CREATE | operation::RETRIEVE | operation::DISCOVERY;

/// Whether the asker may carry out an operation on a resource. `child_type` is the type that a CREATE makes.
/// ORIGINATOR_HAS_NO_PRIVILEGE if not.
pub fn authorize(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    resource: &Arc<Resource>,
    operation: u8,
    child_type: Option<ResourceType>,
) -> Result<(), Failure> {
    if may(look, cse, asker, resource, operation, child_type, false)? { Ok(()) } else { Err(denied()) }
}

/// Whether the asker may carry out an operation by the policies that another attribute of the resource than `acpi`
/// names, such as `macp` of a group for its fanOutPoint. ORIGINATOR_HAS_NO_PRIVILEGE if not.
pub fn authorize_by(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    resource: &Arc<Resource>,
    attribute: &str,
    operation: u8,
    child_type: Option<ResourceType>,
) -> Result<(), Failure> {
    let granted = asker.is_admin || {
        let specialization = specialization(resource);
        let question = question(cse, asker, resource, specialization.as_deref(), operation, child_type);
        by_policies(look, cse, asker, &question, resource.texts(attribute), false)?
    };
    if granted { Ok(()) } else { Err(denied()) }
}

/// Whether the asker may change the `acpi` of a resource: the self-privileges of one of its present policies must
/// grant UPDATE (TS-0001 9.6.1.3.2).
pub fn authorize_self(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    resource: &Arc<Resource>,
) -> Result<(), Failure> {
    if may(look, cse, asker, resource, operation::UPDATE, None, true)? { Ok(()) } else { Err(denied()) }
}

/// All operations that the asker may carry out on a resource, as bits of [`operation`].
pub fn permissions(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    resource: &Arc<Resource>,
) -> Result<u8, Failure> {
    let mut granted = 0;
    for bit in 0..6 {
        if may(look, cse, asker, resource, 1 << bit, None, false)? {
            granted |= 1 << bit;
        }
    }
    Ok(granted)
}

fn denied() -> Failure {
    Failure::no_privilege("the originator has no privilege for this operation on this resource")
}

fn may(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    resource: &Arc<Resource>,
    operation: u8,
    child_type: Option<ResourceType>,
    of_policies: bool,
) -> Result<bool, Failure> {
    if asker.is_admin {
        return Ok(true);
    }
    // Whatever the policies of the entity say, its channel is its own (TS-0004 7.4.21.2).
    if crate::types::is_private(resource.ty()) && !is_below_own(look, cse, asker, resource)? {
        return Ok(false);
    }
    let mut governing = Arc::clone(resource);
    // Types without the attribute are governed by the policies of their parent.
    while !governing.table().has("acpi") && governing.ty() != 1 {
        let Some(parent) = look.resource(governing.parent())? else { return Ok(false) };
        governing = parent;
    }
    let policy = match governing.view() {
        View::Policy(policy) => Some(policy),
        _ => None,
    };
    // An empty list assigns no policies (TS-0001 9.6.1.3.2), and nobody could ever change it again.
    if policy.is_none() && (!governing.may_have("acpi") || governing.texts("acpi").next().is_none()) {
        return by_default(look, cse, asker, &governing, operation);
    }
    let specialization = specialization(resource);
    let question = question(cse, asker, resource, specialization.as_deref(), operation, child_type);
    if let Some(policy) = policy {
        return by_rules(look, cse, asker, &question, &policy.self_privileges);
    }
    by_policies(look, cse, asker, &question, governing.texts("acpi"), of_policies)
}

/// Whether a resource is a child of the one that the asker is registered by.
fn is_below_own(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    resource: &Resource,
) -> Result<bool, Failure> {
    let Some(parent) = look.resource(resource.parent())? else { return Ok(false) };
    Ok(parent.entity().is_some_and(|entity| cse.config().shorten(&entity) == asker.id))
}

/// What is asked of the rules.
fn question<'a>(
    cse: &Cse,
    asker: &'a Asker<'_>,
    resource: &Resource,
    specialization: Option<&'a str>,
    operation: u8,
    child_type: Option<ResourceType>,
) -> Question<'a> {
    Question {
        originator: asker.forms(cse),
        group: None,
        operation,
        resource_type: resource.ty(),
        specialization,
        child_type,
        now: asker.now,
        peer: asker.peer,
        authenticated: asker.authenticated,
        place: None,
    }
}

/// containerDefinition or mgmtDefinition of a resource.
fn specialization(resource: &Resource) -> Option<String> {
    match &resource.table().specialization {
        Specialization::None => None,
        Specialization::Container(definition) => Some(definition.to_string()),
        Specialization::Management(definition) => Some(definition.to_string()),
    }
}

/// Whether one of the policies grants what is asked: by its privileges, or by those that it has for itself.
fn by_policies<'a>(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    question: &Question<'_>,
    policies: impl Iterator<Item = &'a str>,
    of_policies: bool,
) -> Result<bool, Failure> {
    for address in policies {
        let Some(policy) = policy_at(look, cse, address)?.filter(|policy| !policy.is_expired(question.now))
        else {
            continue;
        };
        let View::Policy(rules) = policy.view() else { continue };
        let rules: &[Rule] = if of_policies { &rules.self_privileges } else { &rules.privileges };
        if by_rules(look, cse, asker, question, rules)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether rules grant what is asked, to the asker itself or to a group of which it is a member.
fn by_rules(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    question: &Question<'_>,
    rules: &[Rule],
) -> Result<bool, Failure> {
    let place = match rules.iter().any(|rule| rule.asks_for_place(question.operation)) {
        true => place_of(look, asker)?,
        false => None,
    };
    let question = &Question { place: place.as_ref(), ..question.clone() };
    if decide(question, rules) {
        return Ok(true);
    }
    let groups = groups_of(look, cse, asker, rules, question.operation)?;
    Ok(groups.into_iter().any(|group| decide(&Question { group: Some(group), ..question.clone() }, rules)))
}

/// Where the asker is, by the location of its AE on this node (TS-0003 annex F leaves open how a CSE retains it).
fn place_of(look: &mut impl Lookup, asker: &Asker<'_>) -> Result<Option<Place>, Failure> {
    if !crate::types::is_registered(look, asker)? {
        return Ok(None);
    }
    Ok(resolve(look, asker.id)?.and_then(|entity| location(entity.attributes())).map(Place))
}

/// The default access policy: everything for the creator and the custodian; on the CSEBase a little for everybody
/// who is registered.
fn by_default(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    resource: &Resource,
    operation: u8,
) -> Result<bool, Failure> {
    let is_asker = |id: &str| !asker.is_admin && !asker.id.is_empty() && cse.config().shorten(id) == asker.id;
    if resource.originator().is_some_and(is_asker)
        || (resource.may_have("cstn") && resource.text("cstn").is_some_and(is_asker))
    {
        return Ok(true);
    }
    if resource.id() == crate::CSE_BASE && operation & CSE_BASE_FOR_REGISTERED != 0 {
        return crate::types::is_registered(look, asker);
    }
    Ok(false)
}

/// The policy that an `acpi` entry refers to; `None` for one that is not on this node or not there any more.
fn policy_at(look: &mut impl Lookup, cse: &Cse, acpi: &str) -> Result<Option<Arc<Resource>>, Failure> {
    let Ok(address) = Address::parse(acpi) else { return Ok(None) };
    let here = match address.scope {
        Scope::CseRelative => true,
        Scope::SpRelative { cse: id } => id == cse.config().cse_base_id(),
        Scope::Absolute { sp, cse: id } => {
            id == cse.config().cse_base_id() && sp == cse.config().sp_id.trim_start_matches('/')
        }
    };
    if !here || address.path.is_empty() {
        return Ok(None);
    }
    Ok(resolve(look, address.path)?.filter(|policy| policy.ty() == 1))
}
