//! Underlying networks (reference point Mcn): what a service function that speaks with one hands over, and what it is
//! asked.
//!
//! Responsible for triggers that are for an AE of this node (TS-0001 8.3.3.2, TS-0004 9.2) and for finding the function
//! that reaches a location server (TS-0001 8.3.4, TS-0004 7.4.10.2.1 step 3). How a network is spoken with is left to
//! the function.

use async_trait::async_trait;
use dyad_protocol::{Failure, Object};
use serde_json::{Value, json};

use crate::Cse;
use crate::function::{Hook, Hosted};
use crate::resource::resolve;
use crate::subscription::{EventType, raise};

/// The type number of `<AE>`.
const AE: u32 = 2;

/// `m2m:triggerPurpose` executeCRUD.
const EXECUTE_CRUD: u64 = 3;

/// An underlying network, offered by a service function ([`crate::Facets::network`]).
#[async_trait]
pub trait Network: Send + Sync {
    /// Whether it hands over triggers ([`Cse::take_trigger`]): then subscriptions may ask for them (event type 6).
    fn hands_over_triggers(&self) -> bool {
        false
    }

    /// Whether it reaches a location server: then policies with network based positions (`los` 1) may name it (`lor`).
    fn reaches(&self, _location_server: &str) -> bool {
        false
    }

    /// Where something is: the location in the form of `loc`, `{"typ":1,"crd":"[13.4,52.5]"}`, or in another that the
    /// server has. A failure has the status that the policy gets (`lost`), such as NOT_FOUND.
    async fn locate(&self, _cse: &Cse, _wanted: &Wanted) -> Result<Value, Failure> {
        Err(Failure::not_implemented("the network locates nothing"))
    }
}

/// Whose location is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The target as the network knows it (`lot`).
    pub target: String,
    /// The location server (`lor`).
    pub server: String,
    /// For whom: the application as the network knows it (`aid`).
    pub requester: Option<String>,
    /// The last known location will do: the present one was not found, and `rlkl` is set.
    pub last_known: bool,
}

impl Cse {
    /// Takes a trigger that has come from an underlying network, by its payload (the members of `m2m:tgp`, TS-0004 Table
    /// 8.2.6-1): the AE that it names (`tiae`) is told, if it has subscribed to its `<AE>` for that.
    ///
    /// BAD_REQUEST for a payload that Table 9.2.1-1 does not allow, NOT_IMPLEMENTED for any purpose but executeCRUD, which
    /// concerns connections to other CSEs, NOT_FOUND for an AE that is not registered here.
    pub async fn take_trigger(&self, payload: Object) -> Result<(), Failure> {
        check(&payload)?;
        let entity = payload.get("tiae").and_then(Value::as_str);
        let entity = entity.ok_or_else(|| Failure::bad_request("the trigger names no AE (tiae)"))?;
        let id = self.config().shorten(entity).to_owned();
        let told = json!({ "m2m:tgp": payload });
        self.writer()
            .run(move |txn| {
                let entity = resolve(txn, &id)?.filter(|entity| entity.ty() == AE && entity.ri() == id);
                let entity = entity.filter(|entity| !entity.is_expired(txn.now()));
                let entity =
                    entity.ok_or_else(|| Failure::not_found("the AE of the trigger is not registered"))?;
                raise(txn, &entity, EventType::TriggerReceived, &told)
            })
            .await
    }

    /// Whether triggers may come.
    pub(crate) fn has_triggers(&self) -> bool {
        self.networks().any(|(hosted, network)| {
            hosted.call(self, Hook::Network, || network.hands_over_triggers()).unwrap_or_default()
        })
    }

    /// Whether a location server can be asked.
    pub fn reaches(&self, location_server: &str) -> bool {
        self.network_of(location_server).is_some()
    }

    /// Asks the location server for a location. NOT_IMPLEMENTED if nobody reaches it, REQUEST_TIMEOUT if it takes too
    /// long, what it answers otherwise.
    pub async fn locate(&self, wanted: &Wanted) -> Result<Value, Failure> {
        match self.network_of(&wanted.server) {
            // Boxed: few ask.
            Some((hosted, network)) => {
                Box::pin(hosted.wait(self, Hook::Locate, network.locate(self, wanted))).await?
            }
            None => Err(Failure::not_implemented("this node does not reach the location server (lor)")),
        }
    }

    fn network_of(&self, location_server: &str) -> Option<(&Hosted, &dyn Network)> {
        self.networks().find(|(hosted, network)| {
            hosted.call(self, Hook::Network, || network.reaches(location_server)).unwrap_or_default()
        })
    }

    fn networks(&self) -> impl Iterator<Item = (&Hosted, &dyn Network)> {
        self.hosts().on().filter_map(|hosted| Some((hosted, hosted.facets(self).network?)))
    }
}

/// What Table 9.2.1-1 of TS-0004 says of payloads whose purpose is executeCRUD.
fn check(payload: &Object) -> Result<(), Failure> {
    let wrong = |name: &str| Failure::bad_request(format!("{name} of the trigger is missing or malformed"));
    match payload.get("tpe").and_then(Value::as_u64) {
        Some(EXECUTE_CRUD) => {}
        Some(1 | 2 | 4) => {
            return Err(Failure::not_implemented(
                "triggers are for AEs here: of connections nothing is known",
            ));
        }
        _ => return Err(wrong("tpe")),
    }
    for name in ["tia", "tio", "tirt"] {
        payload.get(name).ok_or_else(|| wrong(name))?;
    }
    let texts = |value: &Value| value.as_array().is_some_and(|texts| texts.iter().all(Value::is_string));
    for (name, value) in payload {
        let is_right = match name.as_str() {
            "tpe" => true,
            "tia" | "tiae" => value.as_str().is_some_and(|text| !text.is_empty()),
            "tio" => value.as_u64().is_some_and(|operation| (1..=4).contains(&operation)),
            "tirt" => value.as_u64().is_some_and(|ty| ty <= u64::from(u32::MAX)),
            "tipa" | "tist" => texts(value),
            _ => false,
        };
        if !is_right {
            return Err(wrong(name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::{Value, json};

    fn number(payload: Value) -> u16 {
        let Value::Object(payload) = payload else { return 0 };
        check(&payload).map_or_else(|failure| failure.rsc.number(), |()| 2000)
    }

    #[test]
    fn payloads_are_checked() {
        let right = json!({ "tpe": 3, "tia": "/id-in/cnt1", "tio": 2, "tirt": 3, "tiae": "C1", "tist": ["application/json"] });
        assert_eq!(number(right.clone()), 2000);
        for (name, value, expected) in [
            ("tpe", json!(1), 5001),
            ("tpe", json!(5), 4000),
            ("tio", json!(5), 4000),
            ("tirt", json!("3"), 4000),
            ("tia", json!(""), 4000),
            ("tipa", json!("http://a"), 4000),
            ("more", json!(1), 4000),
        ] {
            let mut wrong = right.clone();
            wrong[name] = value;
            assert_eq!(number(wrong), expected, "{name}");
        }
        assert_eq!(number(json!({ "tpe": 3, "tia": "x", "tio": 1 })), 4000);
    }
}
