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

/// Requests allocate many small pieces on several threads; and what is freed goes back to the system, so that memory
/// stays flat under an hour's worth of creates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
