//! The ceiling of WebSockets: a server that sends every message back.

use std::net::SocketAddr;

use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::announce;

/// Echoes on a runtime like that of the node.
pub(crate) fn serve(workers: usize) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(workers).enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address: SocketAddr = listener.local_addr()?;
        println!("  WebSocket  ws://{address}");
        announce(&[address])?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(echo(stream));
        }
    })
}

async fn echo(stream: TcpStream) -> Result<()> {
    #[expect(clippy::result_large_err, reason = "the library says so")]
    let choose = |_: &Request, mut answer: Response| -> Result<Response, ErrorResponse> {
        answer.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("oneM2M.json"));
        Ok(answer)
    };
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
    let mut socket = tokio_tungstenite::accept_hdr_async_with_config(stream, choose, Some(config)).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() {
            socket.send(message).await?;
        }
    }
    Ok(())
}
