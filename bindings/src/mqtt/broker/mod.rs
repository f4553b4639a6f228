//! The embedded MQTT broker: one binary serves a home without another server.
//!
//! MQTT 3.1.1 and MQTT 5 on one port, for clients over any stream of bytes, and for clients within the process, which
//! take no way over a socket ([`LocalClient`]). Everything that it keeps is in memory and bounded by
//! [`BrokerSettings`]; with the process it is gone. Packets are read and written by `mqtt-proto`; the checks that it
//! leaves out are in `packet`. What messages mean is left to the binding above.

mod connection;
mod local;
mod message;
pub mod packet;
mod retained;
mod router;
mod rules;
mod server;
mod session;
mod settings;
mod topic;
mod tree;

pub use local::{LocalClient, PublishError};
pub use message::{Client, Message, Qos};
pub use router::SubscribeError;
pub use rules::{NoRules, Rules, TopicRules, Unnamed};
pub use server::{Broker, Entrance};
pub use settings::BrokerSettings;
