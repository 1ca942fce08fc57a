//! The reference: the contract as a program that does not need torch.
//!
//! Its files follow the contract: `store` saves and loads bundles (sections B and C), `workflow`
//! and `dispatch` are orchestration (section D), `validation` is what a configuration must be (section A),
//! `network` is the layout with which strict loading compares a state. Every decision is
//! taken from a [`Policy`], so a mutant needs no code of its own.

mod dispatch;
mod network;
mod store;
mod target;
mod validation;
pub(crate) mod workflow;

pub(in crate::bundle::implementations) use dispatch::DEFAULT_MODEL;
pub use network::NetworkLayout;
pub use workflow::intensity_scale;

use indexmap::IndexMap;

use self::{store::TrainedModels, target::Place};
use crate::bundle::files::{read_dataset, read_inputs};
use crate::{
    bundle::{
        implementations::process::Process,
        nouns::{Configuration, Params, ParamsStore, Policy, ROLES, Rule, SavedModels, legacy_params},
        operations::{
            BundleSession,
            request::{
                ConfigKind, ConfigRequest, CreateModels, Forward, GetParam, LoadDataset,
                LoadInferenceBundleTorch, LoadInferenceBundleWithBackend, LoadTorchBundle,
                RunCdiExampleTorch, RunCdiExampleWithBackend, SaveTorchBundle, SetParams, UpdateLegacyDict,
                ValidateConfig,
            },
            response::{DatasetDescription, Loaded, LoadedModel, Models, Output, Workflow},
        },
    },
    harness::contract::{Notices, Refusal, RefusalKind},
    torch_files::ModelState,
    value::{Map, Value},
};

/// A session of the reference: its process, and the models that it keeps by name.
#[derive(Debug)]
pub(crate) struct ReferenceSession {
    policy: Policy,
    pub(crate) process: Process,
    models: IndexMap<String, TrainedModels>,
}

impl ReferenceSession {
    /// A session with this policy.
    pub(crate) fn new(policy: Policy, process: Process) -> Self {
        Self { policy, process, models: IndexMap::new() }
    }

    fn workflow(
        &mut self,
        train_data: &str,
        config: &Configuration,
        name: &str,
    ) -> Result<Workflow, Refusal> {
        let data = self.process.path(train_data);
        let before = self.process.params.clone();
        let trained = workflow::run_cdi_example_torch(&self.policy, &mut self.process, &data, config);
        // A workflow that failed leaves nothing behind (ORC-010).
        let trained = trained.inspect_err(|_| self.process.params = before)?;
        Ok(Workflow {
            amplitude: None,
            phase: None,
            models: self.keep(name, trained.models),
            intensity_scale: Some(trained.intensity_scale),
            train_loss: trained.train_loss,
            backend: None,
        })
    }

    /// Constructs a configuration, and warns of `n_images` where it counts (CFG-023).
    fn construct(&mut self, request: &ConfigRequest) -> Result<Configuration, Refusal> {
        let config = request.construct()?;
        let given = |field: &str| request.values.get(field).is_some_and(|value| *value != Value::None);
        if given("n_images") && !given("n_groups") {
            self.process.warn("n_images is deprecated; use n_groups");
        }
        Ok(config)
    }

    /// The models that are kept under a name.
    pub(crate) fn states_mut(&mut self, name: &str) -> Option<&mut IndexMap<String, ModelState>> {
        self.models.get_mut(name).map(|models| &mut models.states)
    }

    fn keep(&mut self, name: &str, models: TrainedModels) -> Models {
        let described = models.states.iter().map(|(name, state)| (name.clone(), state.into())).collect();
        // Removed first, so a name that is used again becomes the latest.
        self.models.shift_remove(name);
        self.models.insert(name.to_owned(), models);
        described
    }
}

impl BundleSession for ReferenceSession {
    fn reset(&mut self) -> Result<(), Refusal> {
        self.process.params = ParamsStore::new();
        self.models.clear();
        Ok(())
    }

    fn params(&mut self) -> Result<Params, Refusal> {
        Ok(self.process.params.snapshot())
    }

    fn notices(&mut self) -> Notices {
        std::mem::take(&mut self.process.notices)
    }

    fn set_params(&mut self, request: &SetParams) -> Result<(), Refusal> {
        validation::set_params(&mut self.process.params, &request.values)
    }

    fn get_param(&mut self, request: &GetParam) -> Result<Value, Refusal> {
        validation::get_param(&mut self.process.params, &request.key, request.default.as_ref())
    }

    fn validate_config(&mut self, request: &ValidateConfig) -> Result<(), Refusal> {
        if request.config.kind == ConfigKind::Execution {
            return validation::execution(&request.config.values);
        }
        validation::validate(&self.construct(&request.config)?, &self.process)
    }

    fn update_legacy_dict(&mut self, request: &UpdateLegacyDict) -> Result<(), Refusal> {
        let config = self.construct(&request.config)?;
        legacy_params::update_legacy_dict(&mut self.process.params, &config, self.policy.bridged);
        Ok(())
    }

    /// Networks are built from the given configuration, in a separate store: making models does not change
    /// the params of the process.
    fn create_models(&mut self, request: &CreateModels) -> Result<Models, Refusal> {
        let mut own = ParamsStore::new();
        legacy_params::update_legacy_dict(&mut own, &request.config.construct()?, self.policy.bridged);
        let both = || ROLES.map(str::to_owned).to_vec();
        let mut models = TrainedModels::default();
        for name in request.only.clone().unwrap_or_else(both) {
            let state = match request.sentinels.get(&name) {
                Some(sentinel) => sentinel_state(&name, sentinel),
                None => ModelState::Network(NetworkLayout::of(&name, &own)?.fresh(request.seed)),
            };
            models.states.insert(name, state);
        }
        Ok(self.keep(&request.name, models))
    }

    fn save_torch_bundle(&mut self, request: &SaveTorchBundle) -> Result<(), Refusal> {
        let config = request.config.construct()?;
        let place = Place::of(&self.process.context, self.process.path(&request.base_path));
        let chosen = match self.policy.saved_models {
            SavedModels::Given | SavedModels::WithPlainNames => self.models.get(&request.models),
            SavedModels::Latest => self.models.values().last(),
        };
        let models = chosen.ok_or_else(|| no_models(&request.models))?;
        let scale = request.intensity_scale;
        store::save_torch_bundle(&self.policy, &mut self.process.params, models, &place, &config, scale)
    }

    fn load_torch_bundle(&mut self, request: &LoadTorchBundle) -> Result<Loaded, Refusal> {
        let base = self.process.path(&request.base_path);
        let (models, params) = store::load_torch_bundle(&self.policy, &mut self.process.params, &base)?;
        Ok(Loaded { models: self.keep(&request.name, models), params })
    }

    fn run_cdi_example_torch(&mut self, request: &RunCdiExampleTorch) -> Result<Workflow, Refusal> {
        let config = self.construct(&request.config)?;
        self.workflow(&request.train_data, &config, &request.name)
    }

    fn load_inference_bundle_torch(&mut self, request: &LoadInferenceBundleTorch) -> Result<Loaded, Refusal> {
        let directory = self.process.path(&request.bundle_dir);
        let store = &mut self.process.params;
        let (models, params) = workflow::load_inference_bundle_torch(&self.policy, store, &directory)?;
        Ok(Loaded { models: self.keep(&request.name, models), params })
    }

    fn run_cdi_example_with_backend(
        &mut self,
        request: &RunCdiExampleWithBackend,
    ) -> Result<Workflow, Refusal> {
        let before = self.process.params.clone();
        let run = dispatch::dispatch(&self.policy, &mut self.process, &request.config).and_then(
            |(config, backend)| {
                let run = self.workflow(&request.train_data, &config, &request.name)?;
                Ok(Workflow { backend: Some(backend), ..run })
            },
        );
        run.inspect_err(|_| self.process.params = before)
    }

    fn load_inference_bundle_with_backend(
        &mut self,
        request: &LoadInferenceBundleWithBackend,
    ) -> Result<LoadedModel, Refusal> {
        dispatch::load(&self.policy, &mut self.process, request)
    }

    fn load_dataset(&mut self, request: &LoadDataset) -> Result<DatasetDescription, Refusal> {
        Ok(DatasetDescription::from(read_dataset(&self.process.path(&request.path))?.as_ref()))
    }

    fn forward(&mut self, request: &Forward) -> Result<Output, Refusal> {
        let Some(engine) = self.process.engine() else {
            let refusal = Refusal::new(RefusalKind::Unsupported, "executing networks requires torch");
            return Err(refusal.rule(Rule::TorchAvailable));
        };
        let models = self.models.get(&request.models).ok_or_else(|| no_models(&request.models))?;
        let model = &request.model;
        let Some(ModelState::Network(state)) = models.states.get(model) else {
            let message = format!("unknown network {model:?} of the models {:?}", request.models);
            return Err(Refusal::new(RefusalKind::InvalidValue, message).rule(Rule::KnownModel).field(model));
        };
        let inputs = read_inputs(&self.process.path(&request.inputs))?;
        Ok(Output { output: (&engine.forward(model, state, &inputs)?).into() })
    }
}

fn no_models(name: &str) -> Refusal {
    let message = format!("unknown models {name:?}");
    Refusal::new(RefusalKind::InvalidValue, message).rule(Rule::KnownModels).field(name)
}

fn sentinel_state(name: &str, sentinel: &str) -> ModelState {
    ModelState::Sentinel(Map::from_iter([
        (ModelState::SENTINEL_KEY.to_owned(), Value::from(sentinel)),
        ("name".to_owned(), Value::from(name)),
    ]))
}
