//! Measurements, not run by default: `cargo test --release -p dyad-core measure -- --ignored --nocapture
//! --test-threads 1`. The figures are in `docs/decisions/store.md`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Subject, commit, inserting, row};
use crate::store::{ChangeSet, Row, Store, Writer};

const PARENTS: i64 = 64;
const EACH: i64 = 1000;
const INSTANCE: i32 = 4;

/// A container with instances, as a busy node has them.
fn instance(id: i64, parent: i64) -> Row {
    let body = format!("{{\"cnf\":\"text/plain:0\",\"con\":\"{}\",\"st\":{id}}}", "21.5 °C; ".repeat(20));
    Row { originator: Some("Csensor".into()), cs: Some(200), body: body.into(), ..row(id, parent, INSTANCE) }
}

fn container(id: i64, state: i64) -> Row {
    let body =
        format!("{{\"mni\":1000,\"cni\":1000,\"cbs\":{state},\"st\":{state},\"x\":\"{}\"}}", "x".repeat(300));
    Row {
        rn: Some(format!("container{id}")),
        root: Some("Csensor".into()),
        ct: 0,
        body: body.into(),
        ..row(id, 0, 3)
    }
}

/// Containers that are full, and the id after the last.
fn fill(writer: &mut Writer) -> i64 {
    commit(writer, &inserting((1..=PARENTS).map(|id| container(id, 0))));
    let mut id = PARENTS;
    for _ in 0..EACH {
        commit(
            writer,
            &inserting((1..=PARENTS).map(|parent| {
                id += 1;
                instance(id, parent)
            })),
        );
    }
    id + 1
}

/// Each row goes to the next parent, which loses its oldest.
fn full(next: i64, size: i64) -> ChangeSet {
    let parent = |id: i64| (id - 1) % PARENTS + 1;
    ChangeSet {
        update: (next..next + size).map(|id| Arc::new(container(parent(id), id))).collect(),
        delete: (next..next + size).map(|id| id - PARENTS * EACH).collect(),
        ..inserting((next..next + size).map(|id| instance(id, parent(id))))
    }
}

fn rate(count: i64, since: Instant) -> String {
    format!("{:8.0}/s", count as f64 / since.elapsed().as_secs_f64())
}

fn writes(writer: &mut Writer, next: &mut i64, size: i64, time: Duration, bare: bool) {
    let (start, first, mut worst) = (Instant::now(), *next, Duration::ZERO);
    while start.elapsed() < time {
        let change = full(*next, size);
        let change = if bare { ChangeSet { insert: change.insert, ..ChangeSet::default() } } else { change };
        let begin = Instant::now();
        commit(writer, &change);
        worst = worst.max(begin.elapsed());
        *next += size;
    }
    let what = if bare { "insert alone" } else { "insert, update parent, delete oldest" };
    println!("  batches of {size:3}: {} {what}, slowest commit {worst:?}", rate(*next - first, start));
}

fn reads(store: &Store, last: i64) {
    let timed = |what: &str, query: &mut dyn FnMut(i64)| {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < Duration::from_millis(400) {
            count += 1;
            query(count);
        }
        println!("  {what}: {:.2} µs", start.elapsed().as_secs_f64() * 1e6 / count as f64);
    };
    let id = |count: i64| last - 1 - (count * 7919) % (PARENTS * EACH);
    timed("reader()", &mut |_| drop(store.reader().unwrap()));
    timed("reader() + row", &mut |count| assert!(store.reader().unwrap().row(id(count)).unwrap().is_some()));
    let mut reader = store.reader().unwrap();
    timed("row", &mut |count| assert!(reader.row(id(count)).unwrap().is_some()));
    timed("id_by_name", &mut |count| {
        let parent = count % PARENTS + 1;
        assert_eq!(reader.id_by_name(0, &format!("container{parent}")).unwrap(), Some(parent));
    });
    timed("newest", &mut |count| assert!(reader.newest(count % PARENTS + 1, INSTANCE).unwrap().is_some()));
    timed("oldest, 1", &mut |count| {
        assert_eq!(reader.oldest(count % PARENTS + 1, INSTANCE, 0, 1).unwrap().len(), 1);
    });
    timed("children of one type, 100", &mut |count| {
        assert_eq!(reader.children(count % PARENTS + 1, &[INSTANCE], 0, 100).unwrap().len(), 100);
    });
    timed("children of all types, 100", &mut |count| {
        assert_eq!(reader.children(count % PARENTS + 1, &[], 0, 100).unwrap().len(), 100);
    });
    timed("by_type_created, 100 of 1000", &mut |_| {
        assert_eq!(
            reader.by_type_created(INSTANCE, (last - 1001) * 10, i64::MAX, 0, 100).unwrap().len(),
            100
        );
    });
    timed("rows, 50", &mut |count| {
        let ids: Vec<i64> = (0..50).map(|step| id(count * 50 + step)).collect();
        assert_eq!(reader.rows(&ids).unwrap().len(), 50);
    });
}

/// Point queries while another thread commits.
fn reads_under_load(store: &Store, writer: &mut Writer, next: &mut i64) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let (start, mut count, mut worst) = (Instant::now(), 0_i64, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let begin = Instant::now();
                assert!(store.reader().unwrap().row(count % PARENTS + 1).unwrap().is_some());
                worst = worst.max(begin.elapsed());
                count += 1;
            }
            println!("  meanwhile {} reads, the slowest {worst:?}", rate(count, start));
        });
        writes(writer, next, 16, Duration::from_secs(2), false);
        stop.store(true, Ordering::Relaxed);
        reading.join().unwrap();
    });
}

#[test]
#[ignore = "a measurement"]
fn measure() {
    disk();
    for subject in Subject::all() {
        println!("{}", subject.name);
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        let start = Instant::now();
        let mut next = fill(&mut writer);
        println!("  filled with {} rows in {:?}", next - 1, start.elapsed());
        for size in [1, 8, 16, 64] {
            writes(&mut writer, &mut next, size, Duration::from_secs(3), false);
        }
        reads(&store, next);
        reads_under_load(&store, &mut writer, &mut next);
        for size in [1, 8, 16, 64] {
            writes(&mut writer, &mut next, size, Duration::from_secs(2), true);
        }
        if subject.name == "file" {
            pages(&subject, &mut writer, &mut next);
        }
    }
}

/// What a commit without any database costs here.
fn disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = File::create(folder.path().join("raw")).unwrap();
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    println!("4 KiB appended and synchronised: {}", rate(count, start));
}

/// How many pages a commit adds to the log.
fn pages(subject: &Subject, writer: &mut Writer, next: &mut i64) {
    let log = format!("{}-wal", subject.url.strip_prefix("sqlite:").unwrap());
    let size = || OpenOptions::new().read(true).open(&log).unwrap().metadata().unwrap().len();
    writer.batch(
        "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 0; PRAGMA wal_checkpoint(TRUNCATE);",
    );
    for (what, bare) in [("insert alone", true), ("insert, update parent, delete oldest", false)] {
        for count in [1, 16, 64] {
            let before = size();
            for _ in 0..50 {
                let change = full(*next, count);
                *next += count;
                let change =
                    if bare { ChangeSet { insert: change.insert, ..ChangeSet::default() } } else { change };
                commit(writer, &change);
            }
            let pages = (size() - before) as f64 / 4120.0 / 50.0;
            println!("  {what}: {pages:.1} pages per commit of {count}, {:.1} per row", pages / count as f64);
        }
    }
}
