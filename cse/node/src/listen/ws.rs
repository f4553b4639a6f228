//! WebSocket: its settings, its server, its client role.

use std::sync::Arc;

use anyhow::Context;
use dyad_bindings::tls::{TlsConnector, TlsListener};
use dyad_bindings::ws::{
    self, ClientSettings, Entities, Limits, Server, ServerSettings, Shared, WsTransport,
};

use super::{Common, STOP_DEADLINE, cors};
use crate::settings::Settings;

/// WebSocket, as far as it is switched on.
pub(super) struct WebSocket {
    pub(super) server: Option<Server>,
    /// Where the server takes connections over TLS.
    pub(super) secure: Option<TlsListener>,
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
    let secure = match &server {
        Some(server) => listen_securely(common, server)?,
        None => None,
    };
    let client = ClientSettings::default();
    let tls = TlsConnector::new(common.tls.client().config()?, client.connect_timeout);
    let client = ClientSettings { tls: Some(tls), ..client };
    Ok(WebSocket { server, secure, transport: Arc::new(WsTransport::new(client, shared)) })
}

/// Lets connections in over TLS, if the settings say so.
fn listen_securely(common: &Common<'_>, server: &Server) -> anyhow::Result<Option<TlsListener>> {
    let ws = &common.settings.ws;
    let Some(listen) = ws.tls_listen else { return Ok(None) };
    let (acceptor, sessions) = (common.tls.acceptor("ws.tls_listen")?, server.sessions().clone());
    let listener = TlsListener::start(listen, acceptor, ws.max_connections, move |stream, peer| {
        let sessions = sessions.clone();
        async move {
            if let Some(admission) = sessions.admit().await {
                sessions.serve(admission, stream, Some(peer), None).await;
            }
        }
    });
    Ok(Some(listener.context(
        "cannot listen for WebSocket over TLS; set ws.tls_listen to a free address, or stop what listens there",
    )?))
}

impl WebSocket {
    /// Closes all connections: what is in flight is answered until the deadline.
    pub(super) async fn stop(self) {
        drop(self.secure);
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
