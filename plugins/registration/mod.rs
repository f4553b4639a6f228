//! Registration of application entities (CSF-REG; TS-0001 10.1.1.2.2, TS-0004 7.4.5.2.1).
//!
//! Responsible for who may register, for AE-IDs and their uniqueness, and for what an `<AE>` must say of itself.
//! Registration of CSEs is left to a function of its own.

mod profile;

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::request::Call;
use dyad_core::resource::{Draft, Lookup, Txn};
use dyad_core::settings::{Kind, Setting, Value as Given};
use dyad_core::{Change, Report, ServiceFunction, Stage, access};
use dyad_protocol::{Failure, StatusCode, id};
use profile::{Profiles, Registree};
use serde_json::Value;

/// The name of the function, and of its section of the settings.
const NAME: &str = "registration";

/// The type number of `<AE>`.
const AE: u32 = 2;

/// The types whose procedures are carried out here.
const OWNED: [u32; 4] = [AE, profile::TYPES[0], profile::TYPES[1], profile::TYPES[2]];

/// Who may register.
const ALLOWED: Setting = Setting::new(
    "allowed_originators",
    "C*, S*",
    Kind::List(are_patterns, "a list of AE-IDs in which * stands for any characters, like C*, Smeter-*"),
    "AE-IDs that may register; C* and S* also let the node assign one.",
)
.unsafe_if(
    |value| matches!(value, Given::List(entries) if entries.iter().any(|entry| ["*", "C*", "S*"].contains(&entry.as_str()))),
    "whoever reaches the node may register an AE; list the AE-IDs or prefixes that you expect",
);

/// Registers application entities.
#[derive(Debug, Default)]
pub struct Registration {
    registered: AtomicU64,
    refused: AtomicU64,
    profiles: Profiles,
}

#[async_trait]
impl ServiceFunction for Registration {
    fn stages(&self) -> &'static [Stage] {
        &[]
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn may_block(&self) -> bool {
        false
    }

    fn settings(&self) -> &[Setting] {
        &[ALLOWED]
    }

    fn owns(&self) -> &[u32] {
        &OWNED
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { draft, .. } | Change::Update { draft, .. }
                if profile::TYPES.contains(&draft.table.number) =>
            {
                self.profiles.note(draft.table.number);
                profile::check(txn.cse().config(), draft)
            }
            Change::Create { call: Some(call), draft, .. } if draft.table.number == AE => {
                let outcome = register(txn, &self.profiles, call, draft);
                let counter = if outcome.is_ok() { &self.registered } else { &self.refused };
                counter.fetch_add(1, Ordering::Relaxed);
                outcome
            }
            Change::Update { draft, .. } if draft.table.number == AE => check_points_of_access(draft),
            Change::Delete { old, .. } => {
                self.profiles.note(old.ty());
                if old.ty() == AE {
                    tracing::info!(ae = %old.ri(), "AE is registered no more");
                }
                Ok(())
            }
            Change::Create { .. } | Change::Update { .. } => Ok(()),
        }
    }

    fn report(&self) -> Report {
        let registered = self.registered.load(Ordering::Relaxed);
        let refused = self.refused.load(Ordering::Relaxed);
        Report {
            summary: format!("{registered} registrations and {refused} refusals since the start"),
            figures: vec![("registered", registered), ("refused", refused)],
        }
    }
}

/// Admits an AE and gives it its AE-ID, which is its resource ID too.
fn register(txn: &mut Txn<'_>, profiles: &Profiles, call: &Call, draft: &mut Draft) -> Result<(), Failure> {
    let cse = txn.cse();
    let config = cse.config();
    let is_admin = config.shorten(call.request.originator()) == config.admin;
    let originator = match is_admin {
        true => config.admin.as_str(),
        false => admitted(txn, profiles, call, draft)?,
    };
    let is_old = call.request.release_version_indicator.as_deref().is_none_or(|release| release == "1");
    check_app_id(draft, config.lenient, is_old)?;
    check_points_of_access(draft)?;
    let stem = match originator {
        // The node assigns the AE-ID.
        "C" => format!("C{}", draft.id),
        "S" => format!("S{}", draft.id),
        given if is_admin || id::is_ae_id_stem(given) => given.to_owned(),
        _ => return Err(Failure::bad_request("an AE-ID begins with C or S and has no further slashes")),
    };
    let taken = match txn.by_ri(&stem)? {
        Some(id) => txn.resource(id)?,
        None => None,
    };
    match taken {
        // A registration that is over does not keep its AE from coming back before the sweep.
        Some(old) if old.is_expired(txn.now()) => txn.remove_expired(&old)?,
        Some(_) => {
            return Err(Failure::new(
                StatusCode::OriginatorHasAlreadyRegistered,
                "an AE with this AE-ID is registered already",
            ));
        }
        None => {}
    }
    draft.set("aei", stem.as_str());
    draft.set_resource_id(stem.as_str());
    draft.originator = Some(stem.clone());
    if draft.attributes.contains_key("cr") {
        draft.set("cr", stem.as_str());
    }
    tracing::info!(ae = %stem, name = %draft.name(), "AE registers");
    Ok(())
}

/// The AE-ID-Stem that the originator may register with, or the letter that one will begin with.
/// APP_RULE_VALIDATION_FAILED if the settings or the profiles of service subscriptions allow none.
fn admitted<'a>(
    txn: &mut Txn<'_>,
    profiles: &Profiles,
    call: &'a Call,
    draft: &Draft,
) -> Result<&'a str, Failure> {
    let cse = txn.cse();
    let allowed = cse.settings(NAME).list(ALLOWED.name);
    // Who does not say which kind of AE-ID it wants gets the one that it may have.
    let mut stems: Vec<&str> = match cse.config().shorten(call.request.originator()) {
        "" => vec!["C", "S"],
        given => vec![given],
    };
    stems.retain(|stem| is_allowed(allowed, stem));
    if stems.is_empty() {
        return Err(Failure::new(
            StatusCode::AppRuleValidationFailed,
            "this originator may not register (registration.allowed_originators)",
        ));
    }
    let registree = Registree {
        app_id: draft.attributes.get("api").and_then(Value::as_str).unwrap_or_default(),
        credential: call.arrival.authenticated.as_deref(),
    };
    profiles.admitted(txn, &registree, &stems)?.ok_or_else(|| {
        Failure::new(
            StatusCode::AppRuleValidationFailed,
            "no rule of a service subscription admits this AE-ID with this App-ID",
        )
    })
}

/// Patterns of AE-IDs: unreserved characters and `*`, with slashes for those of other nodes.
fn are_patterns(entries: &[String]) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-._~*/".contains(character);
    entries.iter().all(|entry| !entry.is_empty() && entry.chars().all(allowed))
}

/// Whether an originator is on the list.
fn is_allowed(allowed: &[String], originator: &str) -> bool {
    let asked = [originator.to_owned()];
    allowed.iter().any(|pattern| access::matches_originator(pattern, &asked))
}

/// An App-ID begins with `N` (not registered), `R` or `r` (registered with an authority). A lenient node takes
/// others from clients of release 1, and object identifiers (`0.2.481.…`) from all: the prefix came later than they.
fn check_app_id(draft: &Draft, lenient: bool, is_old: bool) -> Result<(), Failure> {
    let app_id = draft.attributes.get("api").and_then(Value::as_str).unwrap_or_default();
    match app_id.starts_with(['N', 'R', 'r']) && app_id.len() > 1 {
        true => Ok(()),
        false if lenient && is_old && !app_id.is_empty() => Ok(()),
        false if lenient && app_id.starts_with(|c: char| c.is_ascii_digit()) => Ok(()),
        false => Err(Failure::bad_request("the App-ID (api) is N, R or r and at least one more character")),
    }
}

fn check_points_of_access(draft: &Draft) -> Result<(), Failure> {
    let points = draft.attributes.get("poa").and_then(Value::as_array).into_iter().flatten();
    for point in points.filter_map(Value::as_str) {
        if point.is_empty() || point.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Failure::bad_request("a point of access (poa) is malformed"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::are_patterns;

    #[test]
    fn patterns() {
        let are = |entries: &[&str]| {
            are_patterns(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>())
        };
        assert!(are(&[]) && are(&["C*", "S*"]) && are(&["/id-mn/C*"]));
        assert!(!are(&[""]) && !are(&["C *"]));
    }
}
