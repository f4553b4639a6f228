//! What the node does with a database that it did not make.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query, sql_types};
use dyad_tests::{Node, Request, Store, binary};
use serde_json::json;

/// What is in a folder: names and bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let read = |path: &Path| std::fs::read(path).unwrap();
    entries.map(|entry| (entry.file_name().into_string().unwrap(), read(&entry.path()))).collect()
}

/// Executes statements in a database file.
fn execute(file: &Path, statements: &str) {
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    connection.batch_execute(statements).unwrap();
}

/// What a node says that refuses to start with a file, which it leaves as it was.
#[track_caller]
fn refused(file: &Path) -> String {
    let folder = file.parent().unwrap();
    let before = contents(folder);
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command.arg("serve").current_dir(elsewhere.path());
    for listener in ["http", "coap", "mqtt", "ws"] {
        command.arg("--set").arg(format!("{listener}.listen=127.0.0.1:0"));
    }
    let output = command.arg("--set").arg(format!("store.url=sqlite:{}", file.display())).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(file.to_str().unwrap()) && said.contains("store.url"), "{said}");
    assert!(before == contents(folder), "{:?} became {:?}", before.keys(), contents(folder).keys());
    said
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    const ORDERS: &str = "CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (1);";
    for (statements, sign) in [
        (ORDERS.to_owned(), "table orders"),
        (format!("PRAGMA journal_mode = WAL; {ORDERS}"), "table orders"),
        // Tables of the same name make it no database of the node.
        ("CREATE TABLE resource (id INTEGER PRIMARY KEY, name TEXT)".to_owned(), "table resource"),
        ("PRAGMA application_id = 252006673; PRAGMA user_version = 1;".to_owned(), "application_id"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("what? 100%#1.db");
        execute(&file, &statements);
        let said = refused(&file);
        assert!(said.contains("another program") && said.contains(sign), "{said}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    for text in ["hello", &"no database\n".repeat(1000)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.txt");
        std::fs::write(&file, text).unwrap();
        let said = refused(&file);
        assert!(said.contains("no SQLite database"), "{said}");
    }
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let mut node = Node::on(Store::Sqlite).start();
    node.stop();
    let folder = tempfile::tempdir().unwrap();
    let (made, file) = (node.directory().join("dyad.db"), folder.path().join("newer.db"));
    execute(&made, "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");
    std::fs::copy(made, &file).unwrap();
    // A node keeps the file that says who uses it.
    std::fs::write(folder.path().join("newer.db.lock"), "").unwrap();
    let said = refused(&file);
    assert!(said.contains("newer version"), "{said}");
}

#[derive(diesel::QueryableByName)]
struct Application {
    #[diesel(sql_type = sql_types::Integer)]
    application_id: i32,
}

fn application(file: &Path) -> i32 {
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let read = sql_query("PRAGMA application_id").get_result::<Application>(&mut connection);
    read.unwrap().application_id
}

#[test]
fn a_database_from_before_files_were_marked_goes_on() {
    let mut node = Node::on(Store::Sqlite).start();
    let container = json!({ "m2m:cnt": { "rn": "kept" } });
    let _ = node.client().send(&Request::create("cse-in", 3, container)).expect(2001);
    node.stop();
    let file = node.directory().join("dyad.db");
    let mark = application(&file);
    assert_ne!(mark, 0);
    execute(&file, "PRAGMA application_id = 0");
    node.restart();
    let _ = node.client().send(&Request::retrieve("cse-in/kept")).expect(2000);
    node.stop();
    assert_eq!(application(&file), mark);
}

#[test]
fn the_file_of_a_stopped_node_is_the_whole_database() {
    let mut node = Node::on(Store::Sqlite).start();
    let container = json!({ "m2m:cnt": { "rn": "kept" } });
    let _ = node.client().send(&Request::create("cse-in", 3, container)).expect(2001);
    node.stop();
    for log in ["dyad.db-wal", "dyad.db-shm"] {
        // What is not there need not go.
        let _ = std::fs::remove_file(node.directory().join(log));
    }
    node.restart();
    let _ = node.client().send(&Request::retrieve("cse-in/kept")).expect(2000);
}
