//! Integration tests of `tacho-wire`.

mod generated;
