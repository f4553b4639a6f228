//! Announcing the node on the local network: which services there are, and what is said of them.

use std::net::SocketAddr;

use dyad_bindings::discovery::{self, Announced, COAP, ONEM2M, Service};

use crate::settings::Settings;

/// Announces what listens on other than loopback addresses; nothing if that is nothing, or switched off. A network that
/// cannot be spoken to is no reason not to start.
pub(super) fn announce(settings: &Settings, http: &[SocketAddr], coap: &[SocketAddr]) -> Option<Announced> {
    let service = |kind, address: &SocketAddr, root: &str| Service {
        kind,
        address: *address,
        properties: properties(settings, root),
    };
    let http = http.iter().map(|address| service(ONEM2M, address, &settings.http.root));
    let coap = coap.iter().map(|address| service(COAP, address, ""));
    let services: Vec<Service> =
        http.chain(coap).filter(|service| !service.address.ip().is_loopback()).collect();
    if services.is_empty() || !settings.discovery.enabled {
        return None;
    }
    let name = format!("{} {}", settings.cse.name, settings.cse.id.trim_start_matches('/'));
    match discovery::announce(&name, &services) {
        Ok(announced) => {
            tracing::info!(name, services = services.len(), "announced on the local network");
            Some(announced)
        }
        Err(error) => {
            tracing::warn!(%error, "cannot announce the node on the local network; discovery.enabled=false leaves it out");
            None
        }
    }
}

/// What somebody who found the node has to know to speak to it.
fn properties(settings: &Settings, root: &str) -> Vec<(&'static str, String)> {
    let cse = &settings.cse;
    vec![
        ("txtvers", "1".to_owned()),
        ("cse-id", cse.id.clone()),
        ("cse-type", cse.kind.to_string()),
        ("sp-id", cse.sp_id.clone()),
        ("path", format!("{root}/{}", cse.name)),
    ]
}
