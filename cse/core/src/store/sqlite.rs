//! SQLite: a file beside the node.
//!
//! Responsible for: opening the file so that commits are durable and readers never wait, keeping a second node and the
//! files of other programs out of it, and applying change sets. Queries are shared with PostgreSQL.

mod examine;
mod rows;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

use super::belonging::APPLICATION;
use super::change::ChangeSet;
use super::connection::Role;
use super::error::StoreError;
use super::fixed::{Fixed, bind};
use super::migrate::migrate;
use super::resources::PURGE;
use super::schema::{attribute, label, meta};
use super::temporary::Temporary;
use super::{Durability, Options};

/// After how many pages a commit copies what is left of the log into the file and begins it anew.
const CHECKPOINT_PAGES: u32 = 6_000;

/// A database file, locked for this process.
#[derive(Debug)]
pub(super) struct Place {
    file: PathBuf,
    pragmas: String,
    busy_timeout: Duration,
    _lock: File,
    /// Last, so that it goes when nothing is open any more.
    _folder: Option<Temporary>,
}

impl Place {
    /// Prepares the file that the rest of the URL names.
    ///
    /// `:memory:` is a file in the folder for temporary files, never synchronised and removed with the store. SQLite's
    /// own memory databases have no log: a reader would hold up every commit, and a commit every reader.
    pub(super) fn new(path: &str, options: &Options) -> Result<Self, StoreError> {
        let (file, folder, lock) = match path {
            ":memory:" => {
                let (folder, lock) = Temporary::new()?;
                (folder.database(), Some(folder), lock)
            }
            "" => return Err(StoreError::open("sqlite:", "the path is missing: use sqlite:PATH")),
            path => {
                let file = prepare(Path::new(path.strip_prefix("//").unwrap_or(path)))?;
                examine::examine(&file, options.busy_timeout)?;
                let lock = lock(&file)?;
                (file, None, lock)
            }
        };
        probe(&file)?;
        let synchronous = match (&folder, options.synchronous) {
            (Some(_), _) => "OFF",
            (None, Durability::Full) => "FULL",
            (None, Durability::Normal) => "NORMAL",
        };
        let pragmas = format!(
            "PRAGMA synchronous = {synchronous}; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF; \
             PRAGMA cache_size = -{}; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; \
             PRAGMA journal_size_limit = 67108864;",
            options.cache_kib,
        );
        Ok(Self { file, pragmas, busy_timeout: options.busy_timeout, _lock: lock, _folder: folder })
    }

    /// Opens a connection. The writer's comes first and brings the schema up to date.
    pub(super) fn connect(&self, role: Role) -> Result<SqliteConnection, StoreError> {
        let place = self.file.display().to_string();
        let opened = |error: &dyn std::error::Error| StoreError::open(&place, remedy(&error.to_string()));
        let mut connection = SqliteConnection::establish(&place).map_err(|error| opened(&error))?;
        let timeout = format!("PRAGMA busy_timeout = {};", self.busy_timeout.as_millis());
        connection.batch_execute(&timeout).map_err(|error| opened(&error))?;
        if role == Role::Writer {
            let mode: String = Fixed::<_, Text>::new("PRAGMA journal_mode = WAL", vec![])
                .get_result(&mut connection)
                .map_err(|error| opened(&error))?;
            if mode != "wal" {
                return Err(StoreError::open(
                    &place,
                    "its file system cannot share memory: use a local disk",
                ));
            }
        }
        connection.batch_execute(&self.pragmas).map_err(|error| opened(&error))?;
        match role {
            Role::Writer => {
                mark(&mut connection).map_err(|error| opened(&error))?;
                migrate(&mut connection, &place)?;
            }
            Role::Reader => {
                connection.batch_execute("PRAGMA query_only = ON;").map_err(|error| opened(&error))?
            }
        }
        Ok(connection)
    }
}

/// Says in the file whose it is.
fn mark(connection: &mut SqliteConnection) -> QueryResult<()> {
    let marked: i32 = Fixed::<_, Integer>::new("PRAGMA application_id", vec![]).get_result(connection)?;
    match marked {
        APPLICATION => Ok(()),
        _ => connection.batch_execute(&format!("PRAGMA application_id = {APPLICATION};")),
    }
}

/// What an operator can do about a message of SQLite.
fn remedy(message: &str) -> String {
    let advice = match message {
        text if text.contains("not a database") => "it is no SQLite database: give another path",
        text if text.contains("locked") => "another program keeps it locked: close that program",
        text if text.contains("readonly") => {
            "it cannot be written: check the rights on the file and its folder"
        }
        text if text.contains("malformed") => "it is damaged: restore a backup",
        text if text.contains("full") => "the disk is full: make room",
        _ => "check the file, its folder and the disk",
    };
    format!("{advice} ({message})")
}

/// What an operator can do about a path.
pub(super) fn unusable(path: &Path, error: &io::Error) -> StoreError {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "this user may not write there: change the rights or give another path"
        }
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only: give another path",
        io::ErrorKind::StorageFull => "the disk is full: make room",
        io::ErrorKind::IsADirectory => "it is a folder: give the path of a file",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a part of the path is a file, not a folder"
        }
        _ => "check the path",
    };
    StoreError::open(&path.display().to_string(), format!("{advice} ({error})"))
}

/// Creates the folders and resolves links, so that two names of one file are one database.
fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    if path.is_dir() {
        return Err(unusable(path, &io::ErrorKind::IsADirectory.into()));
    }
    let resolved = match (path.exists(), path.file_name()) {
        (false, Some(name)) => fs::canonicalize(folder).map(|folder| folder.join(name)),
        _ => fs::canonicalize(path),
    };
    resolved.map_err(|error| unusable(path, &error))
}

/// Keeps other nodes away for as long as the lock file is open, which ends with the process at the latest.
pub(super) fn lock(file: &Path) -> Result<File, StoreError> {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let lock = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = lock.map_err(|error| unusable(&path, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { place: file.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(unusable(&path, &error)),
    }
}

/// Whether the file can be written; SQLite would not say why not.
fn probe(file: &Path) -> Result<(), StoreError> {
    let opened = File::options().create(true).truncate(false).read(true).write(true).open(file);
    opened.map(drop).map_err(|error| unusable(file, &error))
}

/// Any number of rows in one statement: most go many at a time.
const DELETE: &str = "DELETE FROM resource WHERE id IN (SELECT value FROM json_each(?))";

/// Writes a change set. One prepared statement per kind and one step per entry: nothing here leaves the process.
pub(super) fn apply(connection: &mut SqliteConnection, change: &ChangeSet) -> QueryResult<()> {
    if !change.delete.is_empty() {
        let ids = serde_json::to_string(&change.delete).unwrap_or_default();
        Fixed::<_>::new(DELETE, bind![Text: &ids]).execute(connection)?;
    }
    for gone in &change.purge {
        let values = bind![BigInt: gone.parent, Integer: gone.ty, BigInt: gone.floor];
        Fixed::<_>::new(PURGE, values).execute(connection)?;
    }
    rows::insert(connection, &change.insert)?;
    rows::update(connection, &change.update)?;
    for (value, id) in &change.label_remove {
        diesel::delete(label::table.find((value, id))).execute(connection)?;
    }
    for (value, id) in &change.label_add {
        let row = (label::value.eq(value), label::resource.eq(id));
        diesel::insert_or_ignore_into(label::table).values(row).execute(connection)?;
    }
    for (name, value, id) in &change.attribute_remove {
        diesel::delete(attribute::table.find((name, value, id))).execute(connection)?;
    }
    for (name, value, id) in &change.attribute_add {
        let row = (attribute::name.eq(name), attribute::value.eq(value), attribute::resource.eq(id));
        diesel::insert_or_ignore_into(attribute::table).values(row).execute(connection)?;
    }
    super::places::to_sqlite(connection, change)?;
    super::notices::to_sqlite(connection, change)?;
    super::alarms::to_sqlite(connection, change)?;
    for (name, value) in &change.meta {
        let row = (meta::name.eq(name), meta::value.eq(value));
        diesel::replace_into(meta::table).values(row).execute(connection)?;
    }
    Ok(())
}
