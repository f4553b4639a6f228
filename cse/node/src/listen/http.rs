//! HTTP: its settings, its server, its client.

use std::sync::Arc;

use anyhow::Context;
use dyad_bindings::http::{self, ClientSettings, Door, HttpTransport, Server, ServerSettings};
use dyad_protocol::serialization::Codec;

use super::{Common, STOP_DEADLINE, cors};
use crate::settings::Settings;
use crate::tls::Tls;

/// Starts the server.
pub(super) async fn start(common: &Common<'_>, doors: Vec<Door>) -> anyhow::Result<Server> {
    let Common { settings, schemas, codec, receiver, tls } = common;
    let attributes = Arc::clone(schemas);
    let secure = match settings.http.tls_listen {
        None => None,
        Some(listen) => Some((vec![listen], tls.acceptor("http.tls_listen")?)),
    };
    let settings = ServerSettings {
        secure,
        is_attribute: Arc::new(move |name| attributes.is_attribute(name)),
        codec: codec.clone(),
        doors,
        ..server(settings)
    };
    http::start(settings, Arc::clone(receiver))
        .await
        .context("cannot listen for HTTP; set http.listen and http.tls_listen to free addresses, or stop what listens there")
}

/// The client.
pub(super) fn client(settings: &Settings, codec: &Codec, tls: &Tls) -> anyhow::Result<HttpTransport> {
    Ok(HttpTransport::new(&ClientSettings {
        // Many targets may be at one host.
        max_idle_per_host: settings.notification.targets,
        codec: codec.clone(),
        tls: tls.client().clone(),
        ..ClientSettings::default()
    })?)
}

fn server(settings: &Settings) -> ServerSettings {
    let http = &settings.http;
    ServerSettings {
        listen: vec![http.listen],
        root: http.root.clone(),
        lenient: http.lenient,
        max_body: http.max_body,
        header_timeout: http.header_timeout,
        body_timeout: http.body_timeout,
        keep_alive: http.keep_alive.unwrap_or_default(),
        stop_deadline: STOP_DEADLINE,
        cors: cors(&http.cors),
        workers: http.workers,
        max_connections: http.max_connections,
        ..ServerSettings::default()
    }
}
