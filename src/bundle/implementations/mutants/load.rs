//! Mutants of loads: section C of the contract, and the round trip.

use std::{io::Cursor, path::Path};

use super::cause::Instead;
use super::mutant::mutants;
use crate::{
    bundle::{
        files::BundleReader,
        nouns::{MANIFEST_ENTRY, Rule, model_entry},
        operations::response::{Loaded, ModelDescription, TensorDescription},
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{
        ModelState, Tensor,
        limits::MAX_ENTRY_BYTES,
        torch::{self, Outline, Storages, TensorOutline},
        zip::Archive,
    },
    value::{Map, Value},
};

/// The keys that the loader of `main` uses; it ignores all others.
const BUILT_FROM: [&str; 12] = [
    "N",
    "gridsize",
    "neighbor_count",
    "nphotons",
    "n_filters_scale",
    "amp_activation",
    "model_type",
    "object.big",
    "probe.big",
    "intensity_scale",
    "nepochs",
    "batch_size",
];

mutants! {
    swallows_malformed_manifests breaks "BUN-003": LoadedAnyway(|cause| {
        let no_dict = cause.broke(Rule::Unexpected) && cause.facts.field.is_none();
        cause.in_file(MANIFEST_ENTRY) && (no_dict || cause.broke(Rule::MissingField))
    });
    refuses_untagged_archives breaks "BUN-004": NotOpened(|path| {
        let untagged = BundleReader::open(path).ok()?.manifest().ok()?.backend.is_none();
        untagged.then(|| Refusal::new(RefusalKind::Unsupported, "missing backend tag"))
    });
    restores_what_networks_are_built_from breaks "LOD-004" as "main reads 14 keys": Restored(|params, before, archived| {
        for key in archived.keys().filter(|key| !BUILT_FROM.contains(&key.as_str())) {
            match before.get(key) {
                Some(value) => params.update([(key.clone(), value.clone())]),
                None => params.retain(|own| own != key),
            }
        }
    });
    lets_the_process_win breaks "LOD-004": Restored(|params, before, archived| {
        let known = archived.keys().filter_map(|key| Some((key.clone(), before.get(key)?.clone())));
        params.update(known.collect::<Vec<_>>());
    });
    hides_what_is_wrong breaks "LOD-034": Refused(|cause| Instead::hidden(cause.kind != RefusalKind::NotFound, "cannot load it"));
    returns_params_without_nones breaks "LOD-012": Loaded(|loaded| loaded.params.retain(|_, value| *value != Value::None));
    answers_what_it_saved breaks "RTP-001": Remembered(|loaded, saved| loaded.clone_from(saved));
    returns_networks_as_sentinels breaks "RTP-002" as "main: production saves sentinels": Loaded(|loaded| {
        for (name, model) in &mut loaded.models {
            if matches!(model, ModelDescription::Network(_)) {
                let marked = [(ModelState::SENTINEL_KEY.to_owned(), Value::from(name.as_str()))];
                *model = ModelDescription::Sentinel(Map::from_iter(marked));
            }
        }
    });
    refuses_weights_of_a_gpu breaks "LOD-035" as "torch.load without map_location": NotOpened(|path| {
        let named = any_pickle_of_weights(path, |_, pickle| pickle.windows(5).any(|part| part == b"cuda:"))?;
        named.then(|| Refusal::new(RefusalKind::Unsupported, "the weights were saved on a GPU"))
    });
    reads_its_own_bundles_only breaks "RTP-003": NotOpened(|path| {
        let foreign = any_pickle_of_weights(path, |name, _| name != "archive/data.pkl")?;
        foreign.then(|| Refusal::new(RefusalKind::Malformed, "missing archive/data.pkl"))
    });
    takes_storages_as_they_are breaks "LOD-044" as "numpy.frombuffer": LoadedFrom(|path, loaded| {
        with_elements(path, loaded, |raw, offset, bytes| raw.get(offset..offset + bytes));
    });
    ignores_offsets breaks "LOD-044" as "a reader of its own": LoadedFrom(|path, loaded| {
        with_elements(path, loaded, |raw, _, bytes| raw.get(..bytes));
    });
    reads_ordered_dicts_only breaks "LOD-044": NotOpened(|path| {
        unread(path, |pickle| !holds(pickle, b"collections\nOrderedDict\n)R("))
    });
    reads_tensors_only breaks "LOD-044": NotOpened(|path| unread(path, |pickle| holds(pickle, b"_rebuild_parameter")));
    reads_typed_storages_only breaks "LOD-044": NotOpened(|path| unread(path, |pickle| holds(pickle, b"UntypedStorage")));
    refuses_deflated_archives breaks "BUN-002": NotOpened(|path| of_compression(path, true));
    refuses_stored_archives breaks "BUN-002": NotOpened(|path| of_compression(path, false));
    keeps_other_networks_than_it_returns breaks "RTP-004": Kept(|models| {
        for state in models.values_mut() {
            if let ModelState::Network(tensors) = state {
                tensors.reverse();
                tensors.pop();
            }
        }
    });
}

/// Whether this holds for the name and the bytes of a pickle in the weights of any model. `None` for an archive that
/// cannot be read.
fn any_pickle_of_weights(path: &Path, holds: impl Fn(&str, &[u8]) -> bool) -> Option<bool> {
    let mut archive = Archive::open(path).ok()?;
    let names: Vec<String> =
        archive.names().filter(|name| name.ends_with("model.pth")).map(str::to_owned).collect();
    let mut any = false;
    for name in names {
        let weights = archive.read(&name, MAX_ENTRY_BYTES).ok()?;
        let mut weights = Archive::new(Cursor::new(weights)).ok()?;
        let pickle = weights.names().find(|name| name.ends_with("data.pkl")).map(str::to_owned)?;
        any |= holds(&pickle, &weights.read(&pickle, MAX_ENTRY_BYTES).ok()?);
    }
    Some(any)
}

/// Refuses weights with such a pickle.
fn unread(path: &Path, is_unread: fn(&[u8]) -> bool) -> Option<Refusal> {
    let found = any_pickle_of_weights(path, |_, pickle| is_unread(pickle))?;
    found.then(|| Refusal::new(RefusalKind::Malformed, "the weights cannot be read"))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Gives each tensor the elements that `pick` finds in the bytes of its storage, with its offset and its length in bytes.
fn with_elements(path: &Path, loaded: &mut Loaded, pick: fn(&[u8], usize, usize) -> Option<&[u8]>) {
    for (name, model) in &mut loaded.models {
        if let ModelDescription::Network(tensors) = model {
            for (tensor, picked) in picked(path, name, pick).unwrap_or_default() {
                tensors.insert(tensor, picked);
            }
        }
    }
}

fn picked(
    path: &Path,
    model: &str,
    pick: fn(&[u8], usize, usize) -> Option<&[u8]>,
) -> Option<Vec<(String, TensorDescription)>> {
    let weights = Archive::open(path).ok()?.read(&model_entry(model), MAX_ENTRY_BYTES).ok()?;
    let (outline, _) = torch::scan(Cursor::new(&weights), &mut Storages::default()).ok()?;
    let Outline::Network(network) = outline else { return None };
    let mut archive = Archive::new(Cursor::new(&weights)).ok()?;
    let tensor = |(name, tensor): (&String, &TensorOutline)| {
        let raw = archive.read(&network.storages.get(tensor.storage)?.entry, MAX_ENTRY_BYTES).ok()?;
        let size = tensor.dtype.size();
        let elements = pick(&raw, tensor.view.reach().start * size, tensor.elements() * size)?;
        let tensor = Tensor::new(tensor.dtype, tensor.shape().to_vec(), elements.to_vec())?;
        Some((name.clone(), TensorDescription::from(&tensor)))
    };
    Some(network.tensors.iter().filter_map(tensor).collect())
}

/// Refuses an archive whose entries are all deflated, or all stored.
fn of_compression(path: &Path, deflated: bool) -> Option<Refusal> {
    let archive = Archive::open(path).ok()?;
    let such = |name: &str| archive.entry(name).is_some_and(|entry| entry.deflated == deflated);
    let message = "unsupported compression";
    archive.names().all(such).then(|| Refusal::new(RefusalKind::Unsupported, message))
}
