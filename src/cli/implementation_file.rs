//! Implementation files: how to start the program, and its known failures.

use std::{fs, path::Path};

use serde::Deserialize;

use super::{Exit, console::Console};
use crate::{
    fs_util::regular,
    harness::{
        KnownFailure, adapter::client::Launch, check_all, contract::AllowedEffect, record::FileDigest,
        suite::Suite,
    },
    value::Digest,
};

/// The folder of a suite that contains implementation files.
const FOLDER: &str = "implementations";

/// Largest implementation file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// `implementations/<name>.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImplementationFile {
    pub(super) launch: Launch,
    #[serde(default)]
    pub(super) known: Vec<KnownFailure>,
    /// Effects that the contract excludes and the implementation may have.
    #[serde(default)]
    pub(super) allowed: Vec<AllowedEffect>,
    /// The file itself, for the report.
    #[serde(skip)]
    pub(super) source: Option<FileDigest>,
}

impl ImplementationFile {
    /// Reads the file of this name from the suite; `None` if the suite has no such file.
    pub(super) fn in_suite(suite: &Suite, name: &str, console: &Console) -> Result<Option<Self>, Exit> {
        let path = format!("{FOLDER}/{name}.toml");
        suite.file(&path).map(|text| Self::parse(&path, &text, console)).transpose()
    }

    /// Reads a file on disk. Its `directory` is relative to the folder of the file.
    pub(super) fn on_disk(path: &Path, console: &Console) -> Result<Self, Exit> {
        let shown = path.display().to_string();
        let fail = |what: String| {
            console.error(&format!("cannot read {shown}: {what}"));
            Exit::Usage
        };
        let length = regular(path).map_err(|error| fail(error.to_string()))?.len();
        if length > MAX_FILE_BYTES {
            return Err(fail(format!(
                "expected an implementation file of at most {MAX_FILE_BYTES} bytes, found {length}"
            )));
        }
        let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let mut file = Self::parse(&shown, &text, console)?;
        if let Some(folder) = path.parent() {
            file.launch.directory = file.launch.directory.map(|directory| folder.join(directory));
        }
        Ok(file)
    }

    /// The names of all implementation files of a suite.
    pub(super) fn names(suite: &Suite) -> Vec<String> {
        let name =
            |path: &String| Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        suite.files(FOLDER).iter().filter_map(name).collect()
    }

    fn parse(path: &str, text: &str, console: &Console) -> Result<Self, Exit> {
        Self::from_toml(path, text).map_err(|what| {
            console.error(&what);
            Exit::Usage
        })
    }

    /// Reads the text of a file; its `path` is for messages, and names it in reports.
    ///
    /// # Errors
    /// When it is not valid; the message names the file and what is wrong.
    pub fn from_toml(path: &str, text: &str) -> Result<Self, String> {
        let mut file: Self =
            toml::from_str(text).map_err(|error| format!("invalid implementation file {path}: {error}"))?;
        check_all(&mut file.known, path, text)
            .map_err(|error| format!("invalid known failure in {path}: {error}"))?;
        let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
        let sha256 = Digest::of(text.as_bytes()).to_string();
        file.source = name.map(|name| FileDigest { name, sha256 });
        Ok(file)
    }
}
