//! Regions of access control contexts (`m2m:locationRegion`, TS-0004 6.3.5.28).

use dyad_protocol::Failure;
use geo::{CoordsIter, Distance, Geometry, Haversine, Point};
use serde_json::Value;

use super::countries;

/// A part of the globe.
#[derive(Debug)]
pub(crate) enum Region {
    /// A circle; its radius is in metres.
    Circle {
        /// Its middle.
        centre: Point,
        /// Metres.
        radius: f64,
    },
    /// Countries by their codes.
    Countries(Vec<String>),
}

impl Region {
    /// From a region: a circle of latitude, longitude and radius, or countries. `None` for what is neither or both.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        match (value.get("accr"), value.get("accc")) {
            (Some(circle), None) => Self::circle(circle),
            (None, Some(countries)) => {
                let codes = countries.as_array()?.iter().map(|code| code.as_str().map(str::to_owned));
                codes.collect::<Option<_>>().map(Self::Countries)
            }
            _ => None,
        }
    }

    fn circle(value: &Value) -> Option<Self> {
        let numbers: Vec<f64> = value.as_array()?.iter().filter_map(Value::as_f64).collect();
        let [latitude, longitude, radius] = *numbers.as_slice() else { return None };
        let is_sound =
            (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude) && radius >= 0.0;
        is_sound.then(|| Self::Circle { centre: Point::new(longitude, latitude), radius })
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

    /// Whether all positions of a location are inside: of a circle by great-circle distance, of countries in any of them.
    pub(crate) fn holds(&self, location: &Geometry) -> bool {
        location.coords_iter().all(|position| match self {
            Self::Circle { centre, radius } => Haversine.distance(*centre, position.into()) <= *radius,
            Self::Countries(codes) => codes.iter().any(|code| countries::holds(code, position)),
        })
    }
}
