//! Many containers under some parents, made over HTTP like anybody's.

use anyhow::Result;

use crate::bench::Bench;
use crate::load::Outcome;
use crate::node::{AE, HOME, Node, TY_CONTAINER};
use crate::script::{self, Dice};

/// Containers `p0/c0` … under the AE.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forest {
    /// How many parents there are.
    pub(crate) parents: u64,
    /// How many containers each of them has.
    pub(crate) each: u64,
}

impl Forest {
    /// All containers, the parents not among them.
    pub(crate) fn size(self) -> u64 {
        self.parents * self.each
    }

    /// Creates the parents and then the containers, in turns over the parents.
    pub(crate) fn plant(self, bench: &Bench, node: &Node) -> Result<Outcome> {
        let mut parents = |number: u64, out: &mut Vec<u8>| {
            let body = format!(r#"{{"m2m:cnt":{{"rn":"p{number}"}}}}"#);
            script::write_post(out, number, HOME, AE, TY_CONTAINER, &body);
        };
        bench.filling(&node.server, self.parents).run(&mut parents)?.clean()?;
        let mut containers = |number: u64, out: &mut Vec<u8>| {
            let (parent, name) = (number % self.parents, number / self.parents);
            let body = format!(r#"{{"m2m:cnt":{{"rn":"c{name}","lbl":["l{number}"],"mni":10}}}}"#);
            script::write_post(out, number, &format!("{HOME}/p{parent}"), AE, TY_CONTAINER, &body);
        };
        bench.filling(&node.server, self.size()).run(&mut containers)?.clean()
    }

    /// Where the container with this number is.
    pub(crate) fn path(self, number: u64) -> String {
        format!("{HOME}/p{}/c{}", number % self.parents, number / self.parents)
    }

    /// The path of any container, by chance.
    pub(crate) fn any(self, dice: &mut Dice) -> String {
        self.path(dice.below(self.size()))
    }
}
