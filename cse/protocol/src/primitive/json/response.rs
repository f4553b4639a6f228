//! The response primitive in JSON (TS-0004 8.4, Table 8.2.2-1).

use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::fields::{Fields, missing};
use super::with_content;
use crate::primitive::{Content, ContentStatus, Response};
use crate::{Failure, StatusCode};

/// The short names of all parameters of a response, in the order of Table 8.2.2-1.
pub const RESPONSE_PARAMETERS: [&str; 15] =
    ["rsc", "rqi", "pc", "to", "fr", "ot", "rset", "ec", "cnst", "cnot", "ati", "tqf", "asri", "rvi", "vsi"];

/// Writes a response; [`response_from_json`] reads the same back, save `location` and `suppressed`, which are no
/// parameters.
pub fn response_to_json(response: &Response) -> Value {
    let mut value = serde_json::to_value(Head(response)).unwrap_or_default();
    if let (Value::Object(members), Some(content)) = (&mut value, &response.content) {
        members.insert("pc".to_owned(), content.value().clone());
    }
    value
}

/// The same as text. A content that is text already is not taken apart.
pub fn response_to_text(response: &Response) -> Bytes {
    with_content(&Head(response), response.content.as_ref())
}

/// All but the content, which is the last.
struct Head<'a>(&'a Response);

impl Serialize for Head<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let response = self.0;
        let mut to = Members(serializer.serialize_map(None)?);
        to.some("rsc", Some(response.status.number()))?;
        to.some("rqi", Some(&response.request_identifier))?;
        to.some("to", response.to.as_ref())?;
        to.some("fr", response.from.as_ref())?;
        to.some("ot", response.originating_timestamp.map(|at| at.to_string()))?;
        to.some("rset", response.result_expiration_timestamp.map(|at| at.to_string()))?;
        to.some("ec", response.event_category)?;
        to.some("cnst", response.content_status.map(ContentStatus::number))?;
        to.some("cnot", response.content_offset)?;
        if !response.assigned_token_identifiers.is_empty() {
            let pairs = response.assigned_token_identifiers.iter();
            let list: Vec<Value> =
                pairs.map(|(local, token)| json!({ "lti": local, "tkid": token })).collect();
            to.some("ati", Some(json!({ "ltia": list })))?;
        }
        to.some("tqf", response.token_request_information.as_ref())?;
        to.some("asri", response.authorization_signature_request_information)?;
        to.some("rvi", response.release_version_indicator.as_ref())?;
        to.some("vsi", response.vendor_information.as_ref())?;
        to.0.end()
    }
}

/// Members that are written, if they are there.
struct Members<M>(M);

impl<M: SerializeMap> Members<M> {
    fn some(&mut self, name: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.0.serialize_entry(name, &value))
    }
}

/// Reads a response. BAD_REQUEST, naming the member, if `rsc` or `rqi` is missing, a value has the wrong JSON type
/// or is out of range, or a member is none of a response. A status code that is not in the table is preserved.
pub fn response_from_json(value: Value) -> Result<Response, Failure> {
    let mut fields = Fields::new(value, "the response")?;
    let response = Response {
        status: StatusCode::from_number(fields.number("rsc")?.ok_or_else(|| missing("rsc"))?),
        request_identifier: fields.text("rqi")?.ok_or_else(|| missing("rqi"))?,
        content: fields.value("pc").map(Content::from_value),
        to: fields.text("to")?,
        from: fields.text("fr")?,
        originating_timestamp: fields.moment("ot")?,
        result_expiration_timestamp: fields.abs_rel("rset")?,
        event_category: fields.number("ec")?,
        content_status: fields.code("cnst", ContentStatus::from_number)?,
        content_offset: fields.number("cnot")?,
        assigned_token_identifiers: assigned_tokens(&mut fields)?,
        token_request_information: fields.value("tqf"),
        authorization_signature_request_information: fields.flag("asri")?,
        release_version_indicator: fields.text("rvi")?,
        vendor_information: fields.text("vsi")?,
        location: None,
        suppressed: false,
    };
    fields.finish("the response")?;
    Ok(response)
}

fn assigned_tokens(fields: &mut Fields) -> Result<Vec<(String, String)>, Failure> {
    let Some(value) = fields.value("ati") else { return Ok(Vec::new()) };
    let mut assigned = Fields::new(value, "ati")?;
    let read = |value| {
        let mut pair = Fields::new(value, "ltia")?;
        let local = pair.text("lti")?.ok_or_else(|| missing("lti"))?;
        let token = pair.text("tkid")?.ok_or_else(|| missing("tkid"))?;
        pair.finish("ltia")?;
        Ok((local, token))
    };
    let pairs = assigned.list("ltia")?.into_iter().map(read).collect::<Result<_, _>>()?;
    assigned.finish("ati")?;
    Ok(pairs)
}
