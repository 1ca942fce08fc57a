//! Saving and loading bundles: sections B and C of the contract.

use std::{
    ffi::OsString,
    fs,
    io::{Read, Seek},
    path::{Path, PathBuf},
};

use indexmap::IndexMap;
use tempfile::NamedTempFile;

use super::network::Blueprint;
use crate::{
    contract::{
        ArchiveName, BackendTag, Bundle, BundledModel, Configuration, DisagreeingParams, ForeignArchives,
        IntensityScale, Manifest, ModelState, Overwrite, PYTORCH_BACKEND, Params, ParamsStore, Policy, ROLES,
        Refusal, RefusalKind, RefusedLoad, RequiredFields, RestoreParams, RestoredKeys, Roles, SaveParams,
        Sentinels, Snapshot, VERSION, VERSION_KEY, Value, bridge, plain_model_name,
    },
    format::{BundleReader, write_bundle},
};

/// The snapshot key of the scale between simulated and measured intensity.
const SCALE_KEY: &str = "intensity_scale";

/// What a network must not be built without (LOD-03).
const REQUIRED: [&str; 2] = ["N", "gridsize"];

/// The seed of networks that a load builds: what comes out of it when saved weights are not put in.
const REBUILD_SEED: u64 = u64::MAX;

/// Networks in memory, and the scale their training found.
#[derive(Clone, Debug, Default)]
pub(super) struct TrainedModels {
    pub(super) states: IndexMap<String, ModelState>,
    pub(super) intensity_scale: Option<f64>,
}

/// Saves models and configuration as `<base>.zip` (BUN-01 to BUN-12).
pub(super) fn save_torch_bundle(
    policy: &Policy,
    store: &mut ParamsStore,
    models: &TrainedModels,
    base: &Path,
    config: &Configuration,
    explicit_scale: Option<f64>,
) -> Result<(), Refusal> {
    let destination = archive_path(policy, base);
    let mut target = Target::open(policy.overwrite, &destination)?;

    if models.states.is_empty() {
        return Err(Refusal::new(RefusalKind::InvalidValue, "there is no model to save"));
    }
    models.states.keys().try_for_each(|name| plain_model_name(name))?;
    both_roles(policy, models.states.keys(), "the models to save")?;

    let mut params = bridge::flatten(config);
    let scale = intensity_scale(policy, explicit_scale, models.intensity_scale, store);
    if policy.snapshot == Snapshot::WithoutNone {
        params.retain(|_, value| *value != Value::None);
    }
    params.insert(SCALE_KEY.to_owned(), scale);
    params.insert(VERSION_KEY.to_owned(), Value::from(VERSION));
    let bundled = |state: &ModelState| BundledModel { state: state.clone(), params: params.clone() };
    let bundle = Bundle {
        version: VERSION.to_owned(),
        backend: (policy.backend_tag == BackendTag::Written).then(|| PYTORCH_BACKEND.to_owned()),
        models: models.states.iter().map(|(name, state)| (name.clone(), bundled(state))).collect(),
    };
    target.write(&bundle)?;
    target.publish(&destination)?;
    if policy.save == SaveParams::WritesSnapshot {
        store.update(params.0);
    }
    Ok(())
}

/// Loads `<base>.zip`: the models by name, and the archived params (LOD-01 to LOD-10).
///
/// A refused load leaves the params as they were, whatever it had already restored.
pub(super) fn load_torch_bundle(
    policy: &Policy,
    store: &mut ParamsStore,
    base: &Path,
) -> Result<(TrainedModels, Params), Refusal> {
    let before = store.snapshot();
    let loaded = load(policy, store, &archive_path(policy, base));
    if loaded.is_err() && policy.refused_load == RefusedLoad::LeavesParams {
        store.restore(before);
    }
    loaded
}

/// `<base>.zip`, whatever suffix the base already has (BUN-01).
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
    if policy.foreign_archives == ForeignArchives::Refused {
        own_archive(&manifest)?;
    }
    both_roles(policy, manifest.models.iter(), "the archive's models")?;
    let params = archived_params(policy, &mut reader, &manifest)?;
    required_fields(policy, &params)?;

    if policy.restore_params == RestoreParams::BeforeRebuild {
        restore(policy, store, &params);
    }
    if policy.required_fields == RequiredFields::Present {
        store.update(coerced(store));
    }
    let mut models = TrainedModels::default();
    for name in manifest.models {
        let state = match (reader.state(&name)?, policy.sentinels) {
            (ModelState::Sentinel(values), Sentinels::ComeBack) => ModelState::Sentinel(values),
            (ModelState::Sentinel(_), Sentinels::BecomeNetworks) => {
                ModelState::Network(Blueprint::of(&name, store)?.fresh(REBUILD_SEED))
            }
            (ModelState::Network(saved), _) => {
                let network = Blueprint::of(&name, store)?;
                ModelState::Network(network.load(&saved, policy.weights, REBUILD_SEED)?)
            }
        };
        models.states.insert(name, state);
    }
    if policy.restore_params == RestoreParams::AfterRebuild {
        restore(policy, store, &params);
    }
    models.intensity_scale = params.get(SCALE_KEY).and_then(Value::as_number);
    Ok((models, params))
}

/// Refuses an archive of another version or backend, naming both sides (BUN-04, BUN-17). An archive
/// without a tag is known by its version.
fn own_archive(manifest: &Manifest) -> Result<(), Refusal> {
    let backend = manifest.backend.as_deref();
    if manifest.version == VERSION && backend.is_none_or(|backend| backend == PYTORCH_BACKEND) {
        return Ok(());
    }
    let backend = backend.map_or("no backend tag".to_owned(), |backend| format!("backend {backend:?}"));
    let message = format!(
        "the archive has version {:?} and {backend}; the active backend is {PYTORCH_BACKEND:?}, which reads {VERSION:?}",
        manifest.version
    );
    Err(Refusal::new(RefusalKind::Unsupported, message))
}

fn both_roles<'a>(
    policy: &Policy,
    names: impl Iterator<Item = &'a String> + Clone,
    what: &str,
) -> Result<(), Refusal> {
    let absent = |role: &&str| !names.clone().any(|name| name == role);
    let missing: Vec<&str> = ROLES.into_iter().filter(absent).collect();
    if policy.roles == Roles::Any || missing.is_empty() {
        return Ok(());
    }
    let message = format!("{what} lack {}; a bundle holds {}", missing.join(" and "), ROLES.join(" and "));
    Err(Refusal::new(RefusalKind::InvalidValue, message))
}

fn archived_params(
    policy: &Policy,
    reader: &mut BundleReader<impl Read + Seek>,
    manifest: &Manifest,
) -> Result<Params, Refusal> {
    let mut names = manifest.models.iter();
    let Some(first) = names.next() else {
        return Err(Refusal::new(RefusalKind::InvalidValue, "the archive lists no model"));
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
            let message = format!("the params of {first} and {other} disagree, first in {key}");
            return Err(Refusal::new(RefusalKind::Mismatch, message));
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
        return Err(Refusal::new(RefusalKind::MissingField, message));
    }
    let positive = |key: &&str| matches!(params.get(*key), Some(Value::Int(1..)));
    match REQUIRED.into_iter().find(|key| !positive(key)) {
        Some(key) if policy.required_fields == RequiredFields::PositiveIntegers => {
            let found = params.get(key).unwrap_or(&Value::None);
            let message = format!("the archived {key} must be a positive int, not {found}");
            Err(Refusal::new(RefusalKind::InvalidValue, message))
        }
        _ => Ok(()),
    }
}

/// `N` and `gridsize` as positive ints, whatever they were: what a careless loader builds from.
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
        RestoredKeys::AllButVersion => *key != VERSION_KEY,
        RestoredKeys::All => true,
        RestoredKeys::WithoutNone => *key != VERSION_KEY && **value != Value::None,
    });
    store.update(restored.map(|(key, value)| (key.clone(), value.clone())));
}

/// Explicit argument, trained value, params, 1.0 (BUN-08).
fn intensity_scale(
    policy: &Policy,
    explicit: Option<f64>,
    trained: Option<f64>,
    store: &ParamsStore,
) -> Value {
    let given = explicit.map(Value::Float);
    let trained = trained.map(Value::Float);
    let params = store.get(SCALE_KEY).cloned();
    let chosen = match policy.intensity_scale {
        IntensityScale::FromTraining => given.or(trained).or(params),
        IntensityScale::FromParams => given.or(params).or(trained),
    };
    chosen.unwrap_or(Value::Float(1.0))
}

/// Where a save writes until it is complete.
enum Target {
    /// A file beside the destination, gone unless it is published.
    Beside(NamedTempFile),
    /// The destination itself.
    There(fs::File),
}

impl Target {
    fn open(overwrite: Overwrite, destination: &Path) -> Result<Self, Refusal> {
        let directory = destination.parent().unwrap_or(Path::new("."));
        let opened = match overwrite {
            Overwrite::Atomic => fs::create_dir_all(directory)
                .and_then(|()| NamedTempFile::with_prefix_in(".wts-", directory))
                .map(Self::Beside),
            Overwrite::InPlace => {
                fs::create_dir_all(directory).and_then(|()| fs::File::create(destination)).map(Self::There)
            }
        };
        opened.map_err(|error| cannot_write(destination, &error))
    }

    fn write(&mut self, bundle: &Bundle) -> Result<(), Refusal> {
        let written = match self {
            Self::Beside(file) => write_bundle(bundle, file.as_file_mut()),
            Self::There(file) => write_bundle(bundle, file),
        };
        Ok(written?)
    }

    fn publish(self, destination: &Path) -> Result<(), Refusal> {
        match self {
            Self::There(_) => Ok(()),
            Self::Beside(file) => match file.persist(destination) {
                Ok(_) => Ok(()),
                Err(error) => Err(cannot_write(destination, &error.error)),
            },
        }
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::new(RefusalKind::Internal, format!("cannot write {}: {error}", path.display()))
}
