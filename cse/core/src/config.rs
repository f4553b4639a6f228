//! What the operator decided, as the core needs it. Where the values come from is left to the node.

use std::collections::BTreeMap;
use std::time::Duration;

use dyad_protocol::time::Span;

use crate::settings::Value;

/// The role of the node (`cst`, TS-0004 6.3.4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CseType {
    /// 1: infrastructure node, the top of a service provider's tree.
    In,
    /// 2: middle node, a gateway.
    Mn,
    /// 3: application service node, a device with a CSE of its own.
    Asn,
}

impl CseType {
    /// The number in the CSEBase.
    pub const fn number(self) -> u8 {
        match self {
            Self::In => 1,
            Self::Mn => 2,
            Self::Asn => 3,
        }
    }

    /// `IN`, `MN`, `ASN`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "IN",
            Self::Mn => "MN",
            Self::Asn => "ASN",
        }
    }
}

/// The settings of the core.
#[derive(Clone, Debug)]
pub struct Config {
    /// Role of the node.
    pub cse_type: CseType,
    /// SP-relative CSE-ID, `/id-in`.
    pub cse_id: String,
    /// Resource name of the CSEBase, `cse-in`.
    pub cse_name: String,
    /// M2M-SP-ID, `//dyad.example.com`.
    pub sp_id: String,
    /// The originator that may do everything.
    pub admin: String,
    /// URLs under which the node is reachable (`poa`).
    pub points_of_access: Vec<String>,
    /// Release versions that requests may carry.
    pub releases: Vec<String>,
    /// Life of a resource whose originator gives no expiration time.
    pub default_expiration: Span,
    /// Longest life of a resource; what asks for more gets this.
    pub max_expiration: Span,
    /// How often expired resources are swept.
    pub expiration_interval: Duration,
    /// `mni`, `mbs`, `mia` of containers that do not say; `None` for unbounded.
    pub container_limits: ContainerLimits,
    /// Tolerate what clients in the field get wrong and does no harm.
    pub lenient: bool,
    /// Bytes that resources may take in memory.
    pub cache_bytes: u64,
    /// Most resources that one response carries; more are cut off and marked partial.
    pub max_results: usize,
    /// Longest that a request may take.
    pub request_timeout: Duration,
    /// Requests that are acknowledged before they are carried out.
    pub deferral: DeferralConfig,
    /// How faults of service functions are dealt with.
    pub functions: FunctionConfig,
    /// Delivery of notifications.
    pub notification: NotificationConfig,
    /// Write requests that may wait for the writer.
    pub write_queue: usize,
}

/// The node that nobody has configured.
impl Default for Config {
    fn default() -> Self {
        Self {
            cse_type: CseType::In,
            cse_id: "/id-in".into(),
            cse_name: "cse-in".into(),
            sp_id: "//dyad.example.com".into(),
            admin: "CAdmin".into(),
            points_of_access: Vec::new(),
            releases: ["1", "2", "2a", "3", "4", "5"].map(str::to_owned).to_vec(),
            default_expiration: Span::from_seconds(5 * 365 * 86_400),
            max_expiration: Span::from_seconds(10 * 365 * 86_400),
            expiration_interval: Duration::from_secs(10),
            container_limits: ContainerLimits::default(),
            lenient: true,
            cache_bytes: 768 << 20,
            max_results: 10_000,
            request_timeout: Duration::from_secs(30),
            deferral: DeferralConfig::default(),
            functions: FunctionConfig::default(),
            notification: NotificationConfig::default(),
            write_queue: 10_000,
        }
    }
}

/// Limits that a `<container>` gets when its originator gives none.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContainerLimits {
    /// `mni`
    pub max_nr_of_instances: Option<u64>,
    /// `mbs`, bytes
    pub max_byte_size: Option<u64>,
    /// `mia`, seconds
    pub max_instance_age: Option<u64>,
}

/// How non-blocking requests are kept.
#[derive(Clone, Copy, Debug)]
pub struct DeferralConfig {
    /// How long a flexBlocking request is waited for before it goes on as a non-blocking one.
    pub flex_wait: Duration,
    /// Requests that may be pending.
    pub pending: usize,
    /// How long a result is kept whose originator names no time.
    pub keep_results: Span,
}

impl Default for DeferralConfig {
    fn default() -> Self {
        Self { flex_wait: Duration::from_secs(2), pending: 1_000, keep_results: Span::from_seconds(600) }
    }
}

/// What service functions may take, and get wrong.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// Longest that a hook outside of a transaction may take.
    pub time_limit: Duration,
    /// Faults after which a function is switched off; 0 for never.
    pub max_faults: u32,
    /// Settings of functions that differ from their defaults, by key.
    pub settings: BTreeMap<String, Value>,
}

impl Default for FunctionConfig {
    fn default() -> Self {
        Self { time_limit: Duration::from_secs(10), max_faults: 5, settings: BTreeMap::new() }
    }
}

/// How notifications are delivered.
#[derive(Clone, Debug)]
pub struct NotificationConfig {
    /// Longest wait for a target to answer.
    pub timeout: Duration,
    /// Pause after the first failure; doubles with every further one.
    pub retry_first: Duration,
    /// Longest pause.
    pub retry_longest: Duration,
    /// What could not be delivered for so long is dropped.
    pub keep_for: Span,
    /// Notifications per target that wait in memory; further ones wait on disk.
    pub queue: usize,
    /// Targets that are served at the same time.
    pub targets: usize,
    /// Notifications per target that are kept; those of the lowest priority, and the oldest, give way to more.
    pub stored: usize,
    /// How long a batch of notifications may take to fill, for subscriptions and groups that do not say.
    pub batch_duration: Span,
}

impl Default for NotificationConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            retry_first: Duration::from_secs(1),
            retry_longest: Duration::from_secs(300),
            keep_for: Span::from_seconds(86_400),
            queue: 1_000,
            targets: 256,
            stored: 100_000,
            batch_duration: Span::from_seconds(60),
        }
    }
}

impl Config {
    /// The CSE-ID without its slash: the resource ID of the CSEBase.
    pub fn cse_base_id(&self) -> &str {
        self.cse_id.trim_start_matches('/')
    }

    /// The SP-relative form of a CSE-relative identifier.
    pub fn sp_relative(&self, id: &str) -> String {
        if id.starts_with('/') { id.to_owned() } else { format!("{}/{id}", self.cse_id) }
    }

    /// An entity identifier in its shortest form on this node: `//sp/id-in/Cae` and `/id-in/Cae` become `Cae`,
    /// `/Sxyz` becomes `Sxyz`, `//sp/id-mn` becomes `/id-mn`; everything else stays.
    pub fn shorten<'a>(&self, id: &'a str) -> &'a str {
        shorten(id, &self.sp_id, &self.cse_id)
    }
}

/// The same for a node that is not there yet.
pub fn shorten<'a>(id: &'a str, sp_id: &str, cse_id: &str) -> &'a str {
    let id = match id.strip_prefix(sp_id) {
        Some(rest) if rest.starts_with('/') => rest,
        _ => id,
    };
    match id.strip_prefix(cse_id).and_then(|rest| rest.strip_prefix('/')) {
        Some(stem) if !stem.is_empty() => stem,
        _ => match id.strip_prefix('/') {
            Some(stem) if stem.starts_with('S') && !stem.contains('/') => stem,
            _ => id,
        },
    }
}
