//! A suite of one case on disk, for tests that change a text in it.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

use std::{fs, time::Duration};

use bundleproof::{
    bundle::BUNDLE,
    harness::{
        contract::Contract as _,
        runner::Implementations,
        suite::{Source, Suite, SuiteError},
    },
};
use tempfile::TempDir;

/// A deadline for what is not about deadlines: a busy machine needs its time, to print a backtrace even more.
pub(crate) const UNHURRIED: Duration = Duration::from_secs(120);

/// A valid case whose second expectation fails on every implementation.
pub(crate) const GOOD: &str = r#"title    = "A load restores params"
requires = ["LOD-004"]

[[steps]]
do.set_params = { values = { N = 64 } }
expect.holds = { subset = [{ N = 64 }, "$params"], because = "what was set should be there" }
expect.fails = { equal = ["$params.N", 65], because = "64 is not 65" }

[[red]]
on = "stub"
fails = "fails"
"#;

pub(crate) const REQUIREMENTS: &str = r#"[[requirements]]
id = "LOD-004"
level = "MUST"
statement = "A load restores params."
source = "test"
authority = "ours"
"#;

const CONFIGS: &str =
    "[minimal]\nkind = \"training\"\nmodel = { N = 64, gridsize = 1, n_filters_scale = 1 }\n";

pub(crate) const VARIANTS: &str = "[doors.left]\nside = 64\n\n[doors.right]\nside = 65\n";

/// The suite of this case, in a directory that lasts as long as it is kept.
pub(crate) fn suite_with(case: &str, requirements: &str) -> (TempDir, Result<Suite, Vec<SuiteError>>) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("requirements/loader.toml", requirements);
    write("configs.toml", CONFIGS);
    write("variants.toml", VARIANTS);
    write("cases/loader/it.toml", case);
    let suite =
        Suite::load(&BUNDLE, Source::disk(root.path()), &Implementations::of(&BUNDLE.built_ins()).names());
    (root, suite)
}
