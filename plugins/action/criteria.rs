//! Evaluation criteria (`m2m:evalCriteria`): an attribute of a resource, a threshold and an operator between them.
//!
//! Responsible for whether criteria suit a type and whether they hold for attributes. Which resource is looked at is
//! left to [`super::subject`].

use std::cmp::Ordering;

use dyad_protocol::schema::{DataType, TypeTable};
use dyad_protocol::{Failure, Object, Timestamp};
use serde_json::Value;

/// How the attribute has to relate to the threshold (`m2m:evalCriteriaOperator`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
}

impl Operator {
    fn of_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Equal,
            2 => Self::NotEqual,
            3 => Self::Greater,
            4 => Self::Less,
            5 => Self::GreaterOrEqual,
            6 => Self::LessOrEqual,
            _ => return None,
        })
    }

    const fn needs_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// Criteria as an attribute says them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Criteria<'a> {
    /// Short name of the attribute that is looked at.
    pub(crate) attribute: &'a str,
    threshold: &'a Value,
    operator: Operator,
}

impl<'a> Criteria<'a> {
    /// From the value of an attribute. BAD_REQUEST for what is no criteria.
    pub(crate) fn parse(value: Option<&'a Value>) -> Result<Self, Failure> {
        let member = |name: &str| value.and_then(|value| value.get(name));
        match (member("sbjt").and_then(Value::as_str), member("thld"), member("optr").and_then(Value::as_u64))
        {
            (Some(attribute), Some(threshold), Some(operator)) => Ok(Self {
                attribute,
                threshold,
                operator: Operator::of_number(operator)
                    .ok_or_else(|| Failure::bad_request("the operator (optr) is not known"))?,
            }),
            _ => Err(Failure::bad_request("the evaluation criteria (evc) are incomplete")),
        }
    }

    /// BAD_REQUEST if resources of a type do not have the attribute, if the threshold is no value of it, or if values of
    /// it have no order and the operator needs one.
    pub(crate) fn check(&self, table: &TypeTable) -> Result<(), Failure> {
        let Some(attribute) = table.attribute(self.attribute) else {
            let (name, what) = (&table.name, self.attribute);
            return Err(Failure::bad_request(format!("a {name} has no attribute '{what}' (evc.sbjt)")));
        };
        if !attribute.data_type.accepts(self.threshold) {
            return Err(Failure::bad_request("the threshold (evc.thld) is no value of the attribute"));
        }
        let is_ordered = match &attribute.data_type {
            DataType::Number | DataType::Integer { .. } | DataType::AbsRelTimestamp => true,
            DataType::Any | DataType::Scalar | DataType::Text(_) => {
                number(self.threshold).is_some() || time(self.threshold).is_some()
            }
            _ => false,
        };
        if self.operator.needs_order() && !is_ordered {
            return Err(Failure::bad_request("the operator (evc.optr) needs values that have an order"));
        }
        Ok(())
    }

    /// Whether the criteria hold. They do not for a resource without the attribute.
    pub(crate) fn hold(&self, attributes: &Object) -> bool {
        let Some(value) = attributes.get(self.attribute) else { return false };
        let order = order(value, self.threshold);
        let is_equal = order.map_or_else(|| value == self.threshold, Ordering::is_eq);
        match self.operator {
            Operator::Equal => is_equal,
            Operator::NotEqual => !is_equal,
            Operator::Greater => order.is_some_and(Ordering::is_gt),
            Operator::Less => order.is_some_and(Ordering::is_lt),
            Operator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Operator::LessOrEqual => order.is_some_and(Ordering::is_le),
        }
    }
}

/// How two values relate that are numbers or points in time; contents of instances are texts that look like it.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left.partial_cmp(&right);
    }
    Some(time(left)?.cmp(&time(right)?))
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(operator: u64, value: Value, threshold: Value) -> bool {
        let said = json!({ "sbjt": "a", "optr": operator, "thld": threshold });
        let attributes = [("a".to_owned(), value)].into_iter().collect();
        Criteria::parse(Some(&said)).unwrap().hold(&attributes)
    }

    #[test]
    fn operators() {
        let cases =
            [(1, [0, 1, 0]), (2, [1, 0, 1]), (3, [0, 0, 1]), (4, [1, 0, 0]), (5, [0, 1, 1]), (6, [1, 1, 0])];
        for (operator, expected) in cases {
            let found = [1, 2, 3].map(|value| u8::from(holds(operator, json!(value), json!(2.0))));
            assert_eq!(found, expected, "operator {operator}");
            let texts = ["1", "2.0", "10"].map(|value| u8::from(holds(operator, json!(value), json!("2"))));
            assert_eq!(texts, expected, "operator {operator} with texts");
        }
        assert!(holds(3, json!("20260101T000001"), json!("20260101T000000")));
        assert!(holds(1, json!(["a"]), json!(["a"])) && holds(2, json!(true), json!(false)));
        assert!(!holds(3, json!("b"), json!("a")));
    }

    #[test]
    fn what_is_no_criteria() {
        for said in [json!(null), json!({ "sbjt": "a" }), json!({ "sbjt": "a", "thld": 1, "optr": 7 })] {
            assert!(Criteria::parse(Some(&said)).is_err(), "{said}");
        }
        let said = json!({ "sbjt": "b", "thld": 1, "optr": 2 });
        assert!(!Criteria::parse(Some(&said)).unwrap().hold(&Object::new()));
    }
}
