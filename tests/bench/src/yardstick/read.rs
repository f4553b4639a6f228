//! The ceiling of reads: a bare handler with a fixed body.

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, rt, web};
use anyhow::Result;
use bytes::Bytes;

use super::{announce, body};

/// Answers every request with a body of this size.
pub(crate) fn serve(size: usize, workers: usize) -> Result<()> {
    let body = Bytes::from(body(size));
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let body = body.clone();
            App::new().default_service(web::to(move || {
                let body = body.clone();
                async move { HttpResponse::Ok().insert_header(ContentType::json()).body(body) }
            }))
        })
        .workers(workers)
        .bind("127.0.0.1:0")?;
        announce(&server.addrs())?;
        Ok(server.run().await?)
    })
}
