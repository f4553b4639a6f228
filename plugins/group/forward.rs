//! Subscriptions that are made by way of a group and whose notifications the group gathers (TS-0004 7.4.14.2.3, TS-0001
//! 10.2.7.10): the subscriptions of the members notify the group, and the group the subscriber.
//!
//! What the group assigns is a subscription below it, the forwarder. Its address is the notificationURI of the
//! members' subscriptions, its targets are those that the originator named, and its batches are as large as
//! notifyAggregation says. No event of the group concerns it.

use std::sync::Arc;

use dyad_core::request::{Amendment, Call};
use dyad_core::resource::{Lookup, Resource, Txn};
use dyad_core::{Cse, subscription};
use dyad_protocol::{Content, Failure, Object, Operation, Request, StatusCode};
use serde_json::{Value, json};

use super::{GROUP, Groups, SUBSCRIPTION};

/// The member name of a subscription.
const ROOT: &str = "m2m:sub";

/// Forwarders that a group may have.
const MOST: usize = 1_000;

/// No child is older, so that no event of the group counts.
const NEVER: &str = "19700101T000000";

impl Groups {
    /// The content for the members in place of that of a request for a subscription whose notifications the group is
    /// to gather; `None` for every other request.
    ///
    /// SUBSCRIPTION_VERIFICATION_INITIATION_FAILED or what it answers if a target does not agree.
    pub(super) async fn gathering(
        &self,
        cse: &Cse,
        call: &Call,
        group: &Arc<Resource>,
    ) -> Result<Option<Content>, Failure> {
        let Some(sent) = sent(call) else { return Ok(None) };
        let Some(wanted) = Wanted::new(cse, call, sent) else { return Ok(None) };
        let (known, searched) = (wanted.clone(), Arc::clone(group));
        let found = cse.look(move |_, look| find(look, &searched, &known)).await?;
        let forwarder = match found {
            Some(forwarder) => forwarder,
            None => {
                verify(cse, &wanted, group).await?;
                self.make(cse, group, wanted).await?
            }
        };
        let mut attributes = sent.clone();
        let config = cse.config();
        attributes.insert("nu".into(), json!([config.sp_relative(&forwarder)]));
        attributes.insert("gpi".into(), config.sp_relative(&group.ri()).into());
        Ok(Some(json!({ ROOT: attributes }).into()))
    }

    /// Makes a forwarder. Gives its resource ID.
    async fn make(&self, cse: &Cse, group: &Arc<Resource>, wanted: Wanted) -> Result<String, Failure> {
        let made = cse.amend_with(self, group.id(), move |txn, group| {
            let forwarder = match find(txn, group, &wanted)? {
                Some(forwarder) => forwarder,
                None => create(txn, group, &wanted)?,
            };
            Ok((Amendment::Keep, forwarder))
        });
        made.await?.ok_or_else(|| Failure::not_found("the group is gone"))
    }
}

/// The attributes of the subscription that a request makes.
fn sent(call: &Call) -> Option<&Object> {
    if call.request.operation != Operation::Create || call.request.resource_type != Some(SUBSCRIPTION) {
        return None;
    }
    call.request.content.as_ref()?.value().get(ROOT)?.as_object()
}

/// Whom a forwarder is for.
#[derive(Clone, Debug)]
struct Wanted {
    /// `nu` as the originator or the group above sent it.
    targets: Vec<String>,
    /// `nfu`
    forwarding: String,
    originator: String,
    /// `et`
    expiration: Option<Value>,
}

impl Wanted {
    /// `None` for a subscription that wants nothing gathered; what is malformed is left to the members to refuse.
    fn new(cse: &Cse, call: &Call, sent: &Object) -> Option<Self> {
        let targets = sent.get("nu")?.as_array()?;
        Some(Self {
            targets: targets
                .iter()
                .map(|target| target.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
            forwarding: sent.get("nfu")?.as_str()?.to_owned(),
            originator: cse.config().shorten(call.request.originator()).to_owned(),
            expiration: sent.get("et").filter(|et| et.is_string()).cloned(),
        })
        .filter(|wanted| !wanted.targets.is_empty())
    }
}

/// Whether a subscription is a forwarder of a group.
pub(super) fn is_forwarder(subscription: &Resource, group: &Resource) -> bool {
    subscription.ty() == SUBSCRIPTION
        && group.ty() == GROUP
        && subscription.parent() == group.id()
        && subscription.text("nfu").is_some()
        && subscription.text("gpi") == Some(&*group.ri())
}

/// The forwarders of a group.
pub(super) fn forwarders(look: &mut impl Lookup, group: &Resource) -> Result<Vec<Arc<Resource>>, Failure> {
    let types = [i32::try_from(SUBSCRIPTION).map_err(Failure::internal)?];
    let mut found = look.children(group.id(), &types, 0, MOST)?;
    found.retain(|subscription| is_forwarder(subscription, group));
    Ok(found)
}

/// The forwarder for the same originator and targets.
fn find(look: &mut impl Lookup, group: &Arc<Resource>, wanted: &Wanted) -> Result<Option<String>, Failure> {
    let found = forwarders(look, group)?.into_iter().find(|forwarder| {
        forwarder.text("nfu") == Some(&wanted.forwarding)
            && forwarder.texts("nu").eq(wanted.targets.iter().map(String::as_str))
            && forwarder.originator() == Some(&wanted.originator)
    });
    Ok(found.map(|forwarder| forwarder.ri().into_owned()))
}

fn create(txn: &mut Txn<'_>, group: &Arc<Resource>, wanted: &Wanted) -> Result<String, Failure> {
    if forwarders(txn, group)?.len() >= MOST {
        return Err(Failure::not_allowed("the group gathers notifications for too many subscribers"));
    }
    let Some(table) = txn.cse().schemas().by_number(SUBSCRIPTION).cloned() else {
        return Err(Failure::not_implemented("there are no subscriptions"));
    };
    let mut attributes = Object::from_iter([
        ("nu".to_owned(), Value::from(wanted.targets.as_slice())),
        ("nfu".to_owned(), Value::from(wanted.forwarding.as_str())),
        ("gpi".to_owned(), Value::from(&*group.ri())),
        ("enc".to_owned(), json!({ "net": [3], "crb": NEVER })),
        ("bn".to_owned(), batch(txn.cse(), group.attributes())),
        ("pn".to_owned(), Value::from(2)),
    ]);
    attributes.extend(wanted.expiration.clone().map(|et| ("et".to_owned(), et)));
    let made = txn.create_as(group, table, attributes, Some(&wanted.originator))?;
    Ok(made.ri().into_owned())
}

/// How a group gathers: as notifyAggregation says; without it, as many as there are members, and as long as the node
/// says (TS-0004 7.4.14.2.5).
fn batch(cse: &Cse, group: &Object) -> Value {
    let mut batch = match group.get("nar").and_then(Value::as_object) {
        Some(aggregation) => aggregation.clone(),
        None => {
            let members = group.get("cnm").and_then(Value::as_u64).unwrap_or(1);
            Object::from_iter([("num".to_owned(), Value::from(members.max(1)))])
        }
    };
    batch.entry("dur").or_insert_with(|| default_duration(cse).into());
    Value::Object(batch)
}

/// How long notifications are gathered where the group does not say.
pub(super) fn default_duration(cse: &Cse) -> String {
    format!("PT{}S", cse.config().notification.batch_duration.micros() / 1_000_000)
}

/// A group has changed: its forwarders gather as it says now.
pub(super) fn adapt(txn: &mut Txn<'_>, old: &Resource, new: &Object) -> Result<(), Failure> {
    let batch = batch(txn.cse(), new);
    for forwarder in forwarders(txn, old)? {
        if forwarder.get("bn") != Some(&batch) {
            let _ = txn.modify(&forwarder, &Object::from_iter([("bn".to_owned(), batch.clone())]))?;
        }
    }
    Ok(())
}

/// Asks the targets whether they agree, as for any subscription (TS-0004 7.5.1.2.3): for the members' subscriptions the
/// group is the target, which knows.
async fn verify(cse: &Cse, wanted: &Wanted, group: &Arc<Resource>) -> Result<(), Failure> {
    let config = cse.config();
    for target in &wanted.targets {
        if config.shorten(target) == wanted.originator {
            continue;
        }
        for target in subscription::members(cse, target).await? {
            let request = Request {
                operation: Operation::Notify,
                from: Some(config.cse_id.clone()),
                request_identifier: format!("vrf{}", cse.now().micros()),
                content: Some(subscription::verification(config, &group.ri(), &wanted.originator).into()),
                release_version_indicator: config.releases.last().cloned(),
                ..Request::default()
            };
            match cse.originate(&target, request).await {
                Ok(response) if response.status.is_success() => {}
                Ok(response) => return Err(refused(response.status)),
                Err(_) => return Err(refused(StatusCode::TargetNotReachable)),
            }
        }
    }
    Ok(())
}

fn refused(status: StatusCode) -> Failure {
    let status = match status {
        StatusCode::SubscriptionCreatorHasNoPrivilege | StatusCode::SubscriptionHostHasNoPrivilege => status,
        _ => StatusCode::SubscriptionVerificationInitiationFailed,
    };
    Failure::new(status, "the notification target does not accept the subscription or cannot be reached")
}
