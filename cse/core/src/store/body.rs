//! The text of a resource, which need not be written before somebody reads it.
//!
//! Responsible for: when it is written. What it says is left to the core.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// What knows a text that is not written yet.
pub trait Unwritten: fmt::Debug + Send + Sync {
    /// The text, always the same.
    fn text(&self) -> String;
}

/// The JSON text of the attributes of a resource.
#[derive(Clone)]
pub struct Body {
    text: OnceLock<String>,
    source: Option<Arc<dyn Unwritten>>,
}

impl Body {
    /// A text that is written when it is first read.
    pub fn unwritten(source: Arc<dyn Unwritten>) -> Self {
        Self { text: OnceLock::new(), source: Some(source) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.text.get_or_init(|| self.source.as_ref().map(|source| source.text()).unwrap_or_default())
    }

    /// The text without what it was made of.
    pub fn written(&self) -> Self {
        self.as_str().into()
    }

    /// Bytes that the text takes, once it is written.
    pub fn capacity(&self) -> usize {
        self.text.get().map_or(0, String::capacity)
    }
}

impl Deref for Body {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self { text: text.into(), source: None }
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Body {}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
