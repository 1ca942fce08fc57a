//! JUnit files that are imported.

#![no_main]
#![allow(dead_code, reason = "the bodies are shared, and this target has one of them")]

#[path = "../../support/fuzz_documents.rs"]
mod fuzz_documents;
#[path = "../../support/fuzz_evidence.rs"]
mod fuzz_evidence;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz_evidence::junit(bytes);
});
