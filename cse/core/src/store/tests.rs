//! Tests of the store, over every database.
