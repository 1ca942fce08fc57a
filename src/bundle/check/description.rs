//! The content of a bundle, described for a person.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    ProgressFn, Statistics, archive_in,
    budget::{Budget, Weight},
    check_report::bytes_of,
    parallel::in_parallel,
    rules,
    statistics::Tally,
    tensor_stream::{TensorElements, TensorStream},
};
use crate::{
    bundle::{
        files::BundleReader,
        nouns::{Container, JsonManifest, JsonTags, Manifest, Params, model_entry, params_entry},
    },
    harness::contract::Refusal,
    torch_files::{
        Dtype, FormatError, FormatErrorKind as Kind,
        torch::{ElementVisitor, Outline, TensorOutline},
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
    /// The number of entries.
    pub entries: EntryCount,
    /// The manifest.
    pub manifest: Manifest,
    /// The versions that only a JSON manifest has, if the bundle has one.
    pub json: Option<JsonTags>,
    /// Whether it is a TensorFlow bundle, of which only the manifest is read.
    pub tensorflow: bool,
    /// The models, in the order of the manifest.
    pub models: IndexMap<String, ModelContents>,
}

/// The number of entries of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryCount {
    /// All entries.
    pub all: usize,
    /// The deflated entries; the others are stored.
    pub deflated: usize,
}

/// One model and its params.
#[derive(Clone, Debug)]
pub struct ModelContents {
    /// The tensors of the model, or the sentinel that was saved in its place.
    pub state: Result<StateDetails, Unread>,
    /// Its params snapshot.
    pub params: Result<Params, Unread>,
}

/// A part that could not be read, and why.
pub type Unread = Refusal;

/// The content of `model.pth`.
#[derive(Clone, Debug, PartialEq)]
pub enum StateDetails {
    /// A network.
    Network {
        /// Tensors by name, in registration order.
        tensors: IndexMap<String, TensorDetails>,
        /// What modules saved in addition to tensors, by name.
        extra: Map,
    },
    /// The complete sentinel dictionary.
    Sentinel(Map),
}

/// One tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TensorDetails {
    /// The element type.
    pub dtype: Dtype,
    /// The length of each dimension, in elements.
    pub shape: Vec<usize>,
    /// Bytes of all elements, without gaps.
    pub bytes: u64,
    /// SHA-256 of those bytes, little-endian.
    #[cfg_attr(test, schemars(with = "String"))]
    pub sha256: Digest,
    /// Statistics of the elements.
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

/// Reads and describes a bundle. Nothing in it is executed. The description contains an error in place of every part
/// that cannot be read, or that is too much to be held with the parts before it.
///
/// # Errors
/// When the file is missing, or its archive or its manifest cannot be read.
pub fn describe(path: &Path, watch: ProgressFn<'_>) -> Result<Description, FormatError> {
    let file = archive_in(path);
    let bytes = bytes_of(&file)?;
    if file.is_dir() {
        let what = "the directory is the content of a bundle that was unpacked; pack it without the directory itself";
        return Err(FormatError::from(Kind::Zip(what.to_owned())).in_file(&file));
    }
    let mut reader = BundleReader::open(&file)?;
    let (manifest, json) = match reader.container() {
        Container::Json => {
            let JsonManifest { common, tags } = reader.json_manifest()?;
            (common, Some(tags))
        }
        // Both manifests are refused by name.
        Container::Pickled | Container::Both => (reader.manifest()?, None),
    };
    let archive = reader.archive();
    let deflated = archive.names().filter(|name| archive.entry(name).is_some_and(|entry| entry.deflated));
    let entries = EntryCount { all: archive.names().count(), deflated: deflated.count() };
    let tensorflow = json.is_none() && rules::is_tensorflow(&manifest);
    let mut models = IndexMap::new();
    if !tensorflow {
        let budget = Budget::default();
        let not_shown = |error: FormatError, entry: &str| error.in_entry(entry).in_file(&file);
        let states = in_parallel(&mut reader, &file, &manifest.models, |reader, model| {
            let state = StateDetails::of(|elements| reader.scan(model, elements), watch)?;
            let spent = budget.spend(state.weight());
            spent.map(|()| state).map_err(|error| not_shown(error, &model_entry(model)))
        });
        for (model, state) in manifest.models.iter().zip(states) {
            let params = if json.is_some() { reader.json_params(model) } else { reader.params(model) };
            let params = params.and_then(|params| {
                let spent = budget.spend(Weight::of_map(&params.0));
                spent.map(|()| params).map_err(|error| not_shown(error, &params_entry(model)))
            });
            let (state, params) = (state.map_err(Refusal::from), params.map_err(Refusal::from));
            models.insert(model.clone(), ModelContents { state, params });
        }
    }
    Ok(Description { file, bytes, entries, manifest, json, tensorflow, models })
}

impl StateDetails {
    fn weight(&self) -> Weight {
        match self {
            Self::Sentinel(values) => Weight::of_map(values),
            Self::Network { tensors, extra } => Weight::of_tensors(tensors.keys(), extra),
        }
    }

    /// The details of a state whose elements are passed on by `scan`, which returns its outline.
    pub(super) fn of(
        scan: impl FnOnce(&mut dyn ElementVisitor) -> Result<Outline, FormatError>,
        watch: ProgressFn<'_>,
    ) -> Result<Self, FormatError> {
        let mut tensor_stream = TensorStream::new(Seen { watch, tensors: Vec::new() }, |_| true);
        let network = match scan(&mut tensor_stream)? {
            Outline::Sentinel(values) => return Ok(Self::Sentinel(values)),
            Outline::Network(network) => network,
        };
        let details = |(outline, (digest, tally)): (&TensorOutline, (Sha256, Tally))| TensorDetails {
            dtype: outline.dtype,
            shape: outline.shape().to_vec(),
            bytes: outline.bytes(),
            sha256: Digest(digest.finalize().into()),
            statistics: tally.statistics(),
        };
        let seen = network.tensors.values().zip(tensor_stream.to.tensors).map(details);
        let tensors = network.tensors.keys().cloned().zip(seen).collect();
        Ok(Self::Network { tensors, extra: network.extra })
    }
}

/// Digests and statistics of the tensors so far.
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
