//! Pre-shared keys as the library asks for them.

use std::cell::RefCell;

use dimpl::PskResolver;

use crate::tls::Keys;

thread_local! {
    static ASKED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The identity that a handshake has named on this thread since the last call; the library does not tell otherwise.
pub(super) fn asked() -> Option<Vec<u8>> {
    ASKED.take()
}

impl PskResolver for Keys {
    fn resolve(&self, identity: &[u8]) -> Option<Vec<u8>> {
        let key = self.key(identity).map(<[u8]>::to_vec);
        ASKED.set(Some(identity.to_vec()));
        key
    }
}
