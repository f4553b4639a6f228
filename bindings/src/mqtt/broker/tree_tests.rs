//! Tests of the index over subscriptions, against a matcher that looks at each filter.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::topic::Filter;
use super::*;

const FILTER: &str = "([ab$]|\\+|)(/([ab]|\\+|)){0,3}(/#)?|#";
const TOPIC: &str = "([ab$]|)(/([ab]|)){0,4}";

fn found(tree: &Tree<usize>, topic: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    tree.visit(topic, |matching| match matching {
        Match::One(_, value) => assert!(found.insert(*value), "{value} twice"),
        Match::Shared(group) => assert!(group.in_turn(0).all(|member| found.insert(member.1))),
    });
    found
}

proptest! {
    #[test]
    fn the_tree_finds_what_matches(
        filters in proptest::collection::vec((FILTER, proptest::option::of("[gh]")), 1..20),
        topics in proptest::collection::vec(TOPIC, 1..20),
    ) {
        let filters: Vec<_> = filters.into_iter().filter(|one| topic::is_filter(&one.0)).collect();
        let mut tree = Tree::default();
        for (number, (filter, group)) in filters.iter().enumerate() {
            let filter = Filter { group: group.as_deref(), filter };
            prop_assert!(tree.insert(filter, number as u64, number).is_none());
        }
        for topic in topics.iter().filter(|topic| !topic.is_empty()) {
            let expected: BTreeSet<usize> =
                (0..filters.len()).filter(|number| topic::matches(&filters[*number].0, topic)).collect();
            prop_assert_eq!(found(&tree, topic), expected, "{}", topic);
        }
        for (number, (filter, group)) in filters.iter().enumerate() {
            let filter = Filter { group: group.as_deref(), filter };
            prop_assert!(tree.remove(filter, number as u64));
            prop_assert!(!tree.remove(filter, number as u64));
        }
        prop_assert!(tree.is_empty());
    }
}

#[test]
fn a_subscription_replaces_that_of_the_same_filter() {
    let mut tree = Tree::default();
    let filter = Filter::parse("a/+").unwrap();
    assert_eq!(tree.insert(filter, 1, 1), None);
    assert_eq!(tree.insert(filter, 1, 2), Some(1));
    assert_eq!(tree.insert(filter, 2, 3), None);
    assert_eq!(found(&tree, "a/b"), BTreeSet::from([2, 3]));
}

#[test]
fn members_of_a_group_take_turns() {
    let mut tree = Tree::default();
    for number in 0..3 {
        tree.insert(Filter::parse("$share/g/a").unwrap(), number, number as usize);
    }
    let mut first = Vec::new();
    for turn in 0..4 {
        tree.visit("a", |matching| {
            let Match::Shared(group) = matching else { panic!("no group") };
            first.push(group.in_turn(turn).next().unwrap().1);
        });
    }
    assert_eq!(first, [0, 1, 2, 0]);
}
