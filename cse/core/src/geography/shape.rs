//! Shapes from coordinates (`m2m:geoCoordinates`): their forms, their limits, the boxes around them.

use dyad_protocol::{Failure, Object};
use geo::{
    BoundingRect, Coord, Geometry, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon,
    Validation,
};
use serde_json::Value;

use crate::resource::Resource;
use crate::store::Bounds;

/// Positions that one shape may have: what is checked for crossings costs their square.
const POSITIONS: usize = 1_000;

/// A shape from its geometryType and its coordinates. BAD_REQUEST, with the reason, for coordinates that do not fit the
/// type, are off the globe or too many, for polygons that are not closed, and for shapes that cross themselves.
pub(super) fn read(kind: u64, coordinates: &str) -> Result<Geometry, Failure> {
    let shape = unchecked(kind, coordinates)?;
    match shape.check_validation() {
        Ok(()) => Ok(shape),
        Err(error) => Err(Failure::bad_request(format!("the coordinates make no valid shape: {error}"))),
    }
}

/// BAD_REQUEST for a location (`loc`) that is none. Other attributes of the name, which are texts, are not looked at.
pub(crate) fn check(attributes: &Object) -> Result<(), Failure> {
    match parts(attributes) {
        Some((kind, coordinates)) => read(kind, coordinates).map(drop),
        None => Ok(()),
    }
}

/// Where the resource with these attributes is, if it says so in a way that was checked when it was written.
pub(crate) fn location(attributes: &Object) -> Option<Geometry> {
    let (kind, coordinates) = parts(attributes)?;
    unchecked(kind, coordinates).ok()
}

/// The box around the location of a resource.
pub(crate) fn bounds_of(resource: &Resource) -> Option<Bounds> {
    if !resource.may_have("loc") {
        return None;
    }
    bounds(&location(resource.attributes())?)
}

/// The box around a shape.
pub(super) fn bounds(shape: &Geometry) -> Option<Bounds> {
    let around = shape.bounding_rect()?;
    let (low, high) = (around.min(), around.max());
    Some(Bounds { west: low.x, east: high.x, south: low.y, north: high.y })
}

fn parts(attributes: &Object) -> Option<(u64, &str)> {
    let location = attributes.get("loc")?;
    Some((location.get("typ")?.as_u64()?, location.get("crd")?.as_str()?))
}

fn unchecked(kind: u64, coordinates: &str) -> Result<Geometry, Failure> {
    let Ok(value) = serde_json::from_str::<Value>(coordinates) else {
        return Err(Failure::bad_request("the coordinates are no JSON array"));
    };
    let mut reader = Reader { left: POSITIONS };
    let shape = match kind {
        1 => Geometry::Point(Point(reader.position(&value)?)),
        2 => Geometry::LineString(reader.line(&value)?),
        3 => Geometry::Polygon(reader.polygon(&value)?),
        4 => Geometry::MultiPoint(MultiPoint(each(&value, |position| reader.position(position).map(Point))?)),
        5 => Geometry::MultiLineString(MultiLineString(each(&value, |line| reader.line(line))?)),
        6 => Geometry::MultiPolygon(MultiPolygon(each(&value, |polygon| reader.polygon(polygon))?)),
        _ => return Err(Failure::bad_request("the geometry type is 1 to 6")),
    };
    Ok(shape)
}

/// The elements of an array that has some.
fn each<T>(value: &Value, read: impl FnMut(&Value) -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
    match value.as_array().filter(|elements| !elements.is_empty()) {
        Some(elements) => elements.iter().map(read).collect(),
        None => Err(Failure::bad_request("the coordinates are not nested as the geometry type asks")),
    }
}

/// Reads coordinates, so many positions at most.
struct Reader {
    left: usize,
}

impl Reader {
    fn position(&mut self, value: &Value) -> Result<Coord, Failure> {
        let numbers = each(value, |number| {
            number.as_f64().ok_or_else(|| Failure::bad_request("a position is made of numbers"))
        })?;
        let ([x, y] | [x, y, _]) = *numbers.as_slice() else {
            return Err(Failure::bad_request("a position is longitude and latitude, and maybe a height"));
        };
        if !(-180.0..=180.0).contains(&x) || !(-90.0..=90.0).contains(&y) {
            return Err(Failure::bad_request("a position is off the globe: longitude comes first"));
        }
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| Failure::bad_request(format!("a shape has {POSITIONS} positions at most")))?;
        Ok(Coord { x, y })
    }

    fn line(&mut self, value: &Value) -> Result<LineString, Failure> {
        let positions = each(value, |position| self.position(position))?;
        if positions.len() < 2 {
            return Err(Failure::bad_request("a line has two positions at least"));
        }
        Ok(LineString(positions))
    }

    fn ring(&mut self, value: &Value) -> Result<LineString, Failure> {
        let positions = each(value, |position| self.position(position))?;
        if positions.len() < 4 || positions.first() != positions.last() {
            return Err(Failure::bad_request(
                "a ring of a polygon has four positions at least and ends where it begins",
            ));
        }
        Ok(LineString(positions))
    }

    fn polygon(&mut self, value: &Value) -> Result<Polygon, Failure> {
        let mut rings = each(value, |ring| self.ring(ring))?.into_iter();
        // `each` gives one at least.
        let outside = rings.next().unwrap_or_else(|| LineString(Vec::new()));
        Ok(Polygon::new(outside, rings.collect()))
    }
}
