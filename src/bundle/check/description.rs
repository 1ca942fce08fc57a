//! What is inside a bundle.

use std::{
    io::{Read, Seek},
    path::{Path, PathBuf},
};

use indexmap::IndexMap;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    ProgressFn, Statistics, archive_in,
    parallel::side_by_side,
    rules,
    statistics::Tally,
    tensor_stream::{ByTensor, TensorElements},
};
use crate::{
    bundle::{
        files::BundleReader,
        nouns::{Manifest, Params},
    },
    harness::contract::Refusal,
    torch_files::{
        Dtype, FormatError,
        torch::{Outline, TensorOutline},
    },
    value::{Digest, Map},
};

/// A bundle, described part by part.
#[derive(Clone, Debug)]
pub struct Description {
    /// The archive that was read.
    pub file: PathBuf,
    /// Bytes of the archive.
    pub bytes: u64,
    /// How many entries it has.
    pub entries: EntryCount,
    /// What the manifest says.
    pub manifest: Manifest,
    /// Whether it is a TensorFlow bundle, of which nothing else is read.
    pub tensorflow: bool,
    /// The models, in the order of the manifest.
    pub models: IndexMap<String, ModelContents>,
}

/// How many entries an archive has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryCount {
    /// All of them.
    pub all: usize,
    /// Those that are deflated; the others are stored.
    pub deflated: usize,
}

/// One model, and what was saved beside it.
#[derive(Clone, Debug)]
pub struct ModelContents {
    /// Its tensors, or the sentinel in their place.
    pub state: Result<StateDetails, Unread>,
    /// Its params snapshot.
    pub params: Result<Params, Unread>,
}

/// A part that could not be read, and why.
pub type Unread = Refusal;

/// What `model.pth` holds.
#[derive(Clone, Debug, PartialEq)]
pub enum StateDetails {
    /// Tensors by name, in the order they were registered.
    Network(IndexMap<String, TensorDetails>),
    /// The sentinel dictionary, whole.
    Sentinel(Map),
}

/// One tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorDetails {
    /// The element type.
    pub dtype: Dtype,
    /// The length of each dimension, in elements.
    pub shape: Vec<usize>,
    /// Bytes of all elements in a row.
    pub bytes: u64,
    /// SHA-256 of those bytes, little-endian.
    pub sha256: Digest,
    /// What the elements are like.
    #[serde(flatten)]
    pub statistics: Statistics,
}

impl Description {
    /// The snapshot that all models share; None when one cannot be read or two differ.
    pub fn agreed_params(&self) -> Option<&Params> {
        let mut snapshots = self.models.values().map(|model| model.params.as_ref().ok());
        let first = snapshots.next()??;
        snapshots.all(|other| other == Some(first)).then_some(first)
    }

    /// The parts that could not be read, and why.
    pub fn unread(&self) -> impl Iterator<Item = &Unread> {
        self.models
            .values()
            .flat_map(|model| model.state.as_ref().err().into_iter().chain(model.params.as_ref().err()))
    }
}

/// Reads a bundle and describes it. Nothing in it is executed; a part that cannot be read is told in its
/// place. Memory grows with tensors that are no rows of their storages, and with nothing else.
///
/// # Errors
/// When there is no such file, and when its archive or its manifest cannot be read.
pub fn describe(path: &Path, watch: ProgressFn<'_>) -> Result<Description, FormatError> {
    let file = archive_in(path);
    let bytes = file.metadata().map_err(|error| FormatError::from(error).in_file(&file))?.len();
    let mut reader = BundleReader::open(&file)?;
    let manifest = reader.manifest()?;
    let archive = reader.archive();
    let deflated = archive.names().filter(|name| archive.entry(name).is_some_and(|entry| entry.deflated));
    let entries = EntryCount { all: archive.names().count(), deflated: deflated.count() };
    let tensorflow = rules::is_tensorflow(&manifest);
    let mut models = IndexMap::new();
    if !tensorflow {
        let states = side_by_side(&file, &manifest.models, |reader, model| state(reader, model, watch));
        for (model, state) in manifest.models.iter().zip(states) {
            let params = reader.params(model).map_err(Refusal::from);
            models.insert(model.clone(), ModelContents { state: state.map_err(Refusal::from), params });
        }
    }
    Ok(Description { file, bytes, entries, manifest, tensorflow, models })
}

fn state(
    reader: &mut BundleReader<impl Read + Seek>,
    model: &str,
    watch: ProgressFn<'_>,
) -> Result<StateDetails, FormatError> {
    let mut by_tensor = ByTensor::new(Seen { watch, tensors: Vec::new() }, |_| true);
    let network = match reader.scan(model, &mut by_tensor)? {
        Outline::Sentinel(values) => return Ok(StateDetails::Sentinel(values)),
        Outline::Network(network) => network,
    };
    let details = |(outline, (digest, tally)): (&TensorOutline, (Sha256, Tally))| TensorDetails {
        dtype: outline.dtype,
        shape: outline.shape().to_vec(),
        bytes: outline.bytes(),
        sha256: Digest(digest.finalize().into()),
        statistics: tally.statistics(),
    };
    let seen = network.tensors.values().zip(by_tensor.to.tensors).map(details);
    Ok(StateDetails::Network(network.tensors.keys().cloned().zip(seen).collect()))
}

/// Digest and statistics of every tensor, in the making.
struct Seen<'w> {
    watch: ProgressFn<'w>,
    tensors: Vec<(Sha256, Tally)>,
}

impl TensorElements for Seen<'_> {
    fn begin(&mut self, tensors: usize) {
        self.tensors = (0..tensors).map(|_| Default::default()).collect();
    }

    fn elements(&mut self, tensor: usize, dtype: Dtype, bytes: &[u8]) {
        if let Some((digest, tally)) = self.tensors.get_mut(tensor) {
            digest.update(bytes);
            tally.add(dtype, bytes);
        }
        (self.watch)(bytes.len() as u64);
    }
}
