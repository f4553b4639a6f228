//! Measurements; see `docs/decisions/store.md`.
