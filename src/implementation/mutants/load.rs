//! Mutants of loading: section C of the contract, and the round trip.

use std::path::Path;

use super::twisted;
use crate::{
    contract::{Map, ModelState, ROLES, Refusal, RefusalKind, VERSION_KEY, Value, answer::ModelDescription},
    format::{Archive, BundleReader},
};

/// The keys that main's loader builds from; it looks at no other.
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

twisted! {
    swallows_missing_weights breaks "LOD-008" as "main: a missing model.pth is tolerated": LoadedAnyway(|refusal| lacks(refusal, "model.pth"));
    swallows_missing_params breaks "LOD-019": LoadedAnyway(|refusal| lacks(refusal, "params.dill"));
    goes_on_without_a_manifest breaks "BUN-002": LoadedAnyway(|refusal| lacks(refusal, "manifest.dill"));
    swallows_malformed_manifests breaks "BUN-003": LoadedAnyway(|refusal| {
        says(refusal, "\"manifest.dill\"") && (says(refusal, "expected a dict") || says(refusal, "\"models\""))
    });
    takes_escaping_model_names breaks "BUN-013": LoadedAnyway(|refusal| says(refusal, "plain path component"));
    refuses_untagged_archives breaks "BUN-004": NotOpened(|path| {
        let untagged = BundleReader::open(path).ok()?.manifest().ok()?.backend.is_none();
        untagged.then(|| Refusal::new(RefusalKind::Unsupported, "the archive has no backend tag"))
    });
    takes_a_missing_archive_for_an_empty_one breaks "LOD-002": LoadedAnyway(|refusal| refusal.kind == RefusalKind::NotFound);
    calls_a_missing_archive_malformed breaks "LOD-002": Refused(|refusal| match refusal.kind {
        RefusalKind::NotFound => Refusal::new(RefusalKind::Malformed, refusal.message),
        _ => refusal,
    });
    hides_which_archive_is_missing breaks "LOD-002": Refused(|refusal| match refusal.kind {
        RefusalKind::NotFound => Refusal::new(refusal.kind, "no such file"),
        _ => refusal,
    });
    hides_which_fields_are_missing breaks "LOD-003": Refused(|refusal| match refusal.kind {
        RefusalKind::MissingField => Refusal::new(refusal.kind, "the archive is incomplete"),
        _ => refusal,
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
    ignores_missing_tensors breaks "LOD-008" as "main: strict=False": LoadedAnyway(|refusal| unfit(refusal, "is missing"));
    ignores_extra_tensors breaks "LOD-008" as "main: strict=False": LoadedAnyway(|refusal| unfit(refusal, "is not in the network"));
    ignores_shapes breaks "LOD-008" as "main: a partial load": LoadedAnyway(|refusal| unfit(refusal, "[4, 8, 3, 3]"));
    casts_elements breaks "LOD-008": LoadedAnyway(|refusal| unfit(refusal, "is float64"));
    hides_which_tensors_do_not_fit breaks "LOD-008": Refused(|refusal| match refusal.kind {
        RefusalKind::Mismatch => Refusal::new(refusal.kind, "the weights do not fit"),
        _ => refusal,
    });
    hides_the_active_backend breaks "LOD-009" as "TensorFlow loader: never names the backend": Refused(|refusal| match refusal.kind {
        RefusalKind::Unsupported => {
            let archived = refusal.message.split(';').next().unwrap_or_default().to_owned();
            Refusal::new(refusal.kind, archived)
        }
        _ => refusal,
    });
    takes_text_for_numbers breaks "LOD-010" as "main: '64' passes": LoadedAnyway(|refusal| says(refusal, "must be a positive int, not '"));
    takes_zero_for_a_size breaks "LOD-010" as "main: gridsize=0 loads": LoadedAnyway(|refusal| says(refusal, "must be a positive int, not 0"));
    returns_params_without_version breaks "LOD-012": Loaded(|loaded| drop(loaded.params.shift_remove(VERSION_KEY)));
    returns_params_without_nones breaks "LOD-012": Loaded(|loaded| loaded.params.retain(|_, value| *value != Value::None));
    runs_what_params_name breaks "LOD-013" as "main and refactor: dill.load": LoadedAnyway(|refusal| named(refusal, "params.dill"));
    runs_what_weights_name breaks "LOD-013" as "refactor: weights_only=False": LoadedAnyway(|refusal| named(refusal, "model.pth"));
    runs_what_manifests_name breaks "LOD-013" as "main and refactor: dill.load": LoadedAnyway(|refusal| named(refusal, "manifest.dill"));
    runs_what_pickles_call breaks "LOD-013" as "main and refactor: executed, and refused afterwards or not": RefusedBeside(|root, refusal| {
        // Of everything that a pickle can call, the one thing that leaves a trace.
        if says(refusal, "io.open") {
            let _ = std::fs::File::create(root.join("executed"));
        }
    });
    hides_what_was_named breaks "LOD-013": Refused(|refusal| match says(&refusal, "is not allowed") {
        true => Refusal::new(refusal.kind, "the pickle is unsafe"),
        false => refusal,
    });
    takes_unsafe_archives breaks "LOD-014": LoadedAnyway(|refusal| {
        ["name is unsafe", "there twice", "not a regular file"].iter().any(|what| says(refusal, what))
    });
    takes_truncated_archives breaks "LOD-015": LoadedAnyway(|refusal| says(refusal, "central directory"));
    ignores_checksums breaks "LOD-015": LoadedAnyway(|refusal| says(refusal, "checksum"));
    returns_one_model breaks "LOD-016" as "D4.C: one model for each call": Loaded(|loaded| drop(loaded.models.shift_remove(ROLES[0])));
    fails_of_itself breaks "LOD-017" as "main: a bare IndexError": Refused(|refusal| {
        Refusal::new(RefusalKind::Internal, format!("IndexError: list index out of range ({})", refusal.message))
    });
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
    refuses_deflated_archives breaks "RTP-003": NotOpened(|path| of_compression(path, true));
    refuses_stored_archives breaks "RTP-003": NotOpened(|path| of_compression(path, false));
    keeps_other_networks_than_it_returns breaks "RTP-004": Kept(|models| {
        for state in models.values_mut() {
            if let ModelState::Network(tensors) = state {
                tensors.reverse();
                tensors.pop();
            }
        }
    });
}

fn says(refusal: &Refusal, words: &str) -> bool {
    refusal.message.contains(words)
}

fn lacks(refusal: &Refusal, entry: &str) -> bool {
    says(refusal, "there is no entry") && says(refusal, entry)
}

fn unfit(refusal: &Refusal, how: &str) -> bool {
    refusal.kind == RefusalKind::Mismatch && says(refusal, how)
}

fn named(refusal: &Refusal, entry: &str) -> bool {
    says(refusal, "is not allowed") && says(refusal, entry)
}

/// A refusal of an archive whose entries are all deflated, or all stored.
fn of_compression(path: &Path, deflated: bool) -> Option<Refusal> {
    let archive = Archive::open(path).ok()?;
    let such = |name: &str| archive.entry(name).is_some_and(|entry| entry.deflated == deflated);
    let message = "entries of this compression are not read";
    archive.names().all(such).then(|| Refusal::new(RefusalKind::Unsupported, message))
}
