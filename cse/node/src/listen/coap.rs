//! CoAP: its settings, its server, its client.

use std::sync::Arc;

use anyhow::Context;
use dyad_bindings::coap::decode::Rules;
use dyad_bindings::coap::observe::Limits;
use dyad_bindings::coap::well_known::Site;
use dyad_bindings::coap::{self, ClientSettings, CoapTransport, Primitives, Server, ServerSettings};
use dyad_protocol::Serialization;
use dyad_protocol::serialization::Codec;

use super::{Common, STOP_DEADLINE, reachable};
use crate::settings::Settings;

/// Starts the server, unless it is switched off.
pub(super) async fn start(common: &Common<'_>) -> anyhow::Result<Option<Server>> {
    let settings = &common.settings.coap;
    if !settings.enabled {
        return Ok(None);
    }
    let attributes = Arc::clone(common.schemas);
    let rules = Rules {
        lenient: settings.lenient,
        default: Serialization::Json,
        codec: common.codec.clone(),
        is_attribute: Arc::new(move |name| attributes.is_attribute(name)),
        new_identifier: dyad_bindings::identifiers(),
    };
    let observers = Limits { total: settings.observers, per_address: settings.observers_per_address };
    let site = Site {
        cse_name: common.settings.cse.name.clone(),
        release: common.settings.cse.supported_releases.last().cloned(),
        schemas: Arc::clone(common.schemas),
        links: u32::try_from(settings.links).unwrap_or(u32::MAX),
    };
    let resources = Primitives::new(rules, Arc::clone(&common.receiver));
    let resources = Arc::new(resources.with_observers(observers).with_links(site));
    let is_multicast = settings.multicast;
    let settings = ServerSettings {
        listen: vec![settings.listen],
        max_body: settings.max_body,
        rate: settings.rate,
        stop_deadline: STOP_DEADLINE,
        ..ServerSettings::default()
    };
    let mut server = coap::start(settings, resources).await.context(
        "cannot listen for CoAP; set coap.listen to a free address or coap.enabled to false, or stop what listens there",
    )?;
    if is_multicast && let Err(error) = server.join_groups() {
        tracing::warn!(%error, "cannot join the groups of CoAP nodes, who ask them do not find this node; coap.multicast=false leaves it out");
    }
    Ok(Some(server))
}

/// The client.
pub(super) fn client(codec: &Codec) -> CoapTransport {
    CoapTransport::new(ClientSettings::default(), codec.clone())
}

/// URLs under which others reach the server.
pub(super) fn points_of_access(settings: &Settings, server: &Server) -> Vec<String> {
    match settings.coap.poa.as_slice() {
        [] => server
            .addresses()
            .iter()
            .map(|address| format!("coap://{}", reachable("coap", *address)))
            .collect(),
        given => given.to_vec(),
    }
}
