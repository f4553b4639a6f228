//! What the core looks at: who the node is, and how it keeps, answers and notifies.

use dyad_core::settings::Kind;

use super::{EXPIRATION, Setting, TIMEOUT, is, setting};
use crate::settings::check;

/// `cse.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const CSE: &[Setting] = &[
    setting("cse.type", "IN", Kind::Choice(&["IN", "MN", "ASN"]),
        "Kind of node: infrastructure, middle or application service node."),
    setting("cse.id", "/id-in", Kind::Text(dyad_protocol::id::is_cse_id, "a slash and then letters, digits and - . _ ~, like /id-in"),
        "CSE-ID, unique within the service provider."),
    setting("cse.name", "cse-in", Kind::Text(dyad_protocol::id::is_resource_name, "letters, digits and - . _ ~, like cse-in"),
        "Resource name of the CSEBase, the first segment of structured addresses."),
    setting("cse.sp_id", "//dyad.example.com", Kind::Text(dyad_protocol::id::is_sp_id, "two slashes and a domain name, like //sp.example.com"),
        "M2M-SP-ID, the domain of the service provider.")
        .unsafe_if(|value| is(value, "//dyad.example.com"),
            "absolute addresses name a domain that is not yours; set it to the domain of your service provider"),
    setting("cse.admin", "CAdmin", Kind::Text(check::originator, "an AE-ID, like CAdmin, SAdmin or /id-in/CAdmin"),
        "Originator with full access to everything.")
        .unsafe_if(|value| is(value, "CAdmin"),
            "everybody knows this name and whoever sends it may do everything; choose one that nobody guesses, like C and 20 random letters"),
    setting("cse.supported_releases", "1, 2, 2a, 3, 4, 5", Kind::List(check::releases, "a list of some of 1, 2, 2a, 3, 4, 5, each once"),
        "Release versions that requests may name."),
    setting("cse.default_expiration", "5y", EXPIRATION,
        "Life time of resources that are created without an expirationTime."),
    setting("cse.max_expiration", "10y", EXPIRATION,
        "Longest life time of a resource; later expirationTimes are shortened to it."),
    setting("cse.check_expirations_every", "10s", Kind::Duration("100ms", "1d"),
        "How often expired resources are looked for at least; nobody sees them in any case."),
];

/// `container.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const CONTAINER: &[Setting] = &[
    setting("container.default_max_nr_of_instances", "0", Kind::Count(0, i64::MAX as u64),
        "maxNrOfInstances of containers created without; 0 = no limit."),
    setting("container.default_max_byte_size", "0", Kind::Size("0", "8388608GiB"),
        "maxByteSize of containers created without; 0 = no limit."),
    setting("container.default_max_instance_age", "0s", Kind::Duration("0s", "100y"),
        "maxInstanceAge of containers created without, in whole seconds; 0s = no limit."),
];

/// `request.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const REQUEST: &[Setting] = &[
    setting("request.timeout", "30s", TIMEOUT,
        "Longest time until a blocking request is answered, if it names no earlier one."),
    setting("request.flex_wait", "2s", Kind::Duration("0s", "1h"),
        "How long a flexBlocking request is waited for before it goes on as a non-blocking one."),
    setting("request.pending", "1000", Kind::Count(1, 1_000_000),
        "Non-blocking requests that may wait or be carried out at a time; more are refused."),
    setting("request.keep_results", "10min", Kind::Duration("0s", "1y"),
        "How long the result of a non-blocking request is kept if its originator names no time."),
    setting("request.max_results", "10000", Kind::Count(1, 1_000_000),
        "Most resources in one answer (discovery, children); the rest is fetched with offset."),
    setting("request.max_depth", "127", Kind::Count(8, 127),
        "Levels that objects and lists of a content may nest."),
];

/// `store.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const STORE: &[Setting] = &[
    setting("store.url", "sqlite:./data/dyad.db", Kind::Text(check::store, "sqlite:PATH, sqlite::memory:, postgres://USER:PASSWORD@HOST/DATABASE"),
        "Database that keeps the resources; sqlite::memory: forgets all at the stop."),
    setting("store.durability", "full", Kind::Choice(&["full", "normal"]),
        "full: what was answered survives a power cut; normal: the last moments may be lost.")
        .unsafe_if(|value| is(value, "normal"),
            "requests that were answered in the last moments before a power cut may be lost; set it to full unless you can send them again"),
    setting("store.cache", "768MiB", Kind::Size("1MiB", "1024GiB"),
        "Memory that the resource tree may take; the rest is read from the database."),
    setting("store.readers", "0", Kind::Count(0, 1024),
        "Database connections for reading; 0 = twice the number of processors."),
];

/// `notification.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const NOTIFICATION: &[Setting] = &[
    setting("notification.timeout", "10s", TIMEOUT,
        "Longest time until a target answers a notification."),
    setting("notification.retry_first", "1s", Kind::Duration("10ms", "1d"),
        "Pause before the first repetition; it doubles with each."),
    setting("notification.retry_longest", "5min", Kind::Duration("10ms", "7d"),
        "Longest pause between repetitions."),
    setting("notification.keep_for", "1d", Kind::Duration("0s", "1y"),
        "Age at which a notification that cannot be delivered is dropped."),
    setting("notification.queue", "1000", Kind::Count(1, 1_000_000),
        "Notifications per target that wait in memory; more wait in the database."),
    setting("notification.targets", "256", Kind::Count(1, 65_536),
        "Targets that are served at the same time."),
    setting("notification.stored", "100000", Kind::Count(1, 100_000_000),
        "Notifications per target that are kept; the least important and oldest make room for more."),
    setting("notification.batch_duration", "1min", Kind::Duration("1s", "1d"),
        "How long a batch of notifications may take to fill, where a subscription or group does not say."),
];

/// `schemas.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const SCHEMAS: &[Setting] = &[
    setting("schemas.directory", "", Kind::Text(check::anything, "a directory"),
        "Directory of flexContainer specialisations loaded at the start; empty = none."),
];

/// `functions.*`
#[rustfmt::skip] // a table: one or two lines per row
pub(super) const FUNCTIONS: &[Setting] = &[
    setting("functions.off", "", Kind::List(check::function_names, "a list of names of service functions, like p2p"),
        "Service functions that are switched off."),
    setting("functions.time_limit", "10s", TIMEOUT,
        "Longest time that a function may take over its part in a request, unless it waits for others."),
    setting("functions.max_faults", "5", Kind::Count(0, 1_000),
        "Panics in ten minutes, or late calls in a row, that switch a function off; 0 = never."),
];
