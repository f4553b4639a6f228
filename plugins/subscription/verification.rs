//! Asking targets whether they agree to be notified (TS-0004 7.4.8.2.1, 7.5.1.2.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dyad_core::Cse;
use dyad_core::request::{Call, Target, local_path};
use dyad_core::resource::resolve;
use dyad_core::settings::{Kind, Setting, Value as Given};
use dyad_core::subscription;
use dyad_protocol::{Failure, Operation, Request, StatusCode};
use serde_json::Value;

/// The type number of `<AE>`.
const AE: u32 = 2;

/// Whether URLs are asked too.
pub(crate) const URLS: Setting = Setting::new(
    "verify_urls",
    "true",
    Kind::Switch,
    "Whether notification targets that are URLs are asked if they agree, as AEs and CSEs are.",
)
.unsafe_if(
    |value| matches!(value, Given::Switch(false)),
    "whoever may subscribe can have notifications sent to any host; keep it on where you do not know them",
);

/// Asks the targets that a request adds to a subscription, if nothing else speaks against the request. Counts those
/// that agree and those that do not.
pub(crate) async fn verify(
    cse: &Cse,
    call: &Arc<Call>,
    target: &Target,
    agreed: &AtomicU64,
    disagreed: &AtomicU64,
) -> Result<(), Failure> {
    let (reference, known): (String, Vec<&str>) = match call.request.operation {
        Operation::Update => (target.resource.ri().into_owned(), target.resource.texts("nu").collect()),
        _ => (future_reference(call, target), Vec::new()),
    };
    let originator = cse.config().shorten(call.request.originator());
    let are_urls_asked = cse.settings(super::NAME).is_on(URLS.name);
    let mut is_rehearsed = false;
    for uri in targets(call) {
        if (uri.contains("://") && !are_urls_asked)
            || known.contains(&uri)
            || is_of(cse, originator, uri).await?
        {
            continue;
        }
        if !std::mem::replace(&mut is_rehearsed, true) {
            // Nobody is asked about what cannot be.
            cse.rehearse(call).await?;
        }
        for uri in subscription::members(cse, uri).await? {
            let outcome = ask(cse, &uri, &reference, originator).await;
            let counter = if outcome.is_ok() { agreed } else { disagreed };
            counter.fetch_add(1, Ordering::Relaxed);
            outcome?;
        }
    }
    Ok(())
}

/// Whether a target is the originator itself: by its identifier, by another address of its AE, or by a URL that it is
/// reached at.
async fn is_of(cse: &Cse, originator: &str, target: &str) -> Result<bool, Failure> {
    if cse.config().shorten(target) == originator {
        return Ok(true);
    }
    let (originator, target) = (originator.to_owned(), target.to_owned());
    cse.look(move |cse, snapshot| {
        let Some(entity) = resolve(snapshot, &originator)?.filter(|entity| entity.ty() == AE) else {
            return Ok(false);
        };
        if target.contains("://") {
            return Ok(entity.texts("poa").any(|point| point == target));
        }
        let Ok(path) = local_path(cse, cse.config().shorten(&target)) else { return Ok(false) };
        Ok(resolve(snapshot, path)?.is_some_and(|named| named.id() == entity.id()))
    })
    .await
}

/// What a subscription will be known by: its structured address if its originator names it. The resource ID comes
/// with the commit, so a nameless one is known by what it subscribes to.
fn future_reference(call: &Call, target: &Target) -> String {
    match attribute(call, "rn").and_then(Value::as_str) {
        Some(name) => format!("{}/{name}", call.request.to),
        None => target.resource.ri().into_owned(),
    }
}

/// An attribute of the subscription that a request carries.
fn attribute<'a>(call: &'a Call, short_name: &str) -> Option<&'a Value> {
    call.request.content.as_ref()?.value().as_object()?.values().next()?.get(short_name)
}

/// The notification targets that a request names.
fn targets(call: &Call) -> impl Iterator<Item = &str> {
    attribute(call, "nu").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

async fn ask(cse: &Cse, uri: &str, reference: &str, creator: &str) -> Result<(), Failure> {
    let config = cse.config();
    let request = Request {
        operation: Operation::Notify,
        from: Some(config.cse_id.clone()),
        request_identifier: format!("vrf{}", cse.now().micros()),
        content: Some(subscription::verification(config, reference, creator).into()),
        release_version_indicator: config.releases.last().cloned(),
        ..Request::default()
    };
    let refused = |why: String| {
        Failure::new(
            StatusCode::SubscriptionVerificationInitiationFailed,
            format!("the notification target {uri} {why}"),
        )
    };
    match cse.originate(uri, request).await {
        Ok(response) if response.status.is_success() => Ok(()),
        Ok(response) => Err(match response.status {
            StatusCode::SubscriptionCreatorHasNoPrivilege | StatusCode::SubscriptionHostHasNoPrivilege => {
                Failure::new(response.status, "the notification target does not accept the subscription")
            }
            status => refused(format!("does not accept the subscription ({})", status.number())),
        }),
        Err(error) => {
            // The originator is not told: it would learn what this node can reach.
            tracing::warn!(target = uri, why = %error, "notification target cannot be asked whether it agrees");
            Err(refused("cannot be reached".into()))
        }
    }
}
