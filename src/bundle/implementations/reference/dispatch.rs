//! The dispatcher between the two backends: section D of the contract.

use super::workflow;
use crate::{
    bundle::{
        implementations::process::Process,
        nouns::{Configuration, PYTORCH_BACKEND, Policy, Rule, legacy_params},
        operations::{
            request::{ConfigRequest, LoadInferenceBundleWithBackend},
            response::LoadedModel,
        },
    },
    harness::contract::{Refusal, RefusalKind},
    value::Value,
};

/// The backends that a configuration may name.
const BACKENDS: [&str; 2] = ["tensorflow", PYTORCH_BACKEND];

/// The model that is returned by default.
pub(in crate::bundle::implementations) const DEFAULT_MODEL: &str = "diffraction_to_obj";

/// Bridges the configuration, and then checks the backend that it names (DSP-001). Returns the configuration for the
/// workflow, and the backend. The caller restores the params after a refusal (DSP-005).
pub(super) fn dispatch(
    policy: &Policy,
    process: &mut Process,
    request: &ConfigRequest,
) -> Result<(Configuration, String), Refusal> {
    let (config, backend) = named_backend(request)?;
    legacy_params::update_legacy_dict(&mut process.params, &config, policy.bridged);
    process.params.update([("backend".to_owned(), Value::from(backend.as_str()))]);
    own_backend(&backend, process)?;
    Ok((config, backend))
}

/// Loads one model. The configuration is not bridged (DSP-004).
pub(super) fn load(
    policy: &Policy,
    process: &mut Process,
    request: &LoadInferenceBundleWithBackend,
) -> Result<LoadedModel, Refusal> {
    let (_, backend) = named_backend(&request.config)?;
    own_backend(&backend, process)?;
    let directory = process.path(&request.bundle_dir);
    let wanted = request.model.as_deref().unwrap_or(DEFAULT_MODEL);
    let before = process.params.clone();
    let loaded = workflow::load_inference_bundle_torch(policy, &mut process.params, &directory);
    let (models, params) = loaded?;
    match models.states.get(wanted) {
        Some(state) => Ok(LoadedModel { model: state.into(), params }),
        None => {
            process.params = before;
            let known: Vec<&str> = models.states.keys().map(String::as_str).collect();
            let message = format!("unknown model {wanted:?}; expected one of {}", known.join(", "));
            Err(Refusal::new(RefusalKind::MissingField, message).rule(Rule::KnownModel).field(wanted))
        }
    }
}

/// The configuration with a backend that can be constructed, and the original backend.
fn named_backend(request: &ConfigRequest) -> Result<(Configuration, String), Refusal> {
    let named = request.values.get("backend").cloned().unwrap_or_else(|| Value::from(BACKENDS[0]));
    let mut constructible = request.clone();
    constructible.values.insert("backend".to_owned(), Value::from(PYTORCH_BACKEND));
    let backend = named.as_text().map_or_else(|| named.to_string(), str::to_owned);
    Ok((constructible.construct()?, backend))
}

fn own_backend(backend: &str, process: &Process) -> Result<(), Refusal> {
    if backend == PYTORCH_BACKEND {
        if process.context.is_without("torch") {
            let message =
                "PyTorch backend selected, but torch cannot be imported; install it with `pip install torch`";
            return Err(Refusal::new(RefusalKind::Unsupported, message).rule(Rule::TorchInstalled));
        }
        return Ok(());
    }
    let known = BACKENDS.join(" or ");
    let refusal = if BACKENDS.contains(&backend) {
        let message = format!("unsupported backend {backend:?}; expected {PYTORCH_BACKEND:?}");
        Refusal::new(RefusalKind::Unsupported, message).rule(Rule::OwnBackend)
    } else {
        let message = format!("unknown backend {backend:?}; expected {known}");
        Refusal::new(RefusalKind::InvalidValue, message).rule(Rule::KnownBackend)
    };
    Err(refusal.field("backend").found(backend))
}
