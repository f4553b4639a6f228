//! CREATE (TS-0004 7.3.3.3, 7.3.3.5).

use std::sync::Arc;

use dyad_protocol::schema::{Release, TypeTable};
use dyad_protocol::{Failure, Object, Operation, Response, ResultContent, StatusCode, Timestamp, id};
use serde_json::{Value, json};

use super::precondition;
use super::sketch::Sketch;
use super::target::{self, Target};
use super::{Asker, Call, Cause, Outcome, Written, remove_subtree, shape};
use crate::Cse;
use crate::access::{self, operation};
use crate::function::{BINDING, Change, Event};
use crate::resource::{Draft, Id, Latest, Lookup, Resource, Snapshot, Txn, child, names, path_of};
use crate::types;

/// First pass, on what is committed: may the originator, and is it something that can be created there?
pub(super) fn authorize(cse: &Cse, call: &Call, snapshot: &mut Snapshot<'_>) -> Result<(), Failure> {
    admit(cse, call, snapshot, None)?;
    validate(cse, call).map(|_| ())
}

/// The checks against the tree; gives the parent. `known` is the number of the parent, if it was found before.
fn admit(
    cse: &Cse,
    call: &Call,
    look: &mut impl Lookup,
    known: Option<Id>,
) -> Result<Arc<Resource>, Failure> {
    let parent = parent(cse, call, look, known)?;
    let ty = call.request.resource_type.unwrap_or_default();
    let base = look.tree().schemas.by_number(ty).cloned();
    let Some(base) = base else {
        return Err(Failure::not_implemented(format!("resource type {ty} is not supported")));
    };
    // A registration is open to whoever the registration function admits (TS-0004 7.4.5.2.1), which is there as
    // the check below makes sure.
    if !types::is_registration(ty) {
        let asker = Asker::new(cse, call);
        access::authorize(look, cse, &asker, &parent, operation::CREATE, Some(ty))?;
    }
    if !base.allows(Operation::Create) || base.is_virtual {
        return Err(Failure::not_allowed("resources of this type cannot be created by request"));
    }
    types::check_function(cse, &base)?;
    if !parent.table().allows_child(ty) {
        return Err(match ty {
            23 => Failure::new(StatusCode::TargetNotSubscribable, "the target cannot be subscribed to"),
            _ => Failure::new(
                StatusCode::InvalidChildResourceType,
                format!("a resource of type {ty} cannot be created here"),
            ),
        });
    }
    Ok(parent)
}

/// The resource below which one is to be created.
fn parent(
    cse: &Cse,
    call: &Call,
    look: &mut impl Lookup,
    known: Option<Id>,
) -> Result<Arc<Resource>, Failure> {
    // Its number costs less than its name. If it has gone meanwhile, another one may have the name.
    if let Some(id) = known
        && let Some(parent) = look.resource(id)?
        && !parent.is_expired(call.now)
    {
        return Ok(parent);
    }
    let Target { resource, virtual_child } = target::find(cse, call, look)?;
    match virtual_child {
        None => Ok(resource),
        Some(_) => Err(Failure::not_allowed("nothing can be created below a virtual resource")),
    }
}

/// The checks of the request alone; gives the table that it follows, and the attributes.
fn validate<'a>(cse: &Cse, call: &'a Call) -> Result<(Arc<TypeTable>, &'a Object), Failure> {
    let ty = call.request.resource_type.unwrap_or_default();
    let (root, content) = representation(call)?;
    let table = types::table_for(&cse.tree().schemas, ty, root, content)?;
    table.check_create(content, required_release(cse, call, content))?;
    Ok((table, content))
}

/// What of a CREATE is done before its turn in the write transaction, by who carries out the request: the writer is one
/// for all. Used up by the first attempt.
#[derive(Default)]
pub(super) struct Ready {
    /// The number of the parent.
    parent: Option<Id>,
    /// The path of the parent, if the answer needs it and memory has it.
    above: Option<String>,
    /// What the request says of the new resource, or what is wrong with it.
    sketch: Option<Result<Sketch, Failure>>,
}

impl Ready {
    /// For a request whose target was found.
    pub(super) fn new(cse: &Cse, call: &Call, target: &Target) -> Box<Self> {
        if target.virtual_child.is_some() {
            return Box::default();
        }
        let parent = &target.resource;
        let mut memory = Snapshot::of_memory(cse.tree());
        let above = wanted(call).and_then(|_| path_of(&mut memory, parent).ok());
        Box::new(Self { parent: Some(parent.id()), above, sketch: Some(sketch(cse, call)) })
    }
}

fn sketch(cse: &Cse, call: &Call) -> Result<Sketch, Failure> {
    let (table, sent) = validate(cse, call)?;
    Ok(Sketch::new(table, sent))
}

/// The one member of the content and its attributes.
pub(super) fn representation(call: &Call) -> Result<(&str, &Object), Failure> {
    let content = call.request.content.as_ref().map(|content| content.value());
    let Some(members) = content.and_then(Value::as_object) else {
        return Err(Failure::bad_request("the content is not a resource representation"));
    };
    let mut members = members.iter();
    match (members.next(), members.next()) {
        (Some((root, Value::Object(attributes))), None) => Ok((root, attributes)),
        _ => Err(Failure::bad_request("the content is not one resource representation")),
    }
}

/// The release that the primitive complies with; without an indicator, release 1.
pub(super) fn release(call: &Call) -> Release {
    call.request.release_version_indicator.as_deref().and_then(Release::parse).unwrap_or(Release::R1)
}

/// The release whose mandatory attributes a representation must have. A lenient node lets an entity leave out which
/// releases it supports, as many do: it is taken for one of a release that did not ask for it.
fn required_release(cse: &Cse, call: &Call, content: &Object) -> Release {
    let release = release(call);
    let is_entity = matches!(call.request.resource_type, Some(2 | 16));
    if cse.config().lenient && is_entity && !content.contains_key("srv") {
        release.min(Release::R2)
    } else {
        release
    }
}

/// Carries out a CREATE in the write transaction.
pub(super) fn create(txn: &mut Txn<'_>, call: &Call, ready: &mut Ready) -> Result<Written, Failure> {
    let (parent, above) = (ready.parent, ready.above.take());
    let resource = carry_out(txn, call, ready)?;
    let above = match above.filter(|_| parent == Some(resource.parent())) {
        None if wanted(call).is_some() => match txn.resource(resource.parent())? {
            Some(parent) => Some(path_of(txn, &parent)?),
            None => None,
        },
        above => above,
    };
    let events = vec![Event { operation: Operation::Create, resource: Arc::clone(&resource) }];
    Ok(Written { outcome: Outcome::Created { resource, above }, events })
}

/// Makes what a CREATE asks for. What is not in the transaction stays as it was.
pub(super) fn carry_out(txn: &mut Txn<'_>, call: &Call, ready: &mut Ready) -> Result<Arc<Resource>, Failure> {
    let cse = txn.cse();
    let parent = admit(cse, call, txn, ready.parent)?;
    let sketch = ready.sketch.take().unwrap_or_else(|| sketch(cse, call))?;
    precondition::check(call, &parent)?;
    make(txn, By::Originator(call), &parent, sketch)
}

/// Who makes a resource.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// The originator of a request.
    Originator(&'a Call),
    /// The node by itself, for somebody that the default access policy then knows as the creator, or for nobody.
    Node(Option<&'a str>),
}

impl<'a> By<'a> {
    fn call(self) -> Option<&'a Call> {
        match self {
            Self::Originator(call) => Some(call),
            Self::Node(_) => None,
        }
    }

    fn creator(self) -> Option<&'a str> {
        match self {
            Self::Originator(call) => Some(call.request.originator()),
            Self::Node(creator) => creator,
        }
    }
}

/// Makes a resource from attributes that suit its table, with all that types and service functions do about it.
pub(super) fn make(
    txn: &mut Txn<'_>,
    by: By<'_>,
    parent: &Arc<Resource>,
    sketch: Sketch,
) -> Result<Arc<Resource>, Failure> {
    let mut draft = draft(txn, by, parent, sketch)?;
    types::create(txn, by.call(), parent, &mut draft)?;
    txn.tell_functions(&mut Change::Create { call: by.call(), parent, draft: &mut draft })?;
    let resource = draft.fix()?;
    txn.insert(Arc::clone(&resource))?;
    types::created(txn, parent, &resource)?;
    // A flexContainer counts the first instance of its history.
    Ok(txn.resource(resource.id())?.unwrap_or(resource))
}

/// The new resource with its universal and common attributes (TS-0004 7.3.3.5).
fn draft(txn: &mut Txn<'_>, by: By<'_>, parent: &Arc<Resource>, sketch: Sketch) -> Result<Draft, Failure> {
    let now = txn.now();
    let Sketch { table, attributes, rn, et, names_creator } = sketch;
    if let Some(name) = &rn {
        check_name(txn, parent, name)?;
    }
    if rn.as_deref().and_then(names::row_of).is_some() && types::is_instance(table.number) {
        txn.note_named_instance();
    }
    let id = free_id(txn, parent, &table, rn.is_some())?;
    let creator = by.creator().map(|creator| txn.cse().config().shorten(creator).to_owned());
    let originator = creator.clone().filter(|_| table.has("acpi"));
    let latest = Latest::Known(None);
    let mut draft = Draft {
        id,
        parent: parent.id(),
        attributes,
        ri: None,
        rn,
        originator,
        latest,
        table,
        floor: None,
        expires_with_parent: false,
    };
    let time = now.to_string();
    let ri = draft.resource_id();
    draft.fill("rn", draft.rn.as_deref().unwrap_or(&ri).to_owned());
    draft.fill("ri", ri);
    draft.fill("pi", parent.ri().into_owned());
    draft.fill("ct", time.as_str());
    draft.fill("lt", time);
    if draft.table.has("et") {
        draft.fill("et", expiration(txn.cse(), now, parent, et)?.to_string());
    }
    if draft.table.has("st") {
        draft.fill("st", 0);
    }
    // An originator sends it as null, to be filled in; a service function is named in any case.
    let is_named = names_creator
        || by.call().is_some_and(|call| call.arrival.binding == BINDING && draft.table.has("cr"));
    if let Some(creator) = creator.filter(|_| is_named) {
        draft.set("cr", creator);
    }
    Ok(draft)
}

fn check_name(txn: &mut Txn<'_>, parent: &Arc<Resource>, name: &str) -> Result<(), Failure> {
    if !id::is_resource_name(name) {
        return Err(Failure::bad_request(
            "the resource name has characters that names cannot have, or is reserved",
        ));
    }
    let virtual_children = parent.table().virtual_children();
    if virtual_children.iter().any(|root| root.rsplit(':').next() == Some(name)) {
        return Err(Failure::conflict("a virtual resource has this name"));
    }
    match child(txn, parent, name)? {
        // One that nobody sees any more does not keep its name until it is swept.
        Some(old) if old.is_expired(txn.now()) => remove_subtree(txn, None, &old, Cause::Expired).map(drop),
        Some(_) => Err(Failure::conflict("a resource with this name exists already")),
        None => Ok(()),
    }
}

/// A number whose derived name is not taken by a name that an originator gave to a sibling.
fn free_id(
    txn: &mut Txn<'_>,
    parent: &Arc<Resource>,
    table: &TypeTable,
    is_named: bool,
) -> Result<i64, Failure> {
    loop {
        let id = txn.next_id();
        // Instances are many and rarely named: their look-up is left out until one has a name like an assigned one.
        let is_taken = !is_named
            && (!types::is_instance(table.number) || txn.has_named_instances())
            && txn.child_by_name(parent.id(), &names::derived(&table.root, id))?.is_some();
        if !is_taken {
            return Ok(id);
        }
    }
}

/// The expiration time of a new or changed resource: what was asked for, bounded by the parent's and by the
/// longest life that the node allows. BAD_REQUEST for the past.
pub(crate) fn expiration(
    cse: &Cse,
    now: Timestamp,
    parent: &Resource,
    asked: Option<Timestamp>,
) -> Result<Timestamp, Failure> {
    if asked.is_some_and(|at| at <= now) {
        return Err(Failure::bad_request("the expiration time (et) is in the past"));
    }
    let wanted = asked.unwrap_or_else(|| now.plus(cse.config().default_expiration));
    let most = now.plus(cse.config().max_expiration).min(Timestamp::from_micros(parent.row().et));
    Ok(wanted.min(most))
}

/// What of the new resource the response is to have; `None` for nothing.
fn wanted(call: &Call) -> Option<ResultContent> {
    let wanted = call.request.result_content.unwrap_or(ResultContent::Attributes);
    (wanted != ResultContent::Nothing).then_some(wanted)
}

/// The response (TS-0004 7.3.3.12), with the path of what the resource is below.
pub(super) fn answer(cse: &Cse, call: &Call, resource: &Arc<Resource>, above: Option<&str>) -> Response {
    let mut response = Response::to(&call.request, StatusCode::Created);
    let (Some(wanted), Some(above)) = (wanted(call), above) else { return response };
    let path = format!("{above}/{}", resource.name());
    // Whoever makes a resource is likely to come back to it; instances are many and read as the latest.
    if !types::is_instance(resource.ty()) {
        cse.tree().remember(&path, resource.id());
    }
    response.content = match wanted {
        ResultContent::HierarchicalAddress => Some(json!({ "m2m:uri": path }).into()),
        ResultContent::HierarchicalAddressAndAttributes => {
            Some(json!({ "m2m:rce": { "uri": path, resource.root(): resource.attributes() } }).into())
        }
        ResultContent::ModifiedAttributes => {
            let sent = representation(call).map(|(_, sent)| sent.clone()).unwrap_or_default();
            let modified = shape::modified(resource, None, &sent);
            (!modified.is_empty()).then(|| shape::partial(resource, modified))
        }
        _ => Some(shape::representation(resource)),
    };
    response.location = Some(path);
    response
}
