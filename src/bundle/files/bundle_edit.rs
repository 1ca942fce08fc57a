//! What the harness changes in a bundle that the implementation under test has written.
//!
//! A bundle of somebody else's networks fits no other implementation, so that what becomes of a broken or odd
//! bundle is asked with the implementation's own. Each change leaves everything else as it was.

use serde::Deserialize;

use super::apply_edit::alter;
use crate::{
    bundle::operations::base_path,
    harness::contract::{Field, FieldRole, HarnessStep, step_from_toml},
    value::Value,
};

/// The step of a case that changes an archive in place.
pub(crate) const ALTER_BUNDLE: HarnessStep = HarnessStep {
    name: "alter_bundle",
    fields: &[
        Field { name: "base_path", role: FieldRole::Path },
        Field { name: "change", role: FieldRole::Values },
        Field { name: "as", role: FieldRole::ResponseName },
    ],
    response: &["model", "tensor", "entry", "global"],
    file: base_path,
    from_toml: step_from_toml::<EditBundle>,
    run: |path, fields| {
        let request =
            EditBundle::deserialize(Value::Map(fields.clone())).map_err(|error| error.to_string())?;
        Ok(alter(path, &request.change))
    },
};

/// Changes an archive in place.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditBundle {
    /// The archive's path without its last suffix, `$work/wts.h5`.
    pub base_path: String,
    /// What is changed.
    pub change: BundleEdit,
    /// The name to know `model`, `tensor`, `entry` and `global` of the change under, where it has them.
    #[serde(rename = "as")]
    pub name: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BundleEdit {
    /// The lowest bit of the last byte of the model's first tensor that has elements.
    FlipBit {
        /// The model.
        model: String,
    },
    /// The model's last tensor is left out.
    DropTensor {
        /// The model.
        model: String,
    },
    /// One more tensor, `bundleproof.added`, of one float32.
    AddTensor {
        /// The model.
        model: String,
    },
    /// The model's first tensor that has elements gets one more row of zeros.
    GrowTensor {
        /// The model.
        model: String,
    },
    /// A param of every snapshot, or of one model's.
    SetParam {
        /// The key.
        key: String,
        /// Its value.
        value: Value,
        /// The model, when only its snapshot is changed.
        #[serde(default)]
        model: Option<String>,
    },
    /// A param is left out of every snapshot.
    DropParam {
        /// The key.
        key: String,
    },
    /// A value of the manifest.
    SetManifest {
        /// The key.
        key: String,
        /// Its value.
        value: Value,
    },
    /// A whole entry is left out.
    DropEntry {
        /// Its name in the archive.
        entry: String,
    },
    /// The last bytes of the file are cut off.
    Truncate {
        /// How many.
        bytes: u64,
    },
    /// A pickle first opens a file `executed` for writing in the current directory of whoever loads it, and
    /// then says what it said before.
    Execute {
        /// The entry; of a `model.pth` it is the pickle inside.
        entry: String,
    },
}
