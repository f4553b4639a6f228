//! A subscriber that takes every notification, counts it and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use anyhow::Result;
use bytes::Bytes;

use super::announce;

/// Where the count is read.
pub(crate) const COUNT: &str = "/count";

/// Answers notifications with 2000 and `GET /count` with their number.
pub(crate) fn serve() -> Result<()> {
    let count = Arc::new(AtomicU64::new(0));
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::from(count.clone()))
                .route(COUNT, web::get().to(tell))
                .default_service(web::to(take))
        })
        .workers(1)
        .bind("127.0.0.1:0")?;
        announce(&server.addrs())?;
        Ok(server.run().await?)
    })
}

async fn tell(count: web::Data<AtomicU64>) -> String {
    count.load(Ordering::Relaxed).to_string()
}

async fn take(count: web::Data<AtomicU64>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if !holds(&body, b"\"vrq\":true") {
        count.fetch_add(1, Ordering::Relaxed);
    }
    let mut answer = HttpResponse::Ok();
    answer.insert_header(("X-M2M-RSC", "2000"));
    for name in ["X-M2M-RI", "X-M2M-RVI"] {
        if let Some(value) = request.headers().get(name) {
            answer.insert_header((name, value.clone()));
        }
    }
    answer.finish()
}

fn holds(body: &[u8], needle: &[u8]) -> bool {
    body.windows(needle.len()).any(|window| window == needle)
}
