//! The forms in which one address may be written (TS-0001 7.2, TS-0004 6.2.4): structured, unstructured and hybrid,
//! each CSE-relative, SP-relative and absolute.

use std::sync::Arc;

use dyad_protocol::Failure;

use super::{Lookup, Resource, resolve};
use crate::Cse;
use crate::request::local_path;

/// Every form of an address, itself first. What leads nowhere on this node has this one form.
pub fn forms(look: &mut impl Lookup, cse: &Cse, address: &str) -> Result<Vec<String>, Failure> {
    let mut forms = vec![address.to_owned()];
    let config = cse.config();
    let Ok(path) = local_path(cse, address) else { return Ok(forms) };
    let Some((resource, rest)) = find(look, path)? else { return Ok(forms) };
    let mut add = |path: String| {
        let sp_relative = config.sp_relative(&path);
        for form in [format!("{}{sp_relative}", config.sp_id), sp_relative, path] {
            if form != address {
                forms.push(form);
            }
        }
    };
    let (mut current, mut below) = (resource, rest.to_owned());
    loop {
        add(format!("{}{below}", current.ri()));
        if current.id() == crate::CSE_BASE {
            add(format!("-{below}"));
            add(format!("{}{below}", current.name()));
            break;
        }
        below = format!("/{}{below}", current.name());
        match look.resource(current.parent())? {
            Some(parent) => current = parent,
            None => break,
        }
    }
    Ok(forms)
}

/// The resource that a path leads to, and what follows it with its slash: the virtual resource that the path ends
/// with or goes through.
fn find<'a>(look: &mut impl Lookup, path: &'a str) -> Result<Option<(Arc<Resource>, &'a str)>, Failure> {
    if let Some(resource) = resolve(look, path)? {
        return Ok(Some((resource, "")));
    }
    let last = path.rfind('/').filter(|at| matches!(path.get(at + 1..), Some("la" | "ol")));
    let first = path.match_indices('/').map(|(at, _)| at).find(|at| {
        let name = path.get(at + 1..).and_then(|rest| rest.split('/').next());
        look.tree().virtual_names.iter().any(|known| Some(&**known) == name)
    });
    for at in [first, last].into_iter().flatten() {
        let (above, rest) = path.split_at(at);
        if let Some(resource) = resolve(look, above)? {
            return Ok(Some((resource, rest)));
        }
    }
    Ok(None)
}
