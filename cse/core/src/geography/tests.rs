//! Shapes that are read and refused, and geo-queries against a filter of inequalities.

use dyad_protocol::Object;
use proptest::prelude::*;
use serde_json::json;

use super::Area;
use super::shape::{bounds, read};
use crate::store::Lie;

#[test]
fn shapes_are_read_and_refused() {
    let good = [
        (1, "[13.4, 52.5]"),
        (1, "[-180, -90, 12.5]"),
        (2, "[[0,0],[1,1]]"),
        (3, "[[[0,0],[4,0],[4,4],[0,4],[0,0]]]"),
        (3, "[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[2,1],[2,2],[1,1]]]"),
        (4, "[[0,0],[1,1]]"),
        (5, "[[[0,0],[1,1]],[[2,2],[3,3]]]"),
        (6, "[[[[0,0],[1,0],[1,1],[0,0]]],[[[5,5],[6,5],[6,6],[5,5]]]]"),
    ];
    for (kind, text) in good {
        assert!(read(kind, text).is_ok(), "{kind} {text}");
    }
    let bad = [
        (0, "[0,0]"),
        (7, "[0,0]"),
        (1, "0,0"),
        (1, "[]"),
        (1, "[0]"),
        (1, "[0,0,0,0]"),
        (1, "[\"0\",0]"),
        (1, "[181,0]"),
        (1, "[0,90.1]"),
        (1, "[[0,0]]"),
        (2, "[[0,0]]"),
        (2, "[0,0]"),
        // A line without length.
        (2, "[[1,1],[1,1]]"),
        // Not closed.
        (3, "[[[0,0],[4,0],[4,4],[0,4]]]"),
        // Too few.
        (3, "[[[0,0],[4,0],[0,0]]]"),
        // Crosses itself.
        (3, "[[[0,0],[4,4],[4,0],[0,4],[0,0]]]"),
        // The hole is outside.
        (3, "[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[11,11],[12,11],[12,12],[11,11]]]"),
        (4, "[]"),
        (5, "[[0,0],[1,1]]"),
        // One over the other.
        (6, "[[[[0,0],[4,0],[4,4],[0,0]]],[[[1,0],[5,0],[5,4],[1,0]]]]"),
    ];
    for (kind, text) in bad {
        assert!(read(kind, text).is_err(), "{kind} {text}");
    }
    let many = format!("[{}]", vec!["[1,1]"; 1_001].join(","));
    assert!(read(4, &many).is_err());
}

fn at(kind: u8, coordinates: String) -> Object {
    json!({ "loc": { "typ": kind, "crd": coordinates } }).as_object().unwrap().clone()
}

/// The corners of a box on a grid, so that edges meet.
fn corners() -> impl Strategy<Value = [i32; 4]> {
    (-8..8_i32, -8..8_i32, 1..8_i32, 1..8_i32).prop_map(|(x, y, width, height)| [x, y, x + width, y + height])
}

fn polygon([west, south, east, north]: [i32; 4]) -> String {
    format!("[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]]")
}

proptest! {
    /// Points against a box: inside of it, on its edge, outside.
    #[test]
    fn points_in_boxes(area in corners(), x in -9..9_i32, y in -9..9_i32) {
        let [west, south, east, north] = area;
        let inside = west < x && x < east && south < y && y < north;
        let touching = west <= x && x <= east && south <= y && y <= north;
        let point = at(1, format!("[{x},{y}]"));
        let asked = |function| Area::new(3, function, &polygon(area)).unwrap().admits(&point);
        prop_assert_eq!([asked(1), asked(2), asked(3)], [inside, false, touching]);
    }

    /// Boxes against boxes, and what the index may leave out.
    #[test]
    fn boxes_in_boxes(area in corners(), other in corners()) {
        let ([west, south, east, north], [left, bottom, right, top]) = (area, other);
        let within = west <= left && right <= east && south <= bottom && top <= north;
        let around = left <= west && east <= right && bottom <= south && north <= top;
        let across = left <= east && right >= west && bottom <= north && top >= south;
        let resource = at(3, polygon(other));
        let own = bounds(&read(3, &polygon(other)).unwrap()).unwrap();
        for (function, expected) in [(1, within), (2, around), (3, across)] {
            let asked = Area::new(3, function, &polygon(area)).unwrap();
            prop_assert_eq!(asked.admits(&resource), expected, "function {}", function);
            let bounds = asked.bounds();
            let indexed = match asked.lie() {
                Lie::Within => own.west >= bounds.west && own.east <= bounds.east && own.south >= bounds.south && own.north <= bounds.north,
                Lie::Around => own.west <= bounds.west && own.east >= bounds.east && own.south <= bounds.south && own.north >= bounds.north,
                Lie::Across => own.west <= bounds.east && own.east >= bounds.west && own.south <= bounds.north && own.north >= bounds.south,
            };
            prop_assert!(indexed || !expected);
        }
    }

    /// Nothing that comes as coordinates ends the node.
    #[test]
    fn any_text_is_read_or_refused(kind in 0..8_u64, text in "[\\[\\],0-9.e -]{0,40}") {
        drop(read(kind, &text));
    }
}
