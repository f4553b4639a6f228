//! Fences: areas that locations are inside or outside of (TS-0001 9.6.10, geographicalTargetArea).
//!
//! Where something is reaches a node in more than one form: as the `loc` of a resource, as an object of GeoJSON
//! (RFC 7946), or as bare coordinates; each as JSON or as the text of it.

use std::borrow::Cow;

use dyad_protocol::{Failure, Object};
use geo::{Geometry, Relate};
use serde_json::Value;

use super::shape;

/// The geometry types by the names that GeoJSON has for them, from 1.
const NAMES: [&str; 6] = ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"];

/// Where something is.
#[derive(Clone, Debug)]
pub struct Location(Geometry);

impl Location {
    /// From the attributes of a resource that has a `loc`.
    pub fn of(attributes: &Object) -> Option<Self> {
        shape::location(attributes).map(Self)
    }

    /// From what somebody reports as a location; a bare position is longitude and latitude. `None` for what is none.
    pub fn read(report: &Value) -> Option<Self> {
        let report = unwrapped(report)?;
        let (kind, coordinates) = described(&report).unwrap_or_else(|| (1, report.to_string()));
        shape::read(kind, &coordinates).ok().map(Self)
    }
}

/// An area.
#[derive(Debug)]
pub struct Fence(Geometry);

impl Fence {
    /// From what says where the area is; bare coordinates are those of the corners of a polygon, in one ring that need
    /// not be closed, or in the rings of GeoJSON. BAD_REQUEST for what is no area.
    pub fn read(value: &Value) -> Result<Self, Failure> {
        let Some(value) = unwrapped(value) else {
            return Err(Failure::bad_request("the text of the area is no JSON"));
        };
        let (kind, coordinates) = match described(&value) {
            Some(described) => described,
            None => (3, rings(&value).to_string()),
        };
        if !matches!(kind, 3 | 6) {
            return Err(Failure::bad_request("an area is a polygon"));
        }
        shape::read(kind, &coordinates).map(Self)
    }

    /// Whether all of a location is inside, the edge included.
    pub fn holds(&self, location: &Location) -> bool {
        self.0.relate(&location.0).is_covers()
    }
}

/// The JSON that a text is, and everything else as it is.
fn unwrapped(value: &Value) -> Option<Cow<'_, Value>> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok().map(Cow::Owned),
        other => Some(Cow::Borrowed(other)),
    }
}

/// The geometry type and the coordinates of what names both.
fn described(value: &Value) -> Option<(u64, String)> {
    if let Some(name) = value.get("type").and_then(Value::as_str) {
        let kind = NAMES.iter().zip(1..).find(|(known, _)| **known == name)?.1;
        return Some((kind, value.get("coordinates")?.to_string()));
    }
    Some((value.get("typ")?.as_u64()?, value.get("crd")?.as_str()?.to_owned()))
}

/// Corners as the rings of a polygon.
fn rings(corners: &Value) -> Value {
    let is_position = |corner: &Value| corner.get(0).is_some_and(Value::is_number);
    let Some(ring) = corners.as_array().filter(|ring| ring.iter().all(is_position)) else {
        return corners.clone();
    };
    let mut ring = ring.clone();
    if ring.first() != ring.last() {
        ring.extend(ring.first().cloned());
    }
    Value::Array(vec![Value::Array(ring)])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Fence, Location};

    fn forms() -> Vec<Value> {
        let ring = json!([[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]);
        vec![
            json!([[0, 0], [4, 0], [4, 4], [0, 4]]),
            ring.clone(),
            json!([ring]),
            json!("[[0,0],[4,0],[4,4],[0,4]]"),
            json!({ "type": "Polygon", "coordinates": [ring] }),
            json!({ "typ": 3, "crd": "[[[0,0],[4,0],[4,4],[0,4],[0,0]]]" }),
            json!({ "typ": 6, "crd": "[[[[0,0],[4,0],[4,4],[0,4],[0,0]]]]" }),
        ]
    }

    #[test]
    fn areas_and_locations_in_all_forms() {
        let inside = [
            json!([1, 2]),
            json!("[4,4]"),
            json!({ "typ": 1, "crd": "[1,2]" }),
            json!("{\"type\":\"Point\",\"coordinates\":[1,2,30]}"),
            json!({ "typ": 2, "crd": "[[1,1],[3,3]]" }),
        ];
        let outside = [json!([5, 2]), json!({ "typ": 2, "crd": "[[1,1],[5,5]]" })];
        for form in forms() {
            let fence = Fence::read(&form).unwrap();
            assert!(inside.iter().all(|report| fence.holds(&Location::read(report).unwrap())), "{form}");
            assert!(!outside.iter().any(|report| fence.holds(&Location::read(report).unwrap())), "{form}");
        }
    }

    #[test]
    fn what_is_no_area_and_no_location() {
        for area in [
            json!("somewhere"),
            json!(7),
            json!([]),
            json!([[0, 0], [4, 0]]),
            json!([[0, 0], [4, 4], [4, 0], [0, 4]]),
            json!({ "typ": 1, "crd": "[1,2]" }),
            json!({ "type": "Circle", "coordinates": [1, 2] }),
        ] {
            assert!(Fence::read(&area).is_err(), "{area}");
        }
        for report in [json!("23.5"), json!(1), json!({}), json!("at home"), json!([200, 0]), json!(null)] {
            assert!(Location::read(&report).is_none(), "{report}");
        }
    }
}
