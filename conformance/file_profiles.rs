//! Against what a file is checked: a bundle, or a file of torch. A sound file that is none is called sound.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/checked_files.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod checked_files;
#[path = "support/forge.rs"]
#[allow(dead_code, reason = "the hostile archives need more of it")]
mod forge;
#[path = "support/pickles.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod pickles;
#[path = "support/program.rs"]
mod program;

use std::fs;

use checked_files::{checkpoint, err, fixture, folder, out, run_in};
use pickles::floats;

#[test]
fn a_profile_says_against_what_a_file_is_checked() {
    let place = folder(&[("a.pt", checkpoint())]);
    let bundle = out(&run_in(place.path(), &["check", "--profile", "bundle", "a.pt"]).code(1));
    assert!(
        bundle.contains("error BUN-002: ") && bundle.contains("this is a file of torch.save"),
        "{bundle}"
    );
    let named = out(&run_in(place.path(), &["check", "a.pt"]).code(1));
    assert!(named.contains("a.pt: error not-a-bundle: file of torch.save (zip), not a bundle; "), "{named}");
    assert!(named.contains("weights_only=True: --profile torch checks"), "{named}");
    let found = out(&run_in(place.path(), &["check", "."]).code(0));
    assert!(found.contains("a.pt: conforms: file of torch.save (zip), "), "{found}");
    let archive = fixture("gs1").join("wts.h5.zip").display().to_string();
    let torch = out(&run_in(place.path(), &["check", "--profile", "torch", &archive]).code(1));
    assert!(torch.contains("error other-format: found a bundle; "), "{torch}");
    assert!(torch.contains("; check it as one: without --profile torch"), "{torch}");
    run_in(place.path(), &["check", &archive]).code(0);
    // A file with the name of a bundle is checked as one.
    fs::rename(place.path().join("a.pt"), place.path().join("wts.h5.zip")).expect("a file");
    let named = out(&run_in(place.path(), &["check", "wts.h5.zip"]).code(1));
    assert!(named.contains("error BUN-002: ") && named.contains("this is a file of torch.save"), "{named}");
    run_in(place.path(), &["check", "--profile", "torch", "wts.h5.zip"]).code(0);
}

/// A checkpoint with one bit of a tensor changed, so that a checksum is wrong.
fn damaged_checkpoint() -> Vec<u8> {
    let mut bytes = checkpoint();
    let step = floats(&[1.0, 2.0]);
    let at = bytes.windows(step.len()).position(|own| own == step).expect("the tensor");
    bytes[at] ^= 1;
    bytes
}

#[test]
fn a_file_that_is_named_and_is_no_bundle_is_called_sound_if_it_is() {
    let place = folder(&[("last.ckpt", checkpoint()), ("flip.ckpt", damaged_checkpoint())]);
    let sound = "this one is sound and loads with weights_only=True: --profile torch checks it as what it is";
    let said = out(&run_in(place.path(), &["check", "last.ckpt"]).code(1));
    assert!(said.contains("error not-a-bundle") && said.contains(sound), "{said}");
    let said = out(&run_in(place.path(), &["check", "flip.ckpt"]).code(1));
    assert!(said.contains("error not-a-bundle") && !said.contains("sound"), "{said}");
}

#[test]
fn a_difference_is_shown_with_the_errors_of_both_files() {
    let place = folder(&[("last.ckpt", checkpoint()), ("flip.ckpt", damaged_checkpoint())]);
    let assert = run_in(place.path(), &["inspect", "last.ckpt", "--diff", "flip.ckpt"]).code(1);
    assert!(out(&assert).contains("1 of 2 elements changed"), "{}", out(&assert));
    let said = err(&assert);
    assert!(said.contains("error: flip.ckpt: ") && said.contains("CRC"), "{said}");
    assert!(!said.contains("last.ckpt"), "{said}");
    // Also if nothing differs.
    let assert = run_in(place.path(), &["inspect", "flip.ckpt", "--diff", "flip.ckpt"]).code(1);
    assert!(out(&assert).contains("same contents") && err(&assert).matches("flip.ckpt: ").count() == 2);
}
