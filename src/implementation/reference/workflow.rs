//! Training and the workflows around it: section D of the contract.

use std::{path::Path, sync::Arc};

use super::{
    network::Blueprint,
    store::{TrainedModels, load_torch_bundle, save_torch_bundle},
};
use crate::{
    contract::{
        BASE_NAME, Bridging, Configuration, Dtype, InferenceLoader, ModelState, Params, ParamsStore,
        Persistence, Policy, ROLES, Refusal, RefusalKind, SavedState, StateDict, Tensor, Training,
        TrainingConfig, bridge,
    },
    format::{Dataset, read_dataset},
    implementation::{Engine, World},
};

/// How far one epoch moves a weight towards the data.
const LEARNING_RATE: f32 = 0.125;

/// What a workflow hands back beside the models.
pub(super) struct Trained {
    pub(super) models: TrainedModels,
    pub(super) intensity_scale: f64,
    pub(super) train_loss: Vec<f64>,
}

/// Bridges, trains, persists: in that order (ORC-01, ORC-02, PRM-06).
pub(super) fn run_cdi_example_torch(
    policy: &Policy,
    world: &mut World,
    train_data: &Path,
    config: &Configuration,
) -> Result<Trained, Refusal> {
    let Configuration::Training(training) = config else {
        return Err(Refusal::new(RefusalKind::InvalidValue, "a workflow needs a TrainingConfig"));
    };
    let bridge = |store: &mut ParamsStore| bridge::update_legacy_dict(store, config, policy.bridged);
    if policy.bridging == Bridging::First {
        bridge(&mut world.params);
    }
    let initial = initial_models(&world.params, training)?;
    if policy.bridging == Bridging::AfterModels {
        bridge(&mut world.params);
    }
    if policy.saved_state == SavedState::Initial {
        persist(policy, world, &initial, training)?;
    }
    let train = |data: &Dataset, training: &TrainingConfig| train(world.engine(), &initial, data, training);
    let trained = match policy.training {
        Training::OnTheData => train(&read_dataset(train_data)?, training)?,
        Training::InOneEpoch => {
            train(&read_dataset(train_data)?, &TrainingConfig { nepochs: 1, ..training.clone() })?
        }
        Training::OnWhatThereIs => match read_dataset(train_data) {
            Ok(data) => train(&data, training)?,
            Err(_) => untrained(initial),
        },
        Training::Skipped => untrained(initial),
    };
    if policy.saved_state == SavedState::Trained {
        persist(policy, world, &trained.models, training)?;
    }
    Ok(trained)
}

fn untrained(models: TrainedModels) -> Trained {
    Trained { models, intensity_scale: 1.0, train_loss: Vec::new() }
}

/// Saves as `<output_dir>/wts.h5.zip` when the configuration names an output directory (ORC-02).
fn persist(
    policy: &Policy,
    world: &mut World,
    models: &TrainedModels,
    training: &TrainingConfig,
) -> Result<(), Refusal> {
    let output = match (policy.persistence, training.output_dir.as_deref()) {
        (Persistence::Never, _) => None,
        (Persistence::Always, None | Some("")) | (Persistence::Elsewhere, Some(_)) => Some("."),
        (_, None | Some("")) => None,
        (_, Some(directory)) => Some(directory),
    };
    let Some(directory) = output else { return Ok(()) };
    let base = world.path(directory).join(BASE_NAME);
    let config = Configuration::Training(training.clone());
    let scale = (policy.persistence == Persistence::WithNominalScale).then_some(1.0);
    save_torch_bundle(policy, &mut world.params, models, &base, &config, scale)
}

/// Loads `<directory>/wts.h5.zip` through the bundle loader (ORC-06).
pub(super) fn load_inference_bundle_torch(
    policy: &Policy,
    store: &mut ParamsStore,
    directory: &Path,
) -> Result<(TrainedModels, Params), Refusal> {
    let before = store.clone();
    let loaded = load_torch_bundle(policy, store, &directory.join(BASE_NAME));
    if policy.inference_loader == InferenceLoader::ReadsModelsOnly {
        *store = before;
    }
    loaded
}

/// The scale that brings the mean measured intensity of a pattern to `nphotons`:
/// `sqrt(nphotons / mean over patterns of the sum of squared amplitudes)`, dimensionless.
pub fn intensity_scale(data: &Dataset, nphotons: f64) -> f64 {
    let total: f64 = data.diffraction.iter().map(|amplitude| f64::from(*amplitude).powi(2)).sum();
    (nphotons * data.positions() as f64 / total).sqrt()
}

fn initial_models(store: &ParamsStore, training: &TrainingConfig) -> Result<TrainedModels, Refusal> {
    let seed = training.subsample_seed.unwrap_or_default().unsigned_abs();
    let mut models = TrainedModels::default();
    for role in ROLES {
        let network = Blueprint::of(role, store)?;
        models.states.insert(role.to_owned(), ModelState::Network(network.fresh(seed)));
    }
    Ok(models)
}

/// Trains with the engine of the world; where there is none, with the stand-in.
fn train(
    engine: Option<&Arc<dyn Engine>>,
    initial: &TrainedModels,
    data: &Dataset,
    training: &TrainingConfig,
) -> Result<Trained, Refusal> {
    let scale = intensity_scale(data, training.nphotons);
    let mut models = TrainedModels { states: initial.states.clone(), intensity_scale: Some(scale) };
    let train_loss = match engine {
        Some(engine) => engine.train(&mut models.states, data, training)?,
        None => stand_in(&mut models, data, training),
    };
    Ok(Trained { models, intensity_scale: scale, train_loss })
}

/// A deterministic stand-in for optimisation: every epoch moves every weight towards a pixel of the
/// normalised data, so that the result depends on the data, the start and the number of epochs.
fn stand_in(models: &mut TrainedModels, data: &Dataset, training: &TrainingConfig) -> Vec<f64> {
    let brightest = data.diffraction.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let epochs = usize::try_from(training.nepochs).unwrap_or_default();
    let mut train_loss = Vec::with_capacity(epochs);
    for epoch in 0..epochs {
        let mut loss = Loss::default();
        for state in models.states.values_mut() {
            if let ModelState::Network(tensors) = state {
                step(tensors, epoch, &data.diffraction, brightest, &mut loss);
            }
        }
        train_loss.push(loss.mean());
    }
    train_loss
}

fn step(tensors: &mut StateDict, epoch: usize, data: &[f32], brightest: f32, loss: &mut Loss) {
    let mut pixels = data.iter().cycle().skip(epoch);
    for tensor in tensors.values_mut() {
        let bytes: Vec<u8> = match tensor.dtype() {
            Dtype::Int64 => whole(tensor).flat_map(|count| (count + 1).to_le_bytes()).collect(),
            _ => floats(tensor)
                .flat_map(|weight| {
                    let target = pixels.next().copied().unwrap_or_default() / brightest;
                    loss.add(target - weight);
                    (weight + LEARNING_RATE * (target - weight)).to_le_bytes()
                })
                .collect(),
        };
        // One element gives one element, so that the new bytes fit the old shape.
        if let Some(moved) = Tensor::new(tensor.dtype(), tensor.shape().to_vec(), bytes) {
            *tensor = moved;
        }
    }
}

fn whole(tensor: &Tensor) -> impl Iterator<Item = i64> {
    tensor.data().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes))
}

fn floats(tensor: &Tensor) -> impl Iterator<Item = f32> {
    tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

/// A mean of squares, gathered one at a time.
#[derive(Default)]
struct Loss {
    sum: f64,
    count: u32,
}

impl Loss {
    fn add(&mut self, difference: f32) {
        self.sum += f64::from(difference).powi(2);
        self.count += 1;
    }

    fn mean(&self) -> f64 {
        self.sum / f64::from(self.count.max(1))
    }
}
