//! The committing thread: writes one transaction to the disk while the writer carries out the requests of the next.
//!
//! The connection travels: with a shipment it comes here, with the landing it goes back.

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::store::{ChangeSet, StoreError, Writer};

/// A transaction to commit.
pub(crate) struct Shipment {
    pub(crate) writer: Writer,
    /// What is not in the open transaction yet.
    pub(crate) set: ChangeSet,
}

/// What came of it.
pub(crate) struct Landing {
    pub(crate) writer: Writer,
    pub(crate) outcome: Result<(), StoreError>,
}

/// Starts the thread. It ends with the sender of shipments.
pub(crate) fn spawn() -> std::io::Result<(Sender<Shipment>, Receiver<Landing>)> {
    let (ship, shipments) = bounded::<Shipment>(1);
    let (land, landings) = bounded(1);
    std::thread::Builder::new().name("commit".into()).spawn(move || {
        for Shipment { mut writer, set } in shipments {
            let outcome = commit(&mut writer, &set);
            if land.send(Landing { writer, outcome }).is_err() {
                return;
            }
        }
    })?;
    Ok((ship, landings))
}

fn commit(writer: &mut Writer, set: &ChangeSet) -> Result<(), StoreError> {
    if !writer.is_open() {
        writer.begin()?;
    }
    if !set.is_empty() {
        writer.apply(set)?;
    }
    writer.commit()
}
