//! The program that is tested.

use std::path::PathBuf;

/// The variable with the path of another build of it, such as the one that is released.
const VARIABLE: &str = "BUNDLEPROOF_PROGRAM";

/// The program that Cargo built for the tests, or the one that the environment names.
pub(crate) fn path() -> PathBuf {
    std::env::var_os(VARIABLE)
        .map_or_else(|| assert_cmd::cargo::cargo_bin!("bundleproof").into(), PathBuf::from)
}
