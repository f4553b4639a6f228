//! The socket for the operator: who may use it, and what is answered.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dyad_core::{Cse, Standing};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::Command;

/// Longest that an operator may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest command in bytes.
const LONGEST: u64 = 1_024;

/// Operators at the same time.
const AT_ONCE: usize = 8;

/// The root of the machine may do what it likes anyway.
const ROOT: u32 = 0;

/// Service functions of the program that this node does without, and what an operator is told who asks for one.
pub(crate) type Absent = Vec<(&'static str, String)>;

/// The socket of a node; gone when it is dropped.
pub(crate) struct Door {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
        // One that is there still is found to be dead and replaced by the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Takes commands at a path until the door is dropped. A socket that a node left behind there is replaced; fails with
/// `AddrInUse` if a node answers at it, and with `AlreadyExists` if something else than a socket is there.
pub(crate) async fn listen(path: &Path, cse: &Arc<Cse>, absent: Absent) -> io::Result<Door> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory)?;
    }
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if UnixStream::connect(path).await.is_ok() {
                return Err(error);
            }
            if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
                let why = "there is a file of this name that is no socket; name another one";
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        listener => listener?,
    };
    // Whose the socket is, the node is.
    let owner = std::fs::metadata(path)?.uid();
    let task = tokio::spawn(accept(listener, owner, Arc::clone(cse), absent.into()));
    Ok(Door { path: path.to_owned(), task })
}

async fn accept(listener: UnixListener, owner: u32, cse: Arc<Cse>, absent: Arc<[(&'static str, String)]>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, for example.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let is_known = stream.peer_cred().is_ok_and(|peer| [owner, ROOT].contains(&peer.uid()));
        if !is_known {
            tracing::warn!("another user of this machine was turned away at operator.socket");
            continue;
        }
        let (cse, absent) = (Arc::clone(&cse), Arc::clone(&absent));
        tokio::spawn(async move {
            // Who does not read the answer does not need it.
            let _ = tokio::time::timeout(PATIENCE, serve(stream, &cse, &absent)).await;
            drop(place);
        });
    }
}

async fn serve(mut stream: UnixStream, cse: &Cse, absent: &[(&'static str, String)]) -> io::Result<()> {
    let (from, mut to) = stream.split();
    let mut line = String::new();
    BufReader::new(from.take(LONGEST)).read_line(&mut line).await?;
    let answer = match Command::read(&line) {
        Some(command) => carry_out(command, cse, absent).await,
        None => json!({ "error": "the node does not know this command; is it of another version?" }),
    };
    to.write_all(answer.to_string().as_bytes()).await?;
    to.shutdown().await
}

async fn carry_out(command: Command, cse: &Cse, absent: &[(&'static str, String)]) -> Value {
    if let Command::On(name) | Command::Off(name) = &command
        && let Some((_, why)) = absent.iter().find(|(absent, _)| absent == name)
    {
        return json!({ "error": why });
    }
    let (name, state, outcome) = match command {
        Command::Status => return status(cse, absent),
        Command::On(name) => {
            let outcome = cse.switch_on(&name).await;
            (name, "on", outcome)
        }
        Command::Off(name) => {
            let outcome = cse.switch_off(&name).await;
            (name, "off", outcome)
        }
    };
    match outcome {
        Ok(is_new) => json!({ "function": name, "state": state, "changed": is_new }),
        Err(failure) => json!({ "error": failure.debug }),
    }
}

/// What `dyad status` knows.
fn status(cse: &Cse, absent: &[(&'static str, String)]) -> Value {
    let config = cse.config();
    let functions = cse.standings().into_iter().map(function);
    let functions = functions.chain(absent.iter().map(|(name, why)| without(name, why)));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "process": std::process::id(),
        "cse": config.cse_id,
        "type": config.cse_type.name(),
        "name": config.cse_name,
        "now": cse.now().to_string(),
        "writes_waiting": cse.writes_waiting(),
        "notifications_waiting": cse.delivery().waiting(),
        "functions": functions.collect::<Vec<_>>(),
    })
}

/// A function of the program that the node does without, and why.
fn without(name: &str, why: &str) -> Value {
    json!({
        "name": name,
        "state": "off",
        "off_since": null,
        "off_because": why,
        "faults": 0,
        "last_fault": null,
        "summary": why,
        "figures": {},
    })
}

fn function(standing: Standing) -> Value {
    let figures = standing.report.figures.into_iter();
    let figures: Map<String, Value> =
        figures.map(|(name, figure)| (name.to_owned(), figure.into())).collect();
    let (since, why) = standing.off.map(|(since, why)| (since.to_string(), why)).unzip();
    json!({
        "name": standing.name,
        "state": if since.is_some() { "off" } else { "on" },
        "off_since": since,
        "off_because": why,
        "faults": standing.faults,
        "last_fault": standing.last_fault,
        "summary": standing.report.summary,
        "figures": figures,
    })
}
