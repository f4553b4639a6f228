//! `dyad`, the oneM2M node, with the service functions that ship with it.

/// Requests allocate many small pieces on several threads; and what is freed goes back to the system, so that memory
/// stays flat under an hour's worth of creates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    dyad_node::run(Vec::new())
}
