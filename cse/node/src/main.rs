//! `dyad`, the oneM2M node.
//!
//! Responsible for starting: settings, log, command line. What the node does is left to `dyad-core`, how it is reached
//! to `dyad-bindings`; `serve` puts them together.

#[allow(dead_code, reason = "serve does not start a node yet")]
mod banner;
mod cli;
mod log;
mod serve;
#[allow(dead_code, reason = "serve does not use every setting yet")]
mod settings;
#[allow(dead_code, reason = "serve does not start a node yet")]
mod shutdown;
mod testing;

fn main() -> std::process::ExitCode {
    cli::run()
}
