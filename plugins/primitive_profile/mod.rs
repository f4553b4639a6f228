//! Primitive profiles (`<primitiveProfile>`, TS-0001 release 4): what is added to primitives and left out of them, so that
//! constrained devices send and get less.
//!
//! Responsible for `<primitiveProfile>` and for applying what it says to requests, responses and notifications. When they
//! are asked for is the core's ([`dyad_core::Tailor`]). What no text at hand says, and how it is read here:
//! docs/deviations/primitive-profile.md.

mod check;
mod choose;
mod edits;
mod index;
mod names;
mod notifications;
mod profile;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::resource::{Id, Lookup, Resource, Txn};
use dyad_core::{Change, Cse, Facets, Report, ServiceFunction, Stage, Stop, Tailor, TailorResponse};
use dyad_protocol::exchange::Arrival;
use dyad_protocol::primitive::ResourceType;
use dyad_protocol::{Failure, Request, Response};

use choose::{Chosen, Question};
use index::Index;
use profile::{PRIMITIVE_PROFILE, governs};

/// Profiles that are read at a time.
const PAGE: usize = 500;

/// Applies primitive profiles.
#[derive(Debug, Default)]
pub struct PrimitiveProfiles {
    index: Index,
    applied: AtomicU64,
    refused: AtomicU64,
}

#[async_trait]
impl ServiceFunction for PrimitiveProfiles {
    fn name(&self) -> &'static str {
        "primitive-profile"
    }

    fn owns(&self) -> &[u32] {
        &[PRIMITIVE_PROFILE]
    }

    fn may_block(&self) -> bool {
        false
    }

    fn stages(&self) -> &'static [Stage] {
        &[]
    }

    /// Takes up the profiles that are stored.
    fn begin(&self, txn: &mut Txn<'_>) -> Result<(), Failure> {
        let cse = txn.cse();
        self.index.clear();
        cse.tailors(self, false);
        let mut after = 0;
        loop {
            let page = txn.of_type(62, after, PAGE)?;
            for profile in &page {
                if let Some(parent) = txn.resource(profile.parent())? {
                    self.note(txn, &parent, profile.originator(), profile.id())?;
                }
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => after = last.id(),
                _ => return Ok(()),
            }
        }
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        let cse = txn.cse();
        match change {
            Change::Create { parent, draft, .. } if draft.table.number == PRIMITIVE_PROFILE => {
                check::attributes(cse.schemas(), &draft.attributes)?;
                self.note(txn, parent, draft.originator.as_deref(), draft.id)
            }
            Change::Update { draft, .. } if draft.table.number == PRIMITIVE_PROFILE => {
                check::attributes(cse.schemas(), &draft.attributes)
            }
            _ => Ok(()),
        }
    }

    fn facets(&self) -> Facets<'_> {
        Facets { tailor: Some(self), ..Facets::default() }
    }

    async fn run(self: Arc<Self>, cse: Arc<Cse>, mut stop: Stop) -> anyhow::Result<()> {
        tokio::select! {
            () = self.index.tidy(&cse, || cse.tailors(&*self, false)) => Ok(()),
            () = stop.stopped() => Ok(()),
        }
    }

    fn report(&self) -> Report {
        let profiles = u64::try_from(self.index.count()).unwrap_or(u64::MAX);
        let (applied, refused) = (self.applied.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed));
        Report {
            summary: format!(
                "{profiles} profiles, applied to {applied} primitives since the start; {refused} requests refused"
            ),
            figures: vec![("profiles", profiles), ("applied", applied), ("refused", refused)],
        }
    }
}

impl PrimitiveProfiles {
    /// There is a profile below a resource from now on: for the entity that the resource stands for; below the CSEBase for
    /// everybody if its creator may speak for all, otherwise for its creator.
    fn note(
        &self,
        txn: &mut Txn<'_>,
        parent: &Arc<Resource>,
        creator: Option<&str>,
        profile: Id,
    ) -> Result<(), Failure> {
        let (cse, now) = (txn.cse(), txn.now());
        let entity = match (parent.entity(), creator) {
            (Some(entity), _) => entity.into_owned(),
            (None, Some(creator)) if !governs(txn, cse, creator, parent, now)? => creator.to_owned(),
            (None, _) => String::new(),
        };
        self.index.add(cse.config().shorten(&entity), profile, || cse.tailors(self, true));
        Ok(())
    }
}

#[async_trait]
impl Tailor for PrimitiveProfiles {
    async fn request(
        &self,
        cse: &Cse,
        request: &mut Request,
        arrival: &Arrival,
    ) -> Result<Option<Box<dyn TailorResponse>>, Failure> {
        let candidates = match request.primitive_profile_identifier.as_deref() {
            // To be left as it is.
            Some("") => return Ok(None),
            Some(_) => Vec::new(),
            None => self.index.of(cse.config().shorten(request.originator())),
        };
        if candidates.is_empty() && request.primitive_profile_identifier.is_none() {
            return Ok(None);
        }
        let question = Question::new(cse, request, arrival, candidates);
        let chosen = cse.look(move |cse, look| question.answer(cse, look)).await;
        let outcome = chosen.and_then(|chosen| {
            edits::request(cse.schemas(), request, &chosen.profiles, chosen.ty)?;
            Ok(chosen)
        });
        let counter = match &outcome {
            Ok(chosen) if chosen.profiles.is_empty() => return Ok(None),
            Ok(_) => &self.applied,
            Err(_) => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let Chosen { profiles, ty } = outcome?;
        Ok(Some(Box::new(Fitting { profiles, ty })))
    }

    async fn notifications(&self, cse: &Cse, entity: &Arc<Resource>, requests: &mut [Request]) {
        let identifier = entity.entity().unwrap_or_default();
        let identifier = cse.config().shorten(&identifier);
        let candidates = self.index.of(identifier);
        for request in requests.iter_mut().filter(|_| !candidates.is_empty()) {
            let question = notifications::Question::new(cse, identifier, request, candidates.clone());
            let Some(question) = question else { continue };
            match cse.look(move |cse, look| question.answer(cse, look)).await {
                Ok(answer) if notifications::cut(cse.schemas(), request, &answer) => {
                    self.applied.fetch_add(1, Ordering::Relaxed);
                }
                Ok(_) => {}
                Err(failure) => {
                    tracing::error!(error = ?failure.source, "profiles cannot be looked up: {failure}");
                }
            }
        }
    }
}

/// The profiles of a request, for its response.
struct Fitting {
    profiles: Vec<Arc<Resource>>,
    ty: Option<ResourceType>,
}

impl TailorResponse for Fitting {
    fn response(&self, cse: &Cse, response: &mut Response) {
        edits::response(cse.schemas(), response, &self.profiles, self.ty);
    }
}
