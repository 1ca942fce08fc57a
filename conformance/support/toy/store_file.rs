//! `store.json`: reading it, writing it, and the harness's step that damages it.

use std::{fs, io::ErrorKind, path::Path};

use bundleproof::{
    harness::contract::{Field, FieldRole, HarnessStep, Refusal, RefusalKind, from_fields, step_from_toml},
    value::{Map, Value, json_value},
};
use serde::{Deserialize, Serialize};

/// The name of the file.
pub(crate) const STORE: &str = "store.json";

/// The file's contents.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(deserialize_with = "json_value::map")]
    entries: Map,
}

/// The entries in a file.
pub(crate) fn read(path: &Path) -> Result<Map, Refusal> {
    let bytes = fs::read(path).map_err(|error| {
        let kind = match error.kind() {
            ErrorKind::NotFound => RefusalKind::NotFound,
            _ => RefusalKind::Internal,
        };
        Refusal::new(kind, format!("cannot read {STORE}: {error}"))
    })?;
    let contents: Result<Contents, _> = serde_json::from_slice(&bytes);
    let contents = contents
        .map_err(|error| Refusal::new(RefusalKind::Malformed, format!("{STORE} is malformed: {error}")))?;
    Ok(contents.entries)
}

/// Writes the file, and its directory where it is missing.
pub(crate) fn write(path: &Path, entries: Map) -> Result<(), Refusal> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
        let bytes = serde_json::to_vec(&Contents { entries })?;
        fs::write(path, bytes)
    });
    written.map_err(|error| Refusal::new(RefusalKind::Internal, format!("cannot write {STORE}: {error}")))
}

/// The file of a request that names a directory.
pub(crate) fn in_directory(fields: &Map) -> Option<String> {
    Some(format!("{}/{STORE}", fields.get("directory")?.as_text()?))
}

/// The steps that the harness performs.
pub(crate) static HARNESS_STEPS: &[HarnessStep] = &[HarnessStep {
    name: "truncate_store",
    fields: &[
        Field { name: "directory", role: FieldRole::Path },
        Field { name: "keep", role: FieldRole::Plain },
        Field { name: "as", role: FieldRole::ResponseName },
    ],
    response: &["file", "lost"],
    file: in_directory,
    from_toml: step_from_toml::<TruncateStore>,
    run: |path, fields| {
        let request: TruncateStore = from_fields(fields).map_err(|refusal| refusal.message)?;
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Err(Refusal::new(RefusalKind::NotFound, format!("{STORE} does not exist"))));
            }
            Err(error) => return Err(error.to_string()),
        };
        let Some((kept, lost)) = bytes.split_at_checked(request.keep) else {
            return Err(format!("{STORE} has {} bytes, and {} were to be kept", bytes.len(), request.keep));
        };
        fs::write(path, kept).map_err(|error| error.to_string())?;
        let lost = i64::try_from(lost.len()).map_err(|error| error.to_string())?;
        let response = [("file", Value::from(STORE)), ("lost", Value::Int(lost))];
        Ok(Ok(response.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    },
}];

/// Cuts the file off after so many bytes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TruncateStore {
    #[serde(rename = "directory")]
    _directory: String,
    keep: usize,
    #[serde(rename = "as")]
    _name: String,
}
