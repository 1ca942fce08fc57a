//! The edits that the harness makes to a bundle of the implementation under test.
//!
//! A bundle with another program's networks fits no implementation, so the cases about broken or unusual bundles edit
//! the implementation's own bundle. Each edit leaves everything else unchanged.

use serde::Deserialize;

use crate::value::Value;

/// Edits an archive in place.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditBundle {
    /// The archive's path without its last suffix, `$work/wts.h5`.
    pub base_path: String,
    /// The edit.
    pub change: BundleEdit,
    /// The name of the response: `model`, `tensor`, `entry` and `global` of the edit, as far as they apply.
    #[serde(rename = "as")]
    pub name: String,
}

/// One edit of a bundle.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BundleEdit {
    /// Flips the lowest bit of the last byte of the model's first tensor with elements.
    FlipBit {
        /// The model.
        model: String,
    },
    /// Removes the model's last tensor.
    DropTensor {
        /// The model.
        model: String,
    },
    /// Adds a tensor `bundleproof.added` with one float32.
    AddTensor {
        /// The model.
        model: String,
    },
    /// Appends a row of zeros to the model's first tensor with elements.
    GrowTensor {
        /// The model.
        model: String,
    },
    /// Sets a param in every snapshot, or in the snapshot of one model.
    SetParam {
        /// The key.
        key: String,
        /// Its value.
        value: Value,
        /// The model; all models when it is not given.
        #[serde(default)]
        model: Option<String>,
    },
    /// Removes a param from every snapshot.
    DropParam {
        /// The key.
        key: String,
    },
    /// Sets a value of the manifest.
    SetManifest {
        /// The key.
        key: String,
        /// Its value.
        value: Value,
    },
    /// Removes a whole entry.
    DropEntry {
        /// Its name in the archive.
        entry: String,
    },
    /// Cuts off the last bytes of the file.
    Truncate {
        /// The number of bytes.
        bytes: u64,
    },
    /// Prepends to a pickle a call that creates the file `executed` in the current directory of the process that loads
    /// it. The rest of the pickle is unchanged.
    Execute {
        /// The entry; for a `model.pth` the pickle inside is edited.
        entry: String,
    },
}
