//! The node as a process: started, waited for, stopped, killed, started again on the same store.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tempfile::TempDir;

use crate::client::Client;
use crate::database::Database;
use crate::{variable, workspace};

/// Longest time until a node is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// What keeps the resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// A file in the node's directory.
    Sqlite,
    /// Nothing: all is gone with the process.
    Memory,
    /// A fresh database on the server that `DYAD_TEST_POSTGRES` names.
    Postgres,
}

impl Store {
    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        self != Self::Postgres || variable("DYAD_TEST_POSTGRES").is_some()
    }

    /// Those that last, where they are there.
    pub fn lasting() -> impl Iterator<Item = Self> {
        [Self::Sqlite, Self::Postgres].into_iter().filter(|store| store.is_available())
    }
}

/// Runs a test on both stores that last, where they are there.
pub fn everywhere(test: impl Fn(Store)) {
    Store::lasting().for_each(test);
}

/// How a node is started.
#[derive(Clone, Debug)]
pub struct Builder {
    store: Store,
    program: &'static str,
    settings: Vec<(String, String)>,
}

impl Builder {
    /// With another program than `dyad`: a package of this workspace whose program has its name.
    #[must_use]
    pub fn program(mut self, program: &'static str) -> Self {
        self.program = program;
        self
    }

    /// With a setting, `("cse.id", "/id-mn")`.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// Starts the node; panics with what it said if it does not become ready.
    #[track_caller]
    pub fn start(self) -> Node {
        let directory = tempfile::Builder::new().prefix("dyad-").tempdir().expect("a temporary directory");
        let database = (self.store == Store::Postgres).then(Database::create);
        let url = match &database {
            Some(database) => database.url().to_owned(),
            None if self.store == Store::Memory => "sqlite::memory:".into(),
            None => format!("sqlite:{}", directory.path().join("dyad.db").display()),
        };
        let mut node = Node {
            listening: BTreeMap::new(),
            process: None,
            url,
            program: self.program,
            settings: self.settings,
            directory,
            _database: database,
        };
        node.start();
        node
    }
}

/// A node; killed when dropped, and also when the test process ends without dropping it.
#[derive(Debug)]
pub struct Node {
    /// What the banner says: `HTTP` to `http://127.0.0.1:8080`.
    listening: BTreeMap<String, String>,
    process: Option<Process>,
    url: String,
    program: &'static str,
    settings: Vec<(String, String)>,
    directory: TempDir,
    // Behind the process: dropped after it.
    _database: Option<Database>,
}

impl Node {
    /// A node on a store, with settings fit for tests: a free port, quick repetitions, the testing door.
    pub fn on(store: Store) -> Builder {
        Builder { store, program: "dyad", settings: Vec::new() }
            .set("http.listen", "127.0.0.1:0")
            .set("coap.listen", "127.0.0.1:0")
            .set("mqtt.listen", "127.0.0.1:0")
            .set("ws.listen", "127.0.0.1:0")
            .set("testing.enabled", true)
            .set("notification.retry_first", "100ms")
            .set("notification.retry_longest", "500ms")
            .set("cse.check_expirations_every", "200ms")
            .set("store.cache", "32MiB")
    }

    /// Where it answers HTTP; stays the same until a restart.
    pub fn address(&self) -> SocketAddr {
        self.address_of("HTTP")
    }

    /// Where a binding listens, by its name in the banner (`HTTP`, `CoAP`, …); stays the same until a restart.
    #[track_caller]
    pub fn address_of(&self, binding: &str) -> SocketAddr {
        let address = self.listens(binding);
        address.unwrap_or_else(|| panic!("the banner has no {binding}: {:?}", self.listening))
    }

    /// The same, or `None` if it does not listen there.
    pub fn listens(&self, binding: &str) -> Option<SocketAddr> {
        let url = self.listening.get(binding)?;
        let authority = url.split("://").nth(1).and_then(|rest| rest.split(['/', ' ']).next());
        authority?.parse().ok()
    }

    /// The line of a binding in the banner, `coap://127.0.0.1:5683`.
    #[track_caller]
    pub fn url_of(&self, binding: &str) -> &str {
        let url = self.listening.get(binding);
        url.unwrap_or_else(|| panic!("the banner has no {binding}: {:?}", self.listening))
    }

    /// A client of the node, until a restart.
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// The directory of the node, with its database and its log.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The store, as in `store.url`.
    pub fn store_url(&self) -> &str {
        &self.url
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a node that runs").child.id()
    }

    /// What the node has logged since its first start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.directory.path().join("stderr")
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.settings.retain(|(own, _)| own != key);
        self.settings.push((key.to_owned(), value.to_string()));
    }

    /// Asks the node to end (SIGTERM) and waits until it has; panics if its exit code is not 0.
    #[track_caller]
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let signalled =
            Command::new("sh").arg("-c").arg(format!("kill -TERM {}", process.child.id())).status();
        assert!(signalled.is_ok_and(|status| status.success()), "the node cannot be signalled");
        let status = process.child.wait().expect("the node ends");
        assert!(status.success(), "the node ended with {status}:\n{}", self.log());
    }

    /// Waits until the node ends by itself: its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let mut process = self.process.take().expect("a node that runs");
        process.child.wait().expect("the node ends").code()
    }

    /// Ends the node without a warning (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the node again on the same store, at another port. One that runs is stopped before.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    #[track_caller]
    fn start(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file());
        let mut command = Command::new(program(self.program));
        command.arg("serve").current_dir(self.directory.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(log.expect("a log file"));
        for (key, value) in &self.settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command.arg("--set").arg(format!("store.url={}", self.url));
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = child.stdout.take().expect("piped");
        self.process = Some(Process::watched(child, self.directory.path()));
        let (say, hear) = sync_channel(1);
        // Goes on reading to the end, so that the node can always write.
        std::thread::spawn(move || {
            let mut listening = BTreeMap::new();
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The last line of the banner: what to try.
                if line.starts_with("Try:") {
                    let _ = say.try_send(std::mem::take(&mut listening));
                } else if let Some((name, rest)) = line.trim().split_once("  ") {
                    listening.insert(name.to_owned(), rest.trim().to_owned());
                }
            }
        });
        self.listening = match hear.recv_timeout(READY_WITHIN) {
            Ok(listening) => listening,
            Err(_) => panic!("{command:?} did not become ready:\n{}", self.log()),
        };
    }
}

/// A child process with a watcher that ends it if this process ends first.
#[derive(Debug)]
struct Process {
    child: Child,
    watcher: Option<Child>,
}

impl Process {
    fn watched(child: Child, directory: &Path) -> Self {
        // `cat` ends when this process, which holds the other end of the pipe, is gone.
        let script = format!("cat >/dev/null; kill -9 {}; rm -rf '{}'", child.id(), directory.display());
        let mut watcher = Command::new("sh");
        watcher.arg("-c").arg(script).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child, watcher: watcher.spawn().ok() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watcher first: it would kill a process identifier that may be another's by then.
        if let Some(watcher) = &mut self.watcher {
            let _ = watcher.kill();
            let _ = watcher.wait();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary under test: what `DYAD_BIN` names, or the one beside the tests, built once if it is not up to date.
pub fn binary() -> PathBuf {
    program("dyad")
}

/// The program of a package of this workspace, found in the same way.
pub fn program(name: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    if let Some(named) = variable("DYAD_BIN").filter(|_| name == "dyad") {
        return named.into();
    }
    let mut built = BUILT.lock().unwrap();
    let path = built.entry(name).or_insert_with(|| {
        let test = std::env::current_exe().expect("the path of this test");
        let profile = test.parent().and_then(Path::parent).expect("target/debug/deps");
        let mut build = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "-p", name]).current_dir(workspace());
        build.env("CARGO_TARGET_DIR", profile.parent().expect("target"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().is_ok_and(|status| status.success()), "{name} cannot be built");
        profile.join(name)
    });
    path.clone()
}
