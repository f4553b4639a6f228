//! Measures the node from outside, over HTTP, against yardsticks that run beside it.
//!
//! `cargo run --release -p dyad-bench -- all` builds the node, starts it and the yardsticks as child
//! processes, alternates between them and prints each ratio next to its goal. The exit code is 1 when
//! a goal is missed. A yardstick is this same binary under a hidden subcommand.

mod answer;
mod bench;
mod child;
mod client;
mod load;
mod machine;
mod markdown;
mod measure;
mod node;
mod report;
mod rounds;
mod script;
mod stand_in;
mod yardstick;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::bench::Bench;
use crate::load::{Framing, Load, Until};
use crate::machine::Machine;
use crate::measure::Measure;
use crate::report::Report;

#[derive(Parser)]
#[command(about = "Measure the node against its goals", version)]
struct Cli {
    /// What to measure; everything when left out.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

/// What every measure obeys.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Shorter rounds and a tree of 100,000: a look, not a verdict.
    #[arg(long, global = true)]
    quick: bool,
    /// Write the table into this file, between its markers.
    #[arg(long, global = true, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Take the node as it was built before.
    #[arg(long, global = true)]
    no_build: bool,
    /// Measure this program instead of target/release/dyad.
    #[arg(long, global = true, value_name = "PROGRAM")]
    node: Option<PathBuf>,
    /// Measure a stand-in that keeps nothing, to test the bench itself.
    #[arg(long, global = true)]
    stand_in: bool,
    /// A further setting for the node, `key=value`; may be repeated.
    #[arg(long = "node-set", global = true, value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// HTTP workers of the yardsticks; as many as the node has when left out.
    #[arg(long, global = true)]
    workers: Option<usize>,
    /// How long memory is watched under creates.
    #[arg(long, global = true)]
    hours: Option<f64>,
    /// Where databases are put; its disk decides what a durable write costs.
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Measure(Measure),
    /// Load any address with GET, to compare the generator with another one.
    Load {
        address: SocketAddr,
        #[arg(default_value = "/")]
        path: String,
        #[arg(long, default_value_t = 16)]
        connections: usize,
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Send POST with a body of this many bytes.
        #[arg(long)]
        post: Option<usize>,
    },
    #[command(hide = true)]
    YardstickEcho {
        #[arg(long, default_value_t = 300)]
        size: usize,
        #[arg(long, default_value_t = 2)]
        workers: usize,
    },
    #[command(hide = true)]
    YardstickRead {
        #[arg(long, default_value_t = 300)]
        size: usize,
        #[arg(long, default_value_t = 2)]
        workers: usize,
    },
    #[command(hide = true)]
    YardstickWrite {
        #[arg(long)]
        store: PathBuf,
        #[arg(long, default_value_t = 300)]
        size: usize,
        #[arg(long, default_value_t = 2)]
        workers: usize,
    },
    #[command(hide = true)]
    YardstickWsEcho {
        #[arg(long, default_value_t = 2)]
        workers: usize,
    },
    #[command(hide = true)]
    Sink,
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        set: Vec<String>,
    },
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Measure(Measure::All)) {
        Command::Measure(measure) => run(&measure, &cli.options),
        Command::Load { address, path, connections, seconds, post } => {
            let load = Load {
                address,
                framing: Framing::Http,
                connections,
                expect: if post.is_some() { 201 } else { 200 },
                until: Until::Elapsed(Duration::from_secs(seconds)),
            };
            let request = match post {
                Some(size) => script::post(&path, "CBench", 4, &"x".repeat(size)),
                None => script::get(&path, "CBench"),
            };
            println!("{}", load.run(&mut request.script())?);
            Ok(ExitCode::SUCCESS)
        }
        Command::YardstickEcho { size, workers } => done(yardstick::echo::serve(size, workers)),
        Command::YardstickRead { size, workers } => done(yardstick::read::serve(size, workers)),
        Command::YardstickWrite { store, size, workers } => {
            done(yardstick::write::serve(&store, size, workers))
        }
        Command::YardstickWsEcho { workers } => done(yardstick::ws_echo::serve(workers)),
        Command::Sink => done(yardstick::sink::serve()),
        Command::Serve { set: _ } => done(stand_in::serve()),
    }
}

fn done(result: Result<()>) -> Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

fn run(measure: &Measure, options: &Options) -> Result<ExitCode> {
    let bench = Bench::new(options)?;
    let machine = Machine::look();
    let mut report = Report::default();
    measure.run(&bench, &mut report);
    println!("\n{}", report.table());
    if let Some(file) = &options.markdown {
        markdown::write(file, &machine, &report)?;
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
