//! A node that keeps nothing: with it the bench itself is tested, and its own cost seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use actix_web::http::header::{ContentType, HeaderName};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http, rt, web};
use anyhow::Result;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::client::Client;
use crate::yardstick::{announce, body};
use crate::{machine, script};

const SIZE: usize = 300;
/// Notifications that may wait.
const OWED: usize = 1 << 20;

struct State {
    instances: AtomicU64,
    subscriptions: AtomicU64,
    notify: Sender<Option<String>>,
}

/// Answers the requests of the bench until it is ended.
pub(crate) fn serve() -> Result<()> {
    let (notify, owed) = bounded(OWED);
    thread::spawn(move || deliver(&owed));
    let state = Arc::new(State { instances: AtomicU64::new(0), subscriptions: AtomicU64::new(0), notify });
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new().app_data(web::Data::from(state.clone())).default_service(web::to(answer))
        })
        .workers(machine::cores())
        .bind("127.0.0.1:0")?;
        announce(&server.addrs())?;
        Ok(server.run().await?)
    })
}

async fn answer(state: web::Data<State>, request: HttpRequest, received: Bytes) -> HttpResponse {
    let (mut response, content) = if request.method() == http::Method::POST {
        create(&state, &request, &received);
        (HttpResponse::Created(), body(SIZE))
    } else if request.query_string().contains("fu=1") {
        (HttpResponse::Ok(), r#"{"m2m:uril":["cse-in/bench/needle"]}"#.to_owned())
    } else if request.query_string().contains("rcn=4") {
        let count = state.instances.load(Ordering::Relaxed);
        let instances = vec![r#"{"ty":4,"con":"21"}"#; usize::try_from(count).unwrap_or(0)];
        (HttpResponse::Ok(), format!(r#"{{"m2m:cnt":{{"m2m:cin":[{}]}}}}"#, instances.join(",")))
    } else {
        (HttpResponse::Ok(), body(SIZE))
    };
    if let Some(id) = request.headers().get("X-M2M-RI") {
        response.insert_header((HeaderName::from_static("x-m2m-ri"), id.clone()));
    }
    response.insert_header(("X-M2M-RSC", "2000")).insert_header(ContentType::json()).body(content)
}

fn create(state: &State, request: &HttpRequest, received: &[u8]) {
    let ty = request.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    if ty.ends_with("ty=4") {
        state.instances.fetch_add(1, Ordering::Relaxed);
        // The bench gives its subscriber the container of this name.
        if state.subscriptions.load(Ordering::Relaxed) > 0 && request.path().ends_with("heard") {
            let _ = state.notify.try_send(None);
        }
    } else if ty.ends_with("ty=23") {
        state.subscriptions.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(received);
        let target = text.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let _ = state.notify.try_send(target.map(str::to_owned));
    }
}

/// Sends what is owed, one after the other; an address comes ahead of the notifications for it.
fn deliver(owed: &Receiver<Option<String>>) {
    let notification = script::post("/", "/id-in", 0, r#"{"m2m:sgn":{"nev":{"net":3}}}"#);
    let mut client = None;
    for (number, item) in owed.iter().enumerate() {
        if let Some(address) = item {
            client = address.parse().ok().and_then(|address| Client::connect(address).ok());
        } else if let Some(client) = &mut client {
            let _ = client.ask(&notification.numbered(number as u64));
        }
    }
}
