//! Holds the declared effects of operations after every step: what they do to observables and files.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    context::{Context, Observed},
    file_states::{FileChange, FileStates},
    first_process::FirstProcesses,
    outcome::{ExpectationOutcome, Failure},
    sandbox::Sandbox,
    shown,
};
use crate::{
    harness::{
        contract::{
            Agreement, AllowedEffect, Contract, Effect, EffectRule, Era, Expected, Implementation, OUTSIDE,
            RESET, Refusal, ResultView, Session, StepView,
        },
        suite::{Mismatch, Suite},
    },
    value::{Map, Value, differences},
};

/// The most files that a violation names.
const MAX_FILES: usize = 6;

/// The state between the steps of a check: observables and files as the latest step of the implementation left them.
pub(super) struct Watch<'a> {
    suite: &'a Suite,
    era: Option<&'static Era>,
    allowed: &'a [AllowedEffect],
    allowed_files: BTreeSet<String>,
    observed: Observed,
    /// The name of the implementation, and what first processes showed.
    implementation: &'a str,
    first_processes: &'a FirstProcesses,
    /// What the first process of the implementation showed.
    first: Observed,
    files: FileStates,
    /// The directory with the home of the session, and its files.
    outside: (PathBuf, FileStates),
}

/// A performed step, before its effects are judged.
pub(super) struct Performed<'a> {
    /// The operation's name, or `reset`.
    pub(super) operation: &'a str,
    /// Its effects.
    pub(super) effects: &'static [Effect],
    /// The line of the step.
    pub(super) line: usize,
    /// The request, with every reference replaced.
    pub(super) request: &'a Map,
    /// The file that it is about.
    pub(super) file: Option<&'a Path>,
    /// The response as a case refers to it, or the refusal.
    pub(super) result: Result<Option<&'a Value>, &'a Refusal>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        suite: &'a Suite,
        implementation: &'a dyn Implementation,
        first_processes: &'a FirstProcesses,
    ) -> Self {
        Self {
            suite,
            era: implementation.era().and_then(|era| suite.contract().era(era)),
            allowed: implementation.allowed_effects(),
            allowed_files: BTreeSet::new(),
            observed: Observed::default(),
            implementation: implementation.name(),
            first_processes,
            first: Observed::default(),
            files: FileStates::default(),
            outside: Default::default(),
        }
    }

    /// Observes the state before the first step of a process, and judges whether it is that of a new one: as the contract
    /// says, or as in the first process of the implementation.
    pub(super) fn begin(
        &mut self,
        session: &mut dyn Session,
        context: &Context,
        line: usize,
    ) -> Vec<ExpectationOutcome> {
        let contract = self.suite.contract();
        self.observed = observe(session, contract);
        self.first = self.first_processes.of(self.implementation, &self.observed);
        self.see_files(&context.sandbox);
        self.see_outside(session, &context.sandbox);
        let effects = contract.reset_effects();
        let request = Map::new();
        let performed =
            Performed { operation: RESET, effects, line, request: &request, file: None, result: Ok(None) };
        let is_observable = |effect: &&Effect| matches!(effect.rule, EffectRule::Observable(..));
        let effects = effects.iter().filter(is_observable);
        let found = effects.filter_map(|effect| {
            self.is_held(effect, false).then_some(())?;
            let EffectRule::Observable(name, expected) = effect.rule else { return None };
            let difference = self.observable(name, expected, &performed, &self.observed)?;
            Some(self.violation(effect, &performed, difference, context))
        });
        found.collect()
    }

    /// The name of the implementation's era.
    pub(super) fn era(&self) -> Option<&'static str> {
        self.era.map(|era| era.name)
    }

    /// The observables as the latest step left them.
    pub(super) fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Sees the files that the harness placed, changed or removed.
    pub(super) fn see_files(&mut self, sandbox: &Sandbox) {
        self.files = FileStates::of(sandbox.root(), &self.files);
    }

    /// Sees all files before the first step that is judged.
    pub(super) fn see_all_files(&mut self, session: &dyn Session, sandbox: &Sandbox) {
        self.see_files(sandbox);
        self.see_outside(session, sandbox);
    }

    /// Sees the files of the home and the temporary directory, and returns those of before. Those of another process are
    /// not compared.
    fn see_outside(&mut self, session: &dyn Session, sandbox: &Sandbox) -> FileStates {
        if self.suite.contract().outside_violates().is_none() {
            return FileStates::default();
        }
        let directory = session.outside().unwrap_or_else(|| sandbox.outside().path());
        // Libraries make directories there before they need them.
        let now = FileStates::of(directory, &self.outside.1).of_files_only();
        let (before_in, before) = std::mem::replace(&mut self.outside, (directory.to_owned(), now));
        if before_in == directory { before } else { self.outside.1.clone() }
    }

    /// Observes the state after a step of the implementation, and returns what it was before.
    pub(super) fn observe(&mut self, session: &mut dyn Session) -> Observed {
        let after = observe(session, self.suite.contract());
        std::mem::replace(&mut self.observed, after)
    }

    /// The violations of a step, which [`Watch::observe`] has observed. `before` are the observables before it.
    pub(super) fn judge(
        &mut self,
        performed: &Performed<'_>,
        before: &Observed,
        session: &dyn Session,
        context: &Context,
    ) -> Vec<ExpectationOutcome> {
        // What has taken the place of the directory has nothing to do with the check, which ends because of it.
        if !context.sandbox.is_in_place() {
            return Vec::new();
        }
        let files_before = std::mem::take(&mut self.files);
        self.files = FileStates::of(context.sandbox.root(), &files_before);
        let outside_before = self.see_outside(session, &context.sandbox);
        // An operation that is not implemented yet may have done anything.
        if performed.result.is_err_and(|refusal| !refusal.kind.is_about_the_input()) {
            return Vec::new();
        }
        let mut changes = self.files.changes_since(&files_before);
        // What was refused may have made the directory that it would have written into.
        if performed.result.is_err() {
            changes.retain(|(path, _)| !self.files.is_empty_directory(path));
        }
        // Paths of files are relative to the directory of the case, as rules about files see them.
        let request = below(context.sandbox.root(), performed.request);
        let allowed = self.written_as_allowed(performed, &request, &changes);
        let held = performed.effects.iter().filter(|effect| self.is_held(effect, performed.result.is_err()));
        let mut found: Vec<ExpectationOutcome> = held
            .filter_map(|effect| {
                let difference = self.difference(effect, performed, &request, (before, &changes), context)?;
                Some(self.violation(effect, performed, difference, context))
            })
            .collect();
        let outside = self.outside.1.changes_since(&outside_before);
        found.extend(self.outside_violation(performed, &outside, context));
        self.allowed_files.extend(allowed);
        found
    }

    /// The files that were written although an effect excludes them, and that the implementation may write.
    fn written_as_allowed(
        &self,
        performed: &Performed<'_>,
        request: &Map,
        changes: &[(&str, FileChange)],
    ) -> Vec<String> {
        if self.allowed.is_empty() {
            return Vec::new();
        }
        let is_allowed = |path: &str| {
            performed.effects.iter().any(|effect| {
                let EffectRule::Files(permits) = effect.rule else { return false };
                let name = format!("{}.{}", performed.operation, effect.name);
                !permits(request, path) && self.is_allowed(&name, path)
            })
        };
        let written = changes.iter().filter(|(_, change)| *change == FileChange::Written);
        written.map(|(path, _)| *path).filter(|path| is_allowed(path)).map(str::to_owned).collect()
    }

    fn is_allowed(&self, effect: &str, path: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed.allows_file(effect, path))
    }

    /// The files that the implementation wrote so far because it may. No expectation about files counts them.
    pub(super) fn allowed_files(&self) -> &BTreeSet<String> {
        &self.allowed_files
    }

    /// Whether the effect is about such a step, and the suite and the era state its requirement.
    fn is_held(&self, effect: &Effect, refused: bool) -> bool {
        effect.after.includes(refused) && self.is_stated(effect.about)
    }

    fn is_stated(&self, requirement: &str) -> bool {
        let stated = self.suite.requirement(requirement);
        stated.is_some_and(|stated| {
            stated.superseded.is_none() && self.era.is_none_or(|era| stated.is_of(era.name))
        })
    }

    /// Expected and found, if the effect is violated and this is not allowed. Paths of `request` are relative to the
    /// directory of the case; `before` and `changes` are observables before the step and what it did to files.
    fn difference(
        &self,
        effect: &Effect,
        performed: &Performed<'_>,
        request: &Map,
        (before, changes): (&Observed, &[(&str, FileChange)]),
        context: &Context,
    ) -> Option<Mismatch> {
        let name = format!("{}.{}", performed.operation, effect.name);
        let found = match effect.rule {
            EffectRule::Observable(observable, expected) => {
                self.observable(observable, expected, performed, before)
            }
            EffectRule::Files(permits) => {
                let mut wrong: Vec<_> =
                    changes.iter().filter(|(path, _)| !permits(request, path)).copied().collect();
                wrong.retain(|(path, _)| !self.is_allowed(&name, path));
                (!wrong.is_empty()).then(|| Mismatch {
                    expected: "no other file changes".to_owned(),
                    actual: listed(&wrong),
                })
            }
            EffectRule::FileExists(path) => {
                let path = path(request).filter(|path| !self.files.contains(path))?;
                Some(Mismatch { expected: format!("a file at {path}"), actual: "no file".to_owned() })
            }
            EffectRule::FileIsValid(path) => {
                let path = path(request).filter(|path| self.files.contains(path))?;
                let stated = |requirement: &str| {
                    self.suite.requirement(requirement).is_none() || self.is_stated(requirement)
                };
                let file = context.sandbox.root().join(&path);
                let actual = self.suite.contract().check_file(&file, &stated)?;
                Some(Mismatch { expected: format!("{path} to pass the check of a file"), actual })
            }
            EffectRule::Agrees(compared) => {
                let Agreement { expected, actual } = compared(&ResultView {
                    request: performed.request,
                    response: performed.result.ok().flatten(),
                    responses: context.responses(),
                    before,
                    root: context.sandbox.root(),
                    file: performed.file,
                    described: performed.file.and_then(|_| context.description().ok()),
                    era: self.era,
                })?;
                let (expected, actual) = differences(&expected, &actual)?;
                Some(Mismatch { expected, actual })
            }
        };
        found.filter(|_| !self.allowed.iter().any(|allowed| allowed.allows(&name)))
    }

    /// Expected and found, if an observable is not what the contract computes. An observable that could not be read is
    /// not judged.
    fn observable(
        &self,
        name: &str,
        expected: fn(&StepView<'_>) -> Option<Expected>,
        performed: &Performed<'_>,
        before: &Observed,
    ) -> Option<Mismatch> {
        let (before, after) = (observed_map(before, name)?, observed_map(&self.observed, name)?);
        if performed.operation == RESET && observed_map(&self.first, name) == Some(after) {
            return None;
        }
        let view = StepView { request: performed.request, before, file: performed.file, era: self.era };
        let (expected, actual) = expected(&view)?.difference(before, after)?;
        Some(Mismatch { expected, actual })
    }

    /// The violation of a step that wrote, changed or removed files outside of the case.
    fn outside_violation(
        &self,
        performed: &Performed<'_>,
        changes: &[(&str, FileChange)],
        context: &Context,
    ) -> Option<ExpectationOutcome> {
        let about = self.suite.contract().outside_violates().filter(|about| self.is_stated(about))?;
        let name = format!("{}.{OUTSIDE}", performed.operation);
        let wrong: Vec<_> =
            changes.iter().filter(|(path, _)| !self.is_allowed(&name, path)).copied().collect();
        if wrong.is_empty() {
            return None;
        }
        let expected = "no file in the home or temporary directory changes".to_owned();
        let because = "files are written where the request says and nowhere else".to_owned();
        Some(ExpectationOutcome {
            name,
            line: performed.line,
            because,
            about: vec![about.to_owned()],
            failure: Some(shown::failure(context, &Mismatch { expected, actual: listed(&wrong) })),
            skipped: None,
        })
    }

    fn violation(
        &self,
        effect: &Effect,
        performed: &Performed<'_>,
        difference: Mismatch,
        context: &Context,
    ) -> ExpectationOutcome {
        ExpectationOutcome {
            name: format!("{}.{}", performed.operation, effect.name),
            line: performed.line,
            because: effect.because.to_owned(),
            about: vec![effect.about.to_owned()],
            failure: Some(Failure {
                spoils_file: matches!(effect.rule, EffectRule::FileExists(_) | EffectRule::FileIsValid(_)),
                ..shown::failure(context, &difference)
            }),
            skipped: None,
        }
    }
}

/// A request in which paths below this directory are relative to it.
fn below(root: &Path, request: &Map) -> Map {
    request.iter().map(|(name, value)| (name.clone(), relative(root, value))).collect()
}

fn relative(root: &Path, value: &Value) -> Value {
    let inside = |text: &str| Path::new(text).strip_prefix(root).ok()?.to_str().map(str::to_owned);
    match value {
        Value::Text(text) => inside(text).map_or_else(|| value.clone(), Value::Text),
        Value::Path(path) => inside(path).map_or_else(|| value.clone(), Value::Path),
        Value::Map(map) => Value::Map(below(root, map)),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Tuple(_)
        | Value::Set(_)
        | Value::Python(_) => value.clone(),
    }
}

/// The observable of this name, if it was read.
fn observed_map<'o>(observed: &'o Observed, name: &str) -> Option<&'o Map> {
    let Some(Ok(Value::Map(map))) = observed.get(name) else { return None };
    Some(map)
}

/// Reads every observable.
fn observe(session: &mut dyn Session, contract: &dyn Contract) -> Observed {
    Arc::new(contract.observables().iter().map(|name| (*name, session.observe(name))).collect())
}

/// `written out/wts.h5.zip.tmp, removed train_data.npz and 3 more`.
fn listed(changes: &[(&str, FileChange)]) -> String {
    let named = changes.iter().take(MAX_FILES).map(|(path, change)| format!("{change} {path}"));
    let named = named.collect::<Vec<_>>().join(", ");
    match changes.len().saturating_sub(MAX_FILES) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
