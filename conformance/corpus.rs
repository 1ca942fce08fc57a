//! Runs the bodies of the fuzz targets on every input that fuzzing has found.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/fuzz_bodies.rs"]
mod fuzz_bodies;
#[path = "support/fuzz_documents.rs"]
mod fuzz_documents;
#[path = "support/fuzz_evidence.rs"]
mod fuzz_evidence;
#[path = "support/fuzz_store.rs"]
mod fuzz_store;
#[path = "support/fuzz_tensor_files.rs"]
mod fuzz_tensor_files;
#[path = "support/fuzz_zip.rs"]
mod fuzz_zip;

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use rstest::rstest;

#[rstest]
#[case::pickle("pickle", fuzz_bodies::pickle)]
#[case::state_dict("state_dict", fuzz_bodies::state_dict)]
#[case::archive("archive", fuzz_bodies::archive)]
#[case::tensor_file("tensor_file", |bytes: &[u8]| { fuzz_tensor_files::tensor_file(bytes); })]
#[case::suite("suite", |bytes: &[u8]| { fuzz_documents::suite(bytes); })]
#[case::message("message", |bytes: &[u8]| { fuzz_documents::message(bytes); })]
#[case::report("report", |bytes: &[u8]| { fuzz_documents::report(bytes); })]
#[case::implementation("implementation", |bytes: &[u8]| { fuzz_evidence::implementation(bytes); })]
#[case::proven("proven", |bytes: &[u8]| { fuzz_evidence::proven(bytes); })]
#[case::junit("junit", |bytes: &[u8]| { fuzz_evidence::junit(bytes); })]
#[case::store("store", |bytes: &[u8]| { fuzz_store::store(bytes); })]
fn what_holds_of_any_bytes_holds_of_every_file_of_the_corpus(#[case] target: &str, #[case] body: fn(&[u8])) {
    let mut files = corpus(target);
    // All inputs run, so one failure does not hide another.
    let fails = |path: &PathBuf| {
        let bytes = fs::read(path).expect("a file of the corpus");
        catch_unwind(|| body(&bytes)).is_err()
    };
    files.retain(fails);
    assert!(files.is_empty(), "a property of all inputs does not hold for {files:#?}");
}

#[test]
fn the_archives_that_are_fuzzed_are_good_ones() {
    // Otherwise the fuzzer would never get past the first check.
    fuzz_bodies::good_archives_are_read();
}

#[rstest]
#[case::tensor_file("tensor_file", fuzz_tensor_files::tensor_file)]
#[case::suite("suite", fuzz_documents::suite)]
#[case::message("message", fuzz_documents::message)]
#[case::report("report", fuzz_documents::report)]
#[case::implementation("implementation", fuzz_evidence::implementation)]
#[case::proven("proven", fuzz_evidence::proven)]
#[case::junit("junit", fuzz_evidence::junit)]
#[case::store("store", fuzz_store::store)]
fn most_of_what_a_fuzzer_begins_with_is_accepted(#[case] target: &str, #[case] body: fn(&[u8]) -> bool) {
    // Otherwise it would only ever see what is refused at once.
    let files = corpus(target);
    let refused: Vec<&PathBuf> =
        files.iter().filter(|path| !body(&fs::read(path).expect("a file of the corpus"))).collect();
    assert!(
        refused.len() * 2 < files.len(),
        "{} of {} are refused: {refused:#?}",
        refused.len(),
        files.len()
    );
}

/// The files of a target's corpus.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).expect("a corpus for each target");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file of the corpus").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus {} is empty", folder.display());
    files
}
