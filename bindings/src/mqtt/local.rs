//! The way to the broker in this process, without a socket.
//!
//! Responsible for the [`Link`] over a local client of the broker, and for nothing that the broker does.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::broker::{Broker, LocalClient, Qos};
use super::link::{EVENTS, Events, Heard, Link, LinkError};

/// A local client of the broker.
pub(super) struct Local(LocalClient);

/// Joins the broker under the client identifier of the node, and subscribes to some filters. Fails if the identifier or
/// a filter is not taken.
pub(super) fn open(
    broker: &Broker,
    client_id: &str,
    filters: &[String],
) -> Result<(Arc<Local>, Events), LinkError> {
    let refused = |why: String| LinkError::Refused(why);
    let joined = broker.local(client_id, EVENTS);
    let (client, messages) = joined.ok_or_else(|| refused(format!("'{client_id}' is taken")))?;
    for filter in filters {
        client.subscribe(filter, Qos::AtLeastOnce).map_err(|error| refused(error.to_string()))?;
    }
    Ok((Arc::new(Local(client)), Events::Local(messages)))
}

#[async_trait]
impl Link for Local {
    async fn publish(&self, topic: String, payload: Bytes) -> Result<Heard, LinkError> {
        match self.0.publish(&topic, payload, Qos::AtLeastOnce) {
            Ok(0) => Ok(Heard::ByNobody),
            Ok(_) => Ok(Heard::Perhaps),
            Err(error) => Err(LinkError::Refused(error.to_string())),
        }
    }

    async fn subscribe(&self, filter: String) -> Result<(), LinkError> {
        self.0.subscribe(&filter, Qos::AtLeastOnce).map_err(|error| LinkError::Refused(error.to_string()))
    }

    fn is_connected(&self) -> bool {
        true
    }

    /// The client leaves with its last handle, and answers may be published until the broker stops.
    async fn close(&self) {}
}
