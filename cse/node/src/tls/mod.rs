//! TLS as the operator sees it: the files that the settings name, and `dyad tls init`, which makes them.
//!
//! How TLS is spoken is left to `dyad-bindings`, which listener speaks it to `listen`.

pub(crate) mod init;
mod issue;
mod load;

pub(crate) use load::Tls;
