//! What can go wrong below the seam.
//!
//! Responsible for: telling apart what the core or the operator has to treat differently, with the remedy for what an
//! operator can cure. Response status codes are left to the core. Passwords never appear here.

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// The cause as the database reports it, for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure of the store.
#[derive(Debug)]
pub enum StoreError {
    /// The database cannot be opened.
    Open {
        /// Which database, without its password.
        place: String,
        /// What is wrong and how to cure it.
        reason: String,
    },
    /// Another node works on this database.
    InUse {
        /// Which database, without its password.
        place: String,
    },
    /// The database was written by a newer version of this program.
    Newer {
        /// Which database, without its password.
        place: String,
        /// The first migration that this program does not know.
        version: String,
    },
    /// The database is that of another program.
    Foreign {
        /// Which database, without its password.
        place: String,
        /// How that is seen, for messages.
        sign: String,
    },
    /// The writer is already handed out.
    WriterTaken,
    /// All connections for reading stayed in use for too long.
    Busy,
    /// A unique key (id, name under its parent, resource identifier) is taken.
    Conflict(Cause),
    /// The connection broke; the next transaction opens a new one. Of a commit the outcome is not known.
    Lost(Cause),
    /// No space is left.
    Full(Cause),
    /// Anything else that a statement reports.
    Query(Cause),
}

impl StoreError {
    /// A database that cannot be opened, with a reason that names the remedy.
    pub(super) fn open(place: &str, reason: impl Into<String>) -> Self {
        Self::Open { place: place.to_owned(), reason: reason.into() }
    }

    /// Whether the same request may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Busy)
    }
}

/// Message texts of PostgreSQL and SQLite for a full disk; no code reaches us through diesel.
const FULL: [&str; 4] = ["database or disk is full", "No space left", "could not extend file", "disk quota"];

/// Texts of a connection that ends, for the cases in which libpq still believes in it.
const LOST: [&str; 4] = [
    "terminating connection",
    "server closed the connection",
    "no connection to the server",
    "the database system is",
];

/// Whether a message of the database says that the connection is gone.
pub(super) fn tells_of_loss(text: &str) -> bool {
    LOST.iter().any(|lost| text.contains(lost))
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let text = match &error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
                return Self::Conflict(error.into());
            }
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            | DieselError::BrokenTransactionManager => return Self::Lost(error.into()),
            DieselError::DatabaseError(_, information) => information.message(),
            _ => return Self::Query(error.into()),
        };
        if tells_of_loss(text) {
            Self::Lost(error.into())
        } else if FULL.iter().any(|full| text.contains(full)) {
            Self::Full(error.into())
        } else {
            Self::Query(error.into())
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { place, reason } => write!(f, "cannot open the database {place}: {reason}"),
            Self::InUse { place } => write!(
                f,
                "another node works on the database {place}: stop it, or give this node a database of its own"
            ),
            Self::Newer { place, version } => write!(
                f,
                "the database {place} was written by a newer version of this program (it has the unknown migration \
                 {version}): run that version, or restore a backup made before the upgrade"
            ),
            Self::Foreign { place, sign } => write!(
                f,
                "the database {place} is that of another program ({sign}): give this node a database of its own \
                 (store.url)"
            ),
            Self::WriterTaken => f.write_str("the writer of the store is in use"),
            Self::Busy => f.write_str("no database connection became free in time"),
            Self::Conflict(_) => f.write_str("a unique key is taken"),
            Self::Lost(_) => f.write_str("the connection to the database is lost"),
            Self::Full(_) => f.write_str("the disk of the database is full"),
            Self::Query(_) => f.write_str("the database refused a statement"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Conflict(cause) | Self::Lost(cause) | Self::Full(cause) | Self::Query(cause) => {
                Some(&**cause)
            }
            _ => None,
        }
    }
}
