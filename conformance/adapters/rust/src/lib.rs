//! An example backend: saves and loads two networks of a few tensors.
//!
//! It stands for a crate with its own saver and loader. `tests/conformance.rs` shows how to run the suite on it. For the
//! file formats it uses `bundleproof`; a real backend has its own code.

use std::{collections::BTreeMap, fs::File, path::Path};

use bundleproof::{
    bundle::{
        files::{read_bundle, write_bundle},
        nouns::{Bundle, BundledModel, PYTORCH_BACKEND, Params, ROLES, SCALE_KEY, VERSION, VERSION_KEY},
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{Dtype, ModelState, StateDict, Tensor},
    value::Value,
};

/// Networks or sentinels, by role.
pub type Networks = BTreeMap<String, ModelState>;

/// Builds a network: one layer with `N` rows and `gridsize` squared columns, and its bias.
///
/// # Errors
/// If `N` or `gridsize` is missing, one of them or `n_filters_scale` is not a positive integer, or the params name another architecture.
pub fn build(role: &str, params: &Params, seed: u64) -> Result<StateDict, Refusal> {
    if let Some(other) = params.get("architecture").filter(|own| **own != Value::from("cnn")) {
        return Err(Refusal::new(RefusalKind::Unsupported, format!("unsupported architecture {other}")));
    }
    let missing: Vec<&str> = ["N", "gridsize"].into_iter().filter(|key| !params.contains_key(*key)).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        let message = format!("missing required fields: {missing}. Cannot reconstruct model architecture");
        return Err(Refusal::new(RefusalKind::MissingField, message));
    }
    let [n, gridsize] = [size(params, "N")?, size(params, "gridsize")?];
    // No tensor depends on it, and an archive must not state a wrong one.
    if params.contains_key("n_filters_scale") {
        size(params, "n_filters_scale")?;
    }
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

/// Saves both networks as `<base>.zip` in one step. The scale is 1.0 if the caller knows none: nothing is trained here.
///
/// # Errors
/// If a role is missing, or the archive cannot be written.
pub fn save(networks: &Networks, base: &Path, config: &Params, scale: Option<f64>) -> Result<(), Refusal> {
    if let Some(missing) = ROLES.into_iter().find(|role| !networks.contains_key(*role)) {
        return Err(Refusal::new(RefusalKind::InvalidValue, format!("missing model {missing}")));
    }
    let mut params = config.clone();
    params.insert(SCALE_KEY.to_owned(), Value::Float(scale.unwrap_or(1.0)));
    params.insert(VERSION_KEY.to_owned(), Value::from(VERSION));
    let bundled = |(role, state): (&String, &ModelState)| {
        (role.clone(), BundledModel { state: state.clone(), params: params.clone() })
    };
    let models = networks.iter().map(bundled).collect();
    let bundle = Bundle { version: VERSION.to_owned(), backend: Some(PYTORCH_BACKEND.to_owned()), models };
    let path = base.with_added_extension("zip");
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
    write_bundle(&bundle, File::create(temporary.path()).map_err(unwritable)?)?;
    temporary.persist(&path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

/// Loads both networks and the archived params from `<base>.zip`. Has no other effects.
///
/// # Errors
/// If the archive is missing or of another backend, or does not match the networks that its params describe.
pub fn load(base: &Path) -> Result<(Networks, Params), Refusal> {
    let bundle = read_bundle(&base.with_added_extension("zip"))?;
    if bundle.version != VERSION || bundle.backend.as_deref().is_some_and(|own| own != PYTORCH_BACKEND) {
        let (version, backend) = (&bundle.version, bundle.backend.unwrap_or_default());
        let message = format!(
            "unsupported version {version:?} of backend {backend:?}; the active backend {PYTORCH_BACKEND:?} reads {VERSION:?}"
        );
        return Err(Refusal::new(RefusalKind::Unsupported, message));
    }
    if let Some(missing) = ROLES.into_iter().find(|role| !bundle.models.contains_key(*role)) {
        return Err(Refusal::new(
            RefusalKind::InvalidValue,
            format!("missing model {missing} in the archive"),
        ));
    }
    let params = agreed(&bundle)?;
    if params.get(SCALE_KEY).and_then(Value::as_number).is_none() {
        return Err(Refusal::new(RefusalKind::MissingField, format!("missing the number {SCALE_KEY}")));
    }
    let mut networks = Networks::new();
    for (role, model) in bundle.models {
        let built = build(&role, &params, 0)?;
        if let ModelState::Network(saved) = &model.state {
            fits(&role, saved, &built)?;
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
            return Err(Refusal::new(
                RefusalKind::Mismatch,
                format!("the params of the models disagree about {key}"),
            ));
        }
    }
    Ok(first)
}

/// Checks that both have the same tensors by name, type and shape.
fn fits(role: &str, saved: &StateDict, built: &StateDict) -> Result<(), Refusal> {
    let layout = |tensors: &StateDict, name: &str| {
        tensors.get(name).map(|tensor| (tensor.dtype(), tensor.shape().to_vec()))
    };
    match saved.keys().chain(built.keys()).find(|name| layout(saved, name) != layout(built, name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("tensor {name} of {role} does not match the network");
            Err(Refusal::new(RefusalKind::Mismatch, message))
        }
    }
}

fn size(params: &Params, key: &str) -> Result<usize, Refusal> {
    match params.get(key) {
        Some(Value::Int(size)) if *size > 0 => usize::try_from(*size).map_err(|_| odd(key)),
        Some(_) | None => Err(odd(key)),
    }
}

fn odd(key: &str) -> Refusal {
    Refusal::new(RefusalKind::InvalidValue, format!("{key} must be a positive integer"))
}

fn unwritable(error: std::io::Error) -> Refusal {
    Refusal::new(RefusalKind::Io, format!("cannot write the archive: {error}"))
}
