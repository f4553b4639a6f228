//! Conditions between several settings.
//!
//! Responsible for finding settings that are right each by itself and wrong together, and for the remedy. Single
//! values are left to `check`.

use super::Settings;

/// Settings that do not go together.
pub(super) struct Conflict {
    /// The keys; the first is where the conflict is reported.
    pub(super) keys: [&'static str; 2],
    /// What is wrong, and the remedy.
    pub(super) message: String,
}

/// All conflicts.
pub(super) fn conflicts(settings: &Settings) -> Vec<Conflict> {
    let Settings { cse, http, notification, polling, testing, .. } = settings;
    let mut conflicts = Vec::new();
    let mut add = |keys, message| conflicts.push(Conflict { keys, message });
    if testing.enabled && !http.listen.ip().is_loopback() {
        let message = format!(
            "testing.enabled = true lets whoever reaches the node erase everything, so http.listen must be a loopback \
             address and not {}; set http.listen to 127.0.0.1:{} or testing.enabled to false",
            http.listen,
            http.listen.port()
        );
        add(["testing.enabled", "http.listen"], message);
    }
    if cse.id.strip_prefix('/') == Some(cse.name.as_str()) {
        let message = format!(
            "cse.name and cse.id must differ by more than the slash, or {} would have two meanings in addresses; \
             call the CSEBase cse-{} for example",
            cse.name, cse.name
        );
        add(["cse.name", "cse.id"], message);
    }
    if cse.default_expiration > cse.max_expiration {
        let message =
            "cse.default_expiration is longer than cse.max_expiration; shorten the one or raise the other";
        add(["cse.default_expiration", "cse.max_expiration"], message.to_owned());
    }
    if notification.retry_first > notification.retry_longest {
        let message = "notification.retry_first is longer than notification.retry_longest; shorten the one or raise the other";
        add(["notification.retry_first", "notification.retry_longest"], message.to_owned());
    }
    if polling.wait > polling.longest_wait {
        let message = "polling.wait is longer than polling.longest_wait; shorten the one or raise the other";
        add(["polling.wait", "polling.longest_wait"], message.to_owned());
    }
    conflicts
}
