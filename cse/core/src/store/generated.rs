//! Queries about the instances of time series by when their data were made.
//!
//! Responsible for: answers from the index over it. Which of them have to go, and which are missing, is left to the
//! core and its functions.

use diesel::prelude::*;

use super::change::Aged;
use super::connection::{Connection, either};
use super::error::StoreError;
use super::page::page;
use super::resources::LABELLED;
use super::schema::resource;

impl Connection {
    /// Instances whose data were made from one point in time to another, both included, the oldest first: when they
    /// were made, and the id.
    pub fn generated(
        &mut self,
        series: i64,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        either!(self, link => page(limit, resource::table
            .filter(resource::parent.eq(series))
            .filter(resource::dgt.ge(from))
            .filter(resource::dgt.le(to))
            .order(resource::dgt)
            .select((resource::dgt.assume_not_null(), resource::id))).load(link))
    }

    /// Instances whose data were made after a point in time, the oldest first: when they were made, and what trimming
    /// has to know.
    pub fn oldest_generated(
        &mut self,
        series: i64,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, Aged)>, StoreError> {
        either!(self, link => page(limit, resource::table
            .filter(resource::parent.eq(series))
            .filter(resource::dgt.gt(after))
            .order(resource::dgt)
            .select((resource::dgt.assume_not_null(), (
                resource::id, resource::cs, resource::et, resource::ct, resource::body.like(LABELLED),
            )))).load(link))
    }

    /// When the newest data of all instances were made.
    pub fn newest_generated(&mut self, series: i64) -> Result<Option<i64>, StoreError> {
        either!(self, link => page(1, resource::table
            .filter(resource::parent.eq(series))
            .filter(resource::dgt.is_not_null())
            .order(resource::dgt.desc())
            .select(resource::dgt.assume_not_null())).get_result(link).optional())
    }
}
