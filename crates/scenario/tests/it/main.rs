//! Tests of the file format through the public API.
#![allow(clippy::unwrap_used)]

mod applications;
mod captures;
mod common;
mod faults;
mod good;
mod hostile;
mod mistakes;
mod objects;
mod problems;
mod reference;
mod schema;
