//! 10,000 clients that observe one container over CoAP: how much memory one takes, and how long it takes until all are
//! told of a change. Each has a socket of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::net::UdpSocket;
use tokio::runtime::{Builder, Runtime};

use crate::bench::Bench;
use crate::child::pause;
use crate::load::{self, Histogram};
use crate::node::{HOME, INSTANCE, Node, TY_INSTANCE};
use crate::report::{Report, Row};

const OBSERVERS: usize = 10_000;

/// Who registers at the same time.
const AT_ONCE: usize = 200;

/// Changes that are timed.
const CHANGES: usize = 10;

/// Without a new notification for so long, the missing ones are lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between changes: notifications are paced by echoes, and the client is not what is measured.
const CALM: Duration = Duration::from_millis(500);

/// First the memory, then the time.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let settings = ["coap.observers=20000", "coap.observers_per_address=20000", "coap.rate=0"];
    let mut node = Node::start_with(bench, &settings)?;
    node.container("observed", 100)?;
    let path = format!("{HOME}/observed");
    node.create(&path, TY_INSTANCE, INSTANCE)?;
    let node_address = node.server.address_of("CoAP")?;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let told = Arc::new(AtomicUsize::new(0));
    // A first few, so that what is there for all of them is not counted.
    register(&runtime, node_address, &told, AT_ONCE)?;
    let before = node.server.memory()?;
    register(&runtime, node_address, &told, OBSERVERS - AT_ONCE)?;
    let each = (node.server.memory()? - before) * 1_000.0 / (OBSERVERS - AT_ONCE) as f64;
    report.add(Row::limit("Memory per CoAP observer", each, 20.0, "kB"));
    let mut times = Histogram::default();
    for change in 0..=CHANGES {
        pause(CALM);
        told.store(0, Ordering::Relaxed);
        let began = Instant::now();
        node.create(&path, TY_INSTANCE, INSTANCE)?;
        wait_for(&told)?;
        // The first one is a warm-up.
        if change > 0 {
            times.record(began.elapsed());
        }
    }
    let median = times.quantile(0.5) / 1_000.0;
    report.add(Row::limit("10,000 CoAP observers told of a change, median", median, 1.0, "s"));
    let after = (node.server.memory()? - before) * 1_000.0 / (OBSERVERS - AT_ONCE) as f64;
    report.add(Row::limit("Memory per CoAP observer that was told", after, 20.0, "kB"));
    Ok(())
}

/// Makes so many observe; each goes on in a task of its own.
fn register(runtime: &Runtime, node: SocketAddr, told: &Arc<AtomicUsize>, count: usize) -> Result<()> {
    for first in (0..count).step_by(AT_ONCE) {
        let some: Vec<_> = (first..count.min(first + AT_ONCE))
            .map(|_| runtime.spawn(observe(node, Arc::clone(told))))
            .collect();
        for one in some {
            runtime.block_on(one)??;
        }
    }
    Ok(())
}

async fn observe(node: SocketAddr, told: Arc<AtomicUsize>) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(node).await?;
    let mut buffer = [0; 2048];
    for attempt in 1..=5 {
        socket.send(&load::observe(&format!("{HOME}/observed/la"), attempt, 1, &[])).await?;
        let answer = tokio::time::timeout(Duration::from_secs(2), async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                let message = buffer.get(..length).unwrap_or_default();
                echo(&socket, message).await?;
                if message.get(1).is_some_and(|code| *code != 0) {
                    return anyhow::Ok(message.to_vec());
                }
            }
        });
        // What was lost is asked for again.
        let Ok(answer) = answer.await else { continue };
        let answer = answer?;
        ensure!(answer.get(1) == Some(&0x45), "the answer is {:x?}", answer.get(1));
        ensure!(load::is_observed(&answer), "it is not observed");
        tokio::spawn(listen(socket, told));
        return Ok(());
    }
    anyhow::bail!("no answer to five requests")
}

/// Echoes what asks for it, and counts notifications.
async fn listen(socket: UdpSocket, told: Arc<AtomicUsize>) -> Result<()> {
    let mut buffer = [0; 2048];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let message = buffer.get(..length).unwrap_or_default();
        echo(&socket, message).await?;
        if message.get(1) == Some(&0x45) {
            told.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An acknowledgement of what is confirmable; a reset of a ping.
async fn echo(socket: &UdpSocket, message: &[u8]) -> Result<()> {
    let [first, code, high, low, ..] = message else { return Ok(()) };
    if first >> 4 & 3 == 0 {
        let kind = if *code == 0 { 0x70 } else { 0x60 };
        socket.send(&[kind, 0, *high, *low]).await?;
    }
    Ok(())
}

fn wait_for(told: &AtomicUsize) -> Result<()> {
    let (mut seen, mut since) = (0, Instant::now());
    while seen < OBSERVERS {
        ensure!(since.elapsed() < PATIENCE, "{} observers were not told", OBSERVERS - seen);
        pause(Duration::from_millis(2));
        let now = told.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
    Ok(())
}
