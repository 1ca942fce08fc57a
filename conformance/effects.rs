//! Each effect of each operation is seen violated, and named after operation, effect and requirement.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use bundleproof::{
    bundle::{BUNDLE, implementations::reference},
    harness::{
        contract::{
            After, AllowedEffect, Contract, Effect, EffectRule, Implementation, Refusal, Session,
            SessionContext, WithAllowedEffects,
        },
        runner::{self, Implementations, Options, Outcome},
        suite::{Check, ExpectationKind, Source, Suite},
    },
    value::{Map, Value},
};

const RESET: &str = "reset";

/// The effect that the runner holds of every operation.
const OUTSIDE: &str = "outside";

/// How many checks are run at once until a violation is seen.
const CHUNK: usize = 8;

/// What the faulty implementation does after an operation.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Sets this param.
    Param(&'static str),
    /// Writes this file in the directory of the case.
    File(&'static str),
    /// Removes the file that the request is about.
    NoFile,
    /// Cuts that file off.
    Truncated,
    /// Writes a file in the directory that this variable names.
    Outside(&'static str),
    /// Replaces this field of the response with this value.
    Field(&'static str, &'static str),
    /// Changes the file that the request is about, as `alter_bundle` does.
    Change(&'static str),
}

/// The reference with a fault after an operation.
#[derive(Clone)]
struct Faulty {
    reference: Arc<dyn Implementation>,
    operation: &'static str,
    after: After,
    fault: Fault,
}

impl Implementation for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn supports(&self, need: &str) -> bool {
        self.reference.supports(need)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        let inner = self.reference.start(context.clone());
        Box::new(FaultySession { inner, context, faulty: self.clone() })
    }
}

struct FaultySession {
    inner: Box<dyn Session>,
    context: SessionContext,
    faulty: Faulty,
}

impl Session for FaultySession {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        let mut result = self.inner.call(operation, fields);
        if operation == self.faulty.operation && self.faulty.after.includes(result.is_err()) {
            self.act(operation, fields);
            if let (Fault::Field(path, value), Ok(response)) = (self.faulty.fault, &mut result) {
                replace(response, path, serde_json::from_str(value).expect("a value"));
            }
        }
        result
    }
}

impl FaultySession {
    fn act(&mut self, operation: &str, fields: &Map) {
        let contract: &dyn Contract = &BUNDLE;
        let file = contract.operation(operation).and_then(|operation| (operation.file)(fields));
        let file = file.map(|file| self.context.path(&file)).filter(|file| file.is_file());
        match self.faulty.fault {
            Fault::Param(key) => {
                let values = Map::from_iter([(key.to_owned(), Value::from("left over"))]);
                let fields = Map::from_iter([("values".to_owned(), Value::Map(values))]);
                self.inner.call("set_params", &fields).expect("a param that any process may have");
            }
            Fault::File(name) => fs::write(self.context.path(name), "stray").expect("a file"),
            Fault::NoFile => file.into_iter().for_each(|file| fs::remove_file(file).expect("removed")),
            Fault::Truncated => file.into_iter().for_each(|file| {
                let bytes = fs::read(&file).expect("the archive");
                fs::write(&file, &bytes[..bytes.len() / 2]).expect("a file");
            }),
            Fault::Outside(variable) => {
                let directory = Path::new(&self.context.environment()[variable]);
                fs::write(directory.join("left_over"), "stray").expect("a file");
            }
            Fault::Field(..) => {}
            Fault::Change(change) => {
                let change = serde_json::from_str::<Value>(change).expect("a change");
                // A sentinel has no weights that could change.
                if let (Some(file), Some(change)) = (file, change.as_map()) {
                    let _ = contract.change_file(&file, change);
                }
            }
        }
    }
}

/// Replaces what is at the dotted path.
fn replace(fields: &mut Map, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(fields.insert(path.to_owned(), value)),
        Some((name, rest)) => {
            if let Some(Value::Map(inner)) = fields.get_mut(name) {
                replace(inner, rest, value);
            }
        }
    }
}

fn suite() -> Arc<Suite> {
    let names = Implementations::of(&BUNDLE.built_ins());
    let source = Source::disk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/bundle"));
    Arc::new(Suite::load(&BUNDLE, source, &names.names()).expect("a valid suite"))
}

/// The checks with a step of this operation that is refused, or is not.
fn checks_of(suite: &Suite, operation: &str, after: After) -> Vec<Arc<Check>> {
    let is_one = |check: &&Arc<Check>| {
        check.steps.iter().filter(|step| step.action.name() == operation).any(|step| {
            let mut conditions = step.expectations.iter().map(|named| &named.expectation.condition);
            let refused = conditions.any(|condition| matches!(condition, ExpectationKind::Refused(_)));
            after.includes(refused)
        })
    };
    let mut checks: Vec<_> = suite.checks().iter().filter(is_one).cloned().collect();
    // Those in which a step is performed after each other one take longest.
    checks.sort_by_key(|check| check.steps.len());
    checks
}

fn run(checks: &[Arc<Check>], implementation: &Arc<dyn Implementation>, suite: &Arc<Suite>) -> Vec<Outcome> {
    let work = tempfile::tempdir().expect("a temporary directory");
    let jobs = runner::green(checks, implementation);
    runner::run(&jobs, suite, work.path(), Options::default(), &AtomicBool::new(false), &|_| ())
}

/// The requirements of the violation of this name, seen on the first checks on which there is one. No other operation is
/// blamed first: what comes later may follow from the fault.
fn seen(suite: &Arc<Suite>, faulty: Faulty, effect: &str) -> Option<Vec<String>> {
    let name = format!("{}.{effect}", faulty.operation);
    let checks = checks_of(suite, faulty.operation, faulty.after);
    let own = format!("{}.", faulty.operation);
    let faulty: Arc<dyn Implementation> = Arc::new(faulty);
    checks.chunks(CHUNK).find_map(|chunk| {
        let outcomes = run(chunk, &faulty, suite);
        let first = outcomes.iter().filter_map(|outcome| outcome.failed().next());
        let mut first = first.map(|(_, failed)| failed.name.as_str());
        let blamed = first.find(|other| other.contains('.') && !other.starts_with(&own));
        assert!(blamed.is_none(), "{name}: {blamed:?}");
        let mut failed = outcomes.iter().flat_map(Outcome::failed).map(|(_, failed)| failed);
        failed.find(|failed| failed.name == name).map(|failed| failed.about.clone())
    })
}

/// A fault that violates the effect of the operation.
fn fault(operation: &str, effect: &Effect) -> Fault {
    const NO_TENSORS: &str = r#"{"tensors": {}}"#;
    let writes = operation == "save_torch_bundle" || operation.starts_with("run_");
    match effect.rule {
        EffectRule::Agrees(_) if writes => match effect.name {
            "networks" => Fault::Change(r#"{"flip_bit": {"model": "autoencoder"}}"#),
            "models" => Fault::Field("models.autoencoder", NO_TENSORS),
            "snapshot" => Fault::Change(r#"{"set_param": {"key": "nepochs", "value": -1}}"#),
            "entries" => Fault::Change(r#"{"add_entry": {"entry": "notes.txt", "with": {"text": "x"}}}"#),
            "scale" => Fault::Change(r#"{"set_param": {"key": "intensity_scale", "value": 5.5}}"#),
            "scale_type" => Fault::Change(r#"{"set_param": {"key": "intensity_scale", "value": 1}}"#),
            "training" => Fault::Field("train_loss", "[]"),
            "images" => Fault::Field("amplitude", "1"),
            "backend" => Fault::Field("backend", "null"),
            other => panic!("{operation}.{other} has no fault"),
        },
        EffectRule::Agrees(_) => match effect.name {
            "value" => Fault::Field("value", "\"another\""),
            "networks" => Fault::Field("models.autoencoder", NO_TENSORS),
            "sentinels" => Fault::Field("models.autoencoder", r#"{"sentinel": {}}"#),
            "others" => Fault::Field("models.third", NO_TENSORS),
            "returned_params" => Fault::Field("params.N", "1"),
            "model" => Fault::Field("model", NO_TENSORS),
            "arrays" => Fault::Field("arrays.diff3d.sha256", "\"another\""),
            "types" => Fault::Field("arrays.xcoords.dtype", "\"float32\""),
            other => panic!("{operation}.{other} has no fault"),
        },
        EffectRule::Observable(..) if effect.name == "version" => Fault::Param("_version"),
        EffectRule::Observable(..) if effect.name == "renamed" => Fault::Param("probe.mask"),
        EffectRule::Observable(..) if effect.name == "kept" && effect.about == "CFG-010" => {
            Fault::Param("offset")
        }
        EffectRule::Observable(..) if ["bridged", "restored"].contains(&effect.name) => Fault::Param("N"),
        EffectRule::Observable(..) => Fault::Param("left_over"),
        EffectRule::Files(_) => Fault::File("left_over"),
        EffectRule::FileExists(_) => Fault::NoFile,
        EffectRule::FileIsValid(_) => Fault::Truncated,
    }
}

#[test]
fn each_effect_is_seen_violated_and_named() {
    let (suite, contract) = (suite(), &BUNDLE as &'static dyn Contract);
    let reset = [(RESET, contract.reset_effects())];
    let all = contract.operations().iter().map(|operation| (operation.name, operation.effects));
    let mut count = 0;
    for (operation, effects) in all.chain(reset) {
        // It needs libtorch. Its effects are those of load_dataset.
        if operation == "forward" {
            continue;
        }
        assert!(!effects.is_empty(), "{operation} has no effects");
        for effect in effects {
            let fault = fault(operation, effect);
            let faulty = Faulty { reference: reference(), operation, after: effect.after, fault };
            let found = seen(&suite, faulty, effect.name);
            assert_eq!(found.as_deref(), Some(&[effect.about.to_owned()][..]), "{operation}.{}", effect.name);
            count += 1;
        }
        for variable in ["HOME", "TMPDIR"] {
            let fault = Fault::Outside(variable);
            let faulty = Faulty { reference: reference(), operation, after: After::Either, fault };
            let found = seen(&suite, faulty, OUTSIDE);
            assert_eq!(found, Some(vec!["ENV-003".to_owned()]), "{operation} {variable}");
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn every_effect_is_about_a_requirement_in_force() {
    let (suite, contract) = (suite(), &BUNDLE as &'static dyn Contract);
    for (_, effect) in contract.effects() {
        let requirement = suite.requirement(effect.about);
        assert!(requirement.is_some_and(|requirement| requirement.superseded.is_none()), "{}", effect.about);
    }
    assert!(suite.requirement(contract.outside_violates().expect("an id")).is_some());
}

#[test]
fn what_an_implementation_allows_is_no_violation() {
    let suite = suite();
    let fault = Fault::File("left_over");
    let faulty = || -> Arc<dyn Implementation> {
        Arc::new(Faulty {
            reference: reference(),
            operation: "save_torch_bundle",
            after: After::Success,
            fault,
        })
    };
    let checks = checks_of(&suite, "save_torch_bundle", After::Success);
    let checks = &checks[..CHUNK];
    let allowed = |text: &str| toml::from_str::<AllowedEffect>(text).expect("an entry");
    let entry = "effect = \"save_torch_bundle.files\"\nreason = \"a lock\"\n";
    for (paths, violations) in [("paths = [\"left_*\"]", false), ("paths = [\"*.lock\"]", true), ("", false)]
    {
        let allowed = allowed(&format!("{entry}{paths}"));
        let implementation: Arc<dyn Implementation> =
            Arc::new(WithAllowedEffects::new(faulty(), vec![allowed.clone()]));
        let outcomes = run(checks, &implementation, &suite);
        let found = outcomes
            .iter()
            .flat_map(Outcome::failed)
            .any(|(_, failed)| failed.name == "save_torch_bundle.files");
        assert_eq!((found, allowed.is_used()), (violations, !violations), "{paths}");
    }
}

#[test]
fn a_process_that_begins_as_the_first_one_violates_the_cases_of_that_requirement_alone() {
    let suite = suite();
    let checks: Vec<_> =
        suite.checks().iter().filter(|check| check.id.starts_with("params/")).cloned().collect();
    let failed = |implementation: Arc<dyn Implementation>| {
        let outcomes = run(&checks, &implementation, &suite);
        let all = outcomes.iter().flat_map(|outcome| {
            outcome.failed().map(|(_, failed)| (outcome.check.clone(), failed.name.clone()))
        });
        all.collect::<Vec<_>>()
    };
    let begins = Implementations::of(&BUNDLE.built_ins()).get("begins_without_params");
    let found = failed(begins.expect("an implementation"));
    let own = ("params/new_process_has_defaults".to_owned(), "begins_with_the_defaults".to_owned());
    assert!(found.contains(&own), "{found:?}");
    assert!(found.iter().all(|(_, name)| name != "reset.params"), "{found:?}");
    // What a reset leaves behind is another matter.
    let fault = Fault::Param("left_over");
    let found =
        failed(Arc::new(Faulty { reference: reference(), operation: RESET, after: After::Either, fault }));
    assert!(found.iter().any(|(_, name)| name == "reset.params"), "{found:?}");
}

/// `save_torch_bundle.files` and so on, as the guide lists the effects of an operation.
fn row(operation: &str, effects: &[Effect]) -> String {
    let effects: Vec<String> =
        effects.iter().map(|effect| format!("`{}` {}", effect.name, effect.about)).collect();
    format!("| `{operation}` | {} |\n", effects.join(", "))
}

#[test]
fn the_guide_lists_every_effect() {
    let contract = &BUNDLE as &'static dyn Contract;
    let operations = contract.operations().iter().map(|operation| row(operation.name, operation.effects));
    let table: String = operations.chain([row(RESET, contract.reset_effects())]).collect();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/README.md");
    let guide = fs::read_to_string(guide).expect("the guide");
    assert!(guide.contains(&table), "the table in the section Effects should be:\n{table}");
}
