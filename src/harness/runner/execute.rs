//! Runs one check on one implementation, step by step.

use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    case_session::CaseSession,
    context::{Context, Observed, StepObservation},
    effects::{Performed, Watch},
    failure::{asked, failure},
    file_states::MAX_READ_BYTES,
    first_process::FirstProcesses,
    outcome::{Ended, ExpectationOutcome, StepOutcome},
    sandbox::Sandbox,
    shown,
    witness::{Judged, Witness},
};
use crate::{
    fs_util::read_regular,
    harness::{
        contract::{
            Contract, Deadline, EVENTS, Effect, Field, FieldRole, HarnessStep, Implementation,
            MAX_FILE_BYTES, Notices, Operation, OwnFixtures, RESTART, Refusal, RefusalKind, Response,
            Session, SessionContext, SessionError, WARNINGS, WITHOUT_MODULES,
        },
        suite::{
            Action, CaseEnvironment, Check, CopyFile, Expectation, ExpectationKind, NamedExpectation, Step,
            Suite,
        },
    },
    value::{Map, Value},
};

/// How a check ended, and its sandbox for inspection.
pub(super) struct Finished {
    pub(super) ended: Ended,
    pub(super) context: Context,
    /// The number of the process in which it ran; None for this process.
    pub(super) process: Option<u32>,
}

/// The environment of a check, except for its sandbox.
pub(super) struct CheckEnv<'a> {
    pub(super) suite: &'a Suite,
    pub(super) environment: &'a BTreeMap<String, String>,
    /// The deadline of the check.
    pub(super) until: Deadline,
    /// Set when the worker has stopped waiting: no further step is run.
    pub(super) cancelled: &'a AtomicBool,
    /// The first step that is judged.
    pub(super) judged_from: usize,
    /// Whether differences are explained.
    pub(super) explains: bool,
    pub(super) on_step: &'a dyn Fn(StepOutcome),
    pub(super) first: &'a FirstProcesses,
    pub(super) witness: Option<&'a dyn Witness>,
}

/// Runs a check to the end, or to the first step that fails, and reports each step.
pub(super) fn run(
    check: &Check,
    implementation: &dyn Implementation,
    sandbox: Sandbox,
    env: &CheckEnv<'_>,
) -> Finished {
    let given = match given_context(check, &sandbox, env) {
        Ok(given) => given,
        Err(detail) => {
            let context = Context::new(env.suite.contract(), sandbox);
            return Finished { ended: Ended::HarnessError { detail }, context, process: None };
        }
    };
    let mut context = Context::new(env.suite.contract(), sandbox);
    if check.environment.directory.is_some() {
        context.make_paths_absolute();
    }
    context.explains = env.explains;
    if let Some(need) = lacking(check, env.suite, implementation) {
        return Finished { ended: Ended::Unsupported { need }, context, process: None };
    }
    let own = fixtures_of(check, implementation);
    let restarts = check.steps.iter().filter(|step| matches!(step.action, Action::Restart)).count();
    let mut session = CaseSession::start(implementation, given, restarts);
    let process = session.process();
    let fixtures = Fixtures { suite: env.suite, own };
    let mut watch = Watch::new(env.suite, implementation, env.first);
    let ended = steps(check, &mut session, &mut context, &fixtures, (env, implementation, &mut watch));
    let ended = match session.finish() {
        // A late protocol error does not hide a failure of the harness.
        Some(lost) if !matches!(ended, Ended::HarnessError { .. } | Ended::NotRun { .. }) => lost.into(),
        _ => ended,
    };
    Finished { ended, context, process }
}

/// What a check needs that an implementation does not support: an operation or a capability, a fixture that it could not
/// make, or what its era lacks.
pub fn lacking(check: &Check, suite: &Suite, implementation: &dyn Implementation) -> Option<String> {
    let unsupported = || check.needs().find(|need| !implementation.supports(need)).map(str::to_owned);
    let unmade = || {
        let own = fixtures_of(check, implementation)?;
        check.steps.iter().find_map(|step| own.lacks(step.action.fixture()?))
    };
    unsupported().or_else(|| lacking_in_era(check, suite, implementation.era()?)).or_else(unmade)
}

/// The fixtures of the implementation that replace those of the suite, if it has any for what the check needs.
fn fixtures_of<'i>(check: &Check, implementation: &'i dyn Implementation) -> Option<&'i OwnFixtures> {
    check.needs().find_map(|need| implementation.fixtures(need))
}

/// The directory, the variables and the deadline of the session.
fn given_context(check: &Check, sandbox: &Sandbox, env: &CheckEnv<'_>) -> Result<SessionContext, String> {
    let CaseEnvironment { variables, directory, without, max_file_bytes } = &check.environment;
    let mut own = variables.clone();
    if !without.is_empty() {
        own.insert(WITHOUT_MODULES.to_owned(), without.join(","));
    }
    own.extend(max_file_bytes.map(|most| (MAX_FILE_BYTES.to_owned(), most.to_string())));
    let root =
        directory.as_deref().map_or_else(|| Ok(sandbox.root().to_owned()), |text| sandbox.path(text))?;
    fs::create_dir_all(&root)
        .map_err(|error| format!("failed to create the directory of the case: {error}"))?;
    let mut environment = env.environment.clone();
    environment.extend(sandbox.outside().variables());
    Ok(SessionContext::new(root, environment)
        .with_own_variables(own)
        .with_deadline(env.until)
        .with_needs(check.needs().map(str::to_owned).collect()))
}

/// What a check needs that an era lacks: another era, if every expectation is about a requirement that this one does not
/// state, or a kind or field of a configuration.
fn lacking_in_era(check: &Check, suite: &Suite, era: &str) -> Option<String> {
    let expectations = check.steps.iter().flat_map(|step| &step.expectations);
    let mut others = expectations.map(|named| other_eras(suite, &named.expectation.about, era)).peekable();
    let first = others.peek().cloned().flatten();
    if let Some(first) = first.filter(|_| others.all(|other| other.is_some())) {
        return Some(first);
    }
    let era = suite.contract().era(era)?;
    let used = check.uses(suite.contract());
    used.iter().find_map(|name| Some(format!("{name} ({})", era.why_lacking(name)?)))
}

/// The eras that state one of these requirements, if this one does not: `era 2025-10 or main`.
fn other_eras(suite: &Suite, about: &[String], era: &str) -> Option<String> {
    let mut requirements = about.iter().filter_map(|id| suite.requirement(id));
    let other = requirements.find(|requirement| !requirement.is_of(era))?;
    let names: Vec<&str> = other.eras.iter().map(|era| era.get_ref().as_str()).collect();
    Some(format!("era {}", names.join(" or ")))
}

/// Where fixtures are read from.
struct Fixtures<'a> {
    suite: &'a Suite,
    /// Those of the implementation, which replace those of the suite.
    own: Option<&'a OwnFixtures>,
}

impl Fixtures<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let read = self.own.map_or_else(|| self.suite.fixture(path), |own| own.read(path));
        read.map_err(|error| error.to_string())
    }
}

fn steps(
    check: &Check,
    session: &mut dyn Session,
    context: &mut Context,
    fixtures: &Fixtures<'_>,
    (env, implementation, watch): (&CheckEnv<'_>, &dyn Implementation, &mut Watch<'_>),
) -> Ended {
    if let Some(lost) = session.lost() {
        return lost.into();
    }
    // What is judged is shown to the witness with the names of the check and the implementation.
    let show = |expectation: &NamedExpectation, holds: bool, facts: &Context| {
        if let Some(witness) = env.witness {
            let (check, implementation) = (check.id.as_str(), implementation.name());
            witness.judged(&Judged { check, implementation, expectation, holds }, facts);
        }
    };
    let line = check.steps.first().map_or(0, |step| step.line);
    let mut violations = watch.begin(session, context, line);
    for (index, step) in check.steps.iter().enumerate() {
        if env.cancelled.load(Ordering::Relaxed) {
            return Ended::NotRun { detail: None };
        }
        if index == env.judged_from {
            watch.see_all_files(session, &context.sandbox);
        }
        let judging = (index >= env.judged_from).then_some(&show as &ShowFn<'_>);
        let mut outcome = match run_step(step, session, fixtures, context, (watch, &mut violations), judging)
        {
            Ok(outcome) => outcome,
            Err(StepError::Session(lost)) => return lost.into(),
            Err(StepError::Harness(detail)) => {
                let detail = format!("line {}: {}: {detail}", step.line, step.action.name());
                return Ended::HarnessError { detail };
            }
            Err(StepError::Crash(refusal, expectations)) => {
                let detail = crash_detail(step, &refusal);
                let left_files = !expectations.is_empty();
                // The step is recorded for its traceback; its other expectations were not reached.
                (env.on_step)(StepOutcome {
                    operation: step.action.name().to_owned(),
                    line: step.line,
                    may_be_refused: step.may_be_refused(),
                    refused: Some(refusal),
                    asked: asked(env.suite.contract(), &step.action),
                    expectations,
                });
                return if left_files { Ended::Completed } else { Ended::Crash { detail } };
            }
        };
        let failed = outcome.expectations.iter().any(|expectation| expectation.failure.is_some());
        // A refusal without an expectation about it is a failure, even if everything else holds.
        let stopped = outcome.refused.is_some() && !step.may_be_refused() && !failed;
        // A violated effect does not end the check: what the case is about can still be seen.
        outcome.expectations.append(&mut violations);
        (env.on_step)(outcome);
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
enum StepError {
    Session(SessionError),
    Harness(String),
    /// The implementation failed with an internal error, after it had left files: the failed expectations that there are
    /// none.
    Crash(Refusal, Vec<ExpectationOutcome>),
}

impl From<String> for StepError {
    fn from(detail: String) -> Self {
        Self::Harness(detail)
    }
}

/// Shows what is judged to the witness: an expectation, whether it holds, and the facts.
type ShowFn<'s> = dyn Fn(&NamedExpectation, bool, &Context) + 's;

/// Performs a step and judges its expectations, if it is to be judged. The violated effects are added to `violations`.
fn run_step(
    step: &Step,
    session: &mut dyn Session,
    fixtures: &Fixtures<'_>,
    context: &mut Context,
    (watch, violations): (&mut Watch<'_>, &mut Vec<ExpectationOutcome>),
    judging: Option<&ShowFn<'_>>,
) -> Result<StepOutcome, StepError> {
    let contract = fixtures.suite.contract();
    let request = match &step.action {
        Action::Operation(operation, fields) => resolved(operation.fields, fields, context)?,
        Action::Reset
        | Action::HarnessStep(..)
        | Action::PlaceFixture(_)
        | Action::ReadSidecar(_)
        | Action::CopyFile(_)
        | Action::RemoveFile(_)
        | Action::Restart
        | Action::Look(_) => Map::new(),
    };
    let file = file(&step.action, &context.sandbox);
    if let Some(file) = &file {
        context.point_at(file.clone());
    }
    // What was reported before the step is not about it.
    drop(session.notices());
    let response = act(&step.action, &request, session, fixtures, context)?;
    context.forget_description();
    let notices = session.notices();
    let effects = effects(&step.action, contract);
    let before = match effects {
        Some(_) => watch.observe(session),
        None => watch.observed().clone(),
    };
    if matches!(step.action, Action::Restart) && session.lost().is_none() {
        violations.extend(watch.begin(session, context, step.line));
    }
    if let Some(lost) = session.lost() {
        return Err(StepError::Session(lost));
    }
    let era = watch.era();
    let judged = |context: &Context, is_seen: &dyn Fn(&Expectation) -> bool| -> Vec<ExpectationOutcome> {
        let seen = step.expectations.iter().filter(|named| is_seen(&named.expectation));
        seen.map(|named| judged(step, named, context, (fixtures.suite, era), judging)).collect()
    };
    // Other expectations of a step that crashed would fail for the crash alone, whatever they are about.
    let crash = response.as_ref().err().filter(|refusal| refusal.kind == RefusalKind::Internal);
    if let Some(refusal) = crash.cloned().or_else(|| refused_observation(step, &before, watch.observed())) {
        let mut files = judged(context, &|own| matches!(own.condition, ExpectationKind::Absent(_)));
        files.retain(|own| own.failure.is_some());
        return Err(StepError::Crash(shown::refusal(context, &refusal), files));
    }
    if judging.is_some() {
        match effects {
            Some(effects) => {
                let performed = Performed {
                    operation: step.action.name(),
                    effects,
                    line: step.line,
                    request: &request,
                    file: file.as_deref(),
                    result: response.as_ref().map(Option::as_ref),
                };
                violations.extend(watch.judge(&performed, &before, session, context));
                context.allowed_files.clone_from(watch.allowed_files());
            }
            None => watch.see_files(&context.sandbox),
        }
    }

    let refusal = match response {
        Ok(response) => {
            if let (Some(name), Some(response)) = (step.action.response_name(), response) {
                context.remember(name, response);
            }
            None
        }
        Err(refusal) => Some(refusal),
    };
    let response = step.action.response_name().map(str::to_owned);
    let after = watch.observed().clone();
    let operation = step.action.name();
    context.enter(StepObservation { operation, response, refusal, before, after, notices: listed(notices) });

    // Expectations with `when = "refused"` apply only after a refusal.
    let refused = context.refusal().is_some();
    let expectations = judged(context, &|own| refused || !own.when_refused);
    let fails = !step.may_be_refused() || expectations.iter().any(|own| own.failure.is_some());
    Ok(StepOutcome {
        operation: step.action.name().to_owned(),
        line: step.line,
        may_be_refused: step.may_be_refused(),
        refused: context.refusal().map(|refusal| shown::refusal(context, refusal)),
        asked: context.refusal().filter(|_| fails).and_then(|_| asked(contract, &step.action)),
        expectations,
    })
}

/// An expectation of a step and whether it fails, unless the era of the implementation lacks what it is about.
fn judged(
    step: &Step,
    named: &NamedExpectation,
    context: &Context,
    (suite, era): (&Suite, Option<&str>),
    judging: Option<&ShowFn<'_>>,
) -> ExpectationOutcome {
    let skipped = era.and_then(|era| other_eras(suite, &named.expectation.about, era));
    let judge = |show: &ShowFn<'_>| {
        let failed = named.expectation.condition.judge(context).err();
        show(named, failed.is_none(), context);
        failed.map(|found| failure(context, step, named, &found))
    };
    ExpectationOutcome {
        name: named.name.clone(),
        line: named.line,
        because: named.expectation.because.clone(),
        about: named.expectation.about.clone(),
        failure: judging.filter(|_| skipped.is_none()).and_then(judge),
        skipped,
    }
}

/// The effects of what the implementation performs; None for a step of the harness.
fn effects(action: &Action, contract: &dyn Contract) -> Option<&'static [Effect]> {
    match action {
        Action::Reset => Some(contract.reset_effects()),
        Action::Operation(operation, _) => Some(operation.effects),
        Action::HarnessStep(..)
        | Action::PlaceFixture(_)
        | Action::ReadSidecar(_)
        | Action::CopyFile(_)
        | Action::RemoveFile(_)
        | Action::Restart
        | Action::Look(_) => None,
    }
}

/// The refusal to read an observable that an expectation needs: a crash, whatever its kind, because every implementation
/// must be able to read it.
fn refused_observation(step: &Step, before: &Observed, after: &Observed) -> Option<Refusal> {
    let is_needed =
        |name: &str| step.expectations.iter().any(|own| own.expectation.condition.needs_after(name));
    let mut all = before.iter().chain(after.iter()).filter(|(name, _)| is_needed(name));
    all.find_map(|(name, observed)| {
        let refusal = observed.as_ref().err()?.clone();
        let message = match refusal.kind {
            RefusalKind::Internal => refusal.message,
            kind => format!("{name} cannot be read: {kind}: {}", refusal.message),
        };
        Some(Refusal { kind: RefusalKind::Internal, message, ..refusal })
    })
}

/// `load_torch_bundle (line 12) raised KeyError: 'gridsize', in File "model_manager.py", line 40, in load`.
fn crash_detail(step: &Step, refusal: &Refusal) -> String {
    let (operation, line, message) = (step.action.name(), step.line, &refusal.message);
    let Some(native) = &refusal.native else { return format!("{operation} (line {line}) failed: {message}") };
    let place = native.traceback.lines().map(str::trim).rfind(|line| line.starts_with("File "));
    let place = place.map(|place| format!(", in {place}")).unwrap_or_default();
    format!("{operation} (line {line}) raised {}: {message}{place}", native.type_name)
}

/// The part of a response that a case can refer to, or a refusal; the outer error is a failure of the harness.
type Responded = Result<Result<Option<Value>, Refusal>, String>;

fn act(
    action: &Action,
    request: &Map,
    session: &mut dyn Session,
    fixtures: &Fixtures<'_>,
    context: &mut Context,
) -> Responded {
    match action {
        Action::Reset => Ok(session.reset().map(|()| None)),
        Action::Operation(operation, _) => Ok(operate(operation, request, session)),
        Action::HarnessStep(step, fields) => perform(step, fields, context),
        Action::PlaceFixture(request) => {
            let bytes = fixtures.read(&request.fixture)?;
            context.sandbox.place(&request.at, &bytes)?;
            Ok(Ok(None))
        }
        Action::ReadSidecar(request) => {
            let bytes = fixtures.read(&request.fixture)?;
            Ok(Ok(Some(serde_json::from_slice(&bytes).map_err(|error| error.to_string())?)))
        }
        Action::CopyFile(request) => copy_file(request, context),
        Action::RemoveFile(request) => Ok(context.sandbox.remove(&request.file).map(|()| None)),
        Action::Restart => Ok(session.call(RESTART, &Map::new()).map(|_| None)),
        Action::Look(_) => {
            let names = fixtures.suite.contract().observables().iter();
            let seen = names.map(|name| Ok(((*name).to_owned(), session.observe(name)?)));
            Ok(seen.collect::<Result<Map, Refusal>>().map(|seen| Some(Value::Map(seen))))
        }
    }
}

/// The notices of a step as the values of `$warnings` and `$events`.
fn listed(Notices { warnings, events }: Notices) -> Map {
    let list = |texts: Vec<String>| Value::List(texts.into_iter().map(Value::from).collect());
    Map::from_iter([(WARNINGS.to_owned(), list(warnings)), (EVENTS.to_owned(), list(events))])
}

fn operate(
    operation: &Operation,
    request: &Map,
    session: &mut dyn Session,
) -> Result<Option<Value>, Refusal> {
    session.call(operation.name, request).map(|mut response| match operation.response {
        Response::Nothing => None,
        Response::Fields(_) => Some(Value::Map(response)),
        Response::Inner(field) => response.shift_remove(field),
    })
}

/// The file that an operation is about. Cases can inspect only files below $work.
fn file(action: &Action, sandbox: &Sandbox) -> Option<PathBuf> {
    let Action::Operation(operation, fields) = action else { return None };
    sandbox.path(&(operation.file)(fields)?).ok()
}

/// Replaces every `$` reference in a request.
fn resolved(roles: &[Field], fields: &Map, context: &Context) -> Result<Map, String> {
    let role = |name: &str| roles.iter().find(|field| field.name == name).map(|field| field.role);
    fields.iter().map(|(name, value)| Ok((name.clone(), replaced(role(name), value, context)?))).collect()
}

fn replaced(role: Option<FieldRole>, value: &Value, context: &Context) -> Result<Value, String> {
    match (role, value) {
        (Some(FieldRole::Path), Value::Text(path)) => context.work_path(path).map(Value::from),
        (Some(FieldRole::Models), Value::Text(name)) => Ok(Value::from(name.trim_start_matches('$'))),
        (Some(FieldRole::Config | FieldRole::Values), value) => context.resolve(value),
        (
            Some(FieldRole::Path | FieldRole::Models | FieldRole::Plain | FieldRole::ResponseName) | None,
            value,
        ) => Ok(value.clone()),
    }
}

fn perform(step: &HarnessStep, fields: &Map, context: &mut Context) -> Responded {
    let file = (step.file)(fields).ok_or_else(|| format!("{} has no file", step.name))?;
    let path = context.sandbox.path(&file)?;
    context.point_at(path.clone());
    let request = resolved(step.fields, fields, context)?;
    let response = (step.run)(&path, &request)?;
    context.sandbox.claim(&file)?;
    Ok(response.map(|response| Some(Value::Map(response))))
}

fn copy_file(request: &CopyFile, context: &mut Context) -> Responded {
    match read_regular(&context.sandbox.path(&request.from)?, MAX_READ_BYTES) {
        Ok(bytes) => {
            context.sandbox.place(&request.to, &bytes)?;
            Ok(Ok(None))
        }
        // The implementation has not written the file, or something else; this is no failure of the harness.
        Err(error) => {
            let what = match error.kind() {
                io::ErrorKind::NotFound => "file not found".to_owned(),
                _ => error.to_string(),
            };
            let message = format!("failed to copy {}: {what}", request.from);
            Ok(Err(Refusal::new(RefusalKind::NotFound, message)))
        }
    }
}
