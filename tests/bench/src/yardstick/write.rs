//! The ceiling of durable writes: actix-web, SQLite, one writer thread, group commit.

use std::path::Path;
use std::thread;

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, rt, web};
use anyhow::{Context, Result};
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use diesel::connection::SimpleConnection;
use diesel::{Connection, ExpressionMethods, QueryResult, RunQueryDsl, SqliteConnection};
// Named so that the build links the SQLite it brings along.
use libsqlite3_sys as _;
use tokio::sync::oneshot;

use super::{announce, body};

/// Inserts that may wait.
const WAITING: usize = 4096;
/// Inserts that one transaction takes at most.
const BATCH: usize = 1024;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS resource (
        id INTEGER PRIMARY KEY,
        parent TEXT NOT NULL,
        body BLOB NOT NULL
    );";

diesel::table! {
    resource (id) {
        id -> BigInt,
        parent -> Text,
        body -> Binary,
    }
}

struct Insert {
    parent: String,
    body: Bytes,
    committed: oneshot::Sender<()>,
}

/// Inserts a row of this size for every request and answers once it is on disk.
pub(crate) fn serve(store: &Path, size: usize, workers: usize) -> Result<()> {
    let url = store.to_str().context("a path that is no text")?;
    let mut connection = SqliteConnection::establish(url)?;
    connection.batch_execute(SCHEMA)?;
    let (queue, waiting) = bounded(WAITING);
    thread::spawn(move || write(&mut connection, &waiting));
    let body = Bytes::from(body(size));
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let state = web::Data::new((queue.clone(), body.clone()));
            App::new().app_data(state).default_service(web::to(insert))
        })
        .workers(workers)
        .bind("127.0.0.1:0")?;
        announce(&server.addrs())?;
        Ok(server.run().await?)
    })
}

async fn insert(
    state: web::Data<(Sender<Insert>, Bytes)>,
    request: actix_web::HttpRequest,
    _received: Bytes,
) -> HttpResponse {
    let (queue, body) = state.get_ref();
    let (committed, answer) = oneshot::channel();
    let row = Insert { parent: request.path().to_owned(), body: body.clone(), committed };
    if queue.try_send(row).is_err() {
        return HttpResponse::ServiceUnavailable().finish();
    }
    match answer.await {
        Ok(()) => HttpResponse::Created().insert_header(ContentType::json()).body(body.clone()),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Takes all that wait, commits them together, answers them; a failure drops the answers unsent.
fn write(connection: &mut SqliteConnection, waiting: &Receiver<Insert>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut last = 0;
    while let Ok(first) = waiting.recv() {
        batch.push(first);
        batch.extend(waiting.try_iter().take(BATCH - 1));
        match commit(connection, &batch, last) {
            Ok(reached) => {
                last = reached;
                for row in batch.drain(..) {
                    let _ = row.committed.send(());
                }
            }
            Err(error) => {
                eprintln!("commit: {error}");
                batch.clear();
            }
        }
    }
}

fn commit(connection: &mut SqliteConnection, batch: &[Insert], last: i64) -> QueryResult<i64> {
    use self::resource::dsl;
    connection.immediate_transaction(|connection| {
        let mut id = last;
        for row in batch {
            id += 1;
            let values = (dsl::id.eq(id), dsl::parent.eq(&row.parent), dsl::body.eq(row.body.as_ref()));
            diesel::insert_into(dsl::resource).values(values).execute(connection)?;
        }
        Ok(id)
    })
}
