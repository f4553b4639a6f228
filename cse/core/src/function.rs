//! Service functions: how everything beyond the plain resource procedures joins in.
//!
//! Built-in or plugged in, a function implements [`ServiceFunction`]; the core calls it at five points in the life
//! of a request and knows none by name. The order is that of the list given to [`crate::Builder`].

mod apart;
mod entity;
mod faults;
mod functions;
mod hosted;
mod tailoring;
mod watchdog;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dyad_protocol::exchange::{Arrival, TransportError};
use dyad_protocol::schema::{SchemaError, Schemas};
use dyad_protocol::{Failure, Object, Operation, Request, Response, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::Cse;
use crate::alarm::Alarms;
use crate::network::Network;
use crate::request::{Call, Cause, Target};
use crate::resource::{Draft, Id, Resource, Txn};
use crate::settings::Setting;

pub(crate) use entity::{BINDING, register};
pub(crate) use faults::Fault;
pub use functions::{Active, Standing};
pub(crate) use functions::{Functions, supervise};
pub(crate) use hosted::{Hosted, message};
pub(crate) use tailoring::{NODE, Responders};
pub use tailoring::{Tailor, TailorResponse};
pub(crate) use watchdog::{Hook, Inside, start as start_watchdog};

/// A change in the making, inside the write transaction.
pub enum Change<'a> {
    /// A resource is about to be created; the draft may still change.
    Create {
        /// What asked for it; `None` for what the node makes by itself.
        call: Option<&'a Call>,
        /// Its parent.
        parent: &'a Arc<Resource>,
        /// The resource.
        draft: &'a mut Draft,
    },
    /// A resource is about to get a new version; the draft may still change.
    Update {
        /// What asked for it.
        call: Option<&'a Call>,
        /// The present version.
        old: &'a Arc<Resource>,
        /// The next version.
        draft: &'a mut Draft,
        /// What the originator sent: new values, `null` for attributes that go.
        modified: &'a Object,
    },
    /// A resource is about to be removed, with everything below it, of which the functions were told before.
    Delete {
        /// What asked for it.
        call: Option<&'a Call>,
        /// The present version.
        old: &'a Arc<Resource>,
        /// Its parent, unless that is removed too.
        parent: Option<&'a Arc<Resource>>,
        /// Why it was removed.
        cause: Cause,
    },
}

/// A change that has come to pass.
#[derive(Clone, Debug)]
pub struct Event {
    /// CREATE, UPDATE or DELETE.
    pub operation: Operation,
    /// The new version, or the last one of a removed resource.
    pub resource: Arc<Resource>,
}

/// The stages of a request in which a function takes part if it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// [`ServiceFunction::intercept`]
    Intercept,
    /// [`ServiceFunction::prepare`]
    Prepare,
    /// [`ServiceFunction::committed`]
    Committed,
    /// [`ServiceFunction::answered`]
    Answered,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Intercept, Self::Prepare, Self::Committed, Self::Answered];
}

/// What the operator sees of a function.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One line on its state.
    pub summary: String,
    /// Numbers worth watching, by name.
    pub figures: Vec<(&'static str, u64)>,
}

/// Resolves when the node stops.
#[derive(Clone, Debug)]
pub struct Stop(pub(crate) watch::Receiver<bool>);

impl Stop {
    /// Waits until the node stops.
    pub async fn stopped(&mut self) {
        // An error means that the node is gone altogether.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}

/// Adds the tables of the resource types that functions bring.
pub fn add_schemas(schemas: &mut Schemas, functions: &[Arc<dyn ServiceFunction>]) -> Result<(), SchemaError> {
    for (file, text) in functions.iter().flat_map(|function| function.schemas()) {
        schemas.add(file, text)?;
    }
    Ok(())
}

/// A way to AEs that cannot be called at a point of access.
#[async_trait]
pub trait Reach: Send + Sync {
    /// Brings requests to an AE, which gets them in this order, and waits for the response to each, `timeout` at the
    /// longest. `None` if this is no way to the AE.
    async fn reach(
        &self,
        cse: &Cse,
        entity: &Arc<Resource>,
        requests: Vec<Request>,
        timeout: Duration,
    ) -> Option<Vec<Result<Response, TransportError>>>;

    /// Waits until an AE comes for its requests, and says how many it takes at a time; 0 if something has changed and
    /// the way is to be looked for again. `None`, at once, if this is no way to the AE.
    async fn ready(&self, cse: &Cse, entity: &Arc<Resource>) -> Option<usize>;
}

/// Looks after requests that are acknowledged before they are carried out (TS-0001 8.2.2). Each is a `<request>`
/// resource, stored before it is handed over.
pub trait Deferral: Send + Sync {
    /// A request was accepted: [`Cse::resume`] is to be called when `due` has come. It holds its place among the
    /// pending ones until the place is dropped.
    fn accepted(&self, kept: Id, due: Timestamp, arrival: Arrival, place: OwnedSemaphorePermit);

    /// A request was accepted that is being carried out already.
    fn under_way(&self, kept: Id, place: OwnedSemaphorePermit);

    /// A request that was under way has its result.
    fn done(&self, kept: Id);
}

/// Finds resources by what their `<semanticDescriptor>`s say.
#[async_trait]
pub trait Semantics: Send + Sync {
    /// The resources with a descriptor that one of the queries (`smf`) matches and that the originator may discover,
    /// anywhere on this node. INVALID_SPARQL_QUERY for what is no query.
    async fn described(&self, cse: &Cse, call: &Arc<Call>) -> Result<Described, Failure>;
}

/// Numbers of resources that semantics filters match.
pub type Described = rustc_hash::FxHashSet<Id>;

/// Decides about notification targets that want to be notified no more.
#[async_trait]
pub trait Departure: Send + Sync {
    /// A target, an entry of the `nu` of a subscription, says in the answer to a notification that it wants no more.
    async fn depart(&self, cse: &Cse, subscription: &Arc<Resource>, target: &str);
}

/// What a service function offers besides taking part in requests: each a small trait that the core looks up.
#[derive(Clone, Copy, Default)]
pub struct Facets<'a> {
    /// A way to AEs that cannot be called.
    pub reach: Option<&'a dyn Reach>,
    /// Non-blocking requests; the first function that offers it gets them all.
    pub deferral: Option<&'a dyn Deferral>,
    /// Semantic discovery.
    pub semantics: Option<&'a dyn Semantics>,
    /// Calls for resources of the types that it owns, when a time has come.
    pub alarms: Option<&'a dyn Alarms>,
    /// An underlying network.
    pub network: Option<&'a dyn Network>,
    /// Decisions about notification targets that want to go; the first function that offers it gets them all.
    pub departure: Option<&'a dyn Departure>,
    /// Primitives to the measure of those who send or get them.
    pub tailor: Option<&'a dyn Tailor>,
    /// Whether its hooks wait for others, such as members of a group: they may take as long as the request then, and not
    /// only as long as other hooks may (`functions.time_limit`).
    pub waits: bool,
}

/// A service function. Every method has a default that does nothing.
#[async_trait]
pub trait ServiceFunction: Send + Sync + 'static {
    /// Its name in settings, logs and reports: lower case, no spaces.
    fn name(&self) -> &'static str;

    /// Tables of the resource types that it adds: file name and TOML text.
    fn schemas(&self) -> &[(&'static str, &'static str)] {
        &[]
    }

    /// Numbers of the types whose procedures it carries out; claiming a type twice is refused at start.
    fn owns(&self) -> &[u32] {
        &[]
    }

    /// Whether its asynchronous hooks may keep the thread on which they run, by computing for long or by calling what
    /// blocks. `intercept`, `prepare`, `committed` and `run` have threads of their own then, and hold up nobody else.
    /// A function that says no is called where the request is, which costs less, and is switched off if it keeps that
    /// thread for longer than `functions.time_limit`. So are, of every function, hooks that are not asynchronous.
    fn may_block(&self) -> bool {
        true
    }

    /// Its settings, in a section of its own; [`Cse::settings`] gives their values.
    fn settings(&self) -> &[Setting] {
        &[]
    }

    /// The AE-ID under which it does things of its own accord ([`Cse::act`]): `C` or `S` and what follows. The node
    /// registers an AE for it, called like the function, and takes no request from outside in that name.
    fn originator(&self) -> Option<&'static str> {
        None
    }

    /// The stages in which it may take part at all: in others it is not even asked.
    fn stages(&self) -> &'static [Stage] {
        &Stage::ALL
    }

    /// Whether it takes part in a stage of a request; asked about [`Stage::Answered`] before the request is carried
    /// out. A function that says no where it has nothing to do costs the request next to nothing.
    fn takes_part(&self, _stage: Stage, _call: &Call, _target: &Target) -> bool {
        true
    }

    /// May answer a request whole, before access control and the procedures.
    async fn intercept(
        &self,
        _cse: &Cse,
        _call: &Arc<Call>,
        _target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        Ok(ControlFlow::Continue(()))
    }

    /// Does what needs the network before a write; a failure refuses the request.
    async fn prepare(&self, _cse: &Cse, _call: &Arc<Call>, _target: &Target) -> Result<(), Failure> {
        Ok(())
    }

    /// Takes up what is stored: in the first transaction after the start, or after everything was removed, before any
    /// request is carried out. A failure stops the node. May run twice.
    fn begin(&self, _txn: &mut Txn<'_>) -> Result<(), Failure> {
        Ok(())
    }

    /// Takes part in a change, inside the transaction; a failure rolls the request back. May run twice.
    fn apply(&self, _txn: &mut Txn<'_>, _change: &mut Change<'_>) -> Result<(), Failure> {
        Ok(())
    }

    /// Learns of what a request changed, after the commit and beside the answer. What the node removes by itself
    /// (expired and trimmed resources) is not told.
    async fn committed(&self, _cse: &Cse, _events: &[Event]) {}

    /// Learns how a request to a target that was found has ended, whatever its outcome, which is on its way to the
    /// originator. What takes time is for a task of its own.
    fn answered(
        &self,
        _cse: &Cse,
        _call: &Arc<Call>,
        _target: &Target,
        _outcome: &Result<Response, Failure>,
    ) {
    }

    /// What it offers besides.
    fn facets(&self) -> Facets<'_> {
        Facets::default()
    }

    /// Runs in the background from the start of the node until it stops, or the function is switched off. Work that
    /// fails or panics begins again after a pause.
    async fn run(self: Arc<Self>, _cse: Arc<Cse>, _stop: Stop) -> anyhow::Result<()> {
        Ok(())
    }

    /// Its state for the operator.
    fn report(&self) -> Report {
        Report::default()
    }
}
