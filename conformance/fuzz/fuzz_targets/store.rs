//! A directory of reports.

#![no_main]
#![allow(dead_code, reason = "the bodies are shared, and this target has one of them")]

#[path = "../../support/fuzz_documents.rs"]
mod fuzz_documents;
#[path = "../../support/fuzz_store.rs"]
mod fuzz_store;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz_store::store(bytes);
});
