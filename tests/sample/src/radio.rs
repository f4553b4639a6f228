//! An underlying network as a service function: it hands over triggers and knows where its devices are.
//!
//! What a real one learns from a network comes here from requests: an instance in a container with the label `radio` is
//! the payload of a trigger. Devices are located by `radio://server`: `13.4,52.5@radio` is at these coordinates,
//! everything else cannot be found, unless the last known location will do.

use async_trait::async_trait;
use dyad_core::network::Wanted;
use dyad_core::request::{Call, Target};
use dyad_core::{Cse, Event, Facets, Network, ServiceFunction, Stage};
use dyad_protocol::{Failure, Operation};
use serde_json::{Value, json};

const CONTENT_INSTANCE: u32 = 4;

/// Marks containers whose instances are triggers.
const LABEL: &str = "radio";

/// The location server that it reaches.
const SERVER: &str = "radio://server";

/// Speaks with a network that is not there.
#[derive(Debug, Default)]
pub struct Radio;

#[async_trait]
impl ServiceFunction for Radio {
    fn name(&self) -> &'static str {
        "radio"
    }

    // Nothing here takes a thread for long.
    fn may_block(&self) -> bool {
        false
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        stage == Stage::Committed
            && call.request.resource_type == Some(CONTENT_INSTANCE)
            && target.resource.texts("lbl").any(|label| label == LABEL)
    }

    async fn committed(&self, cse: &Cse, events: &[Event]) {
        let made = events.iter().filter(|event| event.operation == Operation::Create);
        let payloads = made.filter_map(|event| serde_json::from_str(event.resource.text("con")?).ok());
        for payload in payloads {
            let Value::Object(payload) = payload else { continue };
            if let Err(failure) = cse.take_trigger(payload).await {
                tracing::warn!("a trigger is of no use: {failure}");
            }
        }
    }

    fn facets(&self) -> Facets<'_> {
        Facets { network: Some(self), ..Facets::default() }
    }
}

#[async_trait]
impl Network for Radio {
    fn hands_over_triggers(&self) -> bool {
        true
    }

    fn reaches(&self, location_server: &str) -> bool {
        location_server == SERVER
    }

    async fn locate(&self, _: &Cse, wanted: &Wanted) -> Result<Value, Failure> {
        let coordinates = match wanted.target.strip_suffix("@radio") {
            Some(coordinates) => coordinates,
            None if wanted.last_known => "1,2",
            None => return Err(Failure::not_found("no such device")),
        };
        Ok(json!({ "typ": 1, "crd": format!("[{coordinates}]") }))
    }
}
