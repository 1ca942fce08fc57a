//! The suite, on this crate's own saver and loader: a test for each check, for `cargo test` and nextest.
//!
//! A check that needs what the backend does not have is reported as ignored, never as passed.

use std::{collections::BTreeMap, process::ExitCode};

use bundleproof::{
    bundle::{
        BUNDLE,
        nouns::{Params, ParamsStore, ROLES, VERSION_KEY, legacy_params},
        operations::{
            BundleSession, Typed,
            request::{CreateModels, LoadTorchBundle, SaveTorchBundle, SetParams},
            response::{Loaded, Models},
        },
    },
    harness::{
        contract::{Implementation, Refusal, RefusalKind, Session, SessionContext},
        libtest,
    },
    torch_files::ModelState,
    value::Value,
};
use tiny_backend::{Networks, build, load, save};

/// Where data come from.
const DATA_SOURCES: [&str; 3] = ["generic", "experimental", "lines"];

fn main() -> ExitCode {
    libtest::Suite::new(&BUNDLE, TinyBackend).areas(["roundtrip", "loader"]).run()
}

/// The stand-in that a caller asked for in the place of a network.
fn sentinel(role: &str, text: &str) -> ModelState {
    let values = [(ModelState::SENTINEL_KEY, text), ("name", role)];
    ModelState::Sentinel(values.map(|(key, text)| (key.to_owned(), Value::from(text))).into_iter().collect())
}

/// What is under test, by its name and by what it can do.
struct TinyBackend;

impl Implementation for TinyBackend {
    fn name(&self) -> &str {
        "tiny-backend"
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn supports(&self, need: &str) -> bool {
        ["set_params", "create_models", "save_torch_bundle", "load_torch_bundle"].contains(&need)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        Box::new(Typed(TinySession { context, params: ParamsStore::new(), models: BTreeMap::new() }))
    }
}

/// The backend at work on one check: the params of a process, and networks by the name they were left under.
struct TinySession {
    context: SessionContext,
    params: ParamsStore,
    models: BTreeMap<String, Networks>,
}

impl TinySession {
    fn keep(&mut self, name: &str, networks: Networks) -> Models {
        let models = networks.iter().map(|(role, state)| (role.clone(), state.into())).collect();
        self.models.insert(name.to_owned(), networks);
        models
    }
}

impl BundleSession for TinySession {
    fn reset(&mut self) -> Result<(), Refusal> {
        self.params = Default::default();
        self.models.clear();
        Ok(())
    }

    fn params(&mut self) -> Result<Params, Refusal> {
        Ok(self.params.snapshot())
    }

    fn set_params(&mut self, request: &SetParams) -> Result<(), Refusal> {
        let source = request.values.get("data_source").and_then(Value::as_text);
        if let Some(source) = source.filter(|source| !DATA_SOURCES.contains(source)) {
            let message = format!("expected data_source to be one of {DATA_SOURCES:?}, found {source:?}");
            return Err(Refusal::new(RefusalKind::InvalidValue, message));
        }
        self.params.update(request.values.clone());
        Ok(())
    }

    fn create_models(&mut self, request: &CreateModels) -> Result<Models, Refusal> {
        let params = legacy_params::flatten(&request.config.construct()?);
        let roles = request.only.clone().unwrap_or_else(|| ROLES.map(str::to_owned).to_vec());
        let built = |role: &String| {
            let state = match request.sentinels.get(role) {
                Some(text) => sentinel(role, text),
                None => ModelState::Network(build(role, &params, request.seed)?),
            };
            Ok((role.clone(), state))
        };
        let networks: Networks = roles.iter().map(built).collect::<Result<_, Refusal>>()?;
        Ok(self.keep(&request.name, networks))
    }

    fn save_torch_bundle(&mut self, request: &SaveTorchBundle) -> Result<(), Refusal> {
        let params = legacy_params::flatten(&request.config.construct()?);
        let networks = self.models.get(&request.models);
        let networks = networks.ok_or_else(|| Refusal::new(RefusalKind::NotFound, "no such models"))?;
        save(networks, &self.context.path(&request.base_path), &params, request.intensity_scale)
    }

    fn load_torch_bundle(&mut self, request: &LoadTorchBundle) -> Result<Loaded, Refusal> {
        let (networks, params) = load(&self.context.path(&request.base_path))?;
        // Only a load that was not refused changes the params of the process.
        let restored = params.iter().filter(|(key, _)| *key != VERSION_KEY);
        self.params.update(restored.map(|(key, value)| (key.clone(), value.clone())));
        Ok(Loaded { models: self.keep(&request.name, networks), params })
    }
}
