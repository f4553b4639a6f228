//! Access control rules as they are evaluated (`m2m:setOfAcrs`, TS-0004 6.3.5.27).

use dyad_protocol::Object;
use dyad_protocol::primitive::ResourceType;
use serde_json::Value;

use super::{Context, membership};
use crate::resource::texts;

/// The rules of an `<accessControlPolicy>`.
#[derive(Debug, Default)]
pub struct Policy {
    /// `pv`: for the resources that refer to the policy.
    pub privileges: Vec<Rule>,
    /// `pvs`: for the policy itself.
    pub self_privileges: Vec<Rule>,
}

/// One access control rule (`acr`).
#[derive(Debug, Default)]
pub struct Rule {
    /// `acor`: identifiers, with `*` for any run of characters, or `all`.
    pub originators: Vec<String>,
    /// The entries of `acor` that may name groups.
    pub groups: Vec<String>,
    /// `acop`: bits of [`super::operation`].
    pub operations: u8,
    /// `acco`: one of them must hold, if there are any.
    pub contexts: Vec<Context>,
    /// `acod`: one of them must fit, if there are any.
    pub details: Vec<ObjectDetail>,
    /// `acaf`: only for originators whose identity the transport has proved.
    pub authenticated: bool,
}

impl Rule {
    /// Whether it takes the location of the originator to evaluate the rule for an operation.
    pub(super) fn asks_for_place(&self, operation: u8) -> bool {
        self.operations & operation != 0 && self.contexts.iter().any(Context::asks_for_place)
    }
}

/// What kind of resource a rule speaks of (`acod`).
#[derive(Debug, Default)]
pub struct ObjectDetail {
    /// `ty` of the target.
    pub resource_type: Option<ResourceType>,
    /// `spty`: containerDefinition or mgmtDefinition of the target.
    pub specialization: Option<String>,
    /// `chty`: types that a CREATE may make below the target.
    pub child_types: Vec<ResourceType>,
}

impl Policy {
    /// From the attributes `pv` and `pvs`, which were validated when the resource was written. What cannot be
    /// read grants nothing.
    pub fn from_attributes(attributes: &Object) -> Self {
        Self { privileges: rules(attributes.get("pv")), self_privileges: rules(attributes.get("pvs")) }
    }
}

/// The rules of a set, `{"acr": [...]}`.
fn rules(set: Option<&Value>) -> Vec<Rule> {
    let rules = set.and_then(|set| set.get("acr")).and_then(Value::as_array);
    rules.into_iter().flatten().map(rule).collect()
}

fn rule(value: &Value) -> Rule {
    let originators: Vec<String> = texts(value.get("acor")).map(str::to_owned).collect();
    Rule {
        groups: originators.iter().filter(|entry| membership::may_be_group(entry)).cloned().collect(),
        originators,
        operations: value
            .get("acop")
            .and_then(Value::as_u64)
            .and_then(|ops| u8::try_from(ops).ok())
            .unwrap_or(0),
        contexts: items(value.get("acco")).map(Context::from_value).collect(),
        details: items(value.get("acod")).map(detail).collect(),
        authenticated: value.get("acaf").and_then(Value::as_bool).unwrap_or(false),
    }
}

fn detail(value: &Value) -> ObjectDetail {
    let number = |value: &Value| value.as_u64().and_then(|ty| u32::try_from(ty).ok());
    ObjectDetail {
        resource_type: value.get("ty").and_then(number),
        specialization: value.get("spty").map(|spty| match spty {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
        child_types: items(value.get("chty")).filter_map(number).collect(),
    }
}

/// The elements of an array, or the one value in place of an array.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(other) => std::slice::from_ref(other),
        None => &[],
    }
    .iter()
}
