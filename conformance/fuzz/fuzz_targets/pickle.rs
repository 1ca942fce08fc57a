//! Pickles.

#![no_main]
#![allow(dead_code, reason = "the bodies are shared, and this target has one of them")]

#[path = "../../support/fuzz_bodies.rs"]
mod fuzz_bodies;
#[path = "../../support/fuzz_zip.rs"]
mod fuzz_zip;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::pickle(bytes));
