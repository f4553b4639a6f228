//! WebSocket: its settings, its server, its client role.

use std::sync::Arc;

use anyhow::Context;
use dyad_bindings::ws::{
    self, ClientSettings, Entities, Limits, Server, ServerSettings, Shared, WsTransport,
};

use super::{Common, STOP_DEADLINE, cors};
use crate::settings::Settings;

/// WebSocket, as far as it is switched on.
pub(super) struct WebSocket {
    pub(super) server: Option<Server>,
    pub(super) transport: Arc<WsTransport>,
}

/// Starts the server, if the settings want it, and the client role.
pub(super) async fn start(common: &Common<'_>) -> anyhow::Result<WebSocket> {
    let settings = common.settings;
    let shared = shared(common);
    let server = match settings.ws.enabled {
        true => Some(ws::start(server(settings), shared.clone()).await.context(
            "cannot listen for WebSocket; set ws.listen to a free address, stop what listens there, or set \
             ws.enabled to false",
        )?),
        false => None,
    };
    Ok(WebSocket { server, transport: Arc::new(WsTransport::new(ClientSettings::default(), shared)) })
}

impl WebSocket {
    /// Closes all connections: what is in flight is answered until the deadline.
    pub(super) async fn stop(self) {
        self.transport.stop();
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

fn shared(common: &Common<'_>) -> Shared {
    let Settings { cse, ws, .. } = common.settings;
    let (sp_id, cse_id) = (cse.sp_id.clone(), cse.id.clone());
    Shared {
        receiver: Arc::clone(&common.receiver),
        codec: common.codec.clone(),
        entities: Arc::new(Entities::default()),
        shorten: Arc::new(move |id| dyad_core::config::shorten(id, &sp_id, &cse_id).to_owned()),
        limits: Limits {
            max_message: ws.max_message,
            max_in_progress: ws.max_in_progress,
            keep_alive: ws.keep_alive,
        },
    }
}

fn server(settings: &Settings) -> ServerSettings {
    let ws = &settings.ws;
    ServerSettings {
        listen: ws.listen,
        root: ws.root.clone(),
        origins: cors(&ws.origins),
        handshake_timeout: ws.handshake_timeout,
        max_connections: ws.max_connections,
        stop_deadline: STOP_DEADLINE,
    }
}
