//! A server as a child process: started, awaited, looked at, ended.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const READY_WITHIN: Duration = Duration::from_secs(300);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// A running server; ended when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it answers HTTP.
    pub(crate) address: SocketAddr,
    /// When the process was started.
    pub(crate) started: Instant,
    /// How long it took to say that it is ready.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts a server and waits for the line that gives its address.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let output = child.stdout.take().context("a child without standard output")?;
        let (say, hear) = sync_channel(1);
        thread::spawn(move || listen(output, &say));
        match await_address(&hear) {
            Ok(address) => Ok(Self { child, address, started, ready_after: started.elapsed() }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context(format!("{command:?}")))
            }
        }
    }

    /// Resident memory in megabytes.
    pub(crate) fn memory(&self) -> Result<f64> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&file).context(file)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024.0 / 1e6)
    }

    /// How long its threads have run on a processor, those left out that have ended.
    pub(crate) fn processor(&self) -> Result<Duration> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let mut spent = 0;
        for task in std::fs::read_dir(&tasks).context(tasks)?.flatten() {
            // A thread may end while it is looked at.
            let Ok(text) = std::fs::read_to_string(task.path().join("schedstat")) else { continue };
            spent += text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(spent))
    }

    /// How many threads look like workers of actix-server, under a runtime of its own or another.
    pub(crate) fn workers(&self) -> usize {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{}/task", self.child.id())) else { return 0 };
        tasks
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
            .filter(|name| name.starts_with("actix-rt|system") || name.starts_with("actix-server wo"))
            .count()
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status().context("kill")?;
        let deadline = Instant::now() + STOPPED_WITHIN;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("still running {} s after SIGTERM", STOPPED_WITHIN.as_secs());
            }
            pause(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for what another process does and cannot tell.
#[expect(clippy::disallowed_methods, reason = "there is no event to wait for")]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}

/// Passes the lines on until the first with an address, and reads the rest so that nobody blocks.
fn listen(output: ChildStdout, say: &SyncSender<String>) {
    let mut awaited = true;
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if awaited {
            awaited = !line.contains("http://");
            let _ = say.send(line);
        }
    }
}

fn await_address(hear: &Receiver<String>) -> Result<SocketAddr> {
    let mut said = String::new();
    loop {
        match hear.recv_timeout(READY_WITHIN) {
            Ok(line) => {
                if let Some((_, address)) = line.split_once("http://") {
                    let address = address.trim().trim_end_matches('/');
                    return address.parse().with_context(|| format!("an address in {line:?}"));
                }
                said.push_str(&line);
                said.push('\n');
            }
            Err(RecvTimeoutError::Timeout) => bail!("not ready in {} s\n{said}", READY_WITHIN.as_secs()),
            Err(RecvTimeoutError::Disconnected) => bail!("ended before it was ready\n{said}"),
        }
    }
}
