//! Does a resource match the filter criteria? (TS-0004 7.3.3.17)

use std::borrow::Cow;
use std::ops::Deref;

use dyad_protocol::primitive::{AttributeCondition, FilterCriteria, FilterOperation};
use dyad_protocol::{Failure, Object, Timestamp};
use serde_json::Value;

use crate::Cse;
use crate::access::matches_pattern;
use crate::function::Described;
use crate::geography::Area;
use crate::resource::{Lookup, Resource, forms};

/// Attributes that are lists of addresses: a condition on one holds in whatever form the address is written.
const ADDRESSES: &[&str] = &["mid"];

/// Filter criteria made ready to be asked of many resources.
pub(super) struct Filter<'a> {
    criteria: Cow<'a, FilterCriteria>,
    area: Option<Area>,
    described: Option<Described>,
    /// Whether everything matches.
    is_empty: bool,
}

impl<'a> Filter<'a> {
    /// From what was sent, and what its semantics filters match. BAD_REQUEST for a geo-query that makes no sense; NOT_IMPLEMENTED for what this node does not
    /// evaluate, so that nothing is ignored in silence.
    pub(super) fn new(
        look: &mut impl Lookup,
        cse: &Cse,
        criteria: &'a FilterCriteria,
        described: Option<Described>,
    ) -> Result<Self, Failure> {
        if !criteria.semantics_filter.is_empty() && described.is_none() {
            return Err(Failure::not_implemented("semantics filters are not supported here"));
        }
        if criteria.content_filter.is_some() {
            return Err(Failure::not_implemented("content-based discovery is not supported"));
        }
        let area = criteria.geo_query.as_ref();
        let area = area.map(|(kind, function, shape)| Area::new(*kind, *function, shape)).transpose()?;
        let is_empty = !criteria.has_conditions();
        Ok(Self { criteria: in_all_forms(look, cse, criteria)?, area, described, is_empty })
    }

    /// What semantics filters match.
    pub(super) fn described(&self) -> Option<&Described> {
        self.described.as_ref()
    }

    /// The geo-query.
    pub(super) fn area(&self) -> Option<&Area> {
        self.area.as_ref()
    }
}

impl Deref for Filter<'_> {
    type Target = FilterCriteria;

    fn deref(&self) -> &FilterCriteria {
        &self.criteria
    }
}

/// The criteria with every form of the addresses that conditions name, so that `mid=cnt7` finds the groups that have
/// the container as a member under its path.
fn in_all_forms<'a>(
    look: &mut impl Lookup,
    cse: &Cse,
    criteria: &'a FilterCriteria,
) -> Result<Cow<'a, FilterCriteria>, Failure> {
    let lists = |criteria: &'a FilterCriteria| {
        [&criteria.attribute, &criteria.child_attribute, &criteria.parent_attribute]
    };
    let is_address = |condition: &&AttributeCondition| ADDRESSES.contains(&condition.name.as_str());
    if !lists(criteria).into_iter().flatten().any(|condition| is_address(&condition)) {
        return Ok(Cow::Borrowed(criteria));
    }
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (list, all) in lists(criteria).into_iter().zip(&mut all) {
        for condition in list {
            all.push(condition.clone());
            let Some(address) = condition.value.as_str().filter(|_| is_address(&condition)) else { continue };
            let others = forms(look, cse, address)?.into_iter().filter(|form| form != address);
            all.extend(
                others.map(|form| AttributeCondition { name: condition.name.clone(), value: form.into() }),
            );
        }
    }
    let [attribute, child_attribute, parent_attribute] = all;
    Ok(Cow::Owned(FilterCriteria { attribute, child_attribute, parent_attribute, ..criteria.clone() }))
}

/// NOT_FOUND for a target that does not match the criteria of its request (TS-0004 7.3.3.1).
pub(super) fn check(
    look: &mut impl Lookup,
    cse: &Cse,
    target: &Resource,
    criteria: Option<&FilterCriteria>,
) -> Result<(), Failure> {
    let Some(criteria) = criteria.filter(|criteria| criteria.has_conditions()) else { return Ok(()) };
    let filter = Filter::new(look, cse, criteria, None)?;
    check_ready(look, target, &filter)
}

/// The same for criteria that are ready.
pub(super) fn check_ready(
    look: &mut impl Lookup,
    target: &Resource,
    filter: &Filter<'_>,
) -> Result<(), Failure> {
    match matches(look, target, filter)? {
        true => Ok(()),
        false => Err(Failure::not_found("the resource does not match the filter criteria")),
    }
}

/// Whether a resource matches; criteria without any condition match everything.
pub(super) fn matches(
    look: &mut impl Lookup,
    resource: &Resource,
    criteria: &Filter<'_>,
) -> Result<bool, Failure> {
    let mut verdict = Verdict::new(criteria.operation);
    // Without any nothing is parsed.
    if criteria.is_empty {
        return Ok(verdict.holds());
    }
    own_conditions(&mut verdict, resource, criteria);
    if verdict.is_settled() {
        return Ok(verdict.holds());
    }
    parent_conditions(&mut verdict, look, resource, criteria)?;
    child_conditions(&mut verdict, look, resource, criteria)?;
    Ok(verdict.holds())
}

/// Combines conditions of different kinds as `fo` says.
struct Verdict {
    operation: FilterOperation,
    conditions: usize,
    held: usize,
}

impl Verdict {
    fn new(operation: FilterOperation) -> Self {
        Self { operation, conditions: 0, held: 0 }
    }

    fn add(&mut self, holds: bool) {
        self.conditions += 1;
        self.held += usize::from(holds);
    }

    /// Adds a condition if it was given.
    fn given<T>(&mut self, condition: Option<T>, holds: impl FnOnce(T) -> bool) {
        if let Some(condition) = condition {
            self.add(holds(condition));
        }
    }

    /// Whether further conditions cannot change the verdict.
    fn is_settled(&self) -> bool {
        match self.operation {
            FilterOperation::And => self.held < self.conditions,
            FilterOperation::Or => self.held > 0,
            FilterOperation::Xor => false,
        }
    }

    fn holds(&self) -> bool {
        match self.operation {
            _ if self.conditions == 0 => true,
            FilterOperation::And => self.held == self.conditions,
            FilterOperation::Or => self.held > 0,
            FilterOperation::Xor => self.held % 2 == 1,
        }
    }
}

fn own_conditions(verdict: &mut Verdict, resource: &Resource, criteria: &Filter<'_>) {
    let row = resource.row();
    let (ct, lt, et) =
        (Timestamp::from_micros(row.ct), Timestamp::from_micros(row.lt), resource.expiration());
    let et = (et != Timestamp::NEVER).then_some(et);
    time_conditions(verdict, criteria, Some(ct), Some(lt), et);
    if !criteria.resource_type.is_empty() {
        verdict.add(criteria.resource_type.contains(&resource.ty()));
    }
    verdict.given(criteria.described(), |described| described.contains(&resource.id()));
    if verdict.is_settled() || !asks_for_attributes(criteria) {
        return;
    }
    let attributes = resource.attributes();
    let number = |name: &str| attributes.get(name).and_then(Value::as_u64);
    let size = if crate::types::is_instance(resource.ty()) { number("cs") } else { None };
    number_conditions(verdict, criteria, number("st"), size);
    if !criteria.labels.is_empty() {
        verdict.add(has_label(attributes, &criteria.labels));
    }
    if !criteria.labels_query.is_empty() {
        verdict.add(criteria.labels_query.iter().any(|query| labels_satisfy(attributes, query)));
    }
    if !criteria.content_type.is_empty() {
        let content_type =
            attributes.get("cnf").and_then(Value::as_str).and_then(|cnf| cnf.split(':').next());
        verdict.add(content_type.is_some_and(|own| criteria.content_type.iter().any(|wanted| wanted == own)));
    }
    if !criteria.attribute.is_empty() {
        verdict.add(has_attributes(attributes, &criteria.attribute, criteria.operation));
    }
    verdict.given(criteria.area(), |area| area.admits(attributes));
}

/// Whether a condition is on more than the row has, so that the attributes have to be parsed.
fn asks_for_attributes(criteria: &Filter<'_>) -> bool {
    let numbers =
        [criteria.state_tag_smaller, criteria.state_tag_bigger, criteria.size_above, criteria.size_below];
    let texts = [&criteria.labels, &criteria.labels_query, &criteria.content_type];
    numbers.iter().any(Option::is_some)
        || texts.iter().any(|texts| !texts.is_empty())
        || !criteria.attribute.is_empty()
        || criteria.area().is_some()
}

/// The conditions on times (TS-0004 7.3.3.17.1, .2, .4); a time that is not there fulfils none.
fn time_conditions(
    verdict: &mut Verdict,
    criteria: &FilterCriteria,
    ct: Option<Timestamp>,
    lt: Option<Timestamp>,
    et: Option<Timestamp>,
) {
    verdict.given(criteria.created_before, |at| ct.is_some_and(|ct| ct < at));
    verdict.given(criteria.created_after, |at| ct.is_some_and(|ct| at <= ct));
    verdict.given(criteria.unmodified_since, |at| lt.is_some_and(|lt| lt < at));
    verdict.given(criteria.modified_since, |at| lt.is_some_and(|lt| at <= lt));
    verdict.given(criteria.expire_before, |at| et.is_some_and(|et| et < at));
    verdict.given(criteria.expire_after, |at| et.is_some_and(|et| at <= et));
}

/// The conditions on state tag and size (TS-0004 7.3.3.17.3, .7); a number that is not there fulfils none.
fn number_conditions(verdict: &mut Verdict, criteria: &FilterCriteria, st: Option<u64>, cs: Option<u64>) {
    verdict.given(criteria.state_tag_smaller, |than| st.is_some_and(|st| st < than));
    verdict.given(criteria.state_tag_bigger, |than| st.is_some_and(|st| st >= than));
    verdict.given(criteria.size_above, |than| cs.is_some_and(|cs| cs >= than));
    verdict.given(criteria.size_below, |than| cs.is_some_and(|cs| cs < than));
}

fn parent_conditions(
    verdict: &mut Verdict,
    look: &mut impl Lookup,
    resource: &Resource,
    criteria: &FilterCriteria,
) -> Result<(), Failure> {
    let (types, labels, attributes) =
        (&criteria.parent_resource_type, &criteria.parent_labels, &criteria.parent_attribute);
    if types.is_empty() && labels.is_empty() && attributes.is_empty() {
        return Ok(());
    }
    let parent = look.resource(resource.parent())?;
    let parent = parent.as_deref();
    if !types.is_empty() {
        verdict.add(parent.is_some_and(|parent| types.contains(&parent.ty())));
    }
    if !labels.is_empty() {
        verdict.add(parent.is_some_and(|parent| has_label(parent.attributes(), labels)));
    }
    if !attributes.is_empty() {
        let operation = criteria.operation;
        verdict.add(parent.is_some_and(|parent| has_attributes(parent.attributes(), attributes, operation)));
    }
    Ok(())
}

/// Children that are looked at for a condition on children, at a time.
const PAGE: usize = 256;

fn child_conditions(
    verdict: &mut Verdict,
    look: &mut impl Lookup,
    resource: &Resource,
    criteria: &FilterCriteria,
) -> Result<(), Failure> {
    let (types, labels, attributes) =
        (&criteria.child_resource_type, &criteria.child_labels, &criteria.child_attribute);
    if types.is_empty() && labels.is_empty() && attributes.is_empty() {
        return Ok(());
    }
    let (mut type_fits, mut label_fits, mut attribute_fits) =
        (types.is_empty(), labels.is_empty(), attributes.is_empty());
    let mut after = 0;
    loop {
        let children = look.children(resource.id(), &[], after, PAGE)?;
        for child in &children {
            type_fits |= types.contains(&child.ty());
            label_fits = label_fits || has_label(child.attributes(), labels);
            attribute_fits =
                attribute_fits || has_attributes(child.attributes(), attributes, criteria.operation);
        }
        let all = type_fits && label_fits && attribute_fits;
        match children.last() {
            Some(last) if !all && children.len() == PAGE => after = last.id(),
            _ => break,
        }
    }
    for (given, fits) in [
        (!types.is_empty(), type_fits),
        (!labels.is_empty(), label_fits),
        (!attributes.is_empty(), attribute_fits),
    ] {
        if given {
            verdict.add(fits);
        }
    }
    Ok(())
}

/// Whether one of the labels is among those wanted.
fn has_label(attributes: &Object, wanted: &[String]) -> bool {
    crate::resource::texts(attributes.get("lbl"))
        .any(|label| wanted.iter().any(|pattern| matches_pattern(pattern, label)))
}

/// Whether the named attributes have the wanted values. Several values for one attribute are alternatives;
/// different attributes combine as the criteria do.
fn has_attributes(attributes: &Object, wanted: &[AttributeCondition], operation: FilterOperation) -> bool {
    let mut verdict = Verdict::new(operation);
    for (position, condition) in wanted.iter().enumerate() {
        let same_name = |other: &&AttributeCondition| other.name == condition.name;
        if wanted.iter().take(position).any(|other| same_name(&other)) {
            continue;
        }
        let own = attributes.get(&condition.name);
        verdict
            .add(wanted.iter().filter(same_name).any(|alternative| value_matches(own, &alternative.value)));
    }
    verdict.holds()
}

/// Whether an attribute has a value: one of its elements if it is a list; `*` in the value stands for any run of
/// characters.
fn value_matches(own: Option<&Value>, wanted: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match own {
        None => false,
        Some(Value::Array(items)) => {
            items.iter().any(|item| value_matches(Some(item), wanted)) || own == Some(wanted)
        }
        Some(own) => matches_pattern(&text(wanted), &text(own)),
    }
}

/// An expression over labels of the form `key:value` (TS-0004 7.3.3.17.16).
fn labels_satisfy(attributes: &Object, query: &str) -> bool {
    let pairs: Vec<(&str, Option<&str>)> = crate::resource::texts(attributes.get("lbl"))
        .map(|label| label.split_once(':').map_or((label, None), |(key, value)| (key, Some(value))))
        .collect();
    let with_key = |key: &str| pairs.iter().filter(move |(own, _)| *own == key).collect::<Vec<_>>();
    let query = query.trim();
    if let Some(key) = query.strip_prefix("NT ") {
        return with_key(key.trim()).is_empty();
    }
    let words: Vec<&str> = query.splitn(3, ' ').collect();
    match words.as_slice() {
        [key, "EQ", value] => with_key(key).iter().any(|(_, own)| *own == Some(value.trim())),
        [key, "NE", value] => {
            let values: Vec<&str> = with_key(key).iter().filter_map(|(_, own)| *own).collect();
            !values.is_empty() && !values.contains(&value.trim())
        }
        [key, kind @ ("IN" | "NI"), list] => {
            let list: Vec<&str> =
                list.trim().trim_start_matches('(').trim_end_matches(')').split(',').map(str::trim).collect();
            let values: Vec<&str> = with_key(key).iter().filter_map(|(_, own)| *own).collect();
            let one_listed = values.iter().any(|own| list.contains(own));
            !values.is_empty() && one_listed == (*kind == "IN")
        }
        _ => match query.split_once(':') {
            Some((key, value)) => with_key(key).iter().any(|(_, own)| *own == Some(value)),
            None => !with_key(query).is_empty(),
        },
    }
}

/// The conditions on times, state and size that filter criteria share with event notification criteria
/// (TS-0001 Table 9.6.8-3), on a resource in the making.
pub(crate) fn matches_times(attributes: &Object, criteria: &FilterCriteria) -> bool {
    let mut verdict = Verdict::new(criteria.operation);
    let time = |name: &str| attributes.get(name).and_then(Value::as_str).and_then(Timestamp::parse);
    let number = |name: &str| attributes.get(name).and_then(Value::as_u64);
    time_conditions(&mut verdict, criteria, time("ct"), time("lt"), time("et"));
    number_conditions(&mut verdict, criteria, number("st"), number("cs"));
    verdict.holds()
}
