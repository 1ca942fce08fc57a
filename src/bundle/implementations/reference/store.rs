//! Saving and loading bundles: sections B and C of the contract.

use std::{
    ffi::OsString,
    io::{Read, Seek},
    path::{Path, PathBuf},
};

use super::{NetworkLayout, target::Place};
use crate::{
    bundle::{
        files::BundleReader,
        nouns::{
            ArchiveName, BackendTag, Bundle, BundledModel, Configuration, DisagreeingParams, ForeignArchives,
            IntensityScale, MANIFEST_ENTRY, Manifest, Overwrite, PYTORCH_BACKEND, Params, ParamsStore,
            Policy, ROLES, RefusedLoad, RequiredFields, RestoreParams, RestoredKeys, ReturnedParams, Roles,
            Rule, SCALE_KEY, SaveParams, SavedModels, Sentinels, Snapshot, VERSION, VERSION_KEY,
            legacy_params, params_entry, plain_model_name,
        },
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::ModelState,
    value::Value,
};
use indexmap::IndexMap;

/// The archived params that every network needs (LOD-003).
const REQUIRED: [&str; 2] = ["N", "gridsize"];

/// The seed of networks that a load builds; visible only when saved weights are not loaded.
const REBUILD_SEED: u64 = u64::MAX;

/// Networks in memory, and the intensity scale of their training.
#[derive(Clone, Debug, Default)]
pub(super) struct TrainedModels {
    pub(super) states: IndexMap<String, ModelState>,
    pub(super) intensity_scale: Option<f64>,
}

/// Saves models and configuration as `<base>.zip` (BUN-001 to BUN-015).
pub(super) fn save_torch_bundle(
    policy: &Policy,
    store: &mut ParamsStore,
    models: &TrainedModels,
    place: &Place,
    config: &Configuration,
    explicit_scale: Option<f64>,
) -> Result<(), Refusal> {
    let destination = archive_path(policy, &place.base);
    let early = match policy.overwrite {
        Overwrite::InPlace => Some(place.open(policy.overwrite, &destination)?),
        Overwrite::Never if destination.exists() => return Ok(()),
        Overwrite::Atomic | Overwrite::Never => None,
    };
    if models.states.is_empty() {
        let refusal = Refusal::new(
            RefusalKind::InvalidValue,
            "the map of models is empty; expected at least one model to save",
        );
        return Err(refusal.rule(Rule::AnyModel));
    }
    let mut states = models.states.clone();
    if policy.saved_models == SavedModels::WithPlainNames {
        states.retain(|name, _| plain_model_name(name).is_ok());
    }
    states.keys().try_for_each(|name| plain_model_name(name))?;
    both_roles(policy.roles_on_save, states.keys(), "the models to save")?;

    let mut params = match policy.snapshot {
        Snapshot::OfTheProcess => store.snapshot(),
        Snapshot::Whole | Snapshot::WithoutNone => legacy_params::flatten(config),
    };
    let scale = intensity_scale(policy, explicit_scale, models.intensity_scale, store)?;
    if policy.snapshot == Snapshot::WithoutNone {
        params.retain(|_, value| *value != Value::None);
    }
    params.insert(SCALE_KEY.to_owned(), scale);
    params.insert(VERSION_KEY.to_owned(), Value::from(VERSION));
    let bundled = |state: ModelState| BundledModel { state, params: params.clone() };
    let bundle = Bundle {
        version: VERSION.to_owned(),
        backend: (policy.backend_tag == BackendTag::Written).then(|| PYTORCH_BACKEND.to_owned()),
        models: states.into_iter().map(|(name, state)| (name, bundled(state))).collect(),
    };
    // All checks passed: only now is anything created at the destination.
    let mut target = early.map_or_else(|| place.open(policy.overwrite, &destination), Ok)?;
    target.write(&bundle)?;
    target.publish()?;
    if policy.save == SaveParams::WritesSnapshot {
        store.update(params.0);
    }
    Ok(())
}

/// Loads `<base>.zip`: the models by name, and the archived params (LOD-002 to LOD-019).
///
/// A refused load keeps the params as they were, even after it restored some of them.
pub(super) fn load_torch_bundle(
    policy: &Policy,
    store: &mut ParamsStore,
    base: &Path,
) -> Result<(TrainedModels, Params), Refusal> {
    let before = store.clone();
    let archive = archive_path(policy, base);
    let loaded = load(policy, store, &archive);
    if loaded.is_err() {
        match policy.refused_load {
            RefusedLoad::LeavesParams => *store = before,
            RefusedLoad::LeavesArchivedParams => leave_archived(policy, store, &archive),
            RefusedLoad::ResetsParams => *store = ParamsStore::new(),
        }
    }
    loaded
}

/// The params that remain when a loader restores early and never rolls back.
fn leave_archived(policy: &Policy, store: &mut ParamsStore, archive: &Path) {
    let params = BundleReader::open(archive).and_then(|mut reader| {
        let first = reader.manifest()?.models.into_iter().next().unwrap_or_default();
        reader.params(&first)
    });
    if let Ok(params) = params {
        restore(policy, store, &params);
    }
}

/// `<base>.zip`, regardless of a suffix of the base (BUN-001).
fn archive_path(policy: &Policy, base: &Path) -> PathBuf {
    if policy.archive_name == ArchiveName::ReplacesSuffix {
        return base.with_extension("zip");
    }
    let mut name = OsString::from(base);
    name.push(".zip");
    PathBuf::from(name)
}

fn load(
    policy: &Policy,
    store: &mut ParamsStore,
    archive: &Path,
) -> Result<(TrainedModels, Params), Refusal> {
    let mut reader = BundleReader::open(archive)?;
    let manifest = reader.manifest()?;
    own_archive(policy, &manifest)?;
    both_roles(policy.roles_on_load, manifest.models.iter(), "the archive's models")?;
    let params = archived_params(policy, &mut reader, &manifest)?;
    required_fields(policy, &params)?;
    let scale = archived_scale(&params)?;
    // Nothing here needs it, but what would execute code in any loader is refused.
    reader.scaling_metadata()?;

    if policy.restore_params == RestoreParams::BeforeRebuild {
        restore(policy, store, &params);
    }
    if policy.required_fields == RequiredFields::Present {
        store.update(coerced(store));
    }
    let mut models = TrainedModels::default();
    for name in manifest.models {
        let saved = reader.state(&name)?;
        let state = match (saved, policy.sentinels) {
            (ModelState::Sentinel(values), Sentinels::ComeBack) => ModelState::Sentinel(values),
            (ModelState::Sentinel(_), Sentinels::BecomeNetworks) => {
                ModelState::Network(NetworkLayout::of(&name, store)?.fresh(REBUILD_SEED))
            }
            (ModelState::Network(saved), _) => {
                let network = NetworkLayout::of(&name, store)?;
                ModelState::Network(network.load(&saved, policy.weights, REBUILD_SEED)?)
            }
        };
        models.states.insert(name, state);
    }
    if policy.restore_params == RestoreParams::AfterRebuild {
        restore(policy, store, &params);
    }
    models.intensity_scale = Some(scale);
    let returned = match policy.returned_params {
        ReturnedParams::Archived => params,
        ReturnedParams::OfTheProcess => store.snapshot(),
    };
    Ok((models, returned))
}

/// Refuses an archive with another version or backend, and names both sides (LOD-009, LOD-018). An archive
/// without a tag is identified by its version (BUN-004).
fn own_archive(policy: &Policy, manifest: &Manifest) -> Result<(), Refusal> {
    let backend = manifest.backend.as_deref();
    let own_version =
        manifest.version == VERSION || policy.foreign_archives == ForeignArchives::OtherVersionsLoaded;
    let own_backend = backend.is_none_or(|backend| backend == PYTORCH_BACKEND)
        || policy.foreign_archives == ForeignArchives::OtherBackendsLoaded;
    if own_version && own_backend {
        return Ok(());
    }
    let backend = backend.map_or("no backend tag".to_owned(), |backend| format!("backend {backend:?}"));
    let found = format!("version {:?} and {backend}", manifest.version);
    let message =
        format!("expected version {VERSION:?} and the active backend {PYTORCH_BACKEND:?}, found {found}");
    let refusal = Refusal::new(RefusalKind::Unsupported, message);
    Err(refusal.rule(Rule::OwnArchive).entry(MANIFEST_ENTRY).found(found))
}

fn both_roles<'a>(
    roles: Roles,
    names: impl Iterator<Item = &'a String> + Clone,
    what: &str,
) -> Result<(), Refusal> {
    let absent = |role: &&str| !names.clone().any(|name| name == role);
    let missing: Vec<&str> = ROLES.into_iter().filter(absent).collect();
    if roles == Roles::Any || missing.is_empty() {
        return Ok(());
    }
    let message = format!("{what} lack {}; expected both {}", missing.join(" and "), ROLES.join(" and "));
    let refusal = Refusal::new(RefusalKind::InvalidValue, message);
    Err(refusal.rule(Rule::BothRoles).field(missing.join(", ")))
}

fn archived_params(
    policy: &Policy,
    reader: &mut BundleReader<impl Read + Seek>,
    manifest: &Manifest,
) -> Result<Params, Refusal> {
    let mut names = manifest.models.iter();
    let Some(first) = names.next() else {
        let refusal = Refusal::new(
            RefusalKind::InvalidValue,
            "the manifest lists no models; expected at least one model",
        );
        return Err(refusal.rule(Rule::AnyModel).entry(MANIFEST_ENTRY));
    };
    let params = reader.params(first)?;
    if policy.disagreeing_params == DisagreeingParams::FirstWins {
        return Ok(params);
    }
    for other in names {
        let others = reader.params(other)?;
        if others != params {
            let differs = |key: &&String| others.get(*key) != params.get(*key);
            let keys: Vec<_> =
                params.keys().chain(others.keys()).filter(differs).map(String::as_str).collect();
            let key = keys.first().copied().unwrap_or_default();
            let message =
                format!("the params of {first} and {other} disagree; the first difference is {key}");
            let refusal = Refusal::new(RefusalKind::Mismatch, message).rule(Rule::AgreeingParams);
            return Err(refusal.field(key).entry(params_entry(other)));
        }
    }
    Ok(params)
}

fn required_fields(policy: &Policy, params: &Params) -> Result<(), Refusal> {
    if policy.required_fields == RequiredFields::Unchecked {
        return Ok(());
    }
    let missing: Vec<_> = REQUIRED.into_iter().filter(|key| !params.contains_key(*key)).collect();
    if !missing.is_empty() {
        let message = format!(
            "the archived params are missing required fields: {}. Cannot reconstruct model architecture",
            missing.join(", ")
        );
        let refusal = Refusal::new(RefusalKind::MissingField, message);
        return Err(refusal.rule(Rule::RequiredFields).field(missing.join(", ")));
    }
    let positive = |key: &&str| matches!(params.get(*key), Some(Value::Int(1..)));
    match REQUIRED.into_iter().find(|key| !positive(key)) {
        Some(key) if policy.required_fields == RequiredFields::PositiveIntegers => {
            let found = params.get(key).unwrap_or(&Value::None);
            let message = format!("archived {key}: expected a positive int, found {found}");
            let refusal = Refusal::new(RefusalKind::InvalidValue, message).rule(Rule::PositiveInt);
            Err(refusal.field(key).found(found.to_string()))
        }
        _ => Ok(()),
    }
}

/// The archived scale. 1.0 is what a save writes when no scale is known; a load never assumes it (LOD-042).
fn archived_scale(params: &Params) -> Result<f64, Refusal> {
    let found = params.get(SCALE_KEY);
    found.and_then(Value::as_number).ok_or_else(|| {
        let (kind, found) = match found {
            None => (RefusalKind::MissingField, "nothing".to_owned()),
            Some(value) => (RefusalKind::InvalidValue, value.to_string()),
        };
        let message = format!("archived {SCALE_KEY}: expected a number, found {found}");
        Refusal::new(kind, message).rule(Rule::ArchivedScale).field(SCALE_KEY).found(found)
    })
}

/// Converts `N` and `gridsize` to positive ints, as a careless loader does.
fn coerced(store: &ParamsStore) -> Vec<(String, Value)> {
    let positive = |key: &&str| match store.get(key) {
        Some(Value::Text(text)) => text.parse().ok(),
        Some(Value::Int(value)) => Some((*value).max(1)),
        _ => None,
    };
    REQUIRED.iter().filter_map(|key| Some(((*key).to_owned(), Value::Int(positive(key)?)))).collect()
}

fn restore(policy: &Policy, store: &mut ParamsStore, params: &Params) {
    let restored = params.iter().filter(|(key, value)| match policy.restored_keys {
        RestoredKeys::AllButVersion | RestoredKeys::NothingElse => *key != VERSION_KEY,
        RestoredKeys::All => true,
        RestoredKeys::WithoutNone => *key != VERSION_KEY && **value != Value::None,
    });
    store.update_from_archive(restored.map(|(key, value)| (key.clone(), value.clone())));
    if policy.restored_keys == RestoredKeys::NothingElse {
        store.retain(|key| params.contains_key(key));
    }
}

/// The explicit argument, the trained value, the value that the process set itself, or 1.0 (BUN-008).
fn intensity_scale(
    policy: &Policy,
    explicit: Option<f64>,
    trained: Option<f64>,
    store: &ParamsStore,
) -> Result<Value, Refusal> {
    let given = explicit.map(Value::Float);
    let trained = trained.map(Value::Float);
    let own = of_the_process(store.get_own(SCALE_KEY))?;
    let chosen = match policy.intensity_scale {
        IntensityScale::InOrder => given.or(trained).or(own),
        IntensityScale::NeverTrained => given.or(own),
        IntensityScale::ZeroByDefault => given.or(trained).or(own).or(Some(Value::Float(0.0))),
        IntensityScale::TrainedFirst => trained.or(given).or(own),
        IntensityScale::ParamsFirst => given.or(of_the_process(store.get(SCALE_KEY))?).or(trained),
        IntensityScale::NeverParams => given.or(trained),
    };
    Ok(chosen.unwrap_or(Value::Float(1.0)))
}

/// The scale in the params of the process as a float (BUN-028). A value of None means that no scale is
/// known.
fn of_the_process(scale: Option<&Value>) -> Result<Option<Value>, Refusal> {
    let Some(found) = scale.filter(|found| **found != Value::None) else { return Ok(None) };
    let number = found.as_number().ok_or_else(|| {
        let message = format!("{SCALE_KEY} in the params of the process: expected a number, found {found}");
        Refusal::new(RefusalKind::InvalidValue, message).rule(Rule::ArchivedScale).field(SCALE_KEY)
    })?;
    Ok(Some(Value::Float(number)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use rstest::rstest;

    use super::*;
    use crate::{
        bundle::{files::read_bundle, nouns::ModelConfig},
        value::Map,
    };

    /// Saves two sentinels, which do not need a layout.
    fn save(policy: Policy, base: &Path) -> Result<(), Refusal> {
        save_within(policy, base, None)
    }

    fn save_within(policy: Policy, base: &Path, max_file_bytes: Option<u64>) -> Result<(), Refusal> {
        let sentinel = Map::from_iter([(ModelState::SENTINEL_KEY.to_owned(), Value::from("s"))]);
        let states = ROLES.map(|role| (role.to_owned(), ModelState::Sentinel(sentinel.clone()))).into();
        let models = TrainedModels { states, intensity_scale: None };
        let config = Configuration::Model(ModelConfig::from_values(&Map::new()).unwrap());
        let place = Place { base: base.to_owned(), max_file_bytes };
        save_torch_bundle(&policy, &mut ParamsStore::new(), &models, &place, &config, None)
    }

    #[test]
    fn a_save_that_never_overwrites_still_creates_new_files() {
        let directory = tempfile::tempdir().unwrap();
        let policy = Policy { overwrite: Overwrite::Never, ..Policy::CONTRACT };
        save(policy, &directory.path().join("w")).unwrap();
        assert_eq!(read_bundle(&directory.path().join("w.zip")).unwrap().models.len(), 2);
        fs::write(directory.path().join("old.zip"), "old").unwrap();
        save(policy, &directory.path().join("old")).unwrap();
        assert_eq!(fs::read(directory.path().join("old.zip")).unwrap(), b"old");
    }

    #[test]
    fn a_save_that_runs_out_of_space_is_refused_and_keeps_the_old_archive() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("w");
        save(Policy::CONTRACT, &base).unwrap();
        let old = fs::read(directory.path().join("w.zip")).unwrap();
        let whole = old.len() as u64;
        save_within(Policy::CONTRACT, &base, Some(whole)).unwrap();
        for most in [0, 1, 100, whole / 2, whole - 1] {
            let refusal = save_within(Policy::CONTRACT, &base, Some(most)).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Io, "{most}: {refusal}");
            assert!(refusal.message.contains("w.zip"), "{refusal}");
            assert_eq!(fs::read(directory.path().join("w.zip")).unwrap(), old);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
        // A save that empties the old archive first leaves what fitted.
        let in_place = Policy { overwrite: Overwrite::InPlace, ..Policy::CONTRACT };
        save_within(in_place, &base, Some(100)).unwrap_err();
        assert!(fs::metadata(directory.path().join("w.zip")).unwrap().len() <= 100);
    }

    #[test]
    fn a_snapshot_without_none_keeps_all_other_keys() {
        let directory = tempfile::tempdir().unwrap();
        let [whole, without] = [Snapshot::Whole, Snapshot::WithoutNone].map(|snapshot| {
            save(Policy { snapshot, ..Policy::CONTRACT }, &directory.path().join("w")).unwrap();
            read_bundle(&directory.path().join("w.zip")).unwrap().models[0].params.clone()
        });
        let mut expected = whole.clone();
        expected.retain(|_, value| *value != Value::None);
        assert_eq!(without, expected);
        assert!(without.len() < whole.len() && without.len() > 20, "{} of {}", without.len(), whole.len());
    }

    #[test]
    fn a_save_without_a_role_names_only_that_role() {
        for (given, missing) in [(ROLES[0], ROLES[1]), (ROLES[1], ROLES[0])] {
            let names = [given.to_owned(), "other".to_owned()];
            let lacks = |roles, names: &[String]| both_roles(roles, names.iter(), "the models");
            for names in [&names[..], &names[..1]] {
                let refusal = lacks(Roles::Both, names).unwrap_err();
                assert!(refusal.facts.broke(Rule::BothRoles) && refusal.facts.about(missing), "{refusal:?}");
            }
            assert_eq!(lacks(Roles::Any, &names), Ok(()));
        }
    }

    /// Which params exist after a load: an archived value, an archived None, the version, and an older value.
    #[rstest]
    #[case::before(RestoreParams::BeforeRebuild, RestoredKeys::AllButVersion, [true, true, false, true])]
    #[case::after(RestoreParams::AfterRebuild, RestoredKeys::AllButVersion, [true, true, false, true])]
    #[case::never(RestoreParams::Never, RestoredKeys::AllButVersion, [false, false, false, true])]
    #[case::version(RestoreParams::BeforeRebuild, RestoredKeys::All, [true, true, true, true])]
    #[case::without_none(RestoreParams::BeforeRebuild, RestoredKeys::WithoutNone, [true, false, false, true])]
    #[case::alone(RestoreParams::BeforeRebuild, RestoredKeys::NothingElse, [true, true, false, false])]
    fn a_load_restores_the_keys_of_its_policy(
        #[case] restore_params: RestoreParams,
        #[case] restored_keys: RestoredKeys,
        #[case] there: [bool; 4],
    ) {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("w");
        save(Policy::CONTRACT, &base).unwrap();
        let policy = Policy { restore_params, restored_keys, ..Policy::CONTRACT };
        let mut store = ParamsStore::new();
        store.retain(|_| false);
        store.update([("own".to_owned(), Value::Int(1))]);
        load_torch_bundle(&policy, &mut store, &base).unwrap();
        let keys = ["N", "resnet_width", VERSION_KEY, "own"];
        assert_eq!(keys.map(|key| store.get(key).is_some()), there);
    }
}
