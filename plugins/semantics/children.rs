//! Semantic content together with child resources (`rcn` 11, which release 4 adds to the result contents).
//!
//! Responsible for putting both into one representation: that of the child resources alone (`rcn` 8), with the result of
//! the query as one more member. Which children there are is left to the core, as for any RETRIEVE.

use dyad_core::Cse;
use dyad_core::request::Call;
use dyad_protocol::primitive::ResponseTypeInfo;
use dyad_protocol::{Request, Response, ResultContent};
use serde_json::Value;

/// Retrieves the child resources of the target for the originator, and puts the result of a query beside them.
pub(super) async fn beside(cse: &Cse, call: &Call, result: String) -> Response {
    let mut request = Request {
        result_content: Some(ResultContent::ChildResources),
        semantic_query_indicator: None,
        response_type: ResponseTypeInfo::default(),
        // It was applied to the whole.
        primitive_profile_identifier: None,
        ..Request::clone(&call.request)
    };
    if let Some(criteria) = &mut request.filter_criteria {
        // They say what is asked, not which children are meant.
        criteria.semantics_filter.clear();
    }
    // Boxed: it is the receiver procedure that this is a part of.
    let mut response = Box::pin(cse.handle(request, call.arrival.clone())).await;
    if !response.status.is_success() {
        return response;
    }
    response.content = response.content.map(|content| {
        let mut content = content.value().clone();
        if let Some(Value::Object(children)) =
            content.as_object_mut().and_then(|roots| roots.values_mut().next())
        {
            children.insert("m2m:qres".to_owned(), result.into());
        }
        content.into()
    });
    response
}
