//! Regions of access control contexts (`m2m:locationRegion`, TS-0004 6.3.5.28).

use dyad_protocol::Failure;
use geo::{CoordsIter, Distance, Geometry, Haversine, Point};
use serde_json::Value;

/// A circle on the globe.
#[derive(Debug)]
pub(crate) struct Region {
    centre: Point,
    /// Metres.
    radius: f64,
}

impl Region {
    /// From a region that is a circle: latitude, longitude, radius. `None` for countries, whose borders this node does
    /// not know, and for what is no region.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        if value.get("accc").is_some() {
            return None;
        }
        let numbers: Vec<f64> = value.get("accr")?.as_array()?.iter().filter_map(Value::as_f64).collect();
        let [latitude, longitude, radius] = *numbers.as_slice() else { return None };
        let is_sound =
            (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude) && radius >= 0.0;
        is_sound.then(|| Self { centre: Point::new(longitude, latitude), radius })
    }

    /// BAD_REQUEST for a region that is neither a circle nor countries, or both.
    pub(crate) fn check(value: &Value) -> Result<(), Failure> {
        let (circle, countries) = (value.get("accr").is_some(), value.get("accc").is_some());
        if circle == countries {
            return Err(Failure::bad_request(
                "a region (aclr) is either a circle (accr) or countries (accc)",
            ));
        }
        if circle && Self::from_value(value).is_none() {
            return Err(Failure::bad_request(
                "a circle (accr) is latitude, longitude and a radius in metres, on the globe",
            ));
        }
        Ok(())
    }

    /// Whether all of a location is inside, by great-circle distance.
    pub(crate) fn holds(&self, location: &Geometry) -> bool {
        location.coords_iter().all(|position| Haversine.distance(self.centre, position.into()) <= self.radius)
    }
}
