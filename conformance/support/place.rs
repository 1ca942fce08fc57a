//! An empty directory, and the program in it, as a person or a CI job would use it.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

use std::{fs, path::PathBuf};

use assert_cmd::{Command, assert::Assert};
use tempfile::TempDir;

/// An empty directory, and the program in it.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and makes the directories that it is in.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Makes a named pipe, which blocks a program that opens it.
    pub(crate) fn pipe(&self, name: &str) {
        let made = std::process::Command::new("mkfifo").arg(self.path(name)).status().expect("mkfifo");
        assert!(made.success(), "{name}");
    }

    /// The program in the directory. That the tests run in GitHub Actions makes no difference to it.
    pub(crate) fn program(&self) -> Command {
        let mut program = Command::new(crate::program::path());
        program.current_dir(self.0.path()).env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY");
        program.env_remove("COLUMNS");
        program
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Assert {
        self.program().args(arguments).assert()
    }
}

/// What a run printed on standard output.
pub(crate) fn out(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).expect("text")
}

/// What a run printed on standard error.
pub(crate) fn err(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).expect("text")
}
