//! What a file is before it is opened for writing.
//!
//! Responsible for: looking at a file without changing a byte of it or beside it, and refusing one that is no database
//! or that of another program. Whose tables are whose is left to `belonging`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

use super::{remedy, unusable};
use crate::store::belonging;
use crate::store::error::StoreError;
use crate::store::fixed::Fixed;

/// What every database file begins with (SQLite, Database File Format 1.3.1).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Refuses a file that is there and not empty, unless it is a database of this program.
pub(super) fn examine(file: &Path, busy_timeout: Duration) -> Result<(), StoreError> {
    let place = file.display().to_string();
    match head(file).map_err(|error| unusable(file, &error))? {
        None => return Ok(()),
        Some(head) if head == MAGIC => {}
        Some(_) => {
            return Err(StoreError::open(&place, "it is no SQLite database: give another path (store.url)"));
        }
    }
    let (application, tables) =
        contents(file, busy_timeout).map_err(|error| StoreError::open(&place, remedy(&error.to_string())))?;
    belonging::whole(&place, application, &tables)
}

/// The first bytes; `None` if there are none at all.
fn head(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    match File::open(file) {
        Ok(file) => file.take(MAGIC.len() as u64).read_to_end(&mut head)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(head).filter(|head| !head.is_empty()))
}

/// The `application_id` and the names of all tables.
fn contents(file: &Path, busy_timeout: Duration) -> Result<(i32, Vec<String>), Box<dyn std::error::Error>> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    // Without a log the file is all there is, and SQLite need not put a lock or a file of its own beside it.
    let mode = if PathBuf::from(log).exists() { "mode=ro" } else { "immutable=1" };
    let mut connection = SqliteConnection::establish(&format!("{}?{mode}", uri(file)))?;
    connection.batch_execute(&format!("PRAGMA busy_timeout = {};", busy_timeout.as_millis()))?;
    let application =
        Fixed::<_, Integer>::new("PRAGMA application_id", vec![]).get_result(&mut connection)?;
    let names =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'";
    let tables = Fixed::<_, Text>::new(names, vec![]).load(&mut connection)?;
    Ok((application, tables))
}

/// The path as SQLite reads it in a URI (SQLite, Uniform Resource Identifiers 3.1).
fn uri(file: &Path) -> String {
    let mut uri = String::from("file:");
    for character in file.display().to_string().chars() {
        match character {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            other => uri.push(other),
        }
    }
    uri
}
