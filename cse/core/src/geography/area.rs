//! Geo-queries (`gmty`, `gsf`, `geom`): which locations lie to a shape as asked.

use dyad_protocol::{Failure, Object};
use geo::{Geometry, PreparedGeometry, Relate};

use super::shape::{bounds, location, read};
use crate::store::{Bounds, Lie};

/// A geo-query made ready to be asked of many resources.
pub(crate) struct Area {
    shape: PreparedGeometry<'static, Geometry>,
    bounds: Bounds,
    lie: Lie,
}

impl Area {
    /// From geometryType, geoSpatialFunctionType and geometry. BAD_REQUEST for numbers that mean nothing and for a shape
    /// that is none.
    pub(crate) fn new(kind: u8, function: u8, coordinates: &str) -> Result<Self, Failure> {
        let lie = match function {
            1 => Lie::Within,
            2 => Lie::Around,
            3 => Lie::Across,
            _ => return Err(Failure::bad_request("the geo-spatial function (gsf) is 1 to 3")),
        };
        let shape = read(u64::from(kind), coordinates)?;
        let bounds = bounds(&shape).ok_or_else(|| Failure::bad_request("the geometry (geom) is empty"))?;
        Ok(Self { shape: PreparedGeometry::from(shape), bounds, lie })
    }

    /// How the box around a location must lie to [`Area::bounds`] for the location to match.
    pub(crate) fn lie(&self) -> Lie {
        self.lie
    }

    /// The box around the shape.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Whether the resource with these attributes is where the query asks; one without a location is nowhere.
    pub(crate) fn admits(&self, attributes: &Object) -> bool {
        let Some(location) = location(attributes) else { return false };
        let relation = self.shape.relate(&location);
        match self.lie {
            Lie::Within => relation.is_contains(),
            Lie::Around => relation.is_within(),
            Lie::Across => relation.is_intersects(),
        }
    }
}
