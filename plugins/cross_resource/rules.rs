//! Which attributes of a `<crossResourceSubscription>` go together (TS-0001 9.6.58, TS-0004 7.4.58.2.1).

use dyad_protocol::{Failure, Object};
use serde_json::Value;

use super::window::{Mode, Terms};

/// Targets of one cross-resource subscription at most.
const MOST_TARGETS: usize = 1_000;

/// The shortest windows that follow each other and are told of because nothing came, in microseconds.
const SHORTEST: i64 = 1_000_000;

/// Checks the attributes of a new or changed resource. BAD_REQUEST for what means nothing.
pub(super) fn check(attributes: &Object) -> Result<(), Failure> {
    check_targets(attributes)?;
    check_windows(attributes)
}

fn check_targets(attributes: &Object) -> Result<(), Failure> {
    let count = |name: &str| attributes.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    let (regular, all) = (count("rrat"), count("rrat") + count("srat"));
    if all == 0 {
        return Err(Failure::bad_request("neither rrat nor srat names a target"));
    }
    if all > MOST_TARGETS {
        return Err(Failure::bad_request(format!("rrat and srat have {MOST_TARGETS} targets at most")));
    }
    let criteria = attributes.get("encs").map(|set| criteria(set).count());
    match criteria {
        None if regular == 0 => Ok(()),
        Some(_) if regular == 0 => Err(Failure::bad_request("encs goes with rrat alone")),
        Some(1) => Ok(()),
        Some(number) if number == regular => Ok(()),
        Some(_) => Err(Failure::bad_request("encs has one entry, or one for each target in rrat")),
        None => Err(Failure::bad_request("the targets in rrat need criteria (encs)")),
    }
}

fn check_windows(attributes: &Object) -> Result<(), Failure> {
    let Some(terms) = Terms::of(attributes) else {
        return Err(Failure::bad_request("the time window (tws) is longer than nothing"));
    };
    if terms.is_periodic && terms.mode.wants_silence() && terms.size < SHORTEST {
        return Err(Failure::bad_request(
            "periodic windows that are told of because nothing came take a second or more",
        ));
    }
    // A sliding window begins with an event.
    if !terms.is_periodic && terms.mode == Mode::AllMissing {
        return Err(Failure::bad_request("all events (eem 4) can be missing in periodic windows alone"));
    }
    Ok(())
}

/// The entries of an eventNotificationCriteriaSet: `encn` in release 3, `enc` since release 4.
pub(super) fn criteria(set: &Value) -> impl Iterator<Item = &Value> {
    ["encn", "enc"].into_iter().filter_map(|name| set.get(name)?.as_array()).flatten()
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::{Value, json};

    fn is_fine(mut attributes: Value) -> bool {
        for (name, value) in [("twt", json!(1)), ("tws", json!("PT10S"))] {
            if attributes.get(name).is_none() {
                attributes[name] = value;
            }
        }
        check(attributes.as_object().unwrap()).is_ok()
    }

    #[test]
    fn targets_have_criteria() {
        let one = json!({"net": [1]});
        assert!(is_fine(json!({"srat": ["a"]})));
        assert!(is_fine(json!({"rrat": ["a", "b"], "encs": {"encn": [one]}})));
        assert!(is_fine(json!({"rrat": ["a", "b"], "encs": {"enc": [one, one]}})));
        assert!(!is_fine(json!({})));
        assert!(!is_fine(json!({"rrat": ["a"]})));
        assert!(!is_fine(json!({"rrat": ["a"], "encs": {}})));
        assert!(!is_fine(json!({"rrat": ["a", "b", "c"], "encs": {"encn": [one, one]}})));
        assert!(!is_fine(json!({"srat": ["a"], "encs": {"encn": [one]}})));
    }

    #[test]
    fn windows_make_sense() {
        for (twt, tws, eem, fine) in [
            (1, "PT0S", 1, false),
            (2, "PT0.1S", 1, true),
            (1, "PT0.1S", 3, false),
            (1, "PT1S", 4, true),
            (2, "PT1S", 4, false),
            (2, "PT1S", 5, true),
        ] {
            let attributes = json!({"srat": ["a"], "twt": twt, "tws": tws, "eem": eem});
            assert_eq!(is_fine(attributes), fine, "{twt} {tws} {eem}");
        }
    }
}
