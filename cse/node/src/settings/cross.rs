//! Conditions between several settings.
//!
//! Responsible for finding settings that are right each by itself and wrong together, and for the remedy. Single
//! values are left to `check`.

use dyad_bindings::tls::ClientAuth;

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
    let Settings { coap, cse, http, notification, testing, .. } = settings;
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
    if testing.enabled
        && let Some(listen) = http.tls_listen.filter(|listen| !listen.ip().is_loopback())
    {
        let message = format!(
            "testing.enabled = true lets whoever reaches the node erase everything, so http.tls_listen must be a loopback \
             address and not {listen}; set it to 127.0.0.1:{} or testing.enabled to false",
            listen.port()
        );
        add(["testing.enabled", "http.tls_listen"], message);
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
    if coap.max_body >= coap.transfers_per_address.min(coap.transfers) {
        let message = "coap.max_body leaves no room for a second transfer; make coap.transfers and \
                       coap.transfers_per_address larger, twice as large at the least";
        add(["coap.max_body", "coap.transfers_per_address"], message.to_owned());
    }
    conflicts.extend(exceeding(settings));
    conflicts.extend(secured(settings));
    conflicts
}

/// Settings of service functions that exceed what bounds them.
fn exceeding(settings: &Settings) -> impl Iterator<Item = Conflict> {
    settings.effective.iter().filter_map(|entry| {
        let key = entry.setting.key;
        let most = settings.effective.iter().find(|most| entry.setting.at_most == Some(most.setting.key))?;
        entry.value.exceeds(&most.value).then(|| Conflict {
            keys: [key, most.setting.key],
            message: format!("{key} is more than {}; lower the one or raise the other", most.setting.key),
        })
    })
}

/// Conflicts of secure connections: listeners without what they need, and files without their partner.
fn secured(settings: &Settings) -> Vec<Conflict> {
    let Settings { http, mqtt, tls, ws, .. } = settings;
    let mut conflicts = Vec::new();
    let mut add = |keys, message| conflicts.push(Conflict { keys, message });
    if tls.certificate.is_some() != tls.key.is_some() {
        let (given, missing) = match tls.certificate {
            Some(_) => ("tls.certificate", "tls.key"),
            None => ("tls.key", "tls.certificate"),
        };
        let message =
            format!("{given} is of no use without {missing}; name both (`dyad tls init` makes both)");
        add([given, missing], message);
    }
    for (key, listen) in [
        ("http.tls_listen", http.tls_listen),
        ("mqtt.tls_listen", mqtt.tls_listen),
        ("ws.tls_listen", ws.tls_listen),
    ] {
        if listen.is_some() && tls.certificate.is_none() && tls.key.is_none() && tls.psk.is_none() {
            let message = format!(
                "{key} needs a certificate or keys; run `dyad tls init` and name what it makes in tls.certificate and tls.key, \
                 or name a file with lines identity:key in tls.psk"
            );
            add([key, "tls.certificate"], message);
        }
    }
    if settings.coap.dtls_listen.is_some() && tls.certificate.is_none() && tls.psk.is_none() {
        let message = "coap.dtls_listen needs keys or a certificate; name a file with lines identity:key in tls.psk, or run \
                       `dyad tls init` and name what it makes in tls.certificate and tls.key";
        add(["coap.dtls_listen", "tls.psk"], message.to_owned());
    }
    if tls.psk_identity.is_some() && tls.psk.is_none() {
        let message = "tls.psk_identity has no key without tls.psk; name the file with its key there";
        add(["tls.psk_identity", "tls.psk"], message.to_owned());
    }
    if tls.client_auth != ClientAuth::Off && tls.client_ca.is_none() {
        let message = "tls.client_auth asks clients for certificates, and tls.client_ca does not say who has signed them; \
                       name a file with their issuers, or set tls.client_auth to off";
        add(["tls.client_auth", "tls.client_ca"], message.to_owned());
    }
    conflicts
}
