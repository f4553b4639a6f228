//! The schema of an opened database.
//!
//! Responsible for: bringing the database to the version of this program, and refusing one from a newer program.
//! The migrations themselves are in `migrations/`, one folder for each database.

use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::belonging::foreign;
use super::error::StoreError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Which migrations belong to a database.
pub(super) trait Migrated: Backend {
    /// The migrations.
    const MIGRATIONS: EmbeddedMigrations;
}

impl Migrated for Sqlite {
    const MIGRATIONS: EmbeddedMigrations = SQLITE;
}

impl Migrated for Pg {
    const MIGRATIONS: EmbeddedMigrations = POSTGRES;
}

/// Runs the migrations that are missing.
pub(super) fn migrate<DB: Migrated>(
    harness: &mut impl MigrationHarness<DB>,
    place: &str,
) -> Result<(), StoreError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        StoreError::open(
            place,
            format!("its schema cannot be brought up to date ({error}); it may need more rights"),
        )
    };
    let known = MigrationSource::<DB>::migrations(&DB::MIGRATIONS).map_err(failed)?;
    let known: Vec<_> = known.iter().map(|migration| migration.name().version().as_owned()).collect();
    let applied = harness.applied_migrations().map_err(failed)?;
    if !applied.is_empty() && !applied.iter().any(|version| known.contains(version)) {
        return Err(foreign(place, "it has the migrations of others".to_owned()));
    }
    if let Some(unknown) = applied.iter().find(|version| !known.contains(version)) {
        return Err(StoreError::Newer { place: place.to_owned(), version: unknown.to_string() });
    }
    harness.run_pending_migrations(DB::MIGRATIONS).map(drop).map_err(failed)
}
