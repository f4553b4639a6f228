//! Tests of the store, over every database.
//!
//! Each test runs on a SQLite file, on SQLite in memory and, when `DYAD_TEST_POSTGRES` holds the URL of a server on
//! which schemas may be created, on PostgreSQL.

mod behaviour;
mod generated;
mod measure;
mod model;
mod opening;
mod prepared;
mod schema;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

use super::{ChangeSet, Options, Row, Store, Writer};

/// A database to test, removed when dropped.
struct Subject {
    name: &'static str,
    url: String,
    _folder: Option<tempfile::TempDir>,
    schema: Option<(String, String)>,
}

impl Subject {
    fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/new/dyad.db", folder.path().display());
        Self { name: "file", url, _folder: Some(folder), schema: None }
    }

    fn memory() -> Self {
        Self { name: "memory", url: "sqlite::memory:".into(), _folder: None, schema: None }
    }

    fn postgres() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        #[expect(clippy::disallowed_methods, reason = "which server to test against is said outside")]
        let Ok(server) = std::env::var("DYAD_TEST_POSTGRES") else {
            println!("skipped on PostgreSQL: DYAD_TEST_POSTGRES is not set");
            return None;
        };
        let schema = format!("dyad_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        execute(&server, &format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema};"));
        let mark = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{mark}options=-csearch_path%3D{schema}");
        Some(Self { name: "postgres", url, _folder: None, schema: Some((server, schema)) })
    }

    fn all() -> impl Iterator<Item = Self> {
        [Some(Self::file()), Some(Self::memory()), Self::postgres()].into_iter().flatten()
    }

    /// Those that outlive the store.
    fn lasting() -> impl Iterator<Item = Self> {
        [Some(Self::file()), Self::postgres()].into_iter().flatten()
    }

    fn open(&self) -> Store {
        Store::open(&self.url, &Options::default()).unwrap()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Some((server, schema)) = &self.schema {
            execute(server, &format!("SET client_min_messages = warning; DROP SCHEMA {schema} CASCADE;"));
        }
    }
}

fn execute(server: &str, text: &str) {
    PgConnection::establish(server).unwrap().batch_execute(text).unwrap();
}

/// A row with nothing special about it.
fn row(id: i64, parent: i64, ty: i32) -> Row {
    Row {
        id,
        parent,
        ty,
        rn: None,
        ri: None,
        root: None,
        originator: None,
        ct: id * 10,
        lt: id * 10,
        et: i64::MAX,
        cs: None,
        body: "{}".into(),
        dgt: None,
        floor: None,
    }
}

fn inserting(rows: impl IntoIterator<Item = Row>) -> ChangeSet {
    ChangeSet { insert: rows.into_iter().map(Arc::new).collect(), ..ChangeSet::default() }
}

fn commit(writer: &mut Writer, change: &ChangeSet) {
    writer.begin().unwrap();
    writer.apply(change).unwrap();
    writer.commit().unwrap();
}
