//! Which attributes of a `<timeSeries>` go together (TS-0001 9.6.36, 10.2.4.29; TS-0004 7.4.38.2.1, 7.4.38.2.3).

use dyad_protocol::{Failure, Object};
use serde_json::Value;

/// What detection goes by: none of it changes while data are watched.
const DETECTION: [&str; 4] = ["mdt", "mdn", "peid", "pei"];

/// A time series is about to be created. BAD_REQUEST if its attributes do not go together.
pub(super) fn begin(attributes: &mut Object) -> Result<(), Failure> {
    super::clear(attributes);
    if attributes.contains_key("pei") && !attributes.contains_key("peid") {
        set_delta(attributes);
    }
    check(attributes)
}

/// A time series is about to change. BAD_REQUEST if it is watched, or switched on or off, together with what detection
/// goes by, and if its attributes do not go together.
pub(super) fn change(old: &Object, new: &mut Object, sent: &Object) -> Result<(), Failure> {
    let changed = DETECTION.into_iter().find(|name| sent.contains_key(*name));
    let is_switched = sent.contains_key("mdd");
    if let Some(name) = changed
        && (is_switched || is_watched(old))
    {
        return Err(Failure::bad_request(format!(
            "{name} cannot be changed while missing data are detected (mdd), or together with mdd"
        )));
    }
    // Without a word on the delta the node sets it anew (TS-0004 7.4.38.2.3).
    let is_delta_left = sent.get("pei").is_some_and(|pei| !pei.is_null()) && !sent.contains_key("peid");
    if is_delta_left || (new.contains_key("pei") && !new.contains_key("peid")) {
        set_delta(new);
    }
    check(new)?;
    if changed.is_some() || (is_switched && is_watched(new)) {
        super::clear(new);
    }
    Ok(())
}

/// Whether missing data are to be detected.
pub(super) fn is_watched(attributes: &Object) -> bool {
    attributes.get("mdd").and_then(Value::as_bool).unwrap_or(false)
}

/// A length of time in milliseconds.
pub(super) fn millis(attributes: &Object, name: &str) -> Option<u64> {
    attributes.get(name)?.as_u64()
}

/// The delta that nobody gave: as large as it can be, so that data that come at about the right time count.
fn set_delta(attributes: &mut Object) {
    let Some(interval) = millis(attributes, "pei") else { return };
    let below_timer = millis(attributes, "mdt").map_or(u64::MAX, |timer| timer.saturating_sub(1));
    attributes.insert("peid".to_owned(), Value::from((interval / 2).min(below_timer)));
}

fn check(attributes: &Object) -> Result<(), Failure> {
    let delta = millis(attributes, "peid");
    if let (Some(interval), Some(delta)) = (millis(attributes, "pei"), delta)
        && delta > interval / 2
    {
        return Err(Failure::bad_request("peid is more than half of pei"));
    }
    if !is_watched(attributes) {
        return Ok(());
    }
    match millis(attributes, "mdt") {
        None => Err(Failure::bad_request("mdd needs mdt")),
        Some(timer) if delta.is_some_and(|delta| timer <= delta) => {
            Err(Failure::bad_request("mdt is not greater than peid"))
        }
        Some(_) => Ok(()),
    }
}
