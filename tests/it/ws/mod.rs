//! The WebSocket binding as its clients see it (TS-0020): requests and notifications over one connection, and what
//! becomes of those who break the rules.

mod client;
mod frames;
mod notifications;
mod peers;
mod requests;
