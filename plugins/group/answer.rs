//! The aggregated response (`m2m:aggregatedResponse`, TS-0004 6.3.5.33, 7.4.14.2.5), put together as text: what a member
//! on this node answered is passed on as it is.

use std::fmt::Write as _;
use std::ops::Range;

use dyad_protocol::Response;
use dyad_protocol::primitive::json::response_to_json;
use dyad_protocol::primitive::{Content, ContentStatus};
use serde_json::Value;

/// What the aggregated response begins and ends with.
const OPEN: &str = r#"{"m2m:agr":{"m2m:rsp":["#;
const CLOSE: &str = "]}}";

/// The answers of members, as far as they have come.
#[derive(Debug)]
pub(super) struct Answers {
    text: String,
    /// The position of each member that has answered, and where its answer stands.
    parts: Vec<(usize, Range<usize>)>,
    /// Bytes beyond which contents are left out.
    most: usize,
    /// Whether something is missing: a content, or what a sub-group has not answered.
    pub(super) is_partial: bool,
}

impl Answers {
    /// None yet. `most` bounds the contents, in bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { text: String::new(), parts: Vec::new(), most, is_partial: false }
    }

    /// Adds the answer of a member. The answers that a sub-group gathered take the place of its own: aggregated
    /// responses are not nested (TS-0004 Table 7.5.2-1, note 3).
    pub(super) fn add(&mut self, position: usize, member: &str, to: &str, response: Response) {
        let start = self.text.len();
        match response.content.as_ref().and_then(gathered) {
            Some(gathered) => {
                self.is_partial |= response.content_status == Some(ContentStatus::Partial);
                self.gathered(&gathered);
            }
            None => self.single(member, to, response),
        }
        if self.text.len() > start {
            self.parts.push((position, start..self.text.len()));
        }
    }

    fn single(&mut self, member: &str, to: &str, mut response: Response) {
        let content = response.content.take();
        let fits = content.as_ref().is_none_or(|content| self.text.len() + content.json().len() <= self.most);
        if !fits {
            response.content_status = Some(ContentStatus::Partial);
            self.is_partial = true;
        }
        response.from = Some(member.to_owned());
        response.to = Some(to.to_owned());
        self.parameters(&response);
        if let Some(content) = content.filter(|content| fits && !content.json().is_empty()) {
            self.text.push_str(r#","pc":"#);
            self.text.push_str(&String::from_utf8_lossy(content.json()));
        }
        self.text.push('}');
    }

    /// The parameters of a response without its content, as an object that is still open.
    fn parameters(&mut self, response: &Response) {
        // All of them are named here, so that none that is added can be forgotten.
        let Response {
            status,
            request_identifier,
            to,
            from,
            release_version_indicator,
            content_status,
            content: _,
            location: _,
            suppressed: _,
            originating_timestamp: None,
            result_expiration_timestamp: None,
            event_category: None,
            content_offset: None,
            assigned_token_identifiers: tokens,
            token_request_information: None,
            authorization_signature_request_information: None,
            vendor_information: None,
        } = response
        else {
            return self.rare_parameters(response);
        };
        if !tokens.is_empty() {
            return self.rare_parameters(response);
        }
        let _ = write!(self.text, r#"{{"rsc":{}"#, status.number());
        self.member("rqi", Some(request_identifier));
        self.member("to", to.as_ref());
        self.member("fr", from.as_ref());
        self.member("rvi", release_version_indicator.as_ref());
        if let Some(status) = content_status {
            let _ = write!(self.text, r#","cnst":{}"#, status.number());
        }
    }

    /// The same for whatever a response may have.
    fn rare_parameters(&mut self, response: &Response) {
        self.text.push_str(&response_to_json(response).to_string());
        // It has members; what closes it comes later.
        self.text.pop();
    }

    fn member(&mut self, name: &str, value: Option<&String>) {
        let Some(value) = value else { return };
        self.text.push_str(",\"");
        self.text.push_str(name);
        self.text.push_str("\":");
        // Identifiers rarely have anything to escape.
        if value.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\')) {
            self.text.push('"');
            self.text.push_str(value);
            self.text.push('"');
        } else {
            self.text.push_str(&Value::from(value.as_str()).to_string());
        }
    }
    fn gathered(&mut self, list: &str) {
        if self.text.len() + list.len() <= self.most {
            self.text.push_str(list);
            return;
        }
        // The statuses at least.
        self.is_partial = true;
        let Ok(Value::Array(answers)) = serde_json::from_str(&format!("[{list}]")) else { return };
        for (at, mut answer) in answers.into_iter().enumerate() {
            if let Some(answer) = answer.as_object_mut()
                && answer.shift_remove("pc").is_some()
            {
                answer.insert("cnst".into(), ContentStatus::Partial.number().into());
            }
            if at > 0 {
                self.text.push(',');
            }
            self.text.push_str(&answer.to_string());
        }
    }

    /// All answers in the order of the members.
    pub(super) fn into_content(mut self) -> Content {
        self.parts.sort_unstable_by_key(|(position, _)| *position);
        let mut json = String::with_capacity(OPEN.len() + self.text.len() + self.parts.len() + CLOSE.len());
        json.push_str(OPEN);
        for (at, (_, part)) in self.parts.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            json.push_str(self.text.get(part.clone()).unwrap_or_default());
        }
        json.push_str(CLOSE);
        Content::from_trusted_json(json)
    }
}

/// The elements of an aggregated response, without the brackets around them.
fn gathered(content: &Content) -> Option<String> {
    let json = std::str::from_utf8(content.json()).ok()?;
    if !json.starts_with(r#"{"m2m:agr""#) {
        return None;
    }
    if let Some(list) = json.strip_prefix(OPEN).and_then(|json| json.strip_suffix(CLOSE))
        // Something else may follow the list in an answer from elsewhere.
        && serde_json::from_str::<&serde_json::value::RawValue>(&format!("[{list}]")).is_ok()
    {
        return Some(list.to_owned());
    }
    let answers = content.value().pointer("/m2m:agr/m2m:rsp")?.as_array()?;
    Some(answers.iter().map(Value::to_string).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::{Answers, response_to_json};
    use dyad_protocol::primitive::ContentStatus;
    use dyad_protocol::{Content, Request, Response, StatusCode};
    use serde_json::{Value, json};

    fn response(status: StatusCode, content: Option<Value>) -> Response {
        let request = Request { request_identifier: "r".into(), ..Request::default() };
        Response { content: content.map(Content::from_value), ..Response::to(&request, status) }
    }

    #[test]
    fn answers_stand_in_the_order_of_the_members() {
        let mut answers = Answers::new(1_000);
        answers.add(2, "c", "Cae", response(StatusCode::Deleted, None));
        answers.add(0, "a", "Cae", response(StatusCode::Ok, Some(json!({"m2m:cnt": {"rn": "é\""}}))));
        assert!(!answers.is_partial);
        assert_eq!(
            *answers.into_content().value(),
            json!({"m2m:agr": {"m2m:rsp": [
                {"rsc": 2000, "rqi": "r", "to": "Cae", "fr": "a", "pc": {"m2m:cnt": {"rn": "é\""}}},
                {"rsc": 2002, "rqi": "r", "to": "Cae", "fr": "c"},
            ]}})
        );
    }

    #[test]
    fn every_parameter_of_an_answer_is_there() {
        let mut whole = response(StatusCode::Ok, Some(json!("x")));
        whole.vendor_information = Some("v".into());
        whole.content_offset = Some(3);
        let mut answers = Answers::new(1_000);
        answers.add(0, "a\"\n", "Cae", whole.clone());
        answers.add(1, "b\"", "Cae", response(StatusCode::Ok, None));
        let content = answers.into_content();
        let list = content.value()["m2m:agr"]["m2m:rsp"].as_array().unwrap();
        assert_eq!(
            list[0],
            response_to_json(&Response { to: Some("Cae".into()), from: Some("a\"\n".into()), ..whole })
        );
        assert_eq!(list[1], json!({"rsc": 2000, "rqi": "r", "to": "Cae", "fr": "b\""}));
    }

    #[test]
    fn answers_of_sub_groups_are_not_nested() {
        let inner = |text: &str| json!({"m2m:agr": {"m2m:rsp": [{"rsc": 2000, "fr": text}, {"rsc": 4004}]}});
        let mut answers = Answers::new(1_000);
        answers.add(1, "g/fopt", "Cae", response(StatusCode::Ok, Some(inner("x"))));
        let mut other = inner("y");
        other["m2m:agr"]["ri"] = json!("req7");
        answers.add(0, "h/fopt", "Cae", response(StatusCode::Ok, Some(other)));
        let content = answers.into_content();
        let list = content.value()["m2m:agr"]["m2m:rsp"].as_array().unwrap().clone();
        assert_eq!(list.len(), 4);
        assert_eq!((&list[0]["fr"], &list[2]["fr"]), (&json!("y"), &json!("x")));
    }

    #[test]
    fn beyond_the_limit_there_are_statuses_alone() {
        let mut answers = Answers::new(300);
        for member in 0..10 {
            answers.add(member, "a", "Cae", response(StatusCode::Ok, Some(json!("x".repeat(100)))));
        }
        let inner = json!({"m2m:agr": {"m2m:rsp": [{"rsc": 2000, "pc": "x".repeat(300)}, {"rsc": 4004}]}});
        answers.add(10, "g/fopt", "Cae", response(StatusCode::Ok, Some(inner)));
        assert!(answers.is_partial);
        let content = answers.into_content();
        let list = content.value()["m2m:agr"]["m2m:rsp"].as_array().unwrap();
        assert_eq!(list.len(), 12);
        let whole = |answer: &&Value| answer.get("pc").is_some();
        assert!(list.iter().filter(whole).count() < 3 && whole(&&list[0]));
        assert_eq!(list[10], json!({"rsc": 2000, "cnst": ContentStatus::Partial.number()}));
        assert_eq!(list[11], json!({"rsc": 4004}));
    }
}
