//! The response primitive in JSON (TS-0004 8.4, Table 8.2.2-1).

use bytes::Bytes;
use serde_json::{Value, json};

use super::fields::{Fields, Writer, missing};
use super::with_content;
use crate::primitive::{Content, ContentStatus, Response};
use crate::{Failure, StatusCode};

/// Writes a response; [`response_from_json`] reads the same back, save `location` and `suppressed`, which are no
/// parameters.
pub fn response_to_json(response: &Response) -> Value {
    let mut to = head(response);
    to.some("pc", response.content.as_ref().map(|content| content.value().clone()));
    to.into_value()
}

/// The same as text. A content that is text already is not taken apart.
pub fn response_to_text(response: &Response) -> Bytes {
    with_content(&head(response), response.content.as_ref())
}

/// All but the content, which is the last.
fn head(response: &Response) -> Writer {
    let mut to = Writer::default();
    to.some("rsc", Some(response.status.number()));
    to.text("rqi", Some(&response.request_identifier));
    to.text("to", response.to.as_ref());
    to.text("fr", response.from.as_ref());
    to.shown("ot", response.originating_timestamp);
    to.shown("rset", response.result_expiration_timestamp);
    to.some("ec", response.event_category);
    to.some("cnst", response.content_status.map(ContentStatus::number));
    to.some("cnot", response.content_offset);
    if !response.assigned_token_identifiers.is_empty() {
        let pairs = response.assigned_token_identifiers.iter();
        let list: Vec<Value> = pairs.map(|(local, token)| json!({ "lti": local, "tkid": token })).collect();
        to.some("ati", Some(json!({ "ltia": list })));
    }
    to.some("tqf", response.token_request_information.clone());
    to.some("asri", response.authorization_signature_request_information);
    to.text("rvi", response.release_version_indicator.as_ref());
    to.text("vsi", response.vendor_information.as_ref());
    to
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
