//! The MQTT binding (TS-0010).

pub mod broker;
