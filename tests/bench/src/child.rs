//! A server as a child process: started, awaited, looked at, ended.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

const READY_WITHIN: Duration = Duration::from_secs(300);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// A running server; ended when dropped.
pub(crate) struct Server {
    child: Child,
    said: Arc<Said>,
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
        let said = Arc::new(Said::default());
        let listener = Arc::clone(&said);
        thread::spawn(move || listener.listen(output));
        match said.address("HTTP") {
            Ok(address) => Ok(Self { child, said, address, started, ready_after: started.elapsed() }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context(format!("{command:?}")))
            }
        }
    }

    /// Where it answers over a binding, by the name that its banner has: `CoAP`, `MQTT`, `WebSocket`.
    pub(crate) fn address_of(&self, binding: &str) -> Result<SocketAddr> {
        self.said.address(binding)
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

/// What a child has said on its standard output.
#[derive(Debug, Default)]
struct Said {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    first: Vec<String>,
    has_ended: bool,
}

/// Lines that are kept: a banner is short, and what comes later is read so that the child can write.
const KEPT: usize = 64;

impl Said {
    fn listen(&self, output: ChildStdout) {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut lines = self.lock();
            if lines.first.len() < KEPT {
                lines.first.push(line);
                self.changed.notify_all();
            }
        }
        self.lock().has_ended = true;
        self.changed.notify_all();
    }

    /// Waits for a line that starts with a word, and gives the address in its URL. Spaces before the word do not count.
    fn address(&self, word: &str) -> Result<SocketAddr> {
        let deadline = Instant::now() + READY_WITHIN;
        let mut lines = self.lock();
        loop {
            if let Some(line) = lines.first.iter().find(|line| line.trim_start().starts_with(word)) {
                let authority = line.split_once("://").and_then(|(_, rest)| rest.split(['/', ' ']).next());
                return authority
                    .unwrap_or_default()
                    .parse()
                    .with_context(|| format!("an address in {line:?}"));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if lines.has_ended || left.is_zero() {
                bail!("no {word} among what it said:\n{}", lines.first.join("\n"));
            }
            lines = self.changed.wait_timeout(lines, left).map_err(|_| anyhow!("a reader failed"))?.0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
