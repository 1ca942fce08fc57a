//! Rebuilds the embedded suite when one of its files changes or is added, links `bundleproof-torch` with the path of the
//! libtorch it was built against, and tells a release which commit it is of.

use std::{path::Path, process::Command};

fn main() {
    // Not all of `conformance`: the fuzz corpus changes often and is not embedded.
    println!("cargo::rerun-if-changed=conformance/bundle");
    println!("cargo::rerun-if-changed=fixtures");
    if let Ok(libtorch) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg-bin=bundleproof-torch=-Wl,-rpath,{libtorch}");
    }
    // Only a release: everything else would be compiled again after each commit.
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        name_commit();
    }
}

/// Hands the abbreviated commit on to `--version`. A packaged source has none.
fn name_commit() {
    let commits = Path::new(".git/logs/HEAD");
    if !commits.exists() {
        return;
    }
    println!("cargo::rerun-if-changed={}", commits.display());
    let named = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok();
    let commit = named.filter(|named| named.status.success()).map(|named| named.stdout);
    if let Some(commit) = commit.and_then(|commit| String::from_utf8(commit).ok()) {
        println!("cargo::rustc-env=BUNDLEPROOF_COMMIT={}", commit.trim());
    }
}
