//! The edits that the harness makes to a bundle of the implementation under test.
//!
//! A bundle with another program's networks fits no implementation, so the cases about broken or unusual bundles edit
//! the implementation's own bundle. Each edit leaves everything else unchanged.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::Storing;
use crate::{
    torch_files::Dtype,
    value::{Map, Value, json_value},
};

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
    /// Removes the model's last tensor without dimensions, such as a counter of batches, or its last tensor if all have
    /// some.
    DropCounter {
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
    /// Appends a dimension of one element to the model's first tensor with one dimension and several elements, or to its
    /// first tensor with elements if there is none like that.
    UnsqueezeTensor {
        /// The model.
        model: String,
    },
    /// Puts a prefix before the names of all of the model's tensors, as wrappers of networks do.
    PrefixTensors {
        /// The model.
        model: String,
        /// The prefix, `module.`.
        prefix: String,
    },
    /// Removes all of the model's tensors.
    EmptyState {
        /// The model.
        model: String,
    },
    /// Converts the model's first float32 tensor with elements to another type of real numbers.
    RetypeTensor {
        /// The model.
        model: String,
        /// The other type.
        dtype: Dtype,
    },
    /// Replaces the first element of the model's first float32 tensor with elements by these four bytes.
    SetElement {
        /// The model.
        model: String,
        /// The little-endian bytes, in hexadecimal: `0000c07f` is a NaN.
        #[serde(deserialize_with = "element")]
        hex: [u8; 4],
    },
    /// States that the model's tensors were on a GPU when they were saved. Their bytes stay the same.
    Relocate {
        /// The model.
        model: String,
        /// Which GPU: 0 is `cuda:0`. At most 9.
        #[serde(default)]
        gpu: u8,
    },
    /// Stores the model's tensors in another way.
    StoreWeights {
        /// The model.
        model: String,
        /// The way.
        how: Storing,
    },
    /// Sets a param in every snapshot, or in the snapshot of one model.
    SetParam {
        /// The key.
        key: String,
        /// Its value.
        #[serde(deserialize_with = "json_value::value")]
        value: Value,
        /// The model; all models when it is not given.
        #[serde(default)]
        model: Option<String>,
    },
    /// Sets several params in every snapshot.
    SetParams {
        /// The values by key.
        #[serde(deserialize_with = "json_value::map")]
        values: Map,
    },
    /// Removes params from every snapshot.
    DropParams {
        /// Their keys.
        keys: Vec<String>,
    },
    /// Sets a value of the manifest.
    SetManifest {
        /// The key.
        key: String,
        /// Its value.
        #[serde(deserialize_with = "json_value::value")]
        value: Value,
    },
    /// Removes a value of the manifest.
    DropManifest {
        /// The key.
        key: String,
    },
    /// Removes a whole entry.
    DropEntry {
        /// Its name in the archive.
        entry: String,
    },
    /// Replaces the bytes of an entry.
    ReplaceEntry {
        /// Its name in the archive.
        entry: String,
        /// The new bytes.
        with: Content,
    },
    /// Appends an entry, under any name, or replaces the bytes of the one with this name.
    AddEntry {
        /// Its name in the archive.
        entry: String,
        /// Its bytes.
        with: Content,
    },
    /// Appends a second entry with the name of an existing one.
    RepeatEntry {
        /// The name of both.
        entry: String,
        /// The bytes of the second.
        with: Content,
    },
    /// Replaces an entry by a symbolic link.
    LinkEntry {
        /// Its name in the archive.
        entry: String,
        /// The path that the link leads to.
        to: String,
    },
    /// Renames an entry.
    RenameEntry {
        /// Its name in the archive.
        entry: String,
        /// The new name.
        to: String,
    },
    /// Reverses the order of the entries.
    ReverseEntries {},
    /// Stores or deflates every entry.
    Recompress {
        /// The method.
        method: Compression,
    },
    /// Inverts the middle byte of an entry as it is in the file, so that the entry does not match its checksum.
    FlipByte {
        /// Its name in the archive.
        entry: String,
    },
    /// Replaces a text in every snapshot by one of the same length. The checksums stay those of the old bytes, and the
    /// pickles can be read.
    ChangeText {
        /// The text.
        text: String,
        /// The text in its place.
        to: String,
    },
    /// Cuts the file off.
    Truncate(Cut),
    /// Prepends to a pickle a call that creates the file `executed` next to the archive. The rest of the pickle is
    /// unchanged.
    Execute {
        /// The entry; for a `model.pth` the pickle inside is edited, and an array is replaced by one of Python objects.
        entry: String,
        /// The opcodes of the call.
        #[serde(default)]
        how: Call,
    },
}

/// The bytes of an entry.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Content {
    /// This text.
    Text(String),
    /// These bytes, in hexadecimal.
    Hex(#[serde(deserialize_with = "hexadecimal")] Vec<u8>),
    /// The pickle of this value.
    Pickle(#[serde(deserialize_with = "json_value::value")] Value),
    /// The bytes of another entry of the archive.
    Entry(String),
}

/// How entries are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    Stored,
    /// With deflate.
    Deflated,
}

/// Where a file is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// This many bytes are removed.
    Bytes(u64),
    /// This many bytes are left.
    To(u64),
    /// This percentage of the bytes is left.
    Percent(u64),
}

/// The opcodes of a call in a pickle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `GLOBAL` and `REDUCE` with `io.open`.
    #[default]
    Reduce,
    /// `STACK_GLOBAL` and `REDUCE` with `io.open`.
    StackGlobal,
    /// `INST` with `io.open`.
    Inst,
    /// `GLOBAL` and `OBJ` with `io.open`.
    Obj,
    /// `GLOBAL` and `REDUCE` with `builtins.eval`, which opens the file in an expression.
    Eval,
}

fn hexadecimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn element<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 4], D::Error> {
    let bytes = hexadecimal(deserializer)?;
    bytes.try_into().map_err(|bytes: Vec<u8>| D::Error::invalid_length(bytes.len(), &"4 bytes"))
}
