//! Resources as the core holds them: immutable versions, the tree in memory, the transaction that changes them.
//!
//! A [`Resource`] never changes; a write makes a new version and publishes it after the commit. Identifiers are
//! never used twice and names never change, so what was once true of a path stays true until the resource is gone.

mod alarms;
mod batch;
mod draft;
mod forms;
mod layer;
mod ledger;
mod members;
pub mod names;
mod outgoing;
mod parsed;
mod series;
mod snapshot;
mod tally;
#[cfg(test)]
mod tests;
mod tree;
mod txn;
mod version;
mod watchers;
mod windows;
mod writer;

pub use draft::Draft;
pub use forms::forms;
pub(crate) use layer::{INDEXED_VALUE, index_value};
pub(crate) use ledger::WATCHED;
pub use members::Members;
pub(crate) use outgoing::{Notice, Published};
pub use snapshot::Snapshot;
pub(crate) use snapshot::is_cold;
pub(crate) use tally::Counts;
pub(crate) use tree::child;
pub use tree::{Lookup, Tree, path_of, resolve};
pub use txn::Txn;
pub(crate) use version::texts;
pub use version::{Id, Latest, Resource, View};
pub(crate) use writer::{THREAD as WRITER, WriteQueue, WriterEnd, spawn as spawn_writer};
