//! Who asks, as access control needs it.

use std::cell::OnceCell;
use std::net::IpAddr;

use dyad_protocol::Timestamp;

use super::Call;
use crate::Cse;

/// The originator of a request with what is known of it.
#[derive(Debug)]
pub struct Asker<'a> {
    /// The shortest form of the originator on this node, `Cae`.
    pub id: &'a str,
    /// See [`Asker::forms`]: made when they are asked for, since most requests are by who owns the target.
    forms: OnceCell<Vec<String>>,
    /// Whether it is the administrator.
    pub is_admin: bool,
    /// When the request came.
    pub now: Timestamp,
    /// Address of the sender.
    pub peer: Option<IpAddr>,
    /// Whether the transport has proved who it is.
    pub authenticated: bool,
}

impl<'a> Asker<'a> {
    /// The asker of a call.
    pub fn new(cse: &Cse, call: &'a Call) -> Self {
        Self::from_id(
            cse,
            call.request.originator(),
            call.now,
            call.arrival.peer.map(|peer| peer.ip()),
            call.arrival.authenticated.is_some(),
        )
    }

    /// An asker by its identifier.
    pub fn from_id(
        cse: &Cse,
        id: &'a str,
        now: Timestamp,
        peer: Option<IpAddr>,
        authenticated: bool,
    ) -> Self {
        let config = cse.config();
        let id = config.shorten(id);
        let is_admin = id == config.admin;
        Self { id, forms: OnceCell::new(), is_admin, now, peer, authenticated }
    }

    /// All forms in which a policy may name it, the shortest first; none of the administrator, whom none concerns.
    pub fn forms(&self, cse: &Cse) -> &[String] {
        self.forms.get_or_init(|| {
            let (config, id) = (cse.config(), self.id);
            let mut forms = Vec::new();
            if !self.is_admin {
                forms.push(id.to_owned());
                if !id.is_empty() && !id.starts_with("//") {
                    let relative =
                        if id.starts_with('S') { format!("/{id}") } else { config.sp_relative(id) };
                    forms.push(format!("{}{relative}", config.sp_id));
                    if relative != id {
                        forms.push(relative);
                    }
                }
            }
            forms
        })
    }
}
