//! Which country a position is in: all that the rest of the node knows of borders.
//!
//! The borders are those of the crate `country-boundaries`, about 300 kB in the binary: derived from OpenStreetMap, ©
//! OpenStreetMap contributors, under the Open Database License 1.0. They are simplified, good to about a hundred metres
//! in populated areas, and oblivious of borders at sea.

use std::sync::OnceLock;

use country_boundaries::{BOUNDARIES_ODBL_60X30, CountryBoundaries, LatLon};
use geo::Coord;

/// Whether a position, in degrees, is in a country by its code of ISO 3166-1 in capital letters. No position is in a country
/// that is not known.
pub(super) fn holds(country: &str, position: Coord) -> bool {
    // Read when somebody asks for the first time: few nodes have rules for countries.
    static BORDERS: OnceLock<Option<CountryBoundaries>> = OnceLock::new();
    let borders = BORDERS.get_or_init(|| {
        let read = CountryBoundaries::from_reader(BOUNDARIES_ODBL_60X30);
        read.inspect_err(|error| tracing::error!(%error, "the borders of countries cannot be read")).ok()
    });
    match (borders, LatLon::new(position.y, position.x)) {
        (Some(borders), Ok(position)) => borders.is_in(position, country),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use geo::Coord;

    use super::holds;

    #[test]
    fn cities_borders_and_the_edges_of_the_map() {
        let known = [
            ("DE", 13.4, 52.5),
            ("PL", 14.6, 52.35),
            ("DE", 14.54, 52.34),
            ("DE", 8.691, 47.697),
            ("IT", 12.5, 41.9),
            ("VA", 12.4534, 41.9033),
            ("KR", 126.98, 37.57),
            ("KP", 125.75, 39.03),
            ("US", -122.4, 37.77),
            ("RU", 179.0, 68.0),
            ("RU", -179.0, 68.0),
            ("FJ", 178.45, -18.1),
        ];
        for (country, x, y) in known {
            assert!(holds(country, Coord { x, y }), "{country} {x} {y}");
            assert_eq!(holds("DE", Coord { x, y }), country == "DE", "{country} {x} {y}");
        }
        // The middle of the ocean, and what is no country.
        assert!(
            !["US", "BR", "ZZ", "", "de"].iter().any(|country| holds(country, Coord { x: -40.0, y: 30.0 }))
        );
        assert!(!["ZZ", "", "de"].iter().any(|country| holds(country, Coord { x: 13.4, y: 52.5 })));
        for x in [-180.0, 0.0, 180.0] {
            for y in [-90.0, 0.0, 90.0] {
                assert!(!holds("DE", Coord { x, y }), "{x} {y}");
            }
        }
    }
}
