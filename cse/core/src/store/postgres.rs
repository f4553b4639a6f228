//! PostgreSQL: a server that several machines reach.
//!
//! Responsible for: connecting, keeping a second node away, and applying change sets in one round trip per kind of
//! change. Queries are shared with SQLite.
//!
//! There is no TLS: the bundled libpq is built without OpenSSL so that a C compiler is all that a build needs. Use a
//! socket, a private network or a tunnel. A pooler between must keep sessions (the lock and the prepared statements
//! belong to one).

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};

use super::belonging;
use super::change::{ChangeSet, Row};
use super::connection::Role;
use super::error::StoreError;
use super::fixed::{Fixed, bind};
use super::migrate::migrate;
use super::resources::PURGE;
use super::{Durability, Options};

/// Every node takes this lock in its schema. Waits a little: the server may not have noticed yet that the last holder
/// is gone.
const LOCK: &str = "SET lock_timeout = '3s'; \
    SELECT pg_advisory_lock(hashtext('dyad'), hashtext(current_schema())); \
    SET lock_timeout = 0;";

/// Everything in the schema of this node whose name no table could have any more.
const TABLES: &str =
    "SELECT relname::text FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace(current_schema())";

/// A database on a server.
pub(super) struct Place {
    url: String,
    shown: String,
    session: String,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Place {
    /// Keeps what connecting needs.
    pub(super) fn new(url: &str, options: &Options) -> Self {
        let commit = match options.synchronous {
            Durability::Full => "on",
            Durability::Normal => "off",
        };
        let session = format!(
            "SET application_name = 'dyad'; SET client_min_messages = warning; SET synchronous_commit = {commit}; \
             SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;"
        );
        let mut full = url.to_owned();
        if !url.contains("connect_timeout=") {
            full.push(if url.contains('?') { '&' } else { '?' });
            full.push_str("connect_timeout=5");
        }
        Self { url: full, shown: without_password(url), session }
    }

    /// Opens a connection. The writer's comes first, takes the lock and brings the schema up to date.
    pub(super) fn connect(&self, role: Role) -> Result<PgConnection, StoreError> {
        let opened = |error: diesel::result::Error| StoreError::open(&self.shown, remedy(&error.to_string()));
        let mut connection = PgConnection::establish(&self.url)
            .map_err(|error| StoreError::open(&self.shown, remedy(&error.to_string())))?;
        connection.batch_execute(&self.session).map_err(opened)?;
        match role {
            Role::Writer => {
                connection.batch_execute(LOCK).map_err(|error| match error.to_string() {
                    text if text.contains("lock timeout") => StoreError::InUse { place: self.shown.clone() },
                    text => StoreError::open(&self.shown, remedy(&text)),
                })?;
                let tables = Fixed::<_, Text>::new(TABLES, vec![]).load::<String>(&mut connection);
                belonging::shared(&self.shown, &tables.map_err(opened)?)?;
                migrate(&mut connection, &self.shown)?;
            }
            Role::Reader => {
                connection.batch_execute("SET default_transaction_read_only = on;").map_err(opened)?
            }
        }
        Ok(connection)
    }
}

/// The URL for messages.
fn without_password(url: &str) -> String {
    let place = url.split('?').next().unwrap_or_default();
    match place.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (user, host))) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        None => place.to_owned(),
    }
}

/// What an operator can do about a message of libpq or the server.
fn remedy(message: &str) -> String {
    let message = message.trim();
    let advice = match message {
        text if text.contains("password") || text.contains("authentication") => {
            "check user and password in the URL"
        }
        text if text.contains("does not exist") => {
            "create the database and the user first (createdb, createuser)"
        }
        text if text.contains("pg_hba.conf") => {
            "the server does not admit this user from here: check its pg_hba.conf"
        }
        text if text.contains("SSL") => "TLS is not built in: use a socket, a private network or a tunnel",
        text if text.contains("too many") => {
            "the server has no connections left: raise max_connections or use fewer readers"
        }
        text if text.contains("starting up") => "the server is starting: try again in a moment",
        text if text.contains("could not") || text.contains("refused") || text.contains("timeout") => {
            "the server cannot be reached: check host and port, and whether it runs"
        }
        _ => "check the URL and the server",
    };
    format!("{advice} ({message})")
}

const INSERT: &str = "INSERT INTO resource (id, parent, ty, rn, ri, root, originator, ct, lt, et, cs, body, dgt, floor) \
    SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const UPDATE: &str = "UPDATE resource SET root = u.root, lt = u.lt, et = u.et, cs = u.cs, body = u.body, floor = u.floor \
    FROM unnest(?, ?, ?, ?, ?, ?, ?) AS u(id, root, lt, et, cs, body, floor) WHERE resource.id = u.id";
const DELETE: &str = "DELETE FROM resource WHERE id = ANY(?)";
const LABEL_ADD: &str =
    "INSERT INTO label (value, resource) SELECT * FROM unnest(?, ?) ON CONFLICT DO NOTHING";
const LABEL_REMOVE: &str = "DELETE FROM label USING unnest(?, ?) AS u(value, resource) \
    WHERE label.value = u.value AND label.resource = u.resource";
const ATTRIBUTE_ADD: &str = "INSERT INTO attribute (name, value, resource) SELECT * FROM unnest(?, ?, ?) \
    ON CONFLICT DO NOTHING";
const ATTRIBUTE_REMOVE: &str = "DELETE FROM attribute USING unnest(?, ?, ?) AS u(name, value, resource) \
    WHERE attribute.name = u.name AND attribute.value = u.value AND attribute.resource = u.resource";
const META: &str = "INSERT INTO meta (name, value) SELECT * FROM unnest(?, ?) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

type Values<'a> = Vec<Box<dyn QueryFragment<Pg> + 'a>>;

/// Writes a change set: one statement per kind of change, whatever its size.
pub(super) fn apply(connection: &mut PgConnection, change: &ChangeSet) -> QueryResult<()> {
    super::notices::to_postgres(connection, change)?;
    super::places::to_postgres(connection, change)?;
    super::alarms::to_postgres(connection, change)?;
    let mut run = |text, values: Values<'_>| Fixed::<_>::new(text, values).execute(connection).map(drop);
    if !change.delete.is_empty() {
        run(DELETE, bind![Array<BigInt>: &change.delete])?;
    }
    for gone in &change.purge {
        run(PURGE, bind![BigInt: gone.parent, Integer: gone.ty, BigInt: gone.floor])?;
    }
    if !change.insert.is_empty() {
        run(INSERT, inserted(&change.insert))?;
    }
    if !change.update.is_empty() {
        run(UPDATE, updated(&change.update))?;
    }
    if !change.label_remove.is_empty() {
        run(LABEL_REMOVE, labels(&change.label_remove))?;
    }
    if !change.label_add.is_empty() {
        run(LABEL_ADD, labels(&change.label_add))?;
    }
    if !change.attribute_remove.is_empty() {
        run(ATTRIBUTE_REMOVE, attributes(&change.attribute_remove))?;
    }
    if !change.attribute_add.is_empty() {
        run(ATTRIBUTE_ADD, attributes(&change.attribute_add))?;
    }
    if !change.meta.is_empty() {
        let last: BTreeMap<_, _> = change.meta.iter().map(|(name, value)| (name, value)).collect();
        let (names, values): (Vec<_>, Vec<_>) = last.into_iter().unzip();
        run(META, bind![Array<Text>: names, Array<Text>: values])?;
    }
    Ok(())
}

/// One column of many rows.
fn column<'r, R, T>(rows: &[&'r R], get: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(|row| get(row)).collect()
}

fn inserted(rows: &[Arc<Row>]) -> Values<'_> {
    let rows: Vec<&Row> = rows.iter().map(Arc::as_ref).collect();
    bind![
        Array<BigInt>: column(&rows, |row| row.id),
        Array<BigInt>: column(&rows, |row| row.parent),
        Array<Integer>: column(&rows, |row| row.ty),
        Array<Nullable<Text>>: column(&rows, |row| row.rn.as_deref()),
        Array<Nullable<Text>>: column(&rows, |row| row.ri.as_deref()),
        Array<Nullable<Text>>: column(&rows, |row| row.root.as_deref()),
        Array<Nullable<Text>>: column(&rows, |row| row.originator.as_deref()),
        Array<BigInt>: column(&rows, |row| row.ct),
        Array<BigInt>: column(&rows, |row| row.lt),
        Array<BigInt>: column(&rows, |row| row.et),
        Array<Nullable<BigInt>>: column(&rows, |row| row.cs),
        Array<Text>: column(&rows, |row| row.body.as_str()),
        Array<Nullable<BigInt>>: column(&rows, |row| row.dgt),
        Array<Nullable<BigInt>>: column(&rows, |row| row.floor),
    ]
}

fn updated(rows: &[Arc<Row>]) -> Values<'_> {
    let last: BTreeMap<i64, &Row> = rows.iter().map(|row| (row.id, row.as_ref())).collect();
    let rows: Vec<&Row> = last.into_values().collect();
    bind![
        Array<BigInt>: column(&rows, |row| row.id),
        Array<Nullable<Text>>: column(&rows, |row| row.root.as_deref()),
        Array<BigInt>: column(&rows, |row| row.lt),
        Array<BigInt>: column(&rows, |row| row.et),
        Array<Nullable<BigInt>>: column(&rows, |row| row.cs),
        Array<Text>: column(&rows, |row| row.body.as_str()),
        Array<Nullable<BigInt>>: column(&rows, |row| row.floor),
    ]
}

fn labels(labels: &[(String, i64)]) -> Values<'_> {
    let (values, ids): (Vec<&str>, Vec<i64>) = labels.iter().map(|(value, id)| (value.as_str(), *id)).unzip();
    bind![Array<Text>: values, Array<BigInt>: ids]
}

fn attributes(attributes: &[(String, String, i64)]) -> Values<'_> {
    let attributes: Vec<_> = attributes.iter().collect();
    bind![
        Array<Text>: column(&attributes, |(name, _, _)| name.as_str()),
        Array<Text>: column(&attributes, |(_, value, _)| value.as_str()),
        Array<BigInt>: column(&attributes, |(_, _, id)| *id),
    ]
}
