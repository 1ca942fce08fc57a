//! The system as it stood before phase D4: what a red phase is run on.

use super::reference::{Reference, ReferenceSession};
use crate::bundle::files::BundleReader;
use crate::harness::{
    World,
    implementation::{Implementation, OWN_VERSION, Session, supported},
};
use crate::{
    bundle::{
        nouns::{BASE_NAME, Params, Persistence, Policy, VERSION_KEY},
        operations::{
            request::{
                CreateModels, Forward, GetParam, LoadDataset, LoadInferenceBundleTorch,
                LoadInferenceBundleWithBackend, LoadTorchBundle, RunCdiExampleTorch,
                RunCdiExampleWithBackend, SaveTorchBundle, SetParams, UpdateLegacyDict, ValidateConfig,
            },
            response::{DatasetDescription, Loaded, LoadedModel, Models, Output, Workflow},
        },
    },
    harness::{Refusal, RefusalKind},
    value::{Map, Value},
};

/// Configuration and save work. A load restores the params and then answers that it is not implemented;
/// workflows train and return, and persist nothing; the inference loader is not implemented.
#[derive(Clone, Copy, Debug)]
pub struct Stub;

impl Implementation for Stub {
    fn name(&self) -> &str {
        "stub"
    }

    fn version(&self) -> &str {
        OWN_VERSION
    }

    fn supports(&self, need: &str) -> bool {
        supported(need)
    }

    fn start(&self, world: World) -> Box<dyn Session> {
        let policy = Policy { persistence: Persistence::Never, ..Policy::CONTRACT };
        Box::new(StubSession(Reference::with_policy("stub", policy).session(world)))
    }
}

/// What works is the reference's own; what does not is here.
struct StubSession(ReferenceSession);

impl Session for StubSession {
    fn reset(&mut self) -> Result<(), Refusal> {
        self.0.reset()
    }

    fn params(&mut self) -> Result<Params, Refusal> {
        self.0.params()
    }

    fn set_params(&mut self, request: &SetParams) -> Result<(), Refusal> {
        self.0.set_params(request)
    }

    fn get_param(&mut self, request: &GetParam) -> Result<Value, Refusal> {
        self.0.get_param(request)
    }

    fn validate_config(&mut self, request: &ValidateConfig) -> Result<(), Refusal> {
        self.0.validate_config(request)
    }

    fn update_legacy_dict(&mut self, request: &UpdateLegacyDict) -> Result<(), Refusal> {
        self.0.update_legacy_dict(request)
    }

    fn create_models(&mut self, request: &CreateModels) -> Result<Models, Refusal> {
        self.0.create_models(request)
    }

    fn save_torch_bundle(&mut self, request: &SaveTorchBundle) -> Result<(), Refusal> {
        self.0.save_torch_bundle(request)
    }

    /// Restores the first model's params, then stops.
    fn load_torch_bundle(&mut self, request: &LoadTorchBundle) -> Result<Loaded, Refusal> {
        let world = &mut self.0.world;
        let mut reader = BundleReader::open(&world.path(&format!("{}.zip", request.base_path)))?;
        let manifest = reader.manifest()?;
        let params =
            manifest.models.first().map(|model| reader.params(model)).transpose()?.unwrap_or_default();
        let configuration: Map = params.0.into_iter().filter(|(key, _)| key != VERSION_KEY).collect();
        world.params.update_from_archive(configuration);
        Err(not_implemented("load_torch_bundle", "models cannot be rebuilt from a bundle yet"))
    }

    fn run_cdi_example_torch(&mut self, request: &RunCdiExampleTorch) -> Result<Workflow, Refusal> {
        self.0.run_cdi_example_torch(request)
    }

    fn load_inference_bundle_torch(
        &mut self,
        _request: &LoadInferenceBundleTorch,
    ) -> Result<Loaded, Refusal> {
        let detail = format!("nothing reads {BASE_NAME}.zip for inference yet");
        Err(not_implemented("load_inference_bundle_torch", &detail))
    }

    fn run_cdi_example_with_backend(
        &mut self,
        request: &RunCdiExampleWithBackend,
    ) -> Result<Workflow, Refusal> {
        self.0.run_cdi_example_with_backend(request)
    }

    fn load_inference_bundle_with_backend(
        &mut self,
        _request: &LoadInferenceBundleWithBackend,
    ) -> Result<LoadedModel, Refusal> {
        let detail = format!("nothing reads {BASE_NAME}.zip for inference yet");
        Err(not_implemented("load_inference_bundle_with_backend", &detail))
    }

    fn load_dataset(&mut self, request: &LoadDataset) -> Result<DatasetDescription, Refusal> {
        self.0.load_dataset(request)
    }

    fn forward(&mut self, request: &Forward) -> Result<Output, Refusal> {
        self.0.forward(request)
    }
}

fn not_implemented(operation: &str, detail: &str) -> Refusal {
    Refusal::new(RefusalKind::NotImplemented, format!("NotImplementedError: {operation}: {detail}"))
}
