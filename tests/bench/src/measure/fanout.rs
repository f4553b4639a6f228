//! RETRIEVE of all members of a group at once, held against as many RETRIEVEs of one.
//!
//! Both inside a node in this process, without a binding: what is compared is the way to the members, which over
//! HTTP would vanish behind a hundred answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use dyad_core::config::Config;
use dyad_core::store::{Options, Store};
use dyad_core::{Builder, Cse, SystemClock, add_schemas};
use dyad_protocol::exchange::Arrival;
use dyad_protocol::schema::Schemas;
use dyad_protocol::{Operation, Request, Response};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::report::{Report, Row};
use crate::rounds::{Pair, Rates};

/// Members of the group.
const MEMBERS: usize = 100;

/// Who owns all and asks.
const AE: &str = "CBench";

/// One request to the group, held against one to each member.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pair = runtime.block_on(async {
        let cse = start().await?;
        let members = fill(&cse).await?;
        let outcome = compare(bench, &cse, &members).await;
        cse.stop().await;
        outcome
    })?;
    let measure = format!("RETRIEVE of {MEMBERS} members by their group, to one after the other");
    report.add(Row::cost(&measure, &pair, 2.0));
    Ok(())
}

async fn compare(bench: &Bench, cse: &Cse, members: &[String]) -> Result<Pair> {
    let warm = bench.slice / 3;
    by_group(cse, warm, &mut Rates::default()).await?;
    one_by_one(cse, members, warm, &mut Rates::default()).await?;
    let mut pair = Pair::default();
    for round in 0..bench.rounds {
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                by_group(cse, bench.slice, &mut pair.judged).await?;
            } else {
                one_by_one(cse, members, bench.slice, &mut pair.against).await?;
            }
        }
    }
    Ok(pair)
}

/// A round of requests to the group.
async fn by_group(cse: &Cse, slice: Duration, rates: &mut Rates) -> Result<()> {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < slice {
        let asked = Instant::now();
        let answer = retrieve(cse, "cse-in/bench/g/fopt").await;
        rates.latency.record(asked.elapsed());
        let whole = answer.content.map(|content| content.json().clone()).unwrap_or_default();
        // Counted without parsing it, and once in a while.
        if count % 100 == 0 {
            let found = String::from_utf8_lossy(&whole).matches(r#""rsc":2000"#).count();
            ensure!(found == MEMBERS, "{found} of {MEMBERS} members are in the answer");
        }
        count += 1;
    }
    end(rates, began, count);
    Ok(())
}

/// A round of requests to each member, counted by the hundred.
async fn one_by_one(cse: &Cse, members: &[String], slice: Duration, rates: &mut Rates) -> Result<()> {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < slice {
        let asked = Instant::now();
        for member in members {
            let answer = retrieve(cse, member).await;
            ensure!(answer.status.number() == 2000, "{}", answer.status.number());
        }
        rates.latency.record(asked.elapsed());
        count += 1;
    }
    end(rates, began, count);
    Ok(())
}

fn end(rates: &mut Rates, began: Instant, count: u64) {
    rates.rounds.push(count as f64 / began.elapsed().as_secs_f64());
    rates.answered += count;
}

async fn retrieve(cse: &Cse, to: &str) -> Response {
    let request = Request {
        operation: Operation::Retrieve,
        to: to.to_owned(),
        from: Some(AE.to_owned()),
        request_identifier: "b0000000001".to_owned(),
        release_version_indicator: Some("3".to_owned()),
        ..Request::default()
    };
    cse.handle(request, Arrival { binding: "bench", ..Arrival::default() }).await
}

/// An AE with containers and a group of them.
async fn fill(cse: &Cse) -> Result<Vec<String>> {
    let ae = json!({"m2m:ae": {"rn": "bench", "api": "Nbench", "rr": false, "srv": ["3"]}});
    create(cse, "cse-in", 2, ae).await?;
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        create(cse, "cse-in/bench", 3, json!({"m2m:cnt": {"rn": format!("c{number}")}})).await?;
        members.push(format!("cse-in/bench/c{number}"));
    }
    let group = json!({"m2m:grp": {"rn": "g", "mt": 3, "mnm": MEMBERS, "mid": members}});
    create(cse, "cse-in/bench", 9, group).await?;
    Ok(members)
}

async fn create(cse: &Cse, to: &str, ty: u32, content: Value) -> Result<()> {
    let request = Request {
        operation: Operation::Create,
        to: to.to_owned(),
        from: Some(AE.to_owned()),
        request_identifier: "fill".to_owned(),
        release_version_indicator: Some("3".to_owned()),
        resource_type: Some(ty),
        content: Some(content.into()),
        ..Request::default()
    };
    let answer = cse.handle(request, Arrival::default()).await;
    ensure!(answer.status.number() == 2001, "{:?}", answer.content);
    Ok(())
}

/// A node without bindings, with all functions, in memory.
async fn start() -> Result<Arc<Cse>> {
    let functions = dyad_plugins::all();
    let mut schemas = Schemas::builtin()?;
    add_schemas(&mut schemas, &functions)?;
    let builder = Builder {
        config: config(),
        clock: Arc::new(SystemClock),
        schemas: Arc::new(schemas),
        store: Store::open("sqlite::memory:", &Options::default())?,
        transports: Vec::new(),
        functions,
    };
    builder.start().await
}

fn config() -> Config {
    Config { lenient: false, expiration_interval: Duration::from_secs(3_600), ..Config::default() }
}
