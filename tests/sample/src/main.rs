//! A node with the service functions of this package beside those that ship.

use std::process::ExitCode;
use std::sync::Arc;

use dyad_sample::ceilings::Ceilings;
use dyad_sample::faulty::Faulty;
use dyad_sample::radio::Radio;

fn main() -> ExitCode {
    dyad_node::run(vec![Arc::new(Ceilings::default()), Arc::new(Faulty::default()), Arc::new(Radio)])
}
