//! The testing door, `POST /__ut__`: what conformance tools ask a node for besides oneM2M.
//!
//! A command comes in the header `X-M2M-UTCMD`, its result goes in `X-M2M-UTRSP`. There only with
//! `testing.enabled=true`, which the settings allow on a loopback address alone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dyad_bindings::http::{Door, DoorReply, DoorRequest};
use dyad_core::Cse;

use crate::serve::Gate;
use crate::settings::Settings;

/// What was in effect before a command made it short, and how short `<request>` resources are to live.
#[derive(Default)]
struct Before {
    expiration_interval: Option<Duration>,
    timeout: Option<Duration>,
    /// Since `enableShortResourceExpiration`.
    as_resources: Option<Duration>,
    /// Since `enableShortRequestExpiration`.
    as_requests: Option<Duration>,
}

impl Before {
    /// The shorter life counts while both commands are in effect.
    fn shorten_requests(&self, cse: &Cse) {
        cse.shorten_requests([self.as_resources, self.as_requests].into_iter().flatten().min());
    }
}

/// The door for a node.
pub(crate) fn door(settings: &Settings, gate: Arc<Gate>) -> Door {
    let keys = Arc::new(keys(settings));
    let before = Arc::new(Mutex::new(Before::default()));
    Door {
        path: "/__ut__".into(),
        handler: Arc::new(move |request: DoorRequest| {
            let (gate, keys, before) = (Arc::clone(&gate), Arc::clone(&keys), Arc::clone(&before));
            Box::pin(async move {
                if request.method != "POST" {
                    return reply(405, "4005", "");
                }
                let command = request.header("x-m2m-utcmd").unwrap_or_default().trim().to_owned();
                match carry_out(gate.cse().await, &keys, &before, &command).await {
                    Ok(result) => reply(200, "2000", &result),
                    Err(why) => reply(400, "4000", &why),
                }
            })
        }),
    }
}

fn reply(status: u16, rsc: &str, result: &str) -> DoorReply {
    let headers =
        vec![("X-M2M-RSC".to_owned(), rsc.to_owned()), ("X-M2M-UTRSP".to_owned(), result.to_owned())];
    DoorReply { status, headers, body: Vec::new().into() }
}

/// The settings that tools ask for, by key.
fn keys(settings: &Settings) -> Vec<(&'static str, String)> {
    vec![
        ("cse.type", settings.cse.kind.to_string()),
        ("cse.id", settings.cse.id.clone()),
        ("cse.name", settings.cse.name.clone()),
        ("cse.sp_id", settings.cse.sp_id.clone()),
        ("cse.admin", settings.cse.admin.clone()),
        ("http.root", settings.http.root.clone()),
        // Dynamic authorization is no part of this node yet.
        ("cse.security.enableDynamicAuthorization", "false".into()),
    ]
}

async fn carry_out(
    cse: &Cse,
    keys: &[(&'static str, String)],
    before: &Mutex<Before>,
    command: &str,
) -> Result<String, String> {
    let (name, argument) = command.split_once(' ').map_or((command, ""), |(name, rest)| (name, rest.trim()));
    match name.to_ascii_lowercase().as_str() {
        "status" => Ok("RUNNING".into()),
        "reset" => cse.reset().await.map(|()| String::new()).map_err(|failure| failure.to_string()),
        "getconfig" => {
            let found = keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(argument));
            found.map(|(_, value)| value.clone()).ok_or_else(|| format!("unknown key {argument}"))
        }
        "testcasestart" | "testcaseend" => {
            tracing::info!(test_case = argument, "{name}");
            Ok(String::new())
        }
        "enableshortresourceexpiration" => {
            let life = seconds(argument)?;
            let old = cse.set_expiration_interval(life);
            let mut before = lock(before);
            before.expiration_interval.get_or_insert(old);
            before.as_resources = Some(life);
            before.shorten_requests(cse);
            let longest = cse.config().max_expiration.micros() / 1_000_000;
            Ok(format!("{},{longest}", old.as_secs_f64()))
        }
        "disableshortresourceexpiration" => {
            let mut before = lock(before);
            if let Some(old) = before.expiration_interval.take() {
                cse.set_expiration_interval(old);
            }
            before.as_resources = None;
            before.shorten_requests(cse);
            Ok(String::new())
        }
        "enableshortrequestexpiration" => {
            let life = seconds(argument)?;
            let old = cse.delivery().set_timeout(life);
            let mut before = lock(before);
            before.timeout.get_or_insert(old);
            before.as_requests = Some(life);
            before.shorten_requests(cse);
            Ok(old.as_secs_f64().to_string())
        }
        "disableshortrequestexpiration" => {
            let mut before = lock(before);
            if let Some(old) = before.timeout.take() {
                cse.delivery().set_timeout(old);
            }
            before.as_requests = None;
            before.shorten_requests(cse);
            Ok(String::new())
        }
        _ => Err(format!("unknown command {name}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds < 1e6);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("'{text}' is no number of seconds above 0"))
}

fn lock(before: &Mutex<Before>) -> std::sync::MutexGuard<'_, Before> {
    before.lock().unwrap_or_else(PoisonError::into_inner)
}
