//! Tests of the node from outside, one module each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

mod access_matrix;
mod actions;
mod bad_input;
mod coap;
mod conditional;
mod conformance;
mod contacts;
mod cross_resource;
mod databases;
mod delivery;
mod durability;
mod expirations;
mod function;
mod gathering;
mod groups;
mod harness;
mod load;
mod local_network;
mod locations;
mod mqtt;
mod mqtt_broker;
mod observing;
mod on_clock;
mod on_demand_discovery;
mod policies;
mod polling;
mod primitive_profiles;
mod requests;
mod schedules;
mod seeds;
mod semantics;
mod serializations;
mod service_subscriptions;
mod settings;
mod storm;
mod stress;
mod tidy;
mod time_series;
mod tls;
mod ws;
