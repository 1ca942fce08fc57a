//! An adapter at work on one case.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use super::{Deadline, connection::Connection, pool::Pool};
use crate::{
    bundle::{
        nouns::Params,
        operations::{
            request::{
                CreateModels, Forward, GetParam, LoadDataset, LoadInferenceBundleTorch,
                LoadInferenceBundleWithBackend, LoadTorchBundle, RunCdiExampleTorch,
                RunCdiExampleWithBackend, SaveTorchBundle, SetParams, UpdateLegacyDict, ValidateConfig,
            },
            response::{DatasetDescription, Loaded, LoadedModel, Models, Output, Workflow},
        },
    },
    harness::{
        Refusal, RefusalKind, World,
        adapter::protocol::{ModelsAnswer, Nothing, ParamsAnswer, Reset, ValueAnswer},
        implementation::{Lost, Session},
    },
    value::Value,
};

/// A process of the pool that is this session's own until it ends.
pub(super) struct RemoteSession {
    pool: Arc<Pool>,
    state: State,
    directory: String,
    /// When the case is over, whatever it does.
    until: Option<Deadline>,
}

enum State {
    Working(Connection),
    Lost(Lost),
    /// Everything is answered, and the process is back in the pool.
    Finished,
}

impl RemoteSession {
    /// Takes a process and has it begin afresh in the directory of the world.
    pub(super) fn start(pool: Arc<Pool>, world: &World) -> Self {
        let directory = world.root().to_string_lossy().into_owned();
        let state = match pool.take() {
            Ok(connection) => State::Working(connection),
            Err(lost) => State::Lost(lost),
        };
        let mut session = Self { pool, state, directory, until: world.end() };
        // What becomes of it shows in whether it is lost.
        let _ = session.reset();
        session
    }

    fn call<R: DeserializeOwned>(&mut self, method: &str, params: &impl Serialize) -> Result<R, Refusal> {
        let State::Working(connection) = &mut self.state else { return Err(unanswered(method)) };
        let own = Deadline::after(self.pool.deadlines().call()).or(self.pool.end_of_run());
        let until = self.until.map_or(own, |end| own.or(end));
        match connection.call(method, params, until) {
            Ok(result) => Ok(result),
            Err(trouble) => trouble.refusal().map_or_else(
                |lost| {
                    self.lose(lost);
                    Err(unanswered(method))
                },
                Err,
            ),
        }
    }

    fn lose(&mut self, lost: Lost) {
        if let State::Working(connection) = std::mem::replace(&mut self.state, State::Lost(lost)) {
            self.pool.bury(connection);
        }
    }

    fn nothing(&mut self, method: &str, params: &impl Serialize) -> Result<(), Refusal> {
        self.call(method, params).map(|Nothing {}| ())
    }
}

/// What is returned where there is no answer; nobody looks at it, since the session is lost.
fn unanswered(method: &str) -> Refusal {
    Refusal::new(RefusalKind::Internal, format!("{method} was not answered"))
}

impl Session for RemoteSession {
    fn reset(&mut self) -> Result<(), Refusal> {
        let directory = self.directory.clone();
        self.nothing("reset", &Reset { directory })
    }

    fn params(&mut self) -> Result<Params, Refusal> {
        self.call("params", &Nothing {}).map(|ParamsAnswer { params }| params)
    }

    fn set_params(&mut self, request: &SetParams) -> Result<(), Refusal> {
        self.nothing("set_params", request)
    }

    fn get_param(&mut self, request: &GetParam) -> Result<Value, Refusal> {
        self.call("get_param", request).map(|ValueAnswer { value }| value)
    }

    fn validate_config(&mut self, request: &ValidateConfig) -> Result<(), Refusal> {
        self.nothing("validate_config", request)
    }

    fn update_legacy_dict(&mut self, request: &UpdateLegacyDict) -> Result<(), Refusal> {
        self.nothing("update_legacy_dict", request)
    }

    fn create_models(&mut self, request: &CreateModels) -> Result<Models, Refusal> {
        self.call("create_models", request).map(|ModelsAnswer { models }| models)
    }

    fn save_torch_bundle(&mut self, request: &SaveTorchBundle) -> Result<(), Refusal> {
        self.nothing("save_torch_bundle", request)
    }

    fn load_torch_bundle(&mut self, request: &LoadTorchBundle) -> Result<Loaded, Refusal> {
        self.call("load_torch_bundle", request)
    }

    fn run_cdi_example_torch(&mut self, request: &RunCdiExampleTorch) -> Result<Workflow, Refusal> {
        self.call("run_cdi_example_torch", request)
    }

    fn load_inference_bundle_torch(&mut self, request: &LoadInferenceBundleTorch) -> Result<Loaded, Refusal> {
        self.call("load_inference_bundle_torch", request)
    }

    fn run_cdi_example_with_backend(
        &mut self,
        request: &RunCdiExampleWithBackend,
    ) -> Result<Workflow, Refusal> {
        self.call("run_cdi_example_with_backend", request)
    }

    fn load_inference_bundle_with_backend(
        &mut self,
        request: &LoadInferenceBundleWithBackend,
    ) -> Result<LoadedModel, Refusal> {
        self.call("load_inference_bundle_with_backend", request)
    }

    fn load_dataset(&mut self, request: &LoadDataset) -> Result<DatasetDescription, Refusal> {
        self.call("load_dataset", request)
    }

    fn forward(&mut self, request: &Forward) -> Result<Output, Refusal> {
        self.call("forward", request)
    }

    fn lost(&self) -> Option<Lost> {
        match &self.state {
            State::Lost(lost) => Some(lost.clone()),
            State::Working(_) | State::Finished => None,
        }
    }

    /// One more question: an answer that was given twice, or a line that nobody asked for, is before its answer.
    fn finish(&mut self) -> Option<Lost> {
        let _ = self.reset();
        if let State::Working(connection) = &mut self.state
            && let Some(lost) = connection.unasked()
        {
            self.lose(lost);
        }
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Working(connection) => {
                self.pool.give_back(connection);
                None
            }
            State::Lost(lost) => Some(lost),
            State::Finished => None,
        }
    }
}

impl Drop for RemoteSession {
    /// A case that was given up leaves its process in the middle of something.
    fn drop(&mut self) {
        self.lose(Lost::NotAsked("the case was given up".to_owned()));
    }
}
