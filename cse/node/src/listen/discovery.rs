//! Announcing the node on the local network: which services there are, and what is said of them.

use std::net::{IpAddr, SocketAddr};

use dyad_bindings::discovery::{self, Announced, COAP, COAPS, MQTT, MQTTS, ONEM2M, Service};

use super::Listeners;
use crate::settings::Settings;

/// Announces what listens on other than loopback addresses; nothing if that is nothing, or switched off. A network that
/// cannot be spoken to is no reason not to start.
pub(super) fn announce(settings: &Settings, listeners: &Listeners) -> Option<Announced> {
    let services = services(settings, listeners);
    if services.is_empty() || !settings.discovery.enabled {
        return None;
    }
    match discovery::announce(&name(settings), &services) {
        Ok(announced) => {
            let name = name(settings);
            tracing::info!(name, services = services.len(), "announced on the local network");
            Some(announced)
        }
        Err(error) => {
            tracing::warn!(%error, "cannot announce the node on the local network; discovery.enabled=false leaves it out");
            None
        }
    }
}

/// Where each scheme is spoken, but for loopback addresses.
fn places(listeners: &Listeners) -> Vec<(&'static str, SocketAddr)> {
    let Listeners { http, coap, coaps, mqtt, ws, .. } = listeners;
    let mut places = Vec::new();
    let mut add = |scheme, addresses: &mut dyn Iterator<Item = SocketAddr>| {
        let public = addresses.filter(|address| !is_loopback(address.ip()));
        places.extend(public.map(|address| (scheme, address)));
    };
    add("http", &mut http.addresses().iter().copied());
    add("https", &mut http.secure_addresses().iter().copied());
    add("coap", &mut coap.iter().flat_map(|coap| coap.addresses().iter().copied()));
    add("coaps", &mut coaps.iter().map(|coaps| coaps.address()));
    add("mqtt", &mut mqtt.iter().flat_map(|mqtt| mqtt.addresses().iter().copied()));
    add("mqtts", &mut mqtt.iter().filter_map(|mqtt| mqtt.secure_address()));
    add("ws", &mut ws.server.iter().map(|server| server.address()));
    add("wss", &mut ws.secure.iter().map(|server| server.address()));
    places
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn services(settings: &Settings, listeners: &Listeners) -> Vec<Service> {
    let service = |(scheme, address)| {
        let name = name(settings);
        // What has a kind of its own needs no other name.
        let (kind, name) = match scheme {
            "http" => (ONEM2M, name),
            "coap" => (COAP, name),
            "coaps" => (COAPS, name),
            "mqtt" => (MQTT, name),
            "mqtts" => (MQTTS, name),
            scheme => (ONEM2M, format!("{name} ({scheme})")),
        };
        Service { name, kind, address, properties: properties(settings, scheme) }
    };
    places(listeners).into_iter().map(service).collect()
}

fn name(settings: &Settings) -> String {
    format!("{} {}", settings.cse.name, settings.cse.id.trim_start_matches('/'))
}

/// What somebody who found the node has to know to speak to it.
fn properties(settings: &Settings, scheme: &'static str) -> Vec<(&'static str, String)> {
    let cse = &settings.cse;
    let mut properties = vec![
        ("txtvers", "1".to_owned()),
        ("scheme", scheme.to_owned()),
        ("cse-id", cse.id.clone()),
        ("cse-type", cse.kind.to_string()),
        ("cse-name", cse.name.clone()),
        ("sp-id", cse.sp_id.clone()),
    ];
    match scheme {
        "http" | "https" => properties.push(("path", format!("{}/{}", settings.http.root, cse.name))),
        "ws" | "wss" => properties.push(("path", format!("{}/", settings.ws.root))),
        "mqtt" | "mqtts" if !settings.mqtt.prefix.is_empty() => {
            properties.push(("prefix", settings.mqtt.prefix.clone()));
        }
        "mqtt" | "mqtts" => {}
        _ => properties.push(("path", format!("/{}", cse.name))),
    }
    properties
}
