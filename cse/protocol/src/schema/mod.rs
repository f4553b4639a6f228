//! Resource type tables.
