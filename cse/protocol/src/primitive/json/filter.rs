//! Filter Criteria in JSON (TS-0004 6.3.5.8 with the short names of 8.2.5).

use serde_json::{Value, json};

use super::fields::{Fields, Writer, missing, wrong};
use crate::Failure;
use crate::primitive::{AttributeCondition, ContentFilter, FilterCriteria, FilterOperation, FilterUsage};

/// Reads Filter Criteria. BAD_REQUEST, naming the member, for a wrong type, a number out of range, an unknown
/// member, and for one of `cfs` and `cfq` or of `gmty`, `gsf` and `geom` without the others.
pub fn filter_from_json(value: Value) -> Result<FilterCriteria, Failure> {
    let mut fields = Fields::new(value, "fc")?;
    let filter = FilterCriteria {
        created_before: fields.moment("crb")?,
        created_after: fields.moment("cra")?,
        modified_since: fields.moment("ms")?,
        unmodified_since: fields.moment("us")?,
        state_tag_smaller: fields.number("sts")?,
        state_tag_bigger: fields.number("stb")?,
        expire_before: fields.moment("exb")?,
        expire_after: fields.moment("exa")?,
        labels: fields.texts("lbl")?,
        child_labels: fields.texts("clbl")?,
        parent_labels: fields.texts("palb")?,
        labels_query: text_or_texts(&mut fields, "lbq")?,
        resource_type: fields.numbers("ty")?,
        child_resource_type: fields.numbers("chty")?,
        parent_resource_type: fields.numbers("pty")?,
        size_above: fields.number("sza")?,
        size_below: fields.number("szb")?,
        content_type: fields.texts("cty")?,
        attribute: conditions(&mut fields, "atr")?,
        child_attribute: conditions(&mut fields, "catr")?,
        parent_attribute: conditions(&mut fields, "patr")?,
        semantics_filter: fields.texts("smf")?,
        content_filter: content_filter(&mut fields)?,
        geo_query: geo_query(&mut fields)?,
        operation: fields.code("fo", FilterOperation::from_number)?.unwrap_or_default(),
        usage: fields.code("fu", FilterUsage::from_number)?,
        limit: fields.number("lim")?,
        level: positive(&mut fields, "lvl")?,
        offset: positive(&mut fields, "ofst")?,
        apply_relative_path: fields.text("arp")?,
    };
    fields.finish("fc")?;
    Ok(filter)
}

fn positive<T: TryFrom<u64>>(fields: &mut Fields, name: &str) -> Result<Option<T>, Failure> {
    fields.code(name, |number| (number > 0).then(|| T::try_from(number).ok()).flatten())
}

/// `lbq` is one expression in release 3 and may be several here.
fn text_or_texts(fields: &mut Fields, name: &str) -> Result<Vec<String>, Failure> {
    match fields.value(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(elements)) => elements
            .into_iter()
            .map(|element| {
                element.as_str().map(str::to_owned).ok_or_else(|| wrong(name, "a list of strings"))
            })
            .collect(),
        Some(_) => Err(wrong(name, "a string")),
    }
}

fn conditions(fields: &mut Fields, name: &str) -> Result<Vec<AttributeCondition>, Failure> {
    let read = |value| {
        let mut fields = Fields::new(value, name)?;
        let condition = AttributeCondition {
            name: fields.text("nm")?.ok_or_else(|| missing("nm"))?,
            value: fields.value("val").ok_or_else(|| missing("val"))?,
        };
        fields.finish(name)?;
        Ok(condition)
    };
    fields.list(name)?.into_iter().map(read).collect()
}

fn content_filter(fields: &mut Fields) -> Result<Option<ContentFilter>, Failure> {
    match (fields.number("cfs")?, fields.text("cfq")?) {
        (None, None) => Ok(None),
        (Some(syntax), Some(query)) => Ok(Some(ContentFilter { syntax, query })),
        _ => Err(Failure::bad_request("cfs and cfq go together")),
    }
}

fn geo_query(fields: &mut Fields) -> Result<Option<(u8, u8, String)>, Failure> {
    let coordinates = match fields.value("geom") {
        Some(Value::String(text)) => Some(text),
        Some(array @ Value::Array(_)) => Some(array.to_string()),
        Some(_) => return Err(wrong("geom", "a string or an array")),
        None => None,
    };
    match (fields.number("gmty")?, fields.number("gsf")?, coordinates) {
        (None, None, None) => Ok(None),
        (Some(geometry), Some(function), Some(coordinates)) => Ok(Some((geometry, function, coordinates))),
        _ => Err(Failure::bad_request("gmty, gsf and geom go together")),
    }
}

/// Writes Filter Criteria; [`filter_from_json`] reads the same back.
pub fn filter_to_json(filter: &FilterCriteria) -> Value {
    let mut to = Writer::default();
    to.shown("crb", filter.created_before);
    to.shown("cra", filter.created_after);
    to.shown("ms", filter.modified_since);
    to.shown("us", filter.unmodified_since);
    to.some("sts", filter.state_tag_smaller);
    to.some("stb", filter.state_tag_bigger);
    to.shown("exb", filter.expire_before);
    to.shown("exa", filter.expire_after);
    to.list("lbl", &filter.labels);
    to.list("clbl", &filter.child_labels);
    to.list("palb", &filter.parent_labels);
    match filter.labels_query.as_slice() {
        [one] => to.text("lbq", Some(one)),
        several => to.list("lbq", several),
    }
    to.list("ty", &filter.resource_type);
    to.list("chty", &filter.child_resource_type);
    to.list("pty", &filter.parent_resource_type);
    to.some("sza", filter.size_above);
    to.some("szb", filter.size_below);
    to.list("cty", &filter.content_type);
    for (name, conditions) in
        [("atr", &filter.attribute), ("catr", &filter.child_attribute), ("patr", &filter.parent_attribute)]
    {
        let written: Vec<Value> = conditions
            .iter()
            .map(|condition| json!({ "nm": condition.name, "val": condition.value }))
            .collect();
        to.list(name, &written);
    }
    to.list("smf", &filter.semantics_filter);
    if let Some(content) = &filter.content_filter {
        to.some("cfs", Some(content.syntax));
        to.text("cfq", Some(&content.query));
    }
    if let Some((geometry, function, coordinates)) = &filter.geo_query {
        to.some("gmty", Some(*geometry));
        to.some("gsf", Some(*function));
        to.text("geom", Some(coordinates));
    }
    to.some("fo", (filter.operation != FilterOperation::default()).then(|| filter.operation.number()));
    to.some("fu", filter.usage.map(FilterUsage::number));
    to.some("lim", filter.limit);
    to.some("lvl", filter.level);
    to.some("ofst", filter.offset);
    to.text("arp", filter.apply_relative_path.as_ref());
    to.into_value()
}
