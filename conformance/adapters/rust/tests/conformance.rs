//! The suite, on this crate's own saver and loader: a test for each check, for `cargo test` and nextest.
//!
//! A check that needs what the backend does not have is reported as ignored, never as passed.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

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
        contract::{Contract as _, Implementation, Refusal, RefusalKind, Session, SessionContext},
        runner::{self, Implementations, Options, Verdict},
        suite::{Selection, Source, Suite},
    },
    torch_files::ModelState,
    value::Value,
};
use libtest_mimic::{Arguments, Failed, Trial};
use tiny_backend::{Networks, build, load, save};

fn main() -> ExitCode {
    let backend: Arc<dyn Implementation> = Arc::new(TinyBackend);
    let known = Implementations::of(&BUNDLE.built_ins());
    let suite = match Suite::load(&BUNDLE, Source::Embedded(BUNDLE.suite()), &known.names()) {
        Ok(suite) => Arc::new(suite),
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("{error}"));
            return ExitCode::FAILURE;
        }
    };
    // The areas that it is meant for; an empty list is all of them.
    let areas = ["roundtrip", "loader"].map(str::to_owned).to_vec();
    let checks = match (Selection { areas, ..Selection::default() }).select(&suite) {
        Ok(checks) => checks,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let trial = |job: runner::Job| {
        let missing = job.check.needs().any(|need| !backend.supports(need));
        let suite = Arc::clone(&suite);
        Trial::test(job.check.id.clone(), move || judge(job, &suite)).with_ignored_flag(missing)
    };
    let trials = runner::green(&checks, &backend).into_iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn judge(job: runner::Job, suite: &Arc<Suite>) -> Result<(), Failed> {
    let work = tempfile::tempdir()?;
    let outcomes =
        runner::run(&[job], suite, work.path(), Options::default(), &AtomicBool::new(false), &|_| ());
    let wrong = outcomes.iter().filter(|outcome| outcome.verdict() != Verdict::Pass);
    let told: Vec<String> = wrong.map(|outcome| format!("{outcome:#?}")).collect();
    if told.is_empty() { Ok(()) } else { Err(told.join("\n").into()) }
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
        save(networks, &self.context.path(&request.base_path), &params)
    }

    fn load_torch_bundle(&mut self, request: &LoadTorchBundle) -> Result<Loaded, Refusal> {
        let (networks, params) = load(&self.context.path(&request.base_path))?;
        // Only a load that was not refused changes the params of the process.
        let restored = params.iter().filter(|(key, _)| *key != VERSION_KEY);
        self.params.update(restored.map(|(key, value)| (key.clone(), value.clone())));
        Ok(Loaded { models: self.keep(&request.name, networks), params })
    }
}
