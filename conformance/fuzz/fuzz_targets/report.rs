//! The documents of a report.

#![no_main]
#![allow(dead_code, reason = "the bodies are shared, and this target has one of them")]

#[path = "../../support/fuzz_documents.rs"]
mod fuzz_documents;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz_documents::report(bytes);
});
