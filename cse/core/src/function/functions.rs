//! The service functions of a node: in their order, as they are switched on and off, with their background work.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use dyad_protocol::{Failure, StatusCode};
use rustc_hash::FxHashMap;
use tokio::sync::watch;

use super::faults::Fault;
use super::hosted::Hosted;
use super::watchdog::Hook;
use super::{Report, ServiceFunction, Stage, Stop, entity};
use crate::Cse;
use crate::config::Config;
use crate::settings::Values;

/// The pause before background work that has failed begins again; it doubles with each fault.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long background work may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(10);

/// All service functions, in their order.
pub(crate) struct Functions {
    hosted: Vec<Hosted>,
    /// The places of those that may take part in a stage.
    stages: [Vec<usize>; Stage::ALL.len()],
    /// Which of them owns a type.
    owners: FxHashMap<u32, usize>,
    /// The AE-IDs under which they act.
    originators: Vec<&'static str>,
    nothing: Values,
    /// How many have something to tailor.
    pub(super) tailoring: AtomicUsize,
}

/// The functions that are switched on.
#[derive(Clone, Copy)]
pub struct Active<'a>(&'a Functions);

/// How a function fares.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its name.
    pub name: &'static str,
    /// Since when and why it is switched off; `None` for one that is on.
    pub off: Option<(dyad_protocol::Timestamp, String)>,
    /// Faults since the start of the node.
    pub faults: u64,
    /// Hook and kind of the last of them.
    pub last_fault: Option<String>,
    /// What it says of itself.
    pub report: Report,
}

impl Functions {
    /// Fails if two functions claim a type, a name or an originator, or declare settings that make no sense.
    pub(crate) fn new(functions: Vec<Arc<dyn ServiceFunction>>, config: &Config) -> anyhow::Result<Self> {
        let mut owners = FxHashMap::default();
        for (at, function) in functions.iter().enumerate() {
            let is_other = |other: &&Arc<dyn ServiceFunction>| other.name() == function.name();
            anyhow::ensure!(
                !functions.iter().take(at).any(|other| is_other(&other)),
                "two service functions are called {}",
                function.name()
            );
            for ty in function.owns() {
                if let Some(owner) = owners.insert(*ty, at).and_then(|owner: usize| functions.get(owner)) {
                    anyhow::bail!(
                        "{} claims resource type {ty}, which {} has already",
                        function.name(),
                        owner.name()
                    );
                }
            }
        }
        let places = |stage: &Stage| {
            let takes_part = |(at, function): (usize, &Arc<dyn ServiceFunction>)| {
                function.stages().contains(stage).then_some(at)
            };
            functions.iter().enumerate().filter_map(takes_part).collect()
        };
        let stages = Stage::ALL.each_ref().map(places);
        let originators = entity::originators(&functions, config)?;
        let mut hosted = Vec::with_capacity(functions.len());
        for (at, function) in functions.into_iter().enumerate() {
            let settings = Values::of(&*function, &config.functions.settings)?;
            hosted.push(Hosted::new(at, function, settings));
        }
        Ok(Self {
            hosted,
            stages,
            owners,
            originators,
            nothing: Values::default(),
            tailoring: AtomicUsize::default(),
        })
    }

    /// Each with its place in the order, those that are off included.
    pub(crate) fn all(&self) -> &[Hosted] {
        &self.hosted
    }

    /// Those that are on.
    pub(crate) fn on(&self) -> impl Iterator<Item = &Hosted> {
        self.hosted.iter().filter(|hosted| !hosted.is_off())
    }

    /// Those that are on and may take part in a stage, each with its place.
    pub(crate) fn at(&self, stage: Stage) -> impl Iterator<Item = (usize, &Hosted)> {
        let places = self.stages.get(stage as usize).into_iter().flatten();
        let hosted = places.filter_map(|place| Some((*place, self.hosted.get(*place)?)));
        hosted.filter(|(_, hosted)| !hosted.is_off())
    }

    pub(crate) fn active(&self) -> Active<'_> {
        Active(self)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Hosted> {
        self.hosted.get(place)
    }

    /// The owner of a resource type, on or off.
    pub(crate) fn owner(&self, ty: u32) -> Option<&Hosted> {
        self.hosted.get(*self.owners.get(&ty)?)
    }

    /// The settings of a function; none of one that is not there.
    pub(crate) fn settings(&self, name: &str) -> &Values {
        self.find(name).map_or(&self.nothing, |(_, hosted)| &hosted.settings)
    }

    /// Whether an originator, in its shortest form, is one of the functions.
    pub(crate) fn is_originator(&self, id: &str) -> bool {
        self.originators.contains(&id)
    }

    pub(super) fn find(&self, name: &str) -> Option<(usize, &Hosted)> {
        self.hosted.iter().enumerate().find(|(_, hosted)| hosted.function().name() == name)
    }

    /// The same. NOT_FOUND, with the names that there are, if none has it.
    fn named(&self, name: &str) -> Result<(usize, &Hosted), Failure> {
        self.find(name).ok_or_else(|| {
            let name: String = name.chars().take(64).collect();
            let names: Vec<_> = self.hosted.iter().map(|hosted| hosted.function().name()).collect();
            let there_are = names.join(", ");
            Failure::new(
                StatusCode::NotFound,
                format!("there is no service function {name}; there are {there_are}"),
            )
        })
    }
}

impl<'a> Active<'a> {
    /// In their order.
    pub fn iter(self) -> impl Iterator<Item = &'a Arc<dyn ServiceFunction>> {
        self.0.on().map(Hosted::function)
    }
}

impl Cse {
    /// How each service function fares.
    pub fn standings(&self) -> Vec<Standing> {
        let standing = |hosted: &Hosted| {
            let record = hosted.faults.record().clone();
            Standing {
                name: hosted.function().name(),
                off: record.off,
                faults: record.count,
                last_fault: record.last,
                report: hosted.report(self),
            }
        };
        self.hosts().all().iter().map(standing).collect()
    }

    /// Switches a service function off until it is switched on, also over a new start of the node: it takes part in
    /// nothing, and requests to create or change resources of its types are answered with NOT_IMPLEMENTED. `false` if it
    /// was off. NOT_FOUND for a name that none has; if the store does not take it, the function is off until the next
    /// start alone.
    pub async fn switch_off(&self, name: &str) -> Result<bool, Failure> {
        let (place, hosted) = self.hosts().named(name)?;
        // At once: the function may be what keeps the writer.
        let is_new = hosted.faults.switch_off(self.now());
        hosted.stop.send_replace(true);
        if is_new {
            tracing::warn!(function = name, "the service function is switched off");
        }
        let stored = self.writer().run(move |txn| {
            txn.note_switched_off(place);
            Ok(())
        });
        stored.await.map_err(|failure| Failure {
            debug: format!("{name} is off, but only until the next start: {}", failure.debug).into(),
            ..failure
        })?;
        Ok(is_new)
    }

    /// Switches a service function on: it takes up what is stored, as at the start of the node, and then takes part.
    /// `false` if it was on. NOT_FOUND for a name that none has; the failure of `begin` if that fails.
    pub async fn switch_on(&self, name: &str) -> Result<bool, Failure> {
        let (place, hosted) = self.hosts().named(name)?;
        if !hosted.is_off() {
            return Ok(false);
        }
        // In one transaction: no change comes between what it takes up and what it is told of.
        self.writer()
            .run(move |txn| {
                txn.begin_function(place)?;
                txn.note_switched_on(place);
                if let Some(hosted) = txn.cse().hosts().get(place) {
                    hosted.faults.switch_on();
                }
                Ok(())
            })
            .await?;
        hosted.stop.send_replace(false);
        tokio::spawn(supervise(self.shared(), place));
        self.alarms().note(i64::MIN);
        tracing::info!(function = name, "the service function is switched on");
        Ok(true)
    }
}

/// Does the background work of a function until it is done, the node stops, or the function is switched off. Work that
/// fails begins again after a pause.
pub(crate) async fn supervise(cse: Arc<Cse>, place: usize) {
    let Some(hosted) = cse.hosts().get(place) else { return };
    let mut node = Stop(cse.stop_signal());
    let mut pause = PAUSE;
    loop {
        let mut work = std::pin::pin!(hosted.run(&cse));
        let ended = tokio::select! {
            ended = &mut work => Some(ended),
            () = node.stopped() => {
                hosted.stop.send_replace(true);
                // The end of the process is not held up by this task.
                Some(work.await)
            }
            () = overdue(hosted.stop.subscribe()) => None,
        };
        let fault = match ended {
            Some(Ok(Ok(()))) | None => return,
            Some(Ok(Err(error))) => Fault::Ended(format!("{error:#}")),
            Some(Err(panic)) => Fault::Panic(panic),
        };
        hosted.note(&cse, Hook::Run, fault);
        if hosted.is_off() || cse.is_stopping() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = node.stopped() => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Resolves when work that was told to end has had its time.
async fn overdue(mut stop: watch::Receiver<bool>) {
    // An error means that the node is gone altogether.
    let _ = stop.wait_for(|stopped| *stopped).await;
    tokio::time::sleep(GRACE).await;
}
