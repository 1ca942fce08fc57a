//! A small backend: two networks of a few tensors, saved as a bundle and loaded again.
//!
//! It stands for a crate with its own saver and loader. What matters here is `tests/conformance.rs`, which puts it
//! under the suite. For the bytes it uses the format layer of `bundleproof`; a real backend has its own.

use std::{collections::BTreeMap, fs::File, path::Path};

use bundleproof::{
    bundle::{
        files::{read_bundle, write_bundle},
        nouns::{Bundle, BundledModel, PYTORCH_BACKEND, Params, ROLES, VERSION, VERSION_KEY},
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{Dtype, ModelState, StateDict, Tensor},
    value::Value,
};

/// Networks by role, or sentinels in their place.
pub type Networks = BTreeMap<String, ModelState>;

/// A new network: one layer of `N` rows and as many columns as `gridsize` has channels, and its bias.
///
/// # Errors
/// When `N` or `gridsize` is not there or no positive integer.
pub fn build(role: &str, params: &Params, seed: u64) -> Result<StateDict, Refusal> {
    let [n, gridsize] = [size(params, "N")?, size(params, "gridsize")?];
    let seed = seed.wrapping_add(role.len() as u64);
    let layer = |rows: usize, columns: usize| {
        let values =
            (0..rows * columns).map(|at| (seed.wrapping_mul(31).wrapping_add(at as u64) % 97) as f32);
        let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        Tensor::new(Dtype::Float32, vec![rows, columns], bytes)
    };
    let tensors =
        [("layer.weight", layer(n, gridsize * gridsize)), ("layer.bias", layer(1, gridsize * gridsize))];
    Ok(tensors.into_iter().filter_map(|(name, tensor)| Some((name.to_owned(), tensor?))).collect())
}

/// Saves both networks as `<base>.zip`, whole or not at all.
///
/// # Errors
/// When a role is missing, or the archive cannot be written.
pub fn save(networks: &Networks, base: &Path, config: &Params) -> Result<(), Refusal> {
    if let Some(missing) = ROLES.into_iter().find(|role| !networks.contains_key(*role)) {
        return Err(Refusal::new(RefusalKind::InvalidValue, format!("there is no {missing} to save")));
    }
    let mut params = config.clone();
    params.insert(VERSION_KEY.to_owned(), Value::from(VERSION));
    let bundled = |(role, state): (&String, &ModelState)| {
        (role.clone(), BundledModel { state: state.clone(), params: params.clone() })
    };
    let models = networks.iter().map(bundled).collect();
    let bundle = Bundle { version: VERSION.to_owned(), backend: Some(PYTORCH_BACKEND.to_owned()), models };
    let path = base.with_added_extension("zip");
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let beside = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
    write_bundle(&bundle, File::create(beside.path()).map_err(unwritable)?)?;
    beside.persist(&path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

/// Loads `<base>.zip`: both networks, and the archived params. Nothing else is changed by it.
///
/// # Errors
/// When it is not there, is of another backend, or holds what does not fit the networks that its params describe.
pub fn load(base: &Path) -> Result<(Networks, Params), Refusal> {
    let bundle = read_bundle(&base.with_added_extension("zip"))?;
    if bundle.version != VERSION || bundle.backend.as_deref().is_some_and(|own| own != PYTORCH_BACKEND) {
        let (version, backend) = (&bundle.version, bundle.backend.unwrap_or_default());
        let message =
            format!("version {version:?} of {backend:?}, and {PYTORCH_BACKEND:?} reads {VERSION:?}");
        return Err(Refusal::new(RefusalKind::Unsupported, message));
    }
    if let Some(missing) = ROLES.into_iter().find(|role| !bundle.models.contains_key(*role)) {
        return Err(Refusal::new(RefusalKind::InvalidValue, format!("the archive has no {missing}")));
    }
    let params = agreed(&bundle)?;
    let mut networks = Networks::new();
    for (role, model) in bundle.models {
        let built = build(&role, &params, 0)?;
        if let ModelState::Network(saved) = &model.state {
            fits(saved, &built)?;
        }
        networks.insert(role, model.state);
    }
    Ok((networks, params))
}

fn agreed(bundle: &Bundle) -> Result<Params, Refusal> {
    let mut snapshots = bundle.models.values().map(|model| &model.params);
    let first = snapshots.next().cloned().unwrap_or_default();
    for other in snapshots {
        if let Some(key) = first.keys().chain(other.keys()).find(|key| first.get(*key) != other.get(*key)) {
            return Err(Refusal::new(RefusalKind::Mismatch, format!("the models disagree about {key}")));
        }
    }
    Ok(first)
}

/// Every tensor, by name, type and shape, both ways.
fn fits(saved: &StateDict, built: &StateDict) -> Result<(), Refusal> {
    let layout = |tensors: &StateDict, name: &str| {
        tensors.get(name).map(|tensor| (tensor.dtype(), tensor.shape().to_vec()))
    };
    match saved.keys().chain(built.keys()).find(|name| layout(saved, name) != layout(built, name)) {
        None => Ok(()),
        Some(name) => Err(Refusal::new(RefusalKind::Mismatch, format!("the tensor {name} does not fit"))),
    }
}

fn size(params: &Params, key: &str) -> Result<usize, Refusal> {
    match params.get(key) {
        None => {
            let message = format!("missing required fields: {key}. Cannot reconstruct model architecture");
            Err(Refusal::new(RefusalKind::MissingField, message))
        }
        Some(Value::Int(size)) if *size > 0 => usize::try_from(*size).map_err(|_| odd(key)),
        Some(_) => Err(odd(key)),
    }
}

fn odd(key: &str) -> Refusal {
    Refusal::new(RefusalKind::InvalidValue, format!("{key} must be a positive integer"))
}

fn unwritable(error: std::io::Error) -> Refusal {
    Refusal::new(RefusalKind::Internal, format!("the archive cannot be written: {error}"))
}
