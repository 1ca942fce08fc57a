//! Rules of the suite and the runner, a row each.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/one_case.rs"]
mod one_case;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};

use bundleproof::{
    bundle::{
        BUNDLE,
        files::{read_bundle, read_dataset},
        implementations::{reference, reference::intensity_scale},
        operations::{
            BundleSession as _, OperationRequest as _,
            request::{ConfigRequest, SaveTorchBundle, SetParams},
        },
    },
    harness::{
        contract::{
            BuiltIn, BuiltInRole, Contract as _, Implementation, Native, Refusal, RefusalKind, Session,
            SessionContext, SessionError,
        },
        proof::{PROVEN, Proven},
        runner::{self, Ended, Implementations, Job, Options, Outcome, Phase},
        suite::{Source, Step, Suite, SuiteError},
    },
    value::{Digest, Map, Value},
};
use rstest::rstest;

use self::one_case::{GOOD, REQUIREMENTS, UNHURRIED, VARIANTS, suite_with};

/// A suite of one case, on disk.
fn suite_of(case: &str) -> (tempfile::TempDir, Result<Suite, Vec<SuiteError>>) {
    suite_with(case, REQUIREMENTS)
}

#[test]
fn the_good_case_of_these_tables_is_a_valid_suite() {
    let (_root, suite) = suite_of(GOOD);
    assert_eq!(suite.expect("a valid suite").checks().len(), 1);
}

#[rstest]
#[case::not_toml("title", "title = ", (1, 13), "")]
#[case::unknown_operation("do.set_params", "do.set_parms", (5, 4), "did you mean `set_params`?")]
#[case::unknown_field("{ values", "{ valus", (5, 19), "did you mean `values`?")]
#[case::unknown_expectation_kind("{ subset", "{ subst", (6, 18), "did you mean `subset`?")]
#[case::no_kind("subset = [{ N = 64 }, \"$params\"], ", "", (6, 16), "exactly one of equal, not_equal")]
#[case::two_kinds("because = \"64", "exists = \"$work/a\", because = \"64", (7, 16), "exactly one of")]
#[case::no_reason(", because = \"64 is not 65\"", "", (7, 16), "missing field `because`")]
#[case::unknown_name("\"$params.N\"", "\"$parms.N\"", (7, 16), "did you mean `params`?")]
#[case::unknown_requirement("[\"LOD-004\"]", "[\"LOD-OO4\"]", (2, 13), "did you mean `LOD-004`?")]
#[case::no_requirement("[\"LOD-004\"]", "[]", (1, 1), "lists no requirements")]
#[case::twice_the_requirement("[\"LOD-004\"]", "[\"LOD-004\", \"LOD-004\"]", (2, 24), "duplicate requirement LOD-004")]
#[case::unknown_implementation("on = \"stub\"", "on = \"stubb\"", (10, 6), "did you mean `stub`?")]
#[case::unknown_red_expectation("fails = \"fails\"", "fails = \"fail\"", (11, 9), "did you mean `fails`?")]
#[case::no_expectation("expect.holds = { subset = [{ N = 64 }, \"$params\"], because = \"what was set should be there\" }\nexpect.fails = { equal = [\"$params.N\", 65], because = \"64 is not 65\" }\n", "", (1, 1), "has no expectations")]
#[case::no_red("[[red]]\non = \"stub\"\nfails = \"fails\"", "", (1, 1), "missing [[red]] entry")]
#[case::unknown_key("title ", "titel ", (1, 1), "did you mean `title`?")]
#[case::unfilled("65", "\"${side}\"", (7, 40), "unknown example field")]
#[case::unknown_config_field("do.set_params = { values = { N = 64 } }", "do.update_legacy_dict = { config = { from = \"minimal\", gridsiz = 1 } }", (5, 56), "unknown configuration field")]
#[case::unknown_config("do.set_params = { values = { N = 64 } }", "do.update_legacy_dict = { config = \"minimla\" }", (5, 36), "did you mean `minimal`?")]
#[case::same_sides("[\"$params.N\", 65]", "[\"$params.N\", \"$params.N\"]", (7, 16), "so this always holds")]
#[case::looks_at_nothing("[\"$params.N\", 65]", "[64, 65]", (7, 16), "neither side refers to a $name")]
#[case::empty_part("[{ N = 64 }, \"$params\"]", "[{}, \"$params\"]", (6, 16), "first side is empty")]
#[case::no_keys("equal = [\"$params.N\", 65]", "missing_keys = [\"$params\", []]", (7, 16), "the list of keys is empty")]
#[case::says_nothing("equal = [\"$params.N\", 65]", "says = {}", (7, 16), "expected `mentions`, `omits` or `matches`")]
#[case::blank_mention("equal = [\"$params.N\", 65]", "says = { mentions = [\" \"] }", (7, 16), "found a blank text")]
#[case::mentioned_and_omitted("equal = [\"$params.N\", 65]", "says = { mentions = [\"N\"], omits = [\"N\"] }", (7, 16), "so this never holds")]
#[case::unknown_word_of_says("equal = [\"$params.N\", 65]", "says = { mention = [\"N\"] }", (7, 27), "did you mean `mentions`?")]
#[case::without_where_nothing_is_compared("equal = [\"$params.N\", 65]", "count = [\"$params\", 2], without = [\"N\"]", (7, 16), "only `equal` and `subset`")]
#[case::without_nothing("equal = [\"$params.N\", 65]", "equal = [\"$params\", 65], without = []", (7, 16), "after `without` is empty")]
#[case::without_everything("[{ N = 64 }, \"$params\"]", "[{ N = 64 }, \"$params\"], without = [\"N\"]", (6, 16), "first side is empty")]
#[case::close_to_itself("equal = [\"$params.N\", 65]", "close = [\"$params.N\", \"$params.N\", 0.5]", (7, 16), "so this always holds")]
#[case::negative_tolerance("equal = [\"$params.N\", 65]", "close = [\"$params.N\", 65, -0.5]", (7, 16), "tolerance of 0 or more")]
#[case::order_of_one("equal = [\"$params.N\", 65]", "order = [\"$events\", [\"train\"]]", (7, 16), "two or more items")]
#[case::expression_of_everything("equal = [\"$params.N\", 65]", "no_match = [\"$warnings\", \".*\"]", (7, 29), "matches every text")]
#[case::warnings_in_a_value("N = 64 } }", "N = \"$warnings\" } }", (5, 1), "name after $ in a value")]
#[case::unknown_word_of_an_environment("[\"LOD-004\"]", "[\"LOD-004\"]\nenvironment = { umask = \"077\" }", (3, 15), "unknown word \"umask\" in an environment")]
#[case::models_of_an_ended_process("do.set_params = { values = { N = 64 } }", "do.create_models = { config = \"minimal\", as = \"saved\" }\n\n[[steps]]\ndo.restart = {}\n\n[[steps]]\ndo.save_torch_bundle = { models = \"$saved\", base_path = \"$work/w\", config = \"minimal\" }", (11, 1), "unknown model reference")]
#[case::unseen_observable("do.set_params = { values = { N = 64 } }", "do.look = { as = \"seen\" }\nexpect.sees = { equal = [\"$seen.parms\", 1], because = \"\" }", (6, 15), "did you mean `params`?")]
#[case::part_of_a_text("65", "\"x${side}\"", (7, 40), "must be the whole value")]
#[case::unused_example_field("[[red]]", "[examples.one]\nside = 1\n\n[[red]]", (10, 1), "unused example field")]
#[case::unknown_name_in_a_value("N = 64 } }", "N = \"$nosuch\" } }", (5, 1), "name after $ in a value")]
#[case::params_in_a_value("N = 64 } }", "N = \"$params.N\" } }", (5, 1), "name after $ in a value")]
#[case::models_without_dollar("do.set_params = { values = { N = 64 } }", "do.save_torch_bundle = { models = \"saved\", base_path = \"$work/w\", config = \"minimal\" }", (5, 1), "unknown model reference")]
#[case::reserved_name("do.set_params = { values = { N = 64 } }", "do.load_torch_bundle = { base_path = \"$work/w\", as = \"none\" }", (5, 1), "is already in use")]
#[case::place_elsewhere("do.set_params = { values = { N = 64 } }", "do.load_torch_bundle = { base_path = \"w\", as = \"a\" }", (5, 1), "not a path below $work")]
#[case::file_elsewhere("equal = [\"$params.N\", 65]", "absent = \"$params\"", (7, 16), "not a path below $work")]
#[case::impossible_config("do.set_params = { values = { N = 64 } }", "do.update_legacy_dict = { config = { from = \"minimal\", nepochs = \"two\" } }", (5, 1), "nepochs: expected an int")]
#[case::crash_as_a_reason("fails = \"fails\"", "fails = \"fails\"\nreason = { kind = \"internal\" }", (12, 19), "`internal` is a crash")]
#[case::blank_reason("fails = \"fails\"", "fails = \"fails\"\nreason = { kind = \"mismatch\", mentions = [\" \"] }", (12, 42), "found a blank one")]
#[case::unknown_reason("fails = \"fails\"", "fails = \"fails\"\nreason = { kind = \"not_implementable\" }", (12, 19), "not_implemented")]
#[case::red_twice("[[red]]", "[[red]]\non = \"stub\"\nfails = \"fails\"\n\n[[red]]", (14, 6), "duplicate red entry")]
#[case::absent_fixture("do.set_params = { values = { N = 64 } }", "do.place_fixture = { fixture = \"nothing.zip\", at = \"$work/a\" }", (5, 1), "cannot read fixture \"nothing.zip\" (looked in ")]
#[case::escaping_fixture("do.set_params = { values = { N = 64 } }", "do.place_fixture = { fixture = \"../secret\", at = \"$work/a\" }", (5, 1), "invalid fixture path")]
fn an_error_has_a_line_and_a_column(
    #[case] right: &str,
    #[case] wrong: &str,
    #[case] position: (usize, usize),
    #[case] says: &str,
) {
    assert!(GOOD.contains(right), "the table is out of date: {right}");
    let (_root, suite) = suite_of(&GOOD.replacen(right, wrong, 1));
    let errors = suite.expect_err("an invalid suite");
    let told = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told.contains(says), "{told}");
    assert_eq!(errors[0].file, "cases/loader/it.toml");
    assert_eq!(errors[0].position(), position, "{told}");
}

/// The good case with a placeholder, and these lines after its list of requirements.
fn with_side(lines: &str) -> String {
    let case = GOOD.replace("\"$params.N\", 65", "\"$params.N\", \"${side}\"");
    case.replace("requires = [\"LOD-004\"]", &format!("requires = [\"LOD-004\"]\n{lines}"))
}

#[rstest]
#[case::alone("", &["loader/it[left]", "loader/it[right]"])]
#[case::with_examples(
    "\n[examples.one]\nn = 1\n\n[examples.two]\nn = 2\n",
    &["loader/it[one,left]", "loader/it[one,right]", "loader/it[two,left]", "loader/it[two,right]"]
)]
fn every_example_is_a_check_in_each_variant(#[case] examples: &str, #[case] ids: &[&str]) {
    let mut case = with_side("variants = \"doors\"") + examples;
    if !examples.is_empty() {
        case = case.replacen("N = 64", "N = \"${n}\"", 1);
    }
    let (_root, suite) = suite_of(&case);
    let suite = suite.expect("a valid suite");
    assert!(suite.checks().iter().map(|check| check.id.as_str()).eq(ids.iter().copied()));
    // The values of a variant are part of the digest.
    let digests: BTreeSet<_> = suite.checks().iter().map(|check| &check.case.digest).collect();
    assert_eq!(digests.len(), 1);
    let (root, _) = suite_of(&case);
    fs::write(root.path().join("variants.toml"), VARIANTS.replace("64", "66")).expect("a file");
    let names = Implementations::of(&BUNDLE.built_ins());
    let other = Suite::load(&BUNDLE, Source::disk(root.path()), &names.names()).expect("a valid suite");
    assert_ne!(other.checks()[0].case.digest, suite.checks()[0].case.digest);
}

#[rstest]
#[case::unknown_set(&with_side("variants = \"dors\""), "did you mean `doors`?")]
#[case::not_a_name(&with_side("variants = 3"), "unknown set of variants")]
#[case::unused(&GOOD.replace("requires", "variants = \"doors\"\nrequires"), "uses no field of the variants \"doors\"")]
#[case::twice(&(with_side("variants = \"doors\"") + "\n[examples.one]\nside = 1\n"), "\"side\" is also a field of the variant left")]
fn a_set_of_variants_must_exist_and_be_used(#[case] case: &str, #[case] says: &str) {
    let (_root, suite) = suite_of(case);
    let errors = suite.expect_err("an invalid suite");
    let told = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told.contains(says), "{told}");
}

/// How the implementation of a table row misbehaves in `set_params`.
#[derive(Clone, Copy, Debug)]
enum Misbehavior {
    None,
    Hangs,
    Panics,
    ForgetsParams,
    RefusesReset,
    RefusesValues,
    /// An internal error with a traceback.
    Crashes,
    /// The params cannot be read.
    CannotShowParams,
    /// The params cannot be read, and it says so with another kind.
    HasNoParams,
    IsNotImplemented,
    SeesNoEnvironment,
    AnswersTwice,
    IsNotAsked,
}

/// The reference, with one thing that it does not do.
struct Misbehaving(Misbehavior);

struct MisbehavingSession(Misbehavior, Box<dyn Session>);

impl Implementation for Misbehaving {
    fn name(&self) -> &str {
        "misbehaving"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn supports(&self, need: &str) -> bool {
        ["set_params", "create_models", "save_torch_bundle"].contains(&need)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        let told = |name| {
            context.environment().get(name).map(String::as_str)
                == BUNDLE.environment().iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
        };
        let how = match self.0 {
            // It works as it should where the variables that every check runs with have arrived.
            Misbehavior::SeesNoEnvironment if told("CUDA_VISIBLE_DEVICES") && told("MLFLOW_TRACKING_URI") => {
                Misbehavior::None
            }
            how => how,
        };
        Box::new(MisbehavingSession(how, reference().start(context)))
    }
}

impl Session for MisbehavingSession {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        match (operation, self.0) {
            ("reset", Misbehavior::RefusesReset) => {
                Err(Refusal::new(RefusalKind::Unsupported, "no reset in this version"))
            }
            (SetParams::NAME, Misbehavior::Crashes) => Err(crash()),
            ("params", Misbehavior::CannotShowParams) => Err(crash()),
            ("params", Misbehavior::HasNoParams) => {
                Err(Refusal::new(RefusalKind::NotImplemented, "NotImplementedError"))
            }
            (SetParams::NAME, Misbehavior::IsNotImplemented) => {
                Err(Refusal::new(RefusalKind::NotImplemented, "NotImplementedError: no params yet"))
            }
            (SetParams::NAME, Misbehavior::Hangs) => loop {
                thread::sleep(Duration::from_secs(1));
            },
            (SetParams::NAME, Misbehavior::Panics) => panic!("out of order"),
            (SetParams::NAME, Misbehavior::ForgetsParams | Misbehavior::SeesNoEnvironment) => Ok(Map::new()),
            (SetParams::NAME, Misbehavior::RefusesValues) => {
                Err(Refusal::new(RefusalKind::InvalidValue, "N must not be 64"))
            }
            _ => self.1.call(operation, fields),
        }
    }

    fn lost(&self) -> Option<SessionError> {
        match self.0 {
            Misbehavior::AnswersTwice => Some(SessionError::Protocol("two answers".to_owned())),
            Misbehavior::IsNotAsked => Some(SessionError::Skipped("skipped".to_owned())),
            _ => None,
        }
    }
}

/// What the Python kit sends for an unexpected exception.
fn crash() -> Refusal {
    let traceback = "Traceback (most recent call last):\n  File \"run.py\", line 3, in <module>\n    f()\n  File \"model.py\", line 9, in f\n    x()\nTypeError: missing 'probe'\n";
    let native = Native { type_name: "TypeError".to_owned(), traceback: traceback.to_owned() };
    Refusal { native: Some(Box::new(native)), ..Refusal::new(RefusalKind::Internal, "missing 'probe'") }
}

const REASON: &str = "fails = \"fails\"\nreason = { kind = \"not_implemented\", mentions = [\"no params\"] }";
const NEEDY: &str = "needs = [\"torch\"]\n\n[[steps]]";
const PREPARED: &str = "[[steps]]\ndo.reset = {}\n\n[[steps]]";
const EARLIER: &str = "[[steps]]\ndo.set_params = { values = { label = \"a\" } }\nexpect.labels = { equal = [\"$params.label\", \"a\"], because = \"it was set\" }\n\n[[steps]]";

fn outcome_of(case: &str, how: Misbehavior, phase: Phase) -> Outcome {
    let (_root, suite) = suite_of(case);
    let suite = Arc::new(suite.expect("a valid suite"));
    let check = &suite.checks()[0];
    let job = Job {
        must_fail: (phase == Phase::Red).then(|| "fails".to_owned()),
        reason: check.reason("stub", "fails").cloned().filter(|_| phase == Phase::Red),
        ..Job::new(check, Arc::new(Misbehaving(how)), phase)
    };
    let work = tempfile::tempdir().expect("a temporary directory");
    let deadline = match how {
        Misbehavior::Hangs => Duration::from_millis(300),
        Misbehavior::None
        | Misbehavior::Panics
        | Misbehavior::ForgetsParams
        | Misbehavior::RefusesReset
        | Misbehavior::RefusesValues
        | Misbehavior::Crashes
        | Misbehavior::CannotShowParams
        | Misbehavior::HasNoParams
        | Misbehavior::IsNotImplemented
        | Misbehavior::SeesNoEnvironment
        | Misbehavior::AnswersTwice
        | Misbehavior::IsNotAsked => UNHURRIED,
    };
    let options = Options { workers: 1, deadline, ..Options::default() };
    let mut outcomes = runner::run(&[job], &suite, work.path(), options, &AtomicBool::new(false), &|_| ());
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

#[rstest]
#[case::stated_expectation_fails(GOOD, Misbehavior::None, "proven")]
#[case::another_expectation_fails(&GOOD.replace("65]", "64]"), Misbehavior::ForgetsParams, "proven")]
#[case::only_another_fails(&GOOD.replace("equal = [\"$params.N\", 65]", "not_equal = [\"$params.N\", 64]"), Misbehavior::ForgetsParams, "wrong_expectation")]
#[case::nothing_fails(&GOOD.replace("65]", "64]"), Misbehavior::None, "unexpected_pass")]
#[case::set_up_fails(&GOOD.replacen("[[steps]]", PREPARED, 1), Misbehavior::RefusesReset, "set_up_error")]
#[case::needs_what_is_not_there(&GOOD.replacen("[[steps]]", NEEDY, 1), Misbehavior::None, "unsupported")]
#[case::an_earlier_step_fails(&GOOD.replacen("[[steps]]", EARLIER, 1), Misbehavior::ForgetsParams, "wrong_step")]
#[case::asks_for_what_cannot_be(GOOD, Misbehavior::RefusesValues, "masked_failure")]
#[case::hangs(GOOD, Misbehavior::Hangs, "timeout")]
#[case::panics(GOOD, Misbehavior::Panics, "crash")]
#[case::crashes(GOOD, Misbehavior::Crashes, "crash")]
#[case::crashes_where_that_is_read(GOOD, Misbehavior::CannotShowParams, "crash")]
#[case::has_nothing_to_read(GOOD, Misbehavior::HasNoParams, "crash")]
#[case::has_nothing_to_read_as_stated(&GOOD.replace("fails = \"fails\"", "fails = \"fails\"\nreason = { kind = \"wrong_result\" }"), Misbehavior::HasNoParams, "crash")]
#[case::is_not_implemented(GOOD, Misbehavior::IsNotImplemented, "wrong_reason")]
#[case::is_not_implemented_as_stated(&GOOD.replace("fails = \"fails\"", REASON), Misbehavior::IsNotImplemented, "proven")]
#[case::fails_for_another_reason(&GOOD.replace("fails = \"fails\"", REASON), Misbehavior::None, "wrong_reason")]
#[case::answers_otherwise(GOOD, Misbehavior::AnswersTwice, "protocol_error")]
#[case::is_not_asked(GOOD, Misbehavior::IsNotAsked, "not_run")]
fn only_the_stated_failure_is_red(#[case] case: &str, #[case] how: Misbehavior, #[case] word: &str) {
    let outcome = outcome_of(case, how, Phase::Red);
    assert_eq!(outcome.result_name(), word, "{outcome:#?}");
    assert_eq!(outcome.met_expectation(), word == "proven");
}

#[rstest]
#[case::all_hold(&GOOD.replace("65]", "64]"), Misbehavior::None, "pass")]
#[case::the_environment_arrives(&GOOD.replace("65]", "64]"), Misbehavior::SeesNoEnvironment, "pass")]
#[case::one_fails(GOOD, Misbehavior::None, "fail")]
#[case::set_up_fails(&GOOD.replace("65]", "64]").replacen("[[steps]]", PREPARED, 1), Misbehavior::RefusesReset, "fail")]
#[case::needs_what_is_not_there(&GOOD.replacen("[[steps]]", NEEDY, 1), Misbehavior::None, "unsupported")]
#[case::hangs(GOOD, Misbehavior::Hangs, "timeout")]
#[case::panics(GOOD, Misbehavior::Panics, "crash")]
fn only_a_check_whose_every_expectation_held_is_green(
    #[case] case: &str,
    #[case] how: Misbehavior,
    #[case] word: &str,
) {
    let outcome = outcome_of(case, how, Phase::Green);
    assert_eq!(outcome.result_name(), word, "{outcome:#?}");
    assert_eq!(outcome.met_expectation(), word == "pass");
}

#[rstest]
#[case::in_a_step(Misbehavior::Crashes)]
#[case::in_what_the_step_shows(Misbehavior::CannotShowParams)]
fn a_crash_is_one_failure_and_proves_nothing(#[case] how: Misbehavior) {
    for phase in [Phase::Red, Phase::Green] {
        let outcome = outcome_of(GOOD, how, phase);
        assert_eq!((outcome.result_name(), outcome.failed().count()), ("crash", 0), "{outcome:#?}");
        assert_eq!(outcome.steps.iter().flat_map(|step| &step.expectations).count(), 0);
        for expectation in ["holds", "fails"] {
            assert_eq!(outcome.failure_of(expectation, None).as_str(), "crash");
        }
        let Ended::Crash { detail } = &outcome.ended else { panic!("{outcome:#?}") };
        let place = "in File \"model.py\", line 9, in f";
        assert_eq!(detail, &format!("set_params (line 5) raised TypeError: missing 'probe', {place}"));
        let (step, refusal) = outcome.crashed_at().expect("the step that crashed");
        assert!(step.operation == "set_params" && refusal.native.is_some());
    }
}

#[test]
fn a_file_that_must_not_be_there_is_a_failure_of_a_step_that_crashed() {
    const WRITTEN: &str = "[[steps]]\ndo.create_models = { config = \"minimal\", seed = 7, as = \"saved\" }\n\n[[steps]]\ndo.save_torch_bundle = { models = \"$saved\", base_path = \"$work/a\", config = \"minimal\" }\n\n[[steps]]";
    let case = GOOD.replacen("[[steps]]", WRITTEN, 1);
    let of_file = |path: &str| {
        let absent = format!("absent = \"$work/{path}\"");
        let outcome = outcome_of(
            &case.replace("equal = [\"$params.N\", 65]", &absent),
            Misbehavior::Crashes,
            Phase::Green,
        );
        let failed: Vec<String> = outcome.failed().map(|(_, own)| own.name.clone()).collect();
        (outcome.result_name(), failed)
    };
    assert_eq!(of_file("a.zip"), ("fail", vec!["fails".to_owned()]));
    assert_eq!(of_file("b.zip"), ("crash", Vec::new()));
}

#[test]
fn a_refused_step_in_the_set_up_names_itself() {
    let case = GOOD.replacen("[[steps]]", PREPARED, 1);
    let outcome = outcome_of(&case, Misbehavior::RefusesReset, Phase::Red);
    let stopped = outcome.stopped_at().expect("a step that stopped it");
    assert_eq!((stopped.operation.as_str(), stopped.line), ("reset", 5));
    assert_eq!(outcome.failed().count(), 0);
}

/// Lines from this function, for the numbers below the first that is too many.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().concat()
}

#[test]
fn what_a_case_repeats_has_limits() {
    let holds = "expect.holds = {";
    let more =
        |count| lines(count, |at| format!("expect.e{at} = {{ exists = \"$work\", because = \"x\" }}\n"));
    let red = |count| lines(count, |at| format!("[[red]]\non = \"stub\"\nfails = \"e{at}\"\n\n"));
    let examples = |count, bytes: usize| {
        let examples = lines(count, |at| format!("\n[examples.e{at}]\nn = 1\n"));
        format!(
            "{}{examples}# {}\n",
            GOOD.replace("\"$params.N\", 65", "\"$params.N\", \"${n}\""),
            "x".repeat(bytes)
        )
    };
    let error = |case: &str| suite_of(case).1.expect_err("too much of it")[0].to_string();
    let steps = "[[steps]]\ndo.reset = {}\n\n".repeat(10_000) + "[[steps]]";
    let steps = error(&GOOD.replacen("[[steps]]", &steps, 1));
    assert!(steps.contains("more than 10000 steps in a case"), "{steps}");
    // The case has two expectations of its own.
    let most = GOOD.replacen(holds, &(more(9_998) + holds), 1);
    assert!(suite_of(&most).1.is_ok(), "as many as there may be");
    for case in [GOOD.replacen(holds, &(more(9_999) + holds), 1), format!("{most}\n{}", red(9_998).repeat(2))]
    {
        let error = error(&case);
        assert!(error.contains("more than 10000 expectations or red entries"), "{error}");
    }
    assert!(suite_of(&examples(20, 1 << 20)).1.is_ok(), "twenty checks in a file of a megabyte");
    let error = error(&examples(300, 1 << 20));
    assert!(error.contains("300 checks in a file of 10"), "{error}");
}

#[test]
fn what_is_outside_the_digest_does_not_change_it_and_what_is_inside_does() {
    let digest = |case: &str| suite_of(case).1.expect("a valid suite").checks()[0].case.digest.clone();
    let original = digest(GOOD);
    assert_eq!(original, digest(&GOOD.replace("A load restores params", "Another title")));
    assert_eq!(original, digest(&GOOD.replace("64 is not 65", "another reason")));
    assert_eq!(original, digest(&GOOD.replace("[[red]]", "# a comment\n[[red]]")));
    assert_ne!(original, digest(&GOOD.replace("\"$params.N\", 65", "\"$params.N\", 66")));
    assert_ne!(original, digest(&GOOD.replace("values = { N = 64 }", "values = { N = 64, gridsize = 1 }")));
    assert_ne!(original, digest(&GOOD.replace("fails = \"fails\"", "fails = \"holds\"")));
}

fn own_suite() -> Suite {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/bundle");
    Suite::load(&BUNDLE, Source::disk(&root), &Implementations::of(&BUNDLE.built_ins()).names())
        .expect("a valid suite")
}

#[test]
fn the_suite_in_the_program_is_the_one_on_disk() {
    let embedded = Suite::load(
        &BUNDLE,
        Source::Embedded(BUNDLE.suite()),
        &Implementations::of(&BUNDLE.built_ins()).names(),
    )
    .expect("a valid suite");
    let own = own_suite();
    assert_eq!(embedded.digest(), own.digest());
    assert_eq!(embedded.plans(), own.plans());
}

#[test]
fn every_operation_is_performed_by_a_case() {
    let suite = own_suite();
    for operation in BUNDLE.operations() {
        let performs = |step: &Step| step.action.operation().is_some_and(|own| own.name == operation.name);
        let performed = suite.checks().iter().any(|check| check.steps.iter().any(performs));
        assert!(performed, "no case performs {}", operation.name);
    }
}

#[test]
fn every_requirement_in_force_has_a_case_and_no_other_has() {
    let suite = own_suite();
    for requirement in suite.requirements() {
        let id = requirement.id.get_ref();
        let held = suite.checks().iter().any(|check| check.case.requires.contains(id));
        assert_eq!(held, requirement.needs_cases(), "{id}");
    }
}

#[test]
fn every_case_is_proven_as_it_is_now_and_no_other_is() {
    let suite = own_suite();
    let proven = Proven::from_toml(&suite.file(PROVEN).expect("proven.toml")).expect("a proof");
    let cases: BTreeSet<&str> = suite.checks().iter().map(|check| check.case.id.as_str()).collect();
    for check in suite.checks() {
        assert!(
            proven.is_current(&check.case),
            "{} was changed: run `bundleproof prove --suite conformance`",
            check.case.id
        );
    }
    assert!(proven.cases.keys().map(String::as_str).eq(cases));
    let breaks = |built_in: &BuiltIn| match &built_in.role {
        BuiltInRole::Mutant { breaks, .. } => {
            Some((built_in.implementation.name().to_owned(), breaks.clone().into_owned()))
        }
        BuiltInRole::Reference | BuiltInRole::Stub => None,
    };
    let mutants: BTreeMap<String, String> =
        suite.with_mutants(BUNDLE.built_ins()).iter().filter_map(breaks).collect();
    assert_eq!(proven.mutants, mutants);
}

#[rstest]
fn our_reader_finds_in_a_fixture_what_pytorch_says_is_in_it(
    #[values("gs1", "gs2", "n128", "sentinel", "dtypes", "unicode")] name: &str,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles").join(name);
    let said = fs::read(folder.join("sidecar.json")).expect("a sidecar");
    let said: Value = serde_json::from_slice(&said).expect("JSON");
    let found = Value::from(&read_bundle(&folder.join("wts.h5.zip")).expect("a bundle"));
    for part in ["version", "backend", "models", "snapshots"] {
        let of = |value: &Value| value.as_map().and_then(|map| map.get(part)).cloned();
        assert!(of(&said).is_some());
        assert_eq!(of(&found), of(&said), "{part}");
    }
}

#[rstest]
fn our_scale_of_a_dataset_is_the_one_that_numpy_computed(#[values("train_data", "test_data")] name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/datasets");
    let said = fs::read(folder.join(format!("{name}.json"))).expect("a sidecar");
    let said: Value = serde_json::from_slice(&said).expect("JSON");
    let data = read_dataset(&folder.join(format!("{name}.npz"))).expect("a dataset");
    let scale = said.as_map().and_then(|said| said.get("intensity_scale"));
    assert_eq!(scale, Some(&Value::Float(intensity_scale(&data, 1e9))));
    let bytes: Vec<u8> = data.diffraction.iter().flat_map(|amplitude| amplitude.to_le_bytes()).collect();
    let digest =
        said.as_map().and_then(|said| said.get("arrays")?.as_map()?.get("diff3d")?.as_map()?.get("sha256"));
    assert_eq!(digest, Some(&Value::from(Digest::of(&bytes).to_string())));
}

#[test]
#[cfg(unix)]
fn a_saved_archive_may_be_read_by_whoever_may_read_any_new_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = tempfile::tempdir().expect("a temporary directory");
    let mut session = reference().start(SessionContext::new(place.path().to_owned(), BTreeMap::new()));
    let config: ConfigRequest =
        serde_json::from_str(r#"{"kind": "training", "values": {"model": {"N": 64, "n_filters_scale": 1}}}"#)
            .expect("a configuration");
    let create =
        format!(r#"{{"config": {}, "as": "m"}}"#, r#"{"kind": "model", "values": {"n_filters_scale": 1}}"#);
    session.create_models(&serde_json::from_str(&create).expect("a request")).expect("models");
    let (models, base_path) = ("m".to_owned(), "wts.h5".to_owned());
    session
        .save_torch_bundle(&SaveTorchBundle { models, base_path, config, intensity_scale: None })
        .expect("a bundle");
    fs::write(place.path().join("plain"), "").expect("a file");
    let mode = |name: &str| fs::metadata(place.path().join(name)).expect("a file").permissions().mode();
    assert_eq!(mode("wts.h5.zip"), mode("plain"));
}
