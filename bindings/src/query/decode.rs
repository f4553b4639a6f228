//! From a query string to the parameters of a request.

use std::borrow::Cow;

use dyad_protocol::primitive::{
    AttributeCondition, ContentFilter, DesiredIdentifierResultType, FilterCriteria, FilterOperation,
    FilterUsage, ResponseType,
};
use dyad_protocol::time::{AbsRelTime, Timestamp};
use dyad_protocol::{Failure, Request, ResultContent};
use serde_json::Value;

use crate::escape;

/// What belongs together but comes in several fields.
#[derive(Default)]
struct Parts {
    filter: FilterCriteria,
    response_type: Option<ResponseType>,
    operation: Option<FilterOperation>,
    content_syntax: Option<u8>,
    content_query: Option<String>,
    geometry: Option<u8>,
    function: Option<u8>,
    coordinates: Option<String>,
    filtered: bool,
}

/// Reads a query string (without `?`) into a request, its fields escaped and separated by `&`, as in a URI.
///
/// A field that is none of the table is an attribute condition if `is_attribute` knows its name, without the
/// prefix `c.` (child) or `p.` (parent). BAD_REQUEST, naming the field, for a value that is malformed or out of
/// range, a field that comes more often than allowed, and an unknown field. In fields that are lists, a `+` stands
/// between values; one within a value is written `%2B`.
pub fn decode(
    query: &str,
    request: &mut Request,
    is_attribute: &dyn Fn(&str) -> bool,
) -> Result<(), Failure> {
    let mut parts = Parts::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(valueless)?;
        let name = escape::decode(name, "a query field")?;
        parts.take(&Field { name: &name, value, is_escaped: true }, request, is_attribute)?;
    }
    parts.finish(request)
}

/// Reads fields that come one by one and unescaped (`name=value`), as the Uri-Query options of CoAP do. Otherwise as
/// [`decode`], but that a value within a list can have no `+`.
pub fn decode_fields<'a>(
    fields: impl IntoIterator<Item = &'a str>,
    request: &mut Request,
    is_attribute: &dyn Fn(&str) -> bool,
) -> Result<(), Failure> {
    let mut parts = Parts::default();
    for pair in fields {
        let (name, value) = pair.split_once('=').ok_or_else(valueless)?;
        parts.take(&Field { name, value, is_escaped: false }, request, is_attribute)?;
    }
    parts.finish(request)
}

fn valueless() -> Failure {
    Failure::bad_request("a query field has no value")
}

/// The parameters of the request itself. `false` if the field is none.
fn parameter(field: &Field<'_>, request: &mut Request, parts: &mut Parts) -> Result<bool, Failure> {
    match field.name {
        "rt" => field.code(&mut parts.response_type, ResponseType::from_number)?,
        "rp" => field.once(&mut request.result_persistence, AbsRelTime::parse)?,
        "rcn" => field.code(&mut request.result_content, |number| ResultContent::from_number(number).ok())?,
        "da" => field.once(&mut request.delivery_aggregation, flag)?,
        "drt" => field
            .code(&mut request.desired_identifier_result_type, DesiredIdentifierResultType::from_number)?,
        "rids" => field.list(&mut request.role_ids)?,
        "tids" => field.list(&mut request.token_ids)?,
        "ltids" => field.list(&mut request.local_token_ids)?,
        "tqi" => field.once(&mut request.token_request_indicator, flag)?,
        "asi" => field.once(&mut request.authorization_signature_indicator, flag)?,
        "auri" => field.once(&mut request.authorization_relationship_indicator, flag)?,
        "sqi" => field.once(&mut request.semantic_query_indicator, flag)?,
        "atrl" => field.list(&mut request.attribute_list)?,
        "grtm" => field.list(&mut request.group_request_target_members)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// The conditions of Filter Criteria. `false` if the field is none.
fn condition(field: &Field<'_>, parts: &mut Parts) -> Result<bool, Failure> {
    let filter = &mut parts.filter;
    match field.name {
        "crb" => field.once(&mut filter.created_before, Timestamp::parse)?,
        "cra" => field.once(&mut filter.created_after, Timestamp::parse)?,
        "ms" => field.once(&mut filter.modified_since, Timestamp::parse)?,
        "us" => field.once(&mut filter.unmodified_since, Timestamp::parse)?,
        "sts" => field.once(&mut filter.state_tag_smaller, number)?,
        "stb" => field.once(&mut filter.state_tag_bigger, number)?,
        "exb" => field.once(&mut filter.expire_before, Timestamp::parse)?,
        "exa" => field.once(&mut filter.expire_after, Timestamp::parse)?,
        "lbl" => field.list(&mut filter.labels)?,
        "clbl" => field.list(&mut filter.child_labels)?,
        "palb" => field.list(&mut filter.parent_labels)?,
        "lbq" => field.text(&mut filter.labels_query)?,
        "ty" => field.numbers(&mut filter.resource_type)?,
        "chty" => field.numbers(&mut filter.child_resource_type)?,
        "pty" => field.numbers(&mut filter.parent_resource_type)?,
        "sza" => field.once(&mut filter.size_above, number)?,
        "szb" => field.once(&mut filter.size_below, number)?,
        "cty" => field.list(&mut filter.content_type)?,
        "smf" => field.prose(&mut filter.semantics_filter)?,
        "cfs" => field.once(&mut parts.content_syntax, number)?,
        "cfq" => field.once(&mut parts.content_query, some)?,
        "gmty" => field.once(&mut parts.geometry, number)?,
        "gsf" => field.once(&mut parts.function, number)?,
        "geom" => field.once(&mut parts.coordinates, some)?,
        "fo" => field.code(&mut parts.operation, FilterOperation::from_number)?,
        "fu" => field.code(&mut filter.usage, FilterUsage::from_number)?,
        "lim" => field.once(&mut filter.limit, number)?,
        "lvl" => field.once(&mut filter.level, |text| number(text).filter(|level| *level > 0))?,
        "ofst" => field.once(&mut filter.offset, |text| number(text).filter(|offset| *offset > 0))?,
        "arp" => field.once(&mut filter.apply_relative_path, some)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn attribute(
    field: &Field<'_>,
    to: &mut FilterCriteria,
    known: &dyn Fn(&str) -> bool,
) -> Result<(), Failure> {
    let (conditions, name) = if let Some(name) = field.name.strip_prefix("c.") {
        (&mut to.child_attribute, name)
    } else if let Some(name) = field.name.strip_prefix("p.") {
        (&mut to.parent_attribute, name)
    } else {
        (&mut to.attribute, field.name)
    };
    if !known(name) {
        let name: String = field.name.chars().take(40).collect();
        return Err(Failure::bad_request(format!("the query field '{name}' is unknown")));
    }
    let value = Value::String(field.decoded()?.into_owned());
    conditions.push(AttributeCondition { name: name.to_owned(), value });
    Ok(())
}

impl Parts {
    fn take(
        &mut self,
        field: &Field<'_>,
        request: &mut Request,
        is_attribute: &dyn Fn(&str) -> bool,
    ) -> Result<(), Failure> {
        if !parameter(field, request, self)? {
            self.filtered = true;
            if !condition(field, self)? {
                attribute(field, &mut self.filter, is_attribute)?;
            }
        }
        Ok(())
    }

    fn finish(self, request: &mut Request) -> Result<(), Failure> {
        if let Some(value) = self.response_type {
            request.response_type.value = value;
        }
        if !self.filtered {
            return Ok(());
        }
        let mut filter = self.filter;
        filter.operation = self.operation.unwrap_or_default();
        filter.content_filter = match (self.content_syntax, self.content_query) {
            (None, None) => None,
            (Some(syntax), Some(query)) => Some(ContentFilter { syntax, query }),
            _ => return Err(Failure::bad_request("cfs and cfq go together")),
        };
        filter.geo_query = match (self.geometry, self.function, self.coordinates) {
            (None, None, None) => None,
            (Some(geometry), Some(function), Some(coordinates)) => Some((geometry, function, coordinates)),
            _ => return Err(Failure::bad_request("gmty, gsf and geom go together")),
        };
        request.filter_criteria = Some(Box::new(filter));
        Ok(())
    }
}

/// One `name=value`.
struct Field<'a> {
    name: &'a str,
    /// As it came.
    value: &'a str,
    /// Whether the value is still escaped.
    is_escaped: bool,
}

impl<'a> Field<'a> {
    fn decoded(&self) -> Result<Cow<'a, str>, Failure> {
        self.plain(self.value)
    }

    fn plain(&self, raw: &'a str) -> Result<Cow<'a, str>, Failure> {
        if self.is_escaped {
            return escape::decode(raw, self.name);
        }
        match escape::has_controls(raw) {
            true => Err(self.wrong()),
            false => Ok(Cow::Borrowed(raw)),
        }
    }

    /// Multiplicity 0..1
    fn once<T>(&self, slot: &mut Option<T>, read: impl Fn(&str) -> Option<T>) -> Result<(), Failure> {
        let value = read(&self.decoded()?).ok_or_else(|| self.wrong())?;
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => {
                Err(Failure::bad_request(format!("the query field {} comes more than once", self.name)))
            }
        }
    }

    fn code<T>(&self, slot: &mut Option<T>, of: impl Fn(u64) -> Option<T>) -> Result<(), Failure> {
        self.once(slot, |text| number(text).and_then(&of))
    }

    /// Multiplicity 0..n, one value each.
    fn text(&self, list: &mut Vec<String>) -> Result<(), Failure> {
        list.push(some(&self.decoded()?).ok_or_else(|| self.wrong())?);
        Ok(())
    }

    /// The same of a text in a language that has spaces. Many clients escape it as forms are, where a space is `+` and never
    /// `%20`: a text that has the one and not the other is taken for such a one.
    fn prose(&self, list: &mut Vec<String>) -> Result<(), Failure> {
        if !self.is_escaped || !self.value.contains('+') || self.value.contains("%20") {
            return self.text(list);
        }
        let value = self.value.replace('+', "%20");
        Field { value: &value, ..*self }.text(list)
    }

    /// Multiplicity 0..n, several values each.
    fn list(&self, list: &mut Vec<String>) -> Result<(), Failure> {
        for item in self.value.split('+') {
            list.push(some(&self.plain(item)?).ok_or_else(|| self.wrong())?);
        }
        Ok(())
    }

    /// Numbers have no spaces, so `%20` stands between them as well as `+`.
    fn numbers(&self, list: &mut Vec<u32>) -> Result<(), Failure> {
        for item in self.decoded()?.split(['+', ' ']) {
            list.push(number(item).ok_or_else(|| self.wrong())?);
        }
        Ok(())
    }

    fn wrong(&self) -> Failure {
        let (name, form) = (self.name, form(self.name));
        Failure::bad_request(format!("the value of the query field {name} is malformed: it is {form}"))
    }
}

/// What the values of a field look like (TS-0009 Table 6.2.2.2-1).
fn form(name: &str) -> &'static str {
    match name {
        "crb" | "cra" | "ms" | "us" | "exb" | "exa" => "a time like 20261231T235959",
        "rp" => "a time like 20261231T235959, or milliseconds from now",
        "lvl" | "ofst" => "a whole number from 1 on",
        "lim" | "sts" | "stb" | "sza" | "szb" | "ty" | "chty" | "pty" => "a whole number from 0 on",
        "rt" | "rcn" | "drt" | "fu" | "fo" | "cfs" | "gmty" | "gsf" => {
            "one of the numbers that oneM2M gives it"
        }
        "da" | "tqi" | "asi" | "auri" | "sqi" => "true or false",
        _ => "a text that is not empty, without control characters",
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    // FromStr tolerates a sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
