//! The file of an implementation: how its program is started, and what is known to fail.

use std::{fs, path::Path};

use serde::Deserialize;

use super::{Exit, console::Console};
use crate::harness::{KnownFailure, adapter::client::Launch, check_all, suite::Suite};

/// The folder of a suite in which such files are.
const FOLDER: &str = "implementations";

/// The largest file of an implementation, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// `implementations/<name>.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImplementationFile {
    pub(super) launch: Launch,
    #[serde(default)]
    pub(super) known: Vec<KnownFailure>,
}

impl ImplementationFile {
    /// The file of the suite under this name, when it has one.
    pub(super) fn in_suite(suite: &Suite, name: &str, console: &Console) -> Result<Option<Self>, Exit> {
        let path = format!("{FOLDER}/{name}.toml");
        suite.file(&path).map(|text| Self::parse(&path, &text, console)).transpose()
    }

    /// A file on disk. Where its program is started is said from where the file is.
    pub(super) fn on_disk(path: &Path, console: &Console) -> Result<Self, Exit> {
        let shown = path.display().to_string();
        let told = |what: String| {
            console.error(&format!("{shown}: {what}"));
            Exit::Usage
        };
        let length = fs::metadata(path).map_err(|error| told(error.to_string()))?.len();
        if length > MAX_FILE_BYTES {
            return Err(told(format!(
                "has {length} bytes; a file of an implementation has at most {MAX_FILE_BYTES}"
            )));
        }
        let text = fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
        let mut file = Self::parse(&shown, &text, console)?;
        if let Some(folder) = path.parent() {
            file.launch.directory = file.launch.directory.map(|directory| folder.join(directory));
        }
        Ok(file)
    }

    /// The names of the files of a suite.
    pub(super) fn names(suite: &Suite) -> Vec<String> {
        let name =
            |path: &String| Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        suite.files(FOLDER).iter().filter_map(name).collect()
    }

    fn parse(path: &str, text: &str, console: &Console) -> Result<Self, Exit> {
        let told = |what: String| {
            console.error(&what);
            Exit::Usage
        };
        let file: Self = toml::from_str(text)
            .map_err(|error| told(format!("{path} does not say how to start it: {error}")))?;
        check_all(&file.known).map_err(|error| told(format!("{path}: {error}")))?;
        Ok(file)
    }
}
