//! Fresh databases on the PostgreSQL server that tests may use.

use std::sync::atomic::{AtomicU64, Ordering};

use diesel::{Connection, PgConnection, RunQueryDsl};

use crate::variable;

/// A database; dropped with this value.
#[derive(Debug)]
pub(crate) struct Database {
    name: String,
    url: String,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Database {
    /// Creates an empty database on the server of `DYAD_TEST_POSTGRES` (`postgres://user@host:port/database`).
    pub(crate) fn create() -> Self {
        let server =
            variable("DYAD_TEST_POSTGRES").expect("DYAD_TEST_POSTGRES names no server; use tests/run");
        let name = format!("dyad_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        run(&format!("CREATE DATABASE {name}"));
        let (base, query) =
            server.split_once('?').map_or((server.as_str(), None), |(base, query)| (base, Some(query)));
        let (base, _) = base.rsplit_once('/').expect("a database in DYAD_TEST_POSTGRES");
        let url = query.map_or_else(|| format!("{base}/{name}"), |query| format!("{base}/{name}?{query}"));
        Self { name, url }
    }

    /// As in `store.url`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn run(statement: &str) {
    let server = variable("DYAD_TEST_POSTGRES").expect("DYAD_TEST_POSTGRES");
    let mut connection = PgConnection::establish(&server).expect("the PostgreSQL server answers");
    diesel::sql_query(statement).execute(&mut connection).expect(statement);
}
