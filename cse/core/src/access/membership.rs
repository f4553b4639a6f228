//! Groups as originators (TS-0001 9.6.2.1): an `acor` entry that names a `<group>` means its members.
//!
//! Membership is read off the present version of the group, so a change of its members counts from the next request
//! on. Groups on other nodes would have to be asked and grant nothing.

use dyad_protocol::Failure;
use dyad_protocol::id::Address;

use super::Rule;
use crate::Cse;
use crate::request::{Asker, local_path};
use crate::resource::{Id, Lookup, View, forms, names, resolve};

/// How deep groups may be nested.
const LEVELS: usize = 8;

/// Groups that are looked at for one entry.
const GROUPS: usize = 64;

/// Whether an entry of `acor` may be the address of a group, by its looks: a resource ID that the node gives to
/// groups, or a path. AE-IDs, CSE-IDs, domains and patterns are none.
pub(super) fn may_be_group(entry: &str) -> bool {
    let Ok(address) = Address::parse(entry) else { return false };
    !entry.contains('*')
        && (address.path.contains('/')
            || (address.path.starts_with("grp") && names::row_of(address.path).is_some()))
}

/// The entries of some rules that name a group of which the asker is a member, for rules that allow an operation.
pub(super) fn groups_of<'a>(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    rules: &'a [Rule],
    operation: u8,
) -> Result<Vec<&'a str>, Failure> {
    let mut found = Vec::new();
    let mut own_names: Option<Vec<String>> = None;
    for rule in rules.iter().filter(|rule| rule.operations & operation != 0) {
        for entry in &rule.groups {
            let own_names = match &own_names {
                Some(names) => names,
                None => own_names.insert(names_of(look, cse, asker)?),
            };
            if is_member(look, cse, asker, own_names, entry)? {
                found.push(entry.as_str());
            }
        }
    }
    Ok(found)
}

/// All that a group may call the asker: its identifiers, and the addresses of its resource if it has one here.
fn names_of(look: &mut impl Lookup, cse: &Cse, asker: &Asker<'_>) -> Result<Vec<String>, Failure> {
    let mut names = asker.forms(cse).to_vec();
    if !asker.id.is_empty() {
        names.extend(forms(look, cse, asker.id)?);
    }
    Ok(names)
}

fn is_member(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    own_names: &[String],
    group: &str,
) -> Result<bool, Failure> {
    let mut open = vec![(group.to_owned(), 0)];
    let mut seen: Vec<Id> = Vec::new();
    while let Some((address, level)) = open.pop() {
        let Ok(path) = local_path(cse, &address) else { continue };
        let Some(group) = resolve(look, path)?.filter(|group| !group.is_expired(asker.now)) else { continue };
        let View::Group(members) = group.view() else { continue };
        if seen.contains(&group.id()) || seen.len() >= GROUPS {
            continue;
        }
        seen.push(group.id());
        if own_names.iter().any(|name| members.position(name).is_some()) {
            return Ok(true);
        }
        if level < LEVELS {
            let sub_groups = members.sub_groups().filter_map(|member| member.strip_suffix("/fopt"));
            open.extend(sub_groups.take(GROUPS).map(|address| (address.to_owned(), level + 1)));
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::may_be_group;

    #[test]
    fn what_may_name_a_group() {
        for entry in ["grp7", "/id-in/grp7", "//sp.example/id-in/grp7", "cse-in/g", "/id-in/-/ae/g", "Cae/g"]
        {
            assert!(may_be_group(entry), "{entry}");
        }
        for entry in
            ["all", "*", "grp*", "Cae", "Sae", "/id-in", "/id-in/Cae", "//sp.example", "grp", "cnt7", ""]
        {
            assert!(!may_be_group(entry), "{entry}");
        }
    }
}
