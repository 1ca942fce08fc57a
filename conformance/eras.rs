//! Eras of a contract: what the era of an implementation does not state is not judged, and what it lacks is not asked.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/one_case.rs"]
mod one_case;

use std::sync::{Arc, atomic::AtomicBool};

use bundleproof::{
    bundle::implementations::reference,
    harness::{
        contract::{Implementation, Session, SessionContext},
        report,
        runner::{self, Options, Outcome, Phase},
    },
};
use rstest::rstest;

use self::one_case::{GOOD, REQUIREMENTS, UNHURRIED, suite_with};

/// The reference in an era.
struct OfEra(&'static str);

impl Implementation for OfEra {
    fn name(&self) -> &str {
        "of_an_era"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn supports(&self, _need: &str) -> bool {
        true
    }

    fn era(&self) -> Option<&str> {
        Some(self.0)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        reference().start(context)
    }
}

/// The requirement of the tables in two eras, and another one in all.
const OF_ERAS: &str = "eras = [\"2025-11\", \"main\"]\n\n[[requirements]]\nid = \"LOD-005\"\nlevel = \"MUST\"\nstatement = \"None is restored.\"\nsource = \"test\"\nauthority = \"ours\"\n";

const ABOUT_BOTH: (&str, &str) =
    ("because = \"what was set", "about = [\"LOD-005\"], because = \"what was set");

/// A case that fails at an expectation about LOD-004, and another one that holds.
fn of_era(case: &str, era: &'static str) -> Outcome {
    let (_root, suite) = suite_with(case, &(REQUIREMENTS.to_owned() + OF_ERAS));
    let suite = Arc::new(suite.expect("a valid suite"));
    let implementation: Arc<dyn Implementation> = Arc::new(OfEra(era));
    let jobs = runner::green(suite.checks(), &implementation);
    let work = tempfile::tempdir().expect("a temporary directory");
    let options = Options { workers: 1, deadline: UNHURRIED, ..Options::default() };
    runner::run(&jobs, &suite, work.path(), options, &AtomicBool::new(false), &|_| ()).remove(0)
}

#[rstest]
#[case::stated("main", "fail", None)]
#[case::not_stated("refactor", "unsupported", Some("era 2025-11 or main"))]
fn a_check_of_other_eras_is_skipped(
    #[case] era: &'static str,
    #[case] word: &str,
    #[case] needs: Option<&str>,
) {
    let outcome = of_era(GOOD, era);
    assert_eq!(outcome.result_name(), word, "{outcome:#?}");
    assert_eq!(outcome.lacking(), needs);
}

#[test]
fn an_expectation_of_other_eras_is_skipped_and_the_others_are_judged() {
    let both = GOOD
        .replace("[\"LOD-004\"]", "[\"LOD-004\", \"LOD-005\"]")
        .replace(ABOUT_BOTH.0, ABOUT_BOTH.1)
        .replace("because = \"64 is", "about = [\"LOD-004\"], because = \"64 is");
    let outcome = of_era(&both, "main");
    assert_eq!((outcome.result_name(), outcome.failed().count()), ("fail", 1), "{outcome:#?}");
    let outcome = of_era(&both, "refactor");
    assert_eq!((outcome.result_name(), outcome.failed().count()), ("pass", 0), "{outcome:#?}");
    let skipped: Vec<_> = outcome.steps[0].expectations.iter().map(|own| own.skipped.as_deref()).collect();
    assert_eq!(skipped, [None, Some("era 2025-11 or main")]);
    assert_eq!(outcome.failure_of("fails", None).as_str(), "unsupported");
    let red = Outcome { phase: Phase::Red, must_fail: Some("fails".to_owned()), ..outcome.clone() };
    let said = report::ending(&red);
    assert_eq!(said.as_deref(), Some("skipped: requires era 2025-11 or main"));
    // The only other expectation is not judged either: it waits for a refusal.
    let waiting = both.replace("because = \"what was", "when = \"refused\", because = \"what was");
    assert_eq!(of_era(&waiting, "refactor").result_name(), "unsupported");
    let broken = both
        .replace("equal = [\"$params.N\", 65]", "equal = [\"$params.N\", 64]")
        .replace("{ N = 64 }, \"$p", "{ N = 63 }, \"$p");
    assert_eq!(of_era(&broken, "refactor").result_name(), "fail", "what is stated is judged");
}

#[rstest]
#[case("optimizer = \"adam\"", "2025-11", Some("training.optimizer (since main)"))]
#[case("optimizer = \"adam\"", "main", None)]
#[case("model = { N = 64, fno_width = 8 }", "2025-10", Some("model.fno_width (since main)"))]
#[case("n_groups = 5", "torch-manifest-v1", Some("training.n_groups (until refactor)"))]
#[case("nepochs = 5", "2025-10", None)]
fn a_check_with_fields_that_an_era_lacks_is_skipped(
    #[case] field: &str,
    #[case] era: &'static str,
    #[case] needs: Option<&str>,
) {
    let action = "do.set_params = { values = { N = 64 } }";
    let bridge = format!("do.update_legacy_dict = {{ config = {{ from = \"minimal\", {field} }} }}");
    let case = GOOD.replace(action, &bridge).replace("LOD-004", "LOD-005");
    let outcome = of_era(&case, era);
    assert_eq!(outcome.lacking(), needs, "{outcome:#?}");
}

#[test]
fn an_unknown_era_is_an_error_with_its_place() {
    let requirements = REQUIREMENTS.to_owned() + "eras = [\"2025-12\"]\n";
    let errors = suite_with(GOOD, &requirements).1.expect_err("an unknown era");
    let told = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told.contains("requirements/loader.toml:7:9: unknown era \"2025-12\""), "{told}");
}
