//! A bare CoAP server on `coap-lite`: reads a message and answers it with a fixed payload. It knows no repetitions, no
//! blocks and no limits.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use coap_lite::{MessageType, Packet};
use tokio::net::UdpSocket;

use super::{announce, body};

/// Serves with as many tasks as workers, until it is killed.
pub(crate) fn serve(size: usize, workers: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(async move {
        let socket = Arc::new(UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?);
        let payload = body(size).into_bytes();
        let tasks: Vec<_> =
            (0..workers).map(|_| tokio::spawn(answer(Arc::clone(&socket), payload.clone()))).collect();
        announce(&[socket.local_addr()?])?;
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

async fn answer(socket: Arc<UdpSocket>, payload: Vec<u8>) -> Result<()> {
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let Ok(request) = Packet::from_bytes(buffer.get(..length).unwrap_or_default()) else { continue };
        let mut answer = Packet::new();
        answer.header.set_type(MessageType::Acknowledgement);
        answer.header.code = 0x45.into();
        answer.header.message_id = request.header.message_id;
        answer.set_token(request.get_token().to_vec());
        answer.payload.clone_from(&payload);
        let bytes = answer.to_bytes().map_err(|error| anyhow::anyhow!("{error}"))?;
        socket.send_to(&bytes, from).await?;
    }
}
