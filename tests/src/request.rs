//! Requests as tests write them down, before a binding turns them into bytes.

use serde_json::Value;

/// The operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// C
    Create,
    /// R
    Retrieve,
    /// U
    Update,
    /// D
    Delete,
    /// N
    Notify,
}

/// A request primitive. What it has by default makes it complete and valid; all of it can be changed or taken out.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation.
    pub operation: Operation,
    /// `to`, in any form.
    pub to: String,
    /// `fr`
    pub from: Option<String>,
    /// `rqi`; the client makes one if there is none.
    pub identifier: Option<String>,
    /// `rvi`
    pub release: Option<String>,
    /// `ty`
    pub ty: Option<u64>,
    /// Parameters and filter criteria that HTTP carries in the query, by short name.
    pub fields: Vec<(String, String)>,
    /// `pc`
    pub content: Option<Value>,
    /// Headers beyond the ones that the above makes, or in place of them. HTTP only.
    pub headers: Vec<(String, String)>,
    /// Headers that are left out, in lower case. HTTP only.
    pub without: Vec<String>,
    /// In place of the content, as it is. HTTP only.
    pub text: Option<String>,
    /// Method and path in place of those of operation, `to` and fields. HTTP only.
    pub line: Option<(String, String)>,
}

impl Request {
    /// A request of the administrator `CAdmin` in release 3.
    pub fn new(operation: Operation, to: &str) -> Self {
        Self {
            operation,
            to: to.to_owned(),
            from: Some("CAdmin".into()),
            identifier: None,
            release: Some("3".into()),
            ty: None,
            fields: Vec::new(),
            content: None,
            headers: Vec::new(),
            without: Vec::new(),
            text: None,
            line: None,
        }
    }

    /// CREATE of a resource type.
    pub fn create(to: &str, ty: u64, content: Value) -> Self {
        Self { ty: Some(ty), content: Some(content), ..Self::new(Operation::Create, to) }
    }

    /// RETRIEVE.
    pub fn retrieve(to: &str) -> Self {
        Self::new(Operation::Retrieve, to)
    }

    /// UPDATE.
    pub fn update(to: &str, content: Value) -> Self {
        Self { content: Some(content), ..Self::new(Operation::Update, to) }
    }

    /// DELETE.
    pub fn delete(to: &str) -> Self {
        Self::new(Operation::Delete, to)
    }

    /// NOTIFY.
    pub fn notify(to: &str, content: Value) -> Self {
        Self { content: Some(content), ..Self::new(Operation::Notify, to) }
    }

    /// With another originator.
    #[must_use]
    pub fn from(mut self, originator: &str) -> Self {
        self.from = Some(originator.to_owned());
        self
    }

    /// With a parameter or a criterion, `("rcn", 4)`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.push((name.to_owned(), value.to_string()));
        self
    }

    /// With a header (HTTP only).
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}
