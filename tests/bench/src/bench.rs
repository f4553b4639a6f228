//! What all measures share: where the programs are, how long a round takes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::Options;
use crate::child::Server;
use crate::load::{Framing, Load, Until};
use crate::machine;

/// Connections of a measurement, as many as a modest gateway sees at once.
const CONNECTIONS: usize = 16;
/// Connections while a tree is filled.
const FILLING: usize = 64;

/// The programs and the plan.
pub(crate) struct Bench {
    node: PathBuf,
    settings: Vec<String>,
    workers: Option<usize>,
    home: PathBuf,
    hours: Option<f64>,
    /// Shorter, and good for a look only.
    pub(crate) quick: bool,
    /// How often the two sides take turns.
    pub(crate) rounds: usize,
    /// How long one side runs in a round.
    pub(crate) slice: Duration,
}

impl Bench {
    /// Builds the node unless told otherwise.
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let own = std::env::current_exe()?;
        let target = own.parent().and_then(Path::parent).context("a binary outside a target directory")?;
        if cfg!(debug_assertions) {
            eprintln!("a debug build of the bench slows both sides; use cargo run --release");
        }
        let node = if options.stand_in {
            own.clone()
        } else if let Some(program) = &options.node {
            program.canonicalize().with_context(|| program.display().to_string())?
        } else {
            if !options.no_build {
                build()?;
            }
            target.join("release/dyad")
        };
        ensure!(node.is_file(), "{} is not there", node.display());
        let home = options.home.clone().unwrap_or_else(|| target.join("bench"));
        std::fs::create_dir_all(&home)?;
        let (rounds, slice) = if options.quick { (3, 1) } else { (5, 3) };
        Ok(Self {
            node,
            settings: options.settings.clone(),
            workers: options.workers,
            home: home.canonicalize()?,
            hours: options.hours,
            quick: options.quick,
            rounds,
            slice: Duration::from_secs(slice),
        })
    }

    /// A directory that is gone after the measure.
    pub(crate) fn scratch(&self) -> Result<TempDir> {
        Ok(tempfile::Builder::new().prefix("run-").tempdir_in(&self.home)?)
    }

    /// Starts the node on the database in this directory; what it complains about is kept in a file.
    pub(crate) fn serve(&self, directory: &Path) -> Result<Server> {
        self.serve_with(directory, &[])
    }

    /// The same with further settings.
    pub(crate) fn serve_with(&self, directory: &Path, settings: &[&str]) -> Result<Server> {
        let mut command = Command::new(&self.node);
        let log = File::options().create(true).append(true).open(self.home.join("node.log"))?;
        command.current_dir(directory).arg("serve").stderr(log);
        let store = format!("store.url=sqlite:{}", directory.join("node.db").display());
        let fixed = [
            "http.listen=127.0.0.1:0",
            "coap.listen=127.0.0.1:0",
            "mqtt.listen=127.0.0.1:0",
            "ws.listen=127.0.0.1:0",
            &store,
            "log.level=warn",
        ];
        let settings = settings.iter().copied().chain(self.settings.iter().map(String::as_str));
        for setting in fixed.into_iter().chain(settings) {
            command.args(["--set", setting]);
        }
        Server::start(command).with_context(|| format!("see {}", self.home.join("node.log").display()))
    }

    /// Starts this binary under a hidden subcommand, with as many workers as the node has.
    pub(crate) fn yardstick(&self, arguments: &[&str], beside: &Server) -> Result<Server> {
        let workers = self.workers.unwrap_or_else(|| match beside.workers() {
            0 => machine::cores(),
            count => count,
        });
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).args(["--workers", &workers.to_string()]);
        Server::start(command)
    }

    /// Starts a receiver of notifications.
    pub(crate) fn sink(&self) -> Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("sink");
        Server::start(command)
    }

    /// A load of the usual width.
    pub(crate) fn load(&self, server: &Server, expect: u16, until: Until) -> Load {
        Load { address: server.address, framing: Framing::Http, connections: CONNECTIONS, expect, until }
    }

    /// A load that creates this many resources quickly.
    pub(crate) fn filling(&self, server: &Server, count: u64) -> Load {
        let until = Until::Answered(count);
        Load { address: server.address, framing: Framing::Http, connections: FILLING, expect: 201, until }
    }

    /// How long memory is watched.
    pub(crate) fn watch(&self) -> Duration {
        match self.hours {
            Some(hours) => Duration::from_secs_f64(hours * 3600.0),
            None if self.quick => Duration::from_secs(20),
            None => Duration::from_secs(180),
        }
    }
}

fn build() -> Result<()> {
    println!("building the node");
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "-p", "dyad"]).current_dir(machine::repository());
    let status = command.status().context("cargo")?;
    ensure!(status.success(), "cargo build --release -p dyad failed");
    Ok(())
}
