//! Where things are: the `loc` of resources, geo-queries, regions in access policies, fences (TS-0001 release 4, 9.6.2.2,
//! 9.6.10).
//!
//! Responsible for geometry alone: what coordinates say, whether they make sense, how shapes lie to each other. Which
//! resources are looked at is left to discovery, the index of boxes to the store.
//!
//! Coordinates are those of RFC 7946: longitude before latitude in degrees (WGS 84), a height that is ignored. Shapes
//! lie in the plane of longitude and latitude: an edge is straight there, and none crosses the 180th meridian.

mod area;
mod countries;
mod fence;
mod region;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use area::Area;
pub use fence::{Fence, Location};
pub(crate) use region::Region;
pub(crate) use shape::{bounds_of, check, location};
