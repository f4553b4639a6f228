//! Service subscription profiles: which AEs may register, by rules in the tree (TS-0001 9.6.19, 9.6.20, 9.6.29, 10.2.2.2
//! step 003; TS-0004 7.3.2.7).
//!
//! Responsible for finding the rules for this CSE and asking them. A profile is in force if the administrator made it:
//! anybody may create below the CSEBase, but not lock everybody out. Who may register without any profile is for the
//! settings to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dyad_core::access;
use dyad_core::config::{Config, CseType};
use dyad_core::request::local_path;
use dyad_core::resource::{Draft, Resource, Txn, resolve};
use dyad_protocol::{Failure, Timestamp};

/// The type numbers of `<m2mServiceSubscriptionProfile>`, `<serviceSubscribedAppRule>` and `<serviceSubscribedNode>`.
pub(super) const TYPES: [u32; 3] = [11, RULE, NODE];
const RULE: u32 = 19;
const NODE: u32 = 20;
/// The same as rows have it.
const NODES: i32 = 20;

/// Rows that are read at a time.
const PAGE: usize = 100;

/// What is known of the profiles in the tree.
#[derive(Debug)]
pub(super) struct Profiles {
    /// Whether one may be in force: spares all other nodes the search.
    are_possible: AtomicBool,
}

impl Default for Profiles {
    fn default() -> Self {
        Self { are_possible: AtomicBool::new(true) }
    }
}

/// Who wants to register.
pub(super) struct Registree<'a> {
    /// The App-ID.
    pub(super) app_id: &'a str,
    /// The identity that its connection has proved.
    pub(super) credential: Option<&'a str>,
}

impl Profiles {
    /// Something of this type was written, or will be if the transaction succeeds.
    pub(super) fn note(&self, ty: u32) {
        if ty == NODE {
            self.are_possible.store(true, Ordering::Relaxed);
        }
    }

    /// The first of the AE-ID-Stems under which the registree is admitted: by a rule, or by there being no profile.
    pub(super) fn admitted<'a>(
        &self,
        txn: &mut Txn<'_>,
        registree: &Registree<'_>,
        stems: &[&'a str],
    ) -> Result<Option<&'a str>, Failure> {
        let rules = match self.are_possible.load(Ordering::Relaxed) {
            true => rules(txn)?,
            false => None,
        };
        let Some(rules) = rules else {
            self.are_possible.store(false, Ordering::Relaxed);
            return Ok(stems.first().copied());
        };
        Ok(stems.iter().copied().find(|stem| rules.iter().any(|rule| admits(rule, registree, stem))))
    }
}

/// What the tables do not say of these types. OPERATION_NOT_ALLOWED where they are not kept, BAD_REQUEST for rules of a node
/// that has no CSE.
pub(super) fn check(config: &Config, draft: &Draft) -> Result<(), Failure> {
    if config.cse_type != CseType::In {
        return Err(Failure::not_allowed("service subscription profiles are kept by the IN-CSE"));
    }
    if draft.attributes.contains_key("rlk") && !draft.attributes.contains_key("csi") {
        return Err(Failure::bad_request("ruleLinks (rlk) are for nodes with a CSE (csi)"));
    }
    Ok(())
}

/// The rules that profiles link to this CSE; `None` if no profile in force names it.
fn rules(txn: &mut Txn<'_>) -> Result<Option<Vec<Arc<Resource>>>, Failure> {
    let (cse, now) = (txn.cse(), txn.now());
    let (mut after, mut found) = (0, None);
    loop {
        let page = txn.of_type(NODES, after, PAGE)?;
        for node in
            page.iter().filter(|node| is_in_force(cse.config(), node, now) && is_this(cse.config(), node))
        {
            let rules: &mut Vec<_> = found.get_or_insert_default();
            for link in node.texts("rlk") {
                let Ok(path) = local_path(cse, cse.config().shorten(link)) else { continue };
                let rule = resolve(txn, path)?.filter(|rule| rule.ty() == RULE);
                rules.extend(rule.filter(|rule| is_in_force(cse.config(), rule, now)));
            }
        }
        match page.last() {
            Some(last) if page.len() >= PAGE => after = last.id(),
            _ => return Ok(found),
        }
    }
}

fn is_in_force(config: &Config, resource: &Resource, now: Timestamp) -> bool {
    !resource.is_expired(now) && resource.originator() == Some(config.admin.as_str())
}

fn is_this(config: &Config, node: &Resource) -> bool {
    let bare = |id: &str| config.shorten(id).trim_start_matches('/').to_owned();
    node.text("csi").is_some_and(|csi| bare(csi) == bare(&config.cse_id))
}

/// Whether a rule admits the registree under a stem. What a rule does not list, it does not restrict.
fn admits(rule: &Resource, registree: &Registree<'_>, stem: &str) -> bool {
    let lists = |name: &str, value: &str| {
        rule.get(name).is_none() || rule.texts(name).any(|pattern| access::matches_pattern(pattern, value))
    };
    let credential = rule.get("apci").is_none()
        || rule.texts("apci").any(|pattern| match registree.credential {
            Some(credential) => access::matches_pattern(pattern, credential),
            None => pattern == "*",
        });
    credential && lists("aai", registree.app_id) && lists("aae", stem)
}
