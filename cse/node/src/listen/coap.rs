//! CoAP: its settings, its server, its client.

use std::sync::Arc;

use anyhow::Context;
use dyad_bindings::coap::decode::Rules;
use dyad_bindings::coap::observe::Limits;
use dyad_bindings::coap::well_known::Site;
use dyad_bindings::coap::{
    self, ClientSettings, CoapTransport, Primitives, Secured, Server, ServerSettings, remembered,
};
use dyad_protocol::Serialization;
use dyad_protocol::serialization::Codec;

use super::{Common, STOP_DEADLINE, reachable};
use crate::settings::{self, Settings};
use crate::tls::Tls;

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
    let mut server = coap::start(server_settings(settings), resources).await.context(
        "cannot listen for CoAP; set coap.listen to a free address or coap.enabled to false, or stop what listens there",
    )?;
    if settings.multicast
        && let Err(error) = server.join_groups()
    {
        tracing::warn!(%error, "cannot join the groups of CoAP nodes, who ask them do not find this node; coap.multicast=false leaves it out");
    }
    Ok(Some(server))
}

fn server_settings(settings: &settings::Coap) -> ServerSettings {
    let usual = ServerSettings::default();
    let mut room = usual.uploads;
    room.bytes = settings.transfers;
    room.bytes_per_address = settings.transfers_per_address.min(settings.transfers);
    // Answers to requests that only read are worth less, and longer.
    let remembered = settings.remembered;
    let reads = remembered::Room { messages: remembered / 4, bytes: remembered.saturating_mul(128) };
    let changes = remembered::Room { messages: remembered, bytes: remembered.saturating_mul(256) };
    ServerSettings {
        listen: vec![settings.listen],
        max_body: settings.max_body,
        rate: settings.rate,
        max_pending: settings.max_pending,
        stop_deadline: STOP_DEADLINE,
        reads,
        changes,
        uploads: room,
        downloads: room,
        shown: settings.known_addresses,
        ..usual
    }
}

/// Lets clients in over DTLS too, if the settings say so.
pub(super) fn start_securely(common: &Common<'_>, server: &Server) -> anyhow::Result<Option<Secured>> {
    let Some(listen) = common.settings.coap.dtls_listen else { return Ok(None) };
    let endpoint = common.tls.dtls_server(listen)?;
    Ok(Some(Secured::serve(server, endpoint)))
}

/// The client.
pub(super) fn client(codec: &Codec, tls: &Tls) -> anyhow::Result<CoapTransport> {
    let (secrets, limits) = tls.dtls_client()?;
    Ok(CoapTransport::new(ClientSettings::default(), codec.clone()).with_dtls(secrets, limits))
}

/// URLs under which others reach the server.
pub(super) fn points_of_access(
    settings: &Settings,
    server: &Server,
    secured: Option<&Secured>,
) -> Vec<String> {
    match settings.coap.poa.as_slice() {
        [] => {
            let plain = server.addresses().iter().map(|address| ("coap", *address));
            let secure = secured.iter().map(|secured| ("coaps", secured.address()));
            let url = |(scheme, address)| format!("{scheme}://{}", reachable("coap", address));
            plain.chain(secure).map(url).collect()
        }
        given => given.to_vec(),
    }
}
