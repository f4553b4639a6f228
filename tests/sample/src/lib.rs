//! Service functions as anybody can write them, on nothing but the public API of `dyad-core`, and a node that has them.

pub mod ceilings;
pub mod faulty;
pub mod radio;
