//! The oneM2M node as a program: settings, log, command line, and everything put together.
//!
//! What the node does is left to `dyad-core`, how it is reached to `dyad-bindings`; `serve` puts them together. Whoever
//! has service functions of their own makes a program of them with [`run`].

mod banner;
mod cli;
mod listen;
mod log;
mod operator;
mod serve;
mod settings;
mod shutdown;
mod testing;
mod tls;

use std::process::ExitCode;
use std::sync::Arc;

use dyad_core::ServiceFunction;

#[cfg(fuzzing)]
pub use settings::fuzzing;

/// Does what the command line says, as `dyad` does, on a node that has further service functions. They take part in
/// requests before those that ship with the node.
pub fn run(functions: Vec<Arc<dyn ServiceFunction>>) -> ExitCode {
    cli::run(functions.into_iter().chain(dyad_plugins::all()).collect())
}
