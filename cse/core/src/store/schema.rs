//! The tables as diesel sees them.
//!
//! Responsible for: names and types of columns, the same in both databases. Indices and storage details are left
//! to the migrations.

diesel::table! {
    resource (id) {
        id -> BigInt,
        parent -> BigInt,
        ty -> Integer,
        rn -> Nullable<Text>,
        ri -> Nullable<Text>,
        root -> Nullable<Text>,
        originator -> Nullable<Text>,
        ct -> BigInt,
        lt -> BigInt,
        et -> BigInt,
        cs -> Nullable<BigInt>,
        body -> Text,
        dgt -> Nullable<BigInt>,
        floor -> Nullable<BigInt>,
    }
}

diesel::table! {
    label (value, resource) {
        value -> Text,
        resource -> BigInt,
    }
}

diesel::table! {
    attribute (name, value, resource) {
        name -> Text,
        value -> Text,
        resource -> BigInt,
    }
}

diesel::table! {
    outbox (seq) {
        seq -> BigInt,
        subscription -> BigInt,
        target -> Text,
        body -> Text,
        expires -> BigInt,
        event -> BigInt,
        category -> Integer,
        priority -> Integer,
        replaces -> Integer,
    }
}

diesel::table! {
    event (seq) {
        seq -> BigInt,
        parent -> BigInt,
        head -> Text,
        recipients -> Nullable<Text>,
        done -> BigInt,
        expires -> BigInt,
    }
}

diesel::table! {
    gate (subscription) {
        subscription -> BigInt,
        due -> BigInt,
        state -> Text,
    }
}

diesel::table! {
    alarm (resource) {
        resource -> BigInt,
        ty -> Integer,
        due -> BigInt,
        state -> Text,
    }
}

diesel::table! {
    meta (name) {
        name -> Text,
        value -> Text,
    }
}
