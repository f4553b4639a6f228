//! The request primitive in JSON (TS-0004 8.4, Table 8.2.2-1).

use bytes::Bytes;
use serde_json::{Value, json};

use super::fields::{Fields, Writer, missing, wrong};
use super::{filter_from_json, filter_to_json, quick, with_content};
use crate::Failure;
use crate::primitive::{
    Content, DesiredIdentifierResultType, Operation, Request, ResourceType, ResponseType, ResponseTypeInfo,
    ResultContent,
};

/// The Content of a partial RETRIEVE: an attributeList (TS-0004 7.3.3.17, 8.4.2).
const ATTRIBUTE_LIST: &str = "m2m:atrl";

/// The short names of all parameters of a request, in the order of Table 8.2.2-1, the attribute list among them.
pub const REQUEST_PARAMETERS: [&str; 32] = [
    "op", "to", "fr", "rqi", "ty", "pc", "rids", "ot", "rqet", "rset", "oet", "rt", "rp", "rcn", "ec", "da",
    "gid", "fc", "drt", "tkns", "tids", "ltids", "tqi", "grtm", "asi", "aus", "auri", "sqi", "rvi", "vsi",
    "prpi", "atrl",
];

/// Writes a request; [`request_from_json`] reads the same back, save `serialization`, which is no parameter. The attribute list of a RETRIEVE goes into the
/// Content, where TS-0004 7.2.1.1 has it.
pub fn request_to_json(request: &Request) -> Value {
    let mut to = head(request);
    to.some("pc", request.content.as_ref().map(|content| content.value().clone()));
    to.into_value()
}

/// The same as text. A content that is text already is not taken apart.
pub fn request_to_text(request: &Request) -> Bytes {
    with_content(&head(request), request.content.as_ref())
}

/// All but a content, which is the last.
fn head(request: &Request) -> Writer {
    let mut to = Writer::default();
    to.some("op", Some(request.operation.number()));
    to.text("to", Some(&request.to));
    to.text("fr", request.from.as_ref());
    to.text("rqi", Some(&request.request_identifier));
    to.some("ty", request.resource_type);
    to.list("rids", &request.role_ids);
    to.shown("ot", request.originating_timestamp);
    to.shown("rqet", request.request_expiration_timestamp);
    to.shown("rset", request.result_expiration_timestamp);
    to.shown("oet", request.operation_execution_time);
    to.some("rt", response_type_to_json(&request.response_type));
    to.shown("rp", request.result_persistence);
    to.some("rcn", request.result_content.map(ResultContent::number));
    to.some("ec", request.event_category);
    to.some("da", request.delivery_aggregation);
    to.text("gid", request.group_request_identifier.as_ref());
    to.some("fc", request.filter_criteria.as_deref().map(filter_to_json));
    to.some("drt", request.desired_identifier_result_type.map(DesiredIdentifierResultType::number));
    to.list("tkns", &request.tokens);
    to.list("tids", &request.token_ids);
    to.list("ltids", &request.local_token_ids);
    to.some("tqi", request.token_request_indicator);
    to.list("grtm", &request.group_request_target_members);
    to.some("asi", request.authorization_signature_indicator);
    to.list("aus", &request.authorization_signatures);
    to.some("auri", request.authorization_relationship_indicator);
    to.some("sqi", request.semantic_query_indicator);
    to.text("rvi", request.release_version_indicator.as_ref());
    to.text("vsi", request.vendor_information.as_ref());
    to.text("prpi", request.primitive_profile_identifier.as_ref());
    match &request.content {
        None if !request.attribute_list.is_empty() => {
            to.some("pc", Some(json!({ ATTRIBUTE_LIST: request.attribute_list })));
        }
        _ => to.list("atrl", &request.attribute_list),
    }
    to
}

fn response_type_to_json(info: &ResponseTypeInfo) -> Option<Value> {
    let mut to = Writer::default();
    to.some("rtv", Some(info.value.number()));
    to.some("nu", info.notification_uri.clone());
    (*info != ResponseTypeInfo::default()).then_some(to.into_value())
}

/// Reads a request.
///
/// BAD_REQUEST, naming the member, if `op`, `to` or `rqi` is missing, a value has the wrong JSON type or is out of
/// range, or a member is none of a request. Whether the parameters suit the operation is left to the core.
pub fn request_from_json(value: Value) -> Result<Request, Failure> {
    let mut fields = Fields::new(value, "the request")?;
    let basics = Basics {
        operation: fields.code("op", Operation::from_number)?,
        to: fields.text("to")?,
        from: fields.text("fr")?,
        request_identifier: fields.text("rqi")?,
        release_version_indicator: fields.text("rvi")?,
        resource_type: fields.number("ty")?,
    };
    read(basics, fields)
}

/// Reads a request from its text, quicker than from its value. `None` for what [`super::parse`] or
/// [`request_from_json`] refuse, which say why, and for names of members with
/// escapes, which they take.
pub fn request_from_text(json: &[u8]) -> Option<Request> {
    let members = quick::members(json)?;
    let basics = Basics {
        operation: Some(Operation::from_number(members.operation?)?),
        to: members.to,
        from: members.from,
        request_identifier: members.request_identifier,
        release_version_indicator: members.release_version_indicator,
        resource_type: members.resource_type,
    };
    read(basics, Fields::of(members.rest)).ok()
}

/// What nearly every request has.
struct Basics {
    operation: Option<Operation>,
    to: Option<String>,
    from: Option<String>,
    request_identifier: Option<String>,
    release_version_indicator: Option<String>,
    resource_type: Option<ResourceType>,
}

fn read(basics: Basics, mut fields: Fields) -> Result<Request, Failure> {
    let (content, attribute_list) = content(&mut fields)?;
    let request = Request {
        operation: basics.operation.ok_or_else(|| missing("op"))?,
        to: basics.to.ok_or_else(|| missing("to"))?,
        from: basics.from,
        request_identifier: basics.request_identifier.ok_or_else(|| missing("rqi"))?,
        release_version_indicator: basics.release_version_indicator,
        resource_type: basics.resource_type,
        content,
        role_ids: fields.texts("rids")?,
        originating_timestamp: fields.moment("ot")?,
        request_expiration_timestamp: fields.abs_rel("rqet")?,
        result_expiration_timestamp: fields.abs_rel("rset")?,
        operation_execution_time: fields.abs_rel("oet")?,
        response_type: fields.value("rt").map(response_type).transpose()?.unwrap_or_default(),
        result_persistence: fields.abs_rel("rp")?,
        result_content: fields.number("rcn")?.map(ResultContent::from_number).transpose()?,
        event_category: fields.number("ec")?,
        delivery_aggregation: fields.flag("da")?,
        group_request_identifier: fields.text("gid")?,
        filter_criteria: fields.value("fc").map(filter_from_json).transpose()?.map(Box::new),
        desired_identifier_result_type: fields.code("drt", DesiredIdentifierResultType::from_number)?,
        tokens: fields.texts("tkns")?,
        token_ids: fields.texts("tids")?,
        local_token_ids: fields.texts("ltids")?,
        token_request_indicator: fields.flag("tqi")?,
        group_request_target_members: fields.texts("grtm")?,
        authorization_signature_indicator: fields.flag("asi")?,
        authorization_signatures: fields.texts("aus")?,
        authorization_relationship_indicator: fields.flag("auri")?,
        semantic_query_indicator: fields.flag("sqi")?,
        vendor_information: fields.text("vsi")?,
        primitive_profile_identifier: fields.text("prpi")?,
        attribute_list,
        serialization: None,
    };
    fields.finish("the request")?;
    Ok(request)
}

/// The Content and the attribute list, which is a Content of its own kind or, for convenience, a member `atrl`.
fn content(fields: &mut Fields) -> Result<(Option<Content>, Vec<String>), Failure> {
    let mut attributes = fields.texts("atrl")?;
    let Some(value) = fields.value("pc") else { return Ok((None, attributes)) };
    let (content, more) = attribute_list(value)?;
    attributes.extend(more);
    Ok((content, attributes))
}

/// A Content, or the attribute list that it is.
pub(in crate::primitive) fn attribute_list(value: Value) -> Result<(Option<Content>, Vec<String>), Failure> {
    let only_list =
        value.as_object().is_some_and(|object| object.len() == 1 && object.contains_key(ATTRIBUTE_LIST));
    match only_list {
        true => Ok((None, Fields::new(value, "pc")?.texts(ATTRIBUTE_LIST)?)),
        false => Ok((Some(Content::from_value(value)), Vec::new())),
    }
}

fn response_type(value: Value) -> Result<ResponseTypeInfo, Failure> {
    let mut fields = Fields::new(value, "rt")?;
    let info = ResponseTypeInfo {
        value: fields.code("rtv", ResponseType::from_number)?.ok_or_else(|| missing("rtv"))?,
        notification_uri: match fields.value("nu") {
            None => None,
            Some(Value::Array(elements)) => Some(
                elements
                    .into_iter()
                    .map(|element| {
                        element.as_str().map(str::to_owned).ok_or_else(|| wrong("nu", "a list of strings"))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            Some(_) => return Err(wrong("nu", "an array")),
        },
    };
    fields.finish("rt")?;
    Ok(info)
}
