//! Runs one check on one implementation, step by step.

use std::{
    collections::BTreeMap,
    fs, io,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    Ended, ExpectationOutcome, Failure, StepOutcome,
    context::{Scope, Seen},
    sandbox::Sandbox,
};
use crate::bundle::files::apply_edit::alter;
use crate::{
    bundle::{
        files::Alteration,
        nouns::ARCHIVE_NAME,
        operations::{
            request::{
                ConfigRequest, CreateModels, Forward, GetParam, LoadDataset, LoadInferenceBundleTorch,
                LoadInferenceBundleWithBackend, LoadTorchBundle, RunCdiExampleTorch,
                RunCdiExampleWithBackend, SaveTorchBundle, SetParams, TORCH, UpdateLegacyDict,
                ValidateConfig,
            },
            response::models_value,
        },
    },
    harness::{
        Native, Refusal, RefusalKind, World,
        adapter::client::Deadline,
        implementation::{Implementation, Lost, Session},
        suite::{Action, Check, Condition, Contradiction, NamedExpectation, Step, Suite, under_work},
    },
    text::{beginning, ending},
    value::{Map, Value},
};

/// The longest text that a failure shows of either side, in bytes.
const MAX_SHOWN_BYTES: usize = 4096;

/// What a check came to: how it ended, and what is left in its sandbox to look at.
pub(super) struct Finished {
    pub(super) ended: Ended,
    pub(super) scope: Scope,
}

/// What a check runs in, beside its sandbox.
pub(super) struct Around<'a> {
    pub(super) suite: &'a Suite,
    pub(super) environment: &'a BTreeMap<String, String>,
    /// When nobody waits any more.
    pub(super) until: Deadline,
    /// Set when nobody waits any more: no further step is to be done.
    pub(super) given_up: &'a AtomicBool,
    pub(super) tell: &'a dyn Fn(StepOutcome),
}

/// Runs a check to its end, or to the first step that does not hold; tells each step as it is done.
pub(super) fn run(
    check: &Check,
    implementation: &dyn Implementation,
    sandbox: Sandbox,
    around: &Around<'_>,
) -> Finished {
    let world = World::new(sandbox.root().to_owned(), around.environment.clone())
        .until(around.until)
        .executing(check.needs().any(|need| need == TORCH));
    let mut scope = Scope::new(sandbox);
    if let Some(need) = check.needs().find(|need| !implementation.supports(need)) {
        return Finished { ended: Ended::Unsupported { need: need.to_owned() }, scope };
    }
    let mut session = implementation.start(world);
    let ended = steps(check, session.as_mut(), &mut scope, around);
    let ended = match session.finish() {
        // What it did after the last answer does not change how the harness failed.
        Some(lost) if !matches!(ended, Ended::HarnessError { .. } | Ended::NotRun { .. }) => lost.into(),
        _ => ended,
    };
    Finished { ended, scope }
}

fn steps(check: &Check, session: &mut dyn Session, scope: &mut Scope, around: &Around<'_>) -> Ended {
    if let Some(lost) = session.lost() {
        return lost.into();
    }
    for step in &check.steps {
        if around.given_up.load(Ordering::Relaxed) {
            return Ended::NotRun { detail: None };
        }
        let outcome = match run_step(step, session, around.suite, scope) {
            Ok(outcome) => outcome,
            Err(Broken::Lost(lost)) => return lost.into(),
            Err(Broken::Harness(detail)) => {
                let detail = format!("line {}: {}: {detail}", step.line, step.action.name());
                return Ended::HarnessError { detail };
            }
        };
        let failed = outcome.expectations.iter().any(|expectation| expectation.failure.is_some());
        // A refusal that no expectation speaks of is a failure, whatever else held.
        let stopped = outcome.refused.is_some() && !expects_refusal(step) && !failed;
        (around.tell)(outcome);
        if stopped {
            return Ended::Stopped;
        }
        if failed {
            break;
        }
    }
    Ended::Completed
}

/// Why a step has no outcome.
enum Broken {
    Lost(Lost),
    Harness(String),
}

impl From<String> for Broken {
    fn from(detail: String) -> Self {
        Self::Harness(detail)
    }
}

fn expects_refusal(step: &Step) -> bool {
    let speaks = |condition: &Condition| matches!(condition, Condition::Refused(_) | Condition::Answered);
    step.expectations.iter().any(|named| speaks(&named.expectation.condition))
}

fn run_step(
    step: &Step,
    session: &mut dyn Session,
    suite: &Suite,
    scope: &mut Scope,
) -> Result<StepOutcome, Broken> {
    let params = |session: &mut dyn Session, wanted: bool| match wanted {
        true => session.params().map(|params| Value::Map(params.0)).map_err(|refusal| refusal.to_string()),
        false => Err("no expectation asked for the params".to_owned()),
    };
    let conditions = || step.expectations.iter().map(|named| &named.expectation.condition);
    let before = params(session, conditions().any(|condition| matches!(condition, Condition::Unchanged)));
    let answered = act(&step.action, session, suite, scope)?;
    let speaks_of_params = |condition: &Condition| {
        matches!(condition, Condition::Unchanged)
            || condition.references().iter().any(|text| text.starts_with("$params"))
    };
    let after = params(session, conditions().any(speaks_of_params));
    if let Some(lost) = session.lost() {
        return Err(Broken::Lost(lost));
    }

    let refusal = match answered {
        Ok(answer) => {
            if let (Some(name), Some(answer)) = (step.action.answer_name(), answer) {
                scope.remember(name, answer);
            }
            None
        }
        Err(refusal) => Some(refusal),
    };
    let answer = step.action.answer_name().map(str::to_owned);
    scope.enter(Seen { operation: step.action.name(), answer, refusal, before, after });

    // What a refusal leaves behind cannot be seen where there was none.
    let refused = scope.refusal().is_some();
    let seen = |named: &&NamedExpectation| refused || !named.expectation.when_refused;
    let judged = step.expectations.iter().filter(seen).map(|named| ExpectationOutcome {
        name: named.name.clone(),
        line: named.line,
        because: named.expectation.because.clone(),
        about: named.expectation.about.clone(),
        failure: named.expectation.condition.judge(scope).err().map(|found| failure(scope, &found)),
    });
    Ok(StepOutcome {
        operation: step.action.name().to_owned(),
        line: step.line,
        may_be_refused: expects_refusal(step),
        expectations: judged.collect(),
        refused: scope.refusal().map(|refusal| shown_refusal(scope, refusal)),
    })
}

fn shown_refusal(scope: &Scope, refusal: &Refusal) -> Refusal {
    let native = refusal.native.as_deref().map(|native| {
        // The end of a traceback says what was raised, and where.
        let traceback = ending(scope.sandbox.shown(&native.traceback), MAX_SHOWN_BYTES);
        Box::new(Native { type_name: native.type_name.clone(), traceback })
    });
    Refusal { message: scope.sandbox.shown(&refusal.message), native, ..refusal.clone() }
}

fn failure(scope: &Scope, found: &Contradiction) -> Failure {
    let shown = |text: &str| beginning(scope.sandbox.shown(text), MAX_SHOWN_BYTES);
    Failure { expected: shown(&found.expected), actual: shown(&found.actual) }
}

/// The name that models were left under.
fn left_under(models: &str) -> String {
    models.trim_start_matches('$').to_owned()
}

/// What an operation answered, or its refusal; the outer error is the harness's own.
type Answered = Result<Result<Option<Value>, Refusal>, String>;

fn act(action: &Action, session: &mut dyn Session, suite: &Suite, scope: &mut Scope) -> Answered {
    let nothing = |result: Result<(), Refusal>| result.map(|()| None);
    let answer = |value: Value| Some(value);
    Ok(match action {
        Action::Reset {} => nothing(session.reset()),
        Action::SetParams(request) => {
            nothing(session.set_params(&SetParams { values: scope.resolve_map(&request.values)? }))
        }
        Action::GetParam(request) => {
            let default = request.default.as_ref().map(|default| scope.resolve(default)).transpose()?;
            let request = GetParam { default, ..request.clone() };
            let named = |value| Some(Value::Map(Map::from_iter([("value".to_owned(), value)])));
            session.get_param(&request).map(named)
        }
        Action::ValidateConfig(request) => {
            nothing(session.validate_config(&ValidateConfig { config: config(&request.config, scope)? }))
        }
        Action::UpdateLegacyDict(request) => {
            nothing(session.update_legacy_dict(&UpdateLegacyDict { config: config(&request.config, scope)? }))
        }
        Action::CreateModels(request) => {
            let request = CreateModels { config: config(&request.config, scope)?, ..request.clone() };
            session.create_models(&request).map(|models| answer(models_value(&models)))
        }
        Action::SaveTorchBundle(request) => {
            scope.point_at(scope.sandbox.path(&format!("{}.zip", request.base_path))?);
            nothing(session.save_torch_bundle(&SaveTorchBundle {
                models: left_under(&request.models),
                base_path: under_work(&request.base_path)?,
                config: config(&request.config, scope)?,
                intensity_scale: request.intensity_scale,
            }))
        }
        Action::LoadTorchBundle(request) => {
            scope.point_at(scope.sandbox.path(&format!("{}.zip", request.base_path))?);
            let base_path = under_work(&request.base_path)?;
            let request = LoadTorchBundle { base_path, name: request.name.clone() };
            session.load_torch_bundle(&request).map(|loaded| answer(Value::from(&loaded)))
        }
        Action::RunCdiExampleTorch(request) => {
            point_at_output(&request.config, scope);
            let request = RunCdiExampleTorch {
                train_data: under_work(&request.train_data)?,
                config: config(&request.config, scope)?,
                name: request.name.clone(),
            };
            session.run_cdi_example_torch(&request).map(|workflow| answer(Value::from(&workflow)))
        }
        Action::LoadInferenceBundleTorch(request) => {
            scope.point_at(scope.sandbox.path(&request.bundle_dir)?.join(ARCHIVE_NAME));
            let bundle_dir = under_work(&request.bundle_dir)?;
            let request = LoadInferenceBundleTorch { bundle_dir, name: request.name.clone() };
            session.load_inference_bundle_torch(&request).map(|loaded| answer(Value::from(&loaded)))
        }
        Action::RunCdiExampleWithBackend(request) => {
            point_at_output(&request.config, scope);
            let request = RunCdiExampleWithBackend {
                train_data: under_work(&request.train_data)?,
                config: config(&request.config, scope)?,
                name: request.name.clone(),
            };
            session.run_cdi_example_with_backend(&request).map(|workflow| answer(Value::from(&workflow)))
        }
        Action::LoadInferenceBundleWithBackend(request) => {
            scope.point_at(scope.sandbox.path(&request.bundle_dir)?.join(ARCHIVE_NAME));
            let request = LoadInferenceBundleWithBackend {
                bundle_dir: under_work(&request.bundle_dir)?,
                config: config(&request.config, scope)?,
                ..request.clone()
            };
            session.load_inference_bundle_with_backend(&request).map(|loaded| answer(Value::from(&loaded)))
        }
        Action::LoadDataset(request) => {
            let request = LoadDataset { path: under_work(&request.path)?, name: request.name.clone() };
            session.load_dataset(&request).map(|dataset| answer(Value::from(&dataset)))
        }
        Action::Forward(request) => {
            let request = Forward {
                models: left_under(&request.models),
                inputs: under_work(&request.inputs)?,
                ..request.clone()
            };
            session.forward(&request).map(|output| answer(Value::from(&output)))
        }
        Action::PlaceFixture(request) => {
            let bytes = suite.fixture(&request.fixture).map_err(|error| error.to_string())?;
            scope.sandbox.place(&request.at, &bytes)?;
            Ok(None)
        }
        Action::ReadSidecar(request) => {
            let bytes = suite.fixture(&request.fixture).map_err(|error| error.to_string())?;
            Ok(Some(serde_json::from_slice(&bytes).map_err(|error| error.to_string())?))
        }
        Action::CopyFile(request) => {
            match fs::read(scope.sandbox.path(&request.from)?) {
                Ok(bytes) => {
                    scope.sandbox.place(&request.to, &bytes)?;
                    Ok(None)
                }
                // What is not there is what the implementation has not written.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let message = format!("{} does not exist, and cannot be copied", request.from);
                    Err(Refusal::new(RefusalKind::NotFound, message))
                }
                Err(error) => return Err(format!("{} cannot be read: {error}", request.from)),
            }
        }
        Action::AlterBundle(request) => {
            let path = scope.sandbox.path(&format!("{}.zip", request.base_path))?;
            scope.point_at(path.clone());
            alter(&path, &resolved(&request.change, scope)?).map(|changed| answer(Value::Map(changed)))
        }
    })
}

/// The change with everything that begins with `$` in the place of its name.
fn resolved(change: &Alteration, scope: &Scope) -> Result<Alteration, String> {
    let mut change = change.clone();
    if let Alteration::SetParam { value, .. } | Alteration::SetManifest { value, .. } = &mut change {
        *value = scope.resolve(value)?;
    }
    Ok(change)
}

/// What `$archive` is after a workflow: the archive in its output directory.
fn point_at_output(config: &ConfigRequest, scope: &mut Scope) {
    let output = config.values.get("output_dir").and_then(Value::as_text);
    if let Some(Ok(directory)) = output.map(|text| scope.sandbox.path(text)) {
        scope.point_at(directory.join(ARCHIVE_NAME));
    }
}

fn config(request: &ConfigRequest, scope: &Scope) -> Result<ConfigRequest, String> {
    Ok(ConfigRequest { kind: request.kind, values: scope.resolve_map(&request.values)? })
}
