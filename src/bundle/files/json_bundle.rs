//! The parts of a bundle with a JSON manifest, as later revisions write it.
//!
//! [`BundleReader::manifest`] refuses such a bundle, because the loaders of this contract read pickled manifests. These
//! methods read it for [`check`](crate::bundle::check), which knows the rules of both.

use std::io::{Read, Seek};

use super::bundle_file::{BundleReader, manifest, unexpected};
use crate::{
    bundle::nouns::{JSON_MANIFEST_ENTRY, JsonManifest, JsonTags, Params, json_params_entry},
    torch_files::{FormatError, pickle},
    value::{Map, Value},
};

type Result<T> = std::result::Result<T, FormatError>;

impl<R: Read + Seek> BundleReader<R> {
    /// Reads `manifest.json`. Unknown keys are ignored.
    ///
    /// # Errors
    /// As [`BundleReader::manifest`] for its models, version and backend; `malformed` when the entry is missing, is not
    /// JSON or has a duplicate key.
    pub fn json_manifest(&mut self) -> Result<JsonManifest> {
        let map = self.json_map(JSON_MANIFEST_ENTRY)?;
        json_manifest(&map).map_err(|error| self.placed(error, JSON_MANIFEST_ENTRY))
    }

    /// Reads the params snapshot of a model in a bundle with a JSON manifest.
    ///
    /// # Errors
    /// As [`BundleReader::json_map`].
    pub fn json_params(&mut self, model: &str) -> Result<Params> {
        self.json_map(&json_params_entry(model)).map(Params)
    }
}

fn json_manifest(map: &Map) -> Result<JsonManifest> {
    let text = |key: &'static str| match map.get(key) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text.clone())),
        Some(other) => Err(unexpected("text", other).under(pickle::subscript(key))),
    };
    let common = manifest(map)?;
    let tags =
        JsonTags { manifest_version: text("manifest_version")?, schema: text("artifact_schema_version")? };
    Ok(JsonManifest { common, tags })
}
