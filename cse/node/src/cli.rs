//! The command line.
//!
//! Responsible for its grammar and help, for handing commands their settings, and for the exit code: 0 after a proper
//! end, 1 after a failure, 2 if what the user wrote is wrong. The commands themselves are elsewhere.

use crate::operator;
use crate::settings::{self, Settings, Sources, Table};
use crate::tls::init::{self, InitLine};
use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use dyad_core::ServiceFunction;
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long what is under way in the background may take when the node has ended.
const LAST_WORK: Duration = Duration::from_secs(1);

/// What the user wrote is wrong; clap ends with the same.
const USAGE: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  dyad serve                                      a node on http://127.0.0.1:8080, data in ./data/dyad.db
  dyad serve --config /etc/dyad.toml              settings from a file
  dyad serve --set http.listen=127.0.0.1:8090     one setting changed
  DYAD_LOG__LEVEL=debug dyad serve                the same through the environment
  dyad serve --set store.url=sqlite::memory:      nothing is kept
  dyad settings                                   every setting, explained
  dyad status                                     how the running node is
  dyad tls init                                   certificates for a first secure set-up

Settings are taken from defaults, file, environment and command line, later ones overriding earlier ones.";

const STATUS: &str = "\
The node is reached through a socket in the directory in which it runs (operator.socket, data/dyad.sock): ask there, with
the settings that it was started with, as its user or as root.

Examples:
  dyad status                                     for people
  dyad status --json                              for programs, with the figures of each function
  dyad status --config /etc/dyad.toml             of the node with these settings

Ends with 1 if no node answers.";

const FUNCTIONS: &str = "\
What is switched off takes part in nothing, and resources of its types are neither created nor changed; what is stored
stays. A function that the node has switched off after faults is switched on in the same way. The node is reached as by
`dyad status`.

Examples:
  dyad functions off action
  dyad functions on action";

#[derive(Parser)]
#[command(name = "dyad", version, about = "A oneM2M node that brings devices together", after_help = EXAMPLES)]
#[command(disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a node until SIGINT or SIGTERM
    #[command(after_help = EXAMPLES)]
    Serve(Given),
    /// Ask the running node how it and its service functions are
    #[command(after_help = STATUS)]
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        given: Given,
    },
    /// Switch a service function of the running node off, also over new starts, or on again
    #[command(after_help = FUNCTIONS)]
    Functions {
        /// What is to be done
        #[arg(value_enum)]
        switch: Switch,
        /// Name of the service function, as `dyad status` shows it
        name: String,
        #[command(flatten)]
        given: Given,
    },
    /// Certificates for HTTPS and the like
    Tls {
        #[command(subcommand)]
        command: TlsCommand,
    },
    /// Show all settings: default, what is in effect if it differs, what is allowed
    Settings {
        /// Print the documentation of all settings, docs/settings.md
        #[arg(long)]
        markdown: bool,
        #[command(flatten)]
        given: Given,
    },
}

#[derive(Subcommand)]
enum TlsCommand {
    /// Make a private CA and a certificate of this node, and say what to do with them
    #[command(after_help = init::EXAMPLES)]
    Init {
        #[command(flatten)]
        init: InitLine,
        #[command(flatten)]
        given: Given,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Args)]
struct Given {
    /// File with settings [default: dyad.toml if it exists]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Change one setting; may be given several times
    #[arg(long, short, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Does what the command line says.
pub(crate) fn run(functions: Vec<Arc<dyn ServiceFunction>>) -> ExitCode {
    let table = match Table::new(&functions) {
        Ok(table) => table,
        Err(error) => return finish(Err(error)),
    };
    let load = |given: Given| {
        Settings::load(&Sources::of_process(given.config, given.set), &table).map_err(|problems| {
            complain(&problems);
            ExitCode::from(USAGE)
        })
    };
    let done = match Line::parse().command {
        Command::Settings { markdown: true, .. } => Ok(print(&settings::markdown(&table))),
        Command::Settings { given, .. } => load(given).map(|settings| print(&settings::overview(&settings))),
        Command::Serve(given) => load(given).map(|settings| finish(serve(settings, functions))),
        Command::Status { json, given } => load(given).map(|settings| {
            let answer = ask(&settings, &operator::Command::Status);
            say(answer, |status| match json {
                true => format!("{status:#}\n"),
                false => operator::table(status),
            })
        }),
        Command::Tls { command: TlsCommand::Init { init, given } } => {
            load(given).map(|settings| match init::init(&init, &settings) {
                Ok(text) => print(&text),
                Err(error) => finish(Err(error)),
            })
        }
        Command::Functions { switch, name, given } => load(given).map(|settings| {
            let command = match switch {
                Switch::On => operator::Command::On(name),
                Switch::Off => operator::Command::Off(name),
            };
            say(ask(&settings, &command), operator::told)
        }),
    };
    done.unwrap_or_else(|code| code)
}

/// Asks the node that runs with these settings.
fn ask(settings: &Settings, command: &operator::Command) -> anyhow::Result<Value> {
    let socket = settings.operator.socket.as_deref();
    operator::ask(socket.context("operator.socket is empty: the node cannot be asked")?, command)
}

/// Prints what a node answered.
fn say(answer: anyhow::Result<Value>, text: impl Fn(&Value) -> String) -> ExitCode {
    match answer {
        Ok(answer) => print(&text(&answer)),
        Err(error) => finish(Err(error)),
    }
}

fn serve(settings: Settings, functions: Vec<Arc<dyn ServiceFunction>>) -> anyhow::Result<()> {
    crate::log::start(&settings.log)?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(crate::serve::serve(settings, functions));
    // A thread that a service function keeps does not keep the process.
    runtime.shutdown_timeout(LAST_WORK);
    done
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Says what went wrong, also if the log is not there yet or is sent elsewhere.
fn complain(what: &dyn std::fmt::Display) {
    // Nobody can be told that stderr is closed.
    let _ = writeln!(std::io::stderr(), "dyad: {what}");
}

/// Prints for the reader or the pipe; one that was closed early (`dyad settings | head`) is not a failure.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => finish(Err(error.into())),
    }
}
