//! Opening, reopening, and being told why it cannot be opened.

use std::fs;

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;

use super::{Subject, commit, execute, inserting, row};
use crate::store::{ChangeSet, Options, Store, StoreError};

fn refused(url: &str) -> String {
    match Store::open(url, &Options::default()) {
        Ok(_) => panic!("{url} opened"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn everything_is_there_after_reopening() {
    for subject in Subject::lasting() {
        for round in 0..3 {
            let store = subject.open();
            let mut writer = store.writer().unwrap();
            assert_eq!(writer.count().unwrap(), round * 10, "{}", subject.name);
            let first = i64::try_from(round).unwrap() * 10 + 1;
            let meta = vec![("high".into(), (first + 9).to_string())];
            commit(
                &mut writer,
                &ChangeSet { meta, ..inserting((first..first + 10).map(|id| row(id, 0, 4))) },
            );
            assert_eq!(writer.last_id().unwrap(), Some(first + 9));
            assert_eq!(store.reader().unwrap().meta("high").unwrap(), Some((first + 9).to_string()));
        }
    }
}

#[test]
fn a_second_node_is_refused_until_the_first_is_gone() {
    for subject in Subject::lasting() {
        let store = subject.open();
        let error = Store::open(&subject.url, &Options::default()).err().unwrap();
        assert!(matches!(error, StoreError::InUse { .. }), "{} {error}", subject.name);
        assert!(error.to_string().contains("another node"), "{error}");
        drop(store);
        drop(subject.open());
    }
}

#[test]
fn two_memory_stores_are_two() {
    let subject = Subject::memory();
    let (one, other) = (subject.open(), subject.open());
    commit(&mut one.writer().unwrap(), &inserting([row(1, 0, 5)]));
    assert_eq!(one.reader().unwrap().count().unwrap(), 1);
    assert_eq!(other.reader().unwrap().count().unwrap(), 0);
}

#[test]
fn a_link_is_the_file_it_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("a.db"), folder.path().join("b.db"));
    let store = Store::open(&format!("sqlite:{}", file.display()), &Options::default()).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert!(refused(&format!("sqlite:{}", link.display())).contains("another node"));
    drop(store);
}

#[test]
fn a_newer_schema_is_refused() {
    const NEWER: &str = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    for subject in Subject::lasting() {
        drop(subject.open());
        match &subject.schema {
            Some((server, schema)) => execute(server, &format!("SET search_path = {schema}; {NEWER}")),
            None => {
                let path = subject.url.strip_prefix("sqlite:").unwrap();
                SqliteConnection::establish(path).unwrap().batch_execute(NEWER).unwrap();
            }
        }
        let error = Store::open(&subject.url, &Options::default()).err().unwrap();
        assert!(
            matches!(&error, StoreError::Newer { version, .. } if version == "99990101000000"),
            "{error}"
        );
    }
}

#[test]
fn tables_of_others_with_our_names_are_refused_and_others_are_not() {
    let Some(subject) = Subject::postgres() else { return };
    let (server, schema) = subject.schema.as_ref().unwrap();
    let foreign = |error: &StoreError| matches!(error, StoreError::Foreign { .. });
    execute(
        server,
        &format!("CREATE TABLE {schema}.orders (id BIGINT); CREATE TABLE {schema}.meta (id BIGINT);"),
    );
    let error = Store::open(&subject.url, &Options::default()).err().unwrap();
    assert!(foreign(&error) && error.to_string().contains("table meta"), "{error}");
    execute(server, &format!("DROP TABLE {schema}.meta"));
    drop(subject.open());
    drop(subject.open());

    let Some(subject) = Subject::postgres() else { return };
    let schema = &subject.schema.as_ref().unwrap().1;
    let migrations =
        "__diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY, run_on TIMESTAMP DEFAULT now())";
    let own = format!("CREATE TABLE {schema}.{migrations};");
    execute(
        server,
        &format!("{own} INSERT INTO {schema}.__diesel_schema_migrations VALUES ('20200101000000');"),
    );
    let error = Store::open(&subject.url, &Options::default()).err().unwrap();
    assert!(foreign(&error), "{error}");
}

#[test]
fn errors_name_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display();
    fs::write(folder.path().join("text"), "this is no database, and long enough to tell".repeat(40)).unwrap();
    assert!(refused(&format!("sqlite:{root}")).contains("give the path of a file"));
    assert!(refused(&format!("sqlite:{root}/text")).contains("no SQLite database"));
    assert!(refused(&format!("sqlite:{root}/text/dyad.db")).contains("a file, not a folder"));
    assert!(refused("sqlite:").contains("path is missing"));
    assert!(refused("mysql://root:secret@host/x").contains("unknown kind of database"));
    assert!(!refused("mysql://root:secret@host/x").contains("secret"));
    let unreachable = refused("postgres://dyad:secret@127.0.0.1:1/dyad");
    assert!(unreachable.contains("cannot be reached"), "{unreachable}");
    assert!(!unreachable.contains("secret"), "{unreachable}");
    // The superuser may write anywhere, other than to a file system without room for it.
    assert!(refused("sqlite:/proc/dyad/dyad.db").contains("cannot open the database"));
}

#[test]
fn a_database_that_is_missing_on_the_server_is_named() {
    let Some(subject) = Subject::postgres() else { return };
    let (server, _) = subject.schema.as_ref().unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    assert!(refused(&format!("{base}/dyad_is_not_here")).contains("create the database"));
}

#[test]
fn connections_that_the_server_ends_are_replaced() {
    let Some(subject) = Subject::postgres() else { return };
    let (server, schema) = subject.schema.as_ref().unwrap();
    // Other tests use the same server: the connections of this one are told by their name.
    let rename = &format!("SET application_name = '{schema}'");
    let end =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{schema}'");
    let store = Store::open(&subject.url, &Options { readers: 2, ..Options::default() }).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&mut writer, &inserting([row(1, 0, 5)]));
    writer.batch(rename);
    let (mut one, mut two) = (store.reader().unwrap(), store.reader().unwrap());
    one.batch(rename);
    two.batch(rename);
    drop((one, two));

    writer.begin().unwrap();
    writer.apply(&inserting([row(2, 0, 5)])).unwrap();
    execute(server, &end);
    assert_eq!(store.reader().unwrap().count().unwrap(), 1);
    let (mut one, mut two) = (store.reader().unwrap(), store.reader().unwrap());
    assert_eq!((one.count().unwrap(), two.count().unwrap()), (1, 1));
    let error = writer.commit().unwrap_err();
    assert!(matches!(error, StoreError::Lost(_)) && error.is_transient(), "{error:?}");
    commit(&mut writer, &inserting([row(2, 0, 5)]));
    assert_eq!(one.count().unwrap(), 2);
    // The lock went with the connection and came back with the new one.
    assert!(matches!(Store::open(&subject.url, &Options::default()), Err(StoreError::InUse { .. })));
}
