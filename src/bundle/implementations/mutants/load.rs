//! Mutants of loads: section C of the contract, and the round trip.

use std::{io::Cursor, path::Path};

use super::cause::{Cause, Instead};
use super::mutant::mutants;
use crate::{
    bundle::{
        files::BundleReader,
        nouns::{MANIFEST_ENTRY, ROLES, Rule, VERSION_KEY},
        operations::response::ModelDescription,
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{ModelState, limits::MAX_ENTRY_BYTES, zip::Archive},
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
    swallows_missing_weights breaks "LOD-008" as "main: a missing model.pth is tolerated": LoadedAnyway(|cause| lacks(cause, "model.pth"));
    swallows_missing_params breaks "LOD-019": LoadedAnyway(|cause| lacks(cause, "params.dill"));
    goes_on_without_a_manifest breaks "BUN-002": LoadedAnyway(|cause| lacks(cause, MANIFEST_ENTRY));
    swallows_malformed_manifests breaks "BUN-003": LoadedAnyway(|cause| {
        let no_dict = cause.broke(Rule::Unexpected) && cause.facts.field.is_none();
        cause.in_file(MANIFEST_ENTRY) && (no_dict || cause.broke(Rule::MissingField))
    });
    takes_odd_lists_of_models breaks "LOD-026": LoadedAnyway(|cause| cause.broke_in(Rule::Unexpected, "['models']"));
    takes_odd_tags breaks "LOD-026": LoadedAnyway(|cause| {
        ["['version']", "['backend']"].iter().any(|tag| cause.broke_in(Rule::Unexpected, tag))
    });
    calls_json_manifests_missing breaks "LOD-040" as "main and refactor: a missing manifest.dill": Refused(|cause| {
        Instead::hidden(cause.broke(Rule::JsonManifest), "missing entry \"manifest.dill\"")
    });
    takes_json_manifests breaks "LOD-040": LoadedAnyway(|cause| cause.broke(Rule::JsonManifest));
    takes_one_of_two_manifests breaks "LOD-041" as "each revision reads another one": LoadedAnyway(|cause| cause.broke(Rule::TwoManifests));
    hides_the_second_manifest breaks "LOD-041": Refused(|cause| Instead::hidden(cause.broke(Rule::TwoManifests), "invalid manifest.dill"));
    takes_bundles_without_a_scale breaks "LOD-042" as "main and refactor": LoadedAnyway(|cause| cause.broke(Rule::ArchivedScale));
    takes_every_architecture_for_its_own breaks "LOD-043" as "main and refactor ignore the key": LoadedAnyway(|cause| cause.broke(Rule::KnownArchitecture));
    takes_escaping_model_names breaks "BUN-013": LoadedAnyway(|cause| cause.broke(Rule::ModelName));
    refuses_untagged_archives breaks "BUN-004": NotOpened(|path| {
        let untagged = BundleReader::open(path).ok()?.manifest().ok()?.backend.is_none();
        untagged.then(|| Refusal::new(RefusalKind::Unsupported, "missing backend tag"))
    });
    takes_a_missing_archive_for_an_empty_one breaks "LOD-002": LoadedAnyway(|cause| cause.kind == RefusalKind::NotFound);
    calls_a_missing_archive_malformed breaks "LOD-002": Refused(|cause| match cause.kind == RefusalKind::NotFound {
        true => Instead::Kind(RefusalKind::Malformed),
        false => Instead::Same,
    });
    hides_which_archive_is_missing breaks "LOD-002": Refused(|cause| Instead::hidden(cause.kind == RefusalKind::NotFound, "no such file"));
    hides_which_fields_are_missing breaks "LOD-003": Refused(|cause| {
        Instead::hidden(cause.kind == RefusalKind::MissingField, "the archive is incomplete")
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
    ignores_missing_tensors breaks "LOD-008" as "main: strict=False": LoadedAnyway(|cause| cause.broke(Rule::NoMissingTensor));
    ignores_extra_tensors breaks "LOD-008" as "main: strict=False": LoadedAnyway(|cause| cause.broke(Rule::NoExtraTensor));
    ignores_shapes breaks "LOD-008" as "main: a partial load": LoadedAnyway(|cause| cause.broke(Rule::TensorShape));
    casts_elements breaks "LOD-028" as "PyTorch: load_state_dict": LoadedAnyway(|cause| cause.broke(Rule::TensorType));
    takes_any_params breaks "LOD-030": LoadedAnyway(|cause| cause.in_file("params.dill") && cause.broke(Rule::Unexpected));
    hides_what_is_wrong breaks "LOD-034": Refused(|cause| Instead::hidden(cause.kind != RefusalKind::NotFound, "cannot load it"));
    hides_which_tensors_do_not_fit breaks "LOD-034": Refused(|cause| Instead::hidden(cause.kind == RefusalKind::Mismatch, "the weights do not fit"));
    hides_the_active_backend breaks "LOD-009" as "TensorFlow loader: never names the backend": Refused(|cause| match &cause.facts.found {
        Some(found) if cause.broke(Rule::OwnArchive) => Instead::Message(format!("the archive has {found}")),
        _ => Instead::Same,
    });
    loads_tensorflow_archives breaks "LOD-009" as "main: with two random networks": LoadedAnyway(|cause| {
        cause.broke(Rule::OwnArchive) && cause.found("version \"1.0\"")
    });
    takes_text_for_numbers breaks "LOD-010" as "main: '64' passes": LoadedAnyway(|cause| cause.broke(Rule::PositiveInt) && cause.found("'"));
    takes_zero_for_a_size breaks "LOD-010" as "main: gridsize=0 loads": LoadedAnyway(|cause| cause.broke(Rule::PositiveInt) && cause.found("0"));
    takes_negative_sizes breaks "LOD-010": LoadedAnyway(|cause| cause.broke(Rule::PositiveInt) && cause.found("-"));
    takes_true_for_one breaks "LOD-010": LoadedAnyway(|cause| cause.broke(Rule::PositiveInt) && cause.found("True"));
    takes_whole_floats breaks "LOD-010": LoadedAnyway(|cause| cause.broke(Rule::PositiveInt) && cause.found("1.0"));
    takes_none_for_a_size breaks "LOD-010": LoadedAnyway(|cause| cause.broke(Rule::PositiveInt) && cause.found("None"));
    returns_params_without_version breaks "LOD-012": Loaded(|loaded| drop(loaded.params.shift_remove(VERSION_KEY)));
    returns_params_without_nones breaks "LOD-012": Loaded(|loaded| loaded.params.retain(|_, value| *value != Value::None));
    runs_what_params_name breaks "LOD-013" as "main and refactor: dill.load": LoadedAnyway(|cause| named(cause, "params.dill"));
    runs_what_weights_name breaks "LOD-013" as "refactor: weights_only=False": LoadedAnyway(|cause| named(cause, "model.pth"));
    runs_what_manifests_name breaks "LOD-013" as "main and refactor: dill.load": LoadedAnyway(|cause| named(cause, MANIFEST_ENTRY));
    runs_what_pickles_call breaks "LOD-013" as "main and refactor: executed, and refused afterwards or not": RefusedBeside(|directory, cause| {
        // Imitates the calls of the test pickles, which leave a trace.
        if cause.broke(Rule::ForeignGlobal) && (cause.found("io.open") || cause.found("builtins.eval")) {
            let _ = std::fs::File::create(directory.join("executed"));
        }
    });
    hides_what_was_named breaks "LOD-013": Refused(|cause| Instead::hidden(cause.broke(Rule::ForeignGlobal), "the pickle is unsafe"));
    takes_unsafe_archives breaks "LOD-014": LoadedAnyway(|cause| {
        [Rule::UnsafeName, Rule::DuplicateEntry, Rule::NotAFile].into_iter().any(|rule| cause.broke(rule))
    });
    takes_truncated_archives breaks "LOD-015": LoadedAnyway(|cause| cause.broke(Rule::Zip));
    takes_garbled_pickles breaks "LOD-015": LoadedAnyway(|cause| {
        [Rule::UnknownOpcode, Rule::Truncated, Rule::StackUnderflow].into_iter().any(|rule| cause.broke(rule))
    });
    takes_garbled_weights breaks "LOD-015": LoadedAnyway(|cause| cause.in_file("model.pth") && cause.broke(Rule::Zip));
    ignores_checksums breaks "LOD-015": LoadedAnyway(|cause| cause.broke(Rule::Corrupt));
    returns_one_model breaks "LOD-016" as "D4.C: one model for each call": Loaded(|loaded| drop(loaded.models.shift_remove(ROLES[0])));
    answers_what_it_saved breaks "RTP-001": Remembered(|loaded, saved| loaded.clone_from(saved));
    swaps_the_models breaks "RTP-001": Loaded(|loaded| {
        if let [Some(a), Some(b)] = loaded.models.get_disjoint_mut(ROLES) {
            std::mem::swap(a, b);
        }
    });
    returns_networks_as_sentinels breaks "RTP-002" as "main: production saves sentinels": Loaded(|loaded| {
        for (name, model) in &mut loaded.models {
            if matches!(model, ModelDescription::Network(_)) {
                let marked = [(ModelState::SENTINEL_KEY.to_owned(), Value::from(name.as_str()))];
                *model = ModelDescription::Sentinel(Map::from_iter(marked));
            }
        }
    });
    refuses_weights_of_a_gpu breaks "LOD-035" as "torch.load without map_location": NotOpened(|path| {
        let named = any_pickle_of_weights(path, |_, pickle| pickle.windows(6).any(|part| part == b"cuda:0"))?;
        named.then(|| Refusal::new(RefusalKind::Unsupported, "the weights were saved on a GPU"))
    });
    reads_its_own_bundles_only breaks "RTP-003": NotOpened(|path| {
        let foreign = any_pickle_of_weights(path, |name, _| name != "archive/data.pkl")?;
        foreign.then(|| Refusal::new(RefusalKind::Malformed, "missing archive/data.pkl"))
    });
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
fn any_pickle_of_weights(path: &Path, holds: fn(&str, &[u8]) -> bool) -> Option<bool> {
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

fn lacks(cause: Cause<'_>, file: &str) -> bool {
    cause.broke(Rule::MissingEntry) && cause.in_file(file)
}

fn named(cause: Cause<'_>, file: &str) -> bool {
    cause.broke(Rule::ForeignGlobal) && cause.in_file(file)
}

/// Refuses an archive whose entries are all deflated, or all stored.
fn of_compression(path: &Path, deflated: bool) -> Option<Refusal> {
    let archive = Archive::open(path).ok()?;
    let such = |name: &str| archive.entry(name).is_some_and(|entry| entry.deflated == deflated);
    let message = "unsupported compression";
    archive.names().all(such).then(|| Refusal::new(RefusalKind::Unsupported, message))
}
