//! `dyad`, the oneM2M node.
//!
//! Responsible for starting: settings, log, command line. What the node does is left to `dyad-core`, how it is reached
//! to `dyad-bindings`; `serve` puts them together.

mod banner;
mod cli;
mod log;
mod serve;
mod settings;
mod shutdown;
mod testing;

fn main() -> std::process::ExitCode {
    cli::run()
}
