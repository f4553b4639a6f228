//! The migrations make the same tables in both databases.

use std::collections::BTreeSet;

/// Tables with columns, and indices with columns and condition, of the statements of a migration.
fn structure(migration: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let text: String = migration.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let (mut tables, mut indices) = (BTreeSet::new(), BTreeSet::new());
    for statement in text.split(';') {
        let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.starts_with("CREATE TABLE") {
            let words = words.replace(" COLLATE \"C\"", "").replace(" WITHOUT ROWID", "");
            tables.insert(
                words
                    .replace("id INTEGER NOT NULL PRIMARY", "id BIGINT NOT NULL PRIMARY")
                    .replace("seq INTEGER NOT NULL PRIMARY", "seq BIGINT NOT NULL PRIMARY")
                    .replace("subscription INTEGER NOT NULL PRIMARY", "subscription BIGINT NOT NULL PRIMARY")
                    .replace("resource INTEGER NOT NULL PRIMARY", "resource BIGINT NOT NULL PRIMARY"),
            );
        } else if !words.is_empty() {
            // An index of SQLite ends with the rowid.
            indices
                .insert(words.replace(", id)", ")").replace(", seq)", ")").replace(", subscription)", ")"));
        }
    }
    (tables, indices)
}

#[test]
fn both_databases_have_the_same_tables() {
    let pairs = [
        (
            include_str!("../../../migrations/sqlite/00000000000001_tables/up.sql"),
            include_str!("../../../migrations/postgres/00000000000001_tables/up.sql"),
            (5, 6),
        ),
        (
            include_str!("../../../migrations/sqlite/00000000000002_notifications/up.sql"),
            include_str!("../../../migrations/postgres/00000000000002_notifications/up.sql"),
            // The changes of a table count with the indices.
            (2, 7),
        ),
        (
            include_str!("../../../migrations/sqlite/00000000000003_time_series/up.sql"),
            include_str!("../../../migrations/postgres/00000000000003_time_series/up.sql"),
            (1, 3),
        ),
        (
            include_str!("../../../migrations/sqlite/00000000000005_floor/up.sql"),
            include_str!("../../../migrations/postgres/00000000000005_floor/up.sql"),
            (0, 1),
        ),
    ];
    for (sqlite, postgres, counts) in pairs {
        let (sqlite, postgres) = (structure(sqlite), structure(postgres));
        assert_eq!(sqlite, postgres);
        assert_eq!((sqlite.0.len(), sqlite.1.len()), counts);
    }
}

#[test]
fn both_migrations_keep_the_same_of_places() {
    let sqlite = include_str!("../../../migrations/sqlite/00000000000004_places/up.sql");
    let (_, columns) = sqlite.split_once("rtree(").unwrap();
    let columns: Vec<&str> = columns.split([',', ')']).map(str::trim).collect();
    let postgres = include_str!("../../../migrations/postgres/00000000000004_places/up.sql");
    let (_, table) = postgres.split_once("CREATE TABLE place (").unwrap();
    let (table, _) = table.split_once(");").unwrap();
    let own: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(own, ["resource", "west", "east", "south", "north"]);
    assert_eq!(&columns[..own.len()], own);
}
