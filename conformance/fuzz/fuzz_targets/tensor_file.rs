//! Files of tensors, of every kind.

#![no_main]

#[path = "../../support/fuzz_tensor_files.rs"]
mod fuzz_tensor_files;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz_tensor_files::tensor_file(bytes);
});
