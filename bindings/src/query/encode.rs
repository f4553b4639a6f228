//! From the parameters of a request to a query string.

use std::fmt::Display;

use dyad_protocol::Request;
use dyad_protocol::primitive::{AttributeCondition, FilterCriteria, FilterOperation, ResponseType};
use serde_json::Value;

use crate::escape;

/// Writes the query string of a request, without `?`; empty if nothing belongs there. The attribute of a To with
/// `#` becomes an attribute list of one.
pub fn encode(request: &Request) -> String {
    let mut to = Writer { is_escaped: true, ..Writer::default() };
    write(&mut to, request);
    to.last
}

/// The same fields one by one and unescaped, as [`super::decode_fields`] reads them.
pub fn encode_fields(request: &Request) -> Vec<String> {
    let mut to = Writer::default();
    write(&mut to, request);
    if !to.last.is_empty() {
        to.fields.push(to.last);
    }
    to.fields
}

fn write(to: &mut Writer, request: &Request) {
    if request.response_type.value != ResponseType::default() {
        to.one("rt", Some(request.response_type.value.number()));
    }
    to.one("rp", request.result_persistence);
    to.one("rcn", request.result_content.map(|content| content.number()));
    to.one("da", request.delivery_aggregation);
    if let Some(filter) = &request.filter_criteria {
        filter_criteria(to, filter);
    }
    to.one("drt", request.desired_identifier_result_type.map(|kind| kind.number()));
    to.list("rids", &request.role_ids);
    to.list("tids", &request.token_ids);
    to.list("ltids", &request.local_token_ids);
    to.one("tqi", request.token_request_indicator);
    to.one("asi", request.authorization_signature_indicator);
    to.one("auri", request.authorization_relationship_indicator);
    to.one("sqi", request.semantic_query_indicator);
    to.list("grtm", &request.group_request_target_members);
    match request.to.split_once('#') {
        Some((_, attribute)) => to.one("atrl", Some(attribute)),
        None => to.list("atrl", &request.attribute_list),
    }
}

fn filter_criteria(to: &mut Writer, filter: &FilterCriteria) {
    to.one("crb", filter.created_before);
    to.one("cra", filter.created_after);
    to.one("ms", filter.modified_since);
    to.one("us", filter.unmodified_since);
    to.one("sts", filter.state_tag_smaller);
    to.one("stb", filter.state_tag_bigger);
    to.one("exb", filter.expire_before);
    to.one("exa", filter.expire_after);
    to.list("lbl", &filter.labels);
    to.list("clbl", &filter.child_labels);
    to.list("palb", &filter.parent_labels);
    to.each("lbq", &filter.labels_query);
    to.list("ty", &filter.resource_type);
    to.list("chty", &filter.child_resource_type);
    to.list("pty", &filter.parent_resource_type);
    to.one("sza", filter.size_above);
    to.one("szb", filter.size_below);
    to.list("cty", &filter.content_type);
    to.each("smf", &filter.semantics_filter);
    to.attributes("", &filter.attribute);
    to.attributes("c.", &filter.child_attribute);
    to.attributes("p.", &filter.parent_attribute);
    if let Some(content) = &filter.content_filter {
        to.one("cfs", Some(content.syntax));
        to.one("cfq", Some(&content.query));
    }
    if let Some((geometry, function, coordinates)) = &filter.geo_query {
        to.one("gmty", Some(geometry));
        to.one("gsf", Some(function));
        to.one("geom", Some(coordinates));
    }
    // A filter that holds nothing else is written as its default, so that it arrives.
    if filter.operation != FilterOperation::default() || *filter == FilterCriteria::default() {
        to.one("fo", Some(filter.operation.number()));
    }
    to.one("fu", filter.usage.map(|usage| usage.number()));
    to.one("lim", filter.limit);
    to.one("lvl", filter.level);
    to.one("ofst", filter.offset);
    to.one("arp", filter.apply_relative_path.as_ref());
}

/// Collects fields: in one text, or one by one.
#[derive(Default)]
struct Writer {
    /// All in `last`, escaped and separated by `&`; otherwise a text each.
    is_escaped: bool,
    fields: Vec<String>,
    last: String,
}

impl Writer {
    fn name(&mut self, prefix: &str, name: &str) {
        if self.is_escaped {
            if !self.last.is_empty() {
                self.last.push('&');
            }
        } else if !self.last.is_empty() {
            self.fields.push(std::mem::take(&mut self.last));
        }
        self.last.push_str(prefix);
        self.text(name);
        self.last.push('=');
    }

    fn text(&mut self, text: &str) {
        match self.is_escaped {
            true => escape::encode_into(&mut self.last, text),
            false => self.last.push_str(text),
        }
    }

    fn one(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.name("", name);
            self.text(&value.to_string());
        }
    }

    fn each(&mut self, name: &str, values: &[String]) {
        for value in values {
            self.one(name, Some(value));
        }
    }

    fn list<T: Display>(&mut self, name: &str, values: &[T]) {
        for (position, value) in values.iter().enumerate() {
            if position == 0 {
                self.name("", name);
            } else {
                self.last.push('+');
            }
            self.text(&value.to_string());
        }
    }

    fn attributes(&mut self, prefix: &str, conditions: &[AttributeCondition]) {
        for condition in conditions {
            self.name(prefix, &condition.name);
            match &condition.value {
                Value::String(text) => self.text(text),
                other => self.text(&other.to_string()),
            }
        }
    }
}
