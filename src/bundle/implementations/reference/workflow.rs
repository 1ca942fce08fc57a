//! Training and the workflows around it: section D of the contract.

use std::{path::Path, sync::Arc};

use super::{
    NetworkLayout,
    store::{TrainedModels, load_torch_bundle, save_torch_bundle},
    target::Place,
};
use crate::{
    bundle::implementations::process::Process,
    bundle::{
        files::{Dataset, read_dataset},
        implementations::Engine,
        nouns::{
            BASE_NAME, Bridging, Configuration, InferenceLoader, Params, ParamsStore, Persistence, Policy,
            ROLES, Rule, SavedState, Training, TrainingConfig, legacy_params,
        },
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{Dtype, ModelState, StateDict, Tensor},
};

/// The fraction of the distance to its target that a weight moves in one epoch.
const LEARNING_RATE: f32 = 0.125;

/// The result of a workflow.
pub(super) struct Trained {
    pub(super) models: TrainedModels,
    pub(super) intensity_scale: f64,
    pub(super) train_loss: Vec<f64>,
}

/// Bridges, trains and saves, in this order (PRM-006, ORC-004, ORC-001).
pub(super) fn run_cdi_example_torch(
    policy: &Policy,
    process: &mut Process,
    train_data: &Path,
    config: &Configuration,
) -> Result<Trained, Refusal> {
    let Configuration::Training(training) = config else {
        let refusal = Refusal::new(RefusalKind::InvalidValue, "expected a TrainingConfig for a workflow");
        return Err(refusal.rule(Rule::TrainingConfiguration));
    };
    let bridge = |process: &mut Process| {
        process.begins("bridge");
        legacy_params::update_legacy_dict(&mut process.params, config, policy.bridged);
    };
    if policy.bridging == Bridging::First {
        bridge(process);
    }
    let initial = initial_models(&process.params, training)?;
    if policy.bridging == Bridging::AfterModels {
        bridge(process);
    }
    if policy.saved_state == SavedState::Initial {
        persist(policy, process, &initial, training)?;
    }
    if policy.training != Training::Skipped {
        process.begins("train");
    }
    let train = |data: &Dataset, training: &TrainingConfig| train(process.engine(), &initial, data, training);
    let trained = match policy.training {
        Training::OnTheData => train(read_dataset(train_data)?.as_ref(), training)?,
        Training::InOneEpoch => {
            train(read_dataset(train_data)?.as_ref(), &TrainingConfig { nepochs: 1, ..training.clone() })?
        }
        Training::OnWhatThereIs => match read_dataset(train_data) {
            Ok(data) => train(&data, training)?,
            Err(_) => untrained(initial),
        },
        Training::Skipped => untrained(initial),
    };
    if policy.saved_state == SavedState::Trained {
        persist(policy, process, &trained.models, training)?;
    }
    Ok(trained)
}

fn untrained(models: TrainedModels) -> Trained {
    Trained { models, intensity_scale: 1.0, train_loss: Vec::new() }
}

/// Saves `<output_dir>/wts.h5.zip` when an output directory is configured (ORC-001, ORC-002).
fn persist(
    policy: &Policy,
    process: &mut Process,
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
    process.begins("persist");
    let place = Place::of(&process.context, process.path(directory).join(BASE_NAME));
    let config = Configuration::Training(training.clone());
    let scale = (policy.persistence == Persistence::WithNominalScale).then_some(1.0);
    save_torch_bundle(policy, &mut process.params, models, &place, &config, scale)
}

/// Loads `<directory>/wts.h5.zip` through the bundle loader (ORC-006).
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
        let network = NetworkLayout::of(role, store)?;
        models.states.insert(role.to_owned(), ModelState::Network(network.fresh(seed)));
    }
    Ok(models)
}

/// Trains with the engine of the process, or with the stand-in when there is none.
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

/// A deterministic stand-in for optimization: every epoch moves every weight towards a pixel of the
/// normalized data, so the result depends on the data, the initial weights and the number of epochs.
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
        // Each element becomes one element, so the new bytes fit the old shape.
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

/// A running mean of squares.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use indexmap::IndexMap;
    use rstest::rstest;

    use super::*;
    use crate::harness::contract::SessionContext;
    use crate::{
        bundle::{files::read_bundle, nouns::ModelConfig},
        value::{Map, Value},
    };

    /// Two weights and a count.
    fn network(weights: [f32; 2], count: i64) -> StateDict {
        let weights: Vec<u8> = weights.into_iter().flat_map(f32::to_le_bytes).collect();
        StateDict::from_iter([
            ("w".to_owned(), Tensor::new(Dtype::Float32, vec![2], weights).unwrap()),
            ("n".to_owned(), Tensor::new(Dtype::Int64, vec![], count.to_le_bytes().to_vec()).unwrap()),
        ])
    }

    fn dataset(diffraction: &[f32]) -> Dataset {
        let positions = vec![0.0; diffraction.len() / 4];
        Dataset {
            xcoords: positions.clone(),
            ycoords: positions,
            pattern_side: 2,
            diffraction: diffraction.to_vec(),
            probe_shape: [1, 1],
            probe: vec![[1.0, 0.0]],
        }
    }

    #[rstest]
    #[case::from_the_first_pixel(0, [0.46875, -0.125], 0.53125)]
    #[case::from_the_second_pixel(1, [0.53125, -0.1875], 0.15625)]
    #[case::from_the_first_pixel_again(2, [0.46875, -0.125], 0.53125)]
    fn an_epoch_moves_a_weight_an_eighth_of_the_way_to_its_pixel(
        #[case] epoch: usize,
        #[case] moved: [f32; 2],
        #[case] loss: f64,
    ) {
        let (mut tensors, mut found) = (network([0.5, -0.25], 7), Loss::default());
        step(&mut tensors, epoch, &[1.0, 3.0], 4.0, &mut found);
        assert_eq!(tensors, network(moved, 8));
        assert_eq!(found.mean(), loss);
    }

    #[test]
    fn the_loss_without_weights_is_zero() {
        assert_eq!(Loss::default().mean(), 0.0);
    }

    #[test]
    fn the_scale_brings_the_mean_intensity_to_the_number_of_photons() {
        // The squares of two patterns sum to 25, so 12.5 for each pattern become 50.
        let data = dataset(&[1.0, 2.0, 0.0, 0.0, 2.0, 4.0, 0.0, 0.0]);
        assert_eq!(intensity_scale(&data, 50.0), 2.0);
    }

    #[test]
    fn training_runs_the_configured_epochs_and_normalizes_by_the_brightest_pixel() {
        let states = [(ROLES[0].to_owned(), ModelState::Network(network([0.5, -0.25], 0)))].into();
        let initial = TrainedModels { states, intensity_scale: None };
        let config = TrainingConfig { nepochs: 2, ..training_config() };
        let trained = train(None, &initial, &dataset(&[1.0, 3.0, 4.0, 0.0]), &config).unwrap();
        assert_eq!(trained.train_loss.len(), 2);
        assert_eq!(trained.train_loss[0], 0.53125);
        assert_eq!(trained.models.intensity_scale, Some(trained.intensity_scale));
        let ModelState::Network(tensors) = &trained.models.states[0] else { unreachable!() };
        assert_eq!(whole(&tensors["n"]).collect::<Vec<_>>(), [2]);
    }

    fn training_config() -> TrainingConfig {
        let model = ("model".to_owned(), Value::Map(Map::new()));
        TrainingConfig::from_values(&[model].into_iter().collect()).unwrap()
    }

    /// The response of a workflow on the fixture's data, what it saved, and the params afterwards.
    fn run(policy: Policy) -> (IndexMap<String, ModelState>, IndexMap<String, ModelState>, ParamsStore) {
        let directory = tempfile::tempdir().unwrap();
        let mut process =
            Process::new(SessionContext::new(directory.path().to_owned(), BTreeMap::new()), None);
        let model = ModelConfig { gridsize: 3, n_filters_scale: 1, ..training_config().model };
        let config = TrainingConfig { model, nepochs: 1, ..training_config() };
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/datasets/train_data.npz");
        let config = Configuration::Training(config);
        let trained = run_cdi_example_torch(&policy, &mut process, &data, &config).unwrap();
        let saved = read_bundle(&directory.path().join("training_outputs/wts.h5.zip")).unwrap();
        let saved = saved.models.into_iter().map(|(name, model)| (name, model.state)).collect();
        (trained.models.states, saved, process.params)
    }

    #[test]
    fn the_saved_state_is_that_before_or_after_the_training() {
        let (trained, saved, _) = run(Policy::CONTRACT);
        assert!(trained == saved);
        let (initial, ..) = run(Policy { training: Training::Skipped, ..Policy::CONTRACT });
        let (trained, saved, _) = run(Policy { saved_state: SavedState::Initial, ..Policy::CONTRACT });
        assert!(trained != saved && saved == initial);
    }

    #[rstest]
    #[case::first(Bridging::First, 9)]
    #[case::after_the_models(Bridging::AfterModels, 4)]
    fn a_configuration_is_bridged_before_or_after_the_models_are_built(
        #[case] bridging: Bridging,
        #[case] channels: usize,
    ) {
        let (trained, _, params) = run(Policy { bridging, ..Policy::CONTRACT });
        assert_eq!(params.get("gridsize"), Some(&Value::Int(3)));
        let ModelState::Network(tensors) = &trained[ROLES[0]] else { unreachable!() };
        assert_eq!(tensors["head.weight"].shape()[0], channels);
    }
}
