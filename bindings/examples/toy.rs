//! A trivial receiver behind the HTTP server: a subject for load tests and experiments.

use std::sync::Arc;

use async_trait::async_trait;
use dyad_bindings::http::{ServerSettings, start};
use dyad_protocol::exchange::{Arrival, Receiver};
use dyad_protocol::{Content, Request, Response, StatusCode};

struct Fixed;

#[async_trait]
impl Receiver for Fixed {
    async fn receive(&self, request: Box<Request>, _: Arrival) -> Response {
        let mut response = Response::to(&request, StatusCode::Ok);
        response.content = Some(Content::from_trusted_json(&br#"{"m2m:cin":{"con":"fixed"}}"#[..]));
        response
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = start(ServerSettings::default(), Arc::new(Fixed)).await?;
    println!("{:?}", server.addresses());
    server.wait().await
}
