//! Mutants as data: errors in their files, what they are known as, and a suite on disk that proves its case with one.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use bundleproof::{
    bundle::BUNDLE,
    harness::{
        contract::Contract as _,
        runner::Implementations,
        suite::{Source, Suite},
    },
};
use rstest::rstest;

use self::place::{Place, err, out};

const REQUIREMENT: &str = r#"[[requirements]]
id = "OWN-001"
level = "MUST"
statement = "A value that was set is returned as it was set."
source = "the owner of this suite"
authority = "ours"
"#;

const CASE: &str = r#"title = "A value comes back"
requires = ["OWN-001"]

[[steps]]
do.set_params = { values = { my_key = "as it is" } }

[[steps]]
do.get_param = { key = "my_key", as = "found" }
expect.same_value = { equal = ["$found.value", "as it is"], because = "get_param should return what was set" }

[[red]]
on = "shouts"
fails = "same_value"
"#;

const MUTANT: &str = r#"[[mutants]]
id = "shouts"
breaks = "OWN-001"
operation = "get_param"
when = { request = [{ at = "key", is = "my_key" }] }
act = { response = { at = "value", change = { set = "AS IT IS" } } }
"#;

/// A suite of one requirement, one case and this file of mutants.
fn suite_with(mutants: &str) -> Place {
    let place = Place::new();
    place.write("suite/requirements/own.toml", REQUIREMENT);
    place.write("suite/cases/own/value_comes_back.toml", CASE);
    place.write("suite/mutants/own.toml", mutants);
    place
}

#[test]
fn a_suite_on_disk_proves_its_case_with_a_mutant_of_its_own() {
    let place = suite_with(MUTANT);
    let red =
        place.run(&["run", "--suite", "suite", "--case", "own/value_comes_back", "--phase", "red"]).code(0);
    assert!(out(&red).contains("1/1 failed as expected on shouts"), "{}", out(&red));
    let proof = out(&place.run(&["prove", "--suite", "suite"]).code(0));
    assert!(proof.contains("proven: 1 check of 1 case with 1 expectation; "), "{proof}");
    let proven = std::fs::read_to_string(place.path("suite/proven.toml")).expect("a proof");
    assert!(proven.contains("shouts = \"OWN-001\""), "{proven}");
    let run = out(&place.run(&["run", "--suite", "suite"]).code(0));
    assert!(run.contains("green  1/1 passed on reference"), "{run}");
    let listed = out(&place.run(&["list", "implementations", "--suite", "suite"]).code(0));
    assert!(listed.contains("shouts") && listed.contains("breaks OWN-001"), "{listed}");
    let tried = out(&place.run(&["run", "--suite", "suite", "--impl", "shouts"]).code(1));
    assert!(tried.contains("'AS IT IS'"), "{tried}");
}

#[test]
fn without_the_mutant_it_says_what_is_missing() {
    let place = suite_with(&MUTANT.replace("shouts", "whispers"));
    let unknown = err(&place.run(&["prove", "--suite", "suite"]).code(3));
    assert!(unknown.contains("unknown implementation \"shouts\""), "{unknown}");
    // The stub returns params as well: nothing breaks the requirement.
    place.write("suite/cases/own/value_comes_back.toml", &CASE.replace("shouts", "stub"));
    std::fs::remove_dir_all(place.path("suite/mutants")).expect("a folder");
    let proof = out(&place.run(&["prove", "--suite", "suite"]).code(6));
    for says in [
        "expected same_value to fail on stub, found unexpected_pass",
        "own/value_comes_back kills no mutant that breaks OWN-001",
        "requirement OWN-001 has no mutant that breaks it",
    ] {
        assert!(proof.contains(says), "{proof}");
    }
}

#[test]
fn a_mutant_that_no_case_kills_survives_by_name() {
    let place =
        suite_with(&format!("{MUTANT}\n{}", MUTANT.replace("shouts", "hides").replace("my_key", "x")));
    let proof = out(&place.run(&["prove", "--suite", "suite"]).code(6));
    assert!(proof.contains("mutant hides, which breaks OWN-001, survives"), "{proof}");
}

#[rstest]
#[case::key(
    "operation = ",
    "operaton = ",
    "4:1",
    "unknown key of a mutant \"operaton\" (did you mean `operation`?)"
)]
#[case::operation(
    "\"get_param\"",
    "\"get_parms\"",
    "4:13",
    "unknown operation \"get_parms\"; did you mean `get_param`?"
)]
#[case::act("{ response =", "{ reponse =", "6:9", "unknown variant `reponse`")]
#[case::change("{ set =", "{ sets =", "6:47", "unknown variant `sets`")]
#[case::when("{ request =", "{ reqeust =", "5:10", "unknown field `reqeust`")]
#[case::requirement(
    "\"OWN-001\"",
    "\"OWN-002\"",
    "3:10",
    "unknown requirement \"OWN-002\" (did you mean `OWN-001`?)"
)]
#[case::no_requirement("breaks = \"OWN-001\"\n", "", "1:1", "missing field `breaks`")]
#[case::no_text("\"OWN-001\"", "1", "3:10", "expected `breaks` to be a text, found integer")]
#[case::name("\"shouts\"", "\"Shouts\"", "2:6", "expected the id to be a lowercase letter")]
#[case::built_in(
    "\"shouts\"",
    "\"reference\"",
    "2:6",
    "duplicate implementation \"reference\"; choose another id"
)]
#[case::adversary("\"shouts\"", "\"right_once\"", "2:6", "duplicate implementation \"right_once\"")]
#[case::both(
    "act =",
    "faults = []\nact =",
    "4:1",
    "operation is part of a fault: move it into the list `faults`"
)]
#[case::other_table("[[mutants]]", "[[mutant]]", "1:3", "unknown key \"mutant\" (did you mean `mutants`?)")]
fn an_error_in_a_file_is_shown_at_its_place(
    #[case] from: &str,
    #[case] to: &str,
    #[case] at: &str,
    #[case] says: &str,
) {
    assert!(MUTANT.contains(from), "{from}");
    let place = suite_with(&MUTANT.replacen(from, to, 1));
    let names = Implementations::of(&BUNDLE.built_ins());
    let errors =
        Suite::load(&BUNDLE, Source::disk(&place.path("suite")), &names.names()).expect_err("an error");
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let expected = format!("mutants/own.toml:{at}: {says}");
    // That the case names a mutant that cannot be read is no error of its own.
    assert!(matches!(errors.as_slice(), [error] if error.starts_with(&expected)), "{expected}\n{errors:#?}");
}

#[test]
fn a_mutant_of_two_faults_has_both_and_an_id_is_there_once() {
    let faults = r#"[[mutants]]
id = "shouts"
breaks = "OWN-001"
faults = [
    { operation = "set_params", act = { skip = {} } },
    { operation = "get_param", act = { answer = { value = "AS IT IS" } }, when = { refused = {} } },
]
"#;
    let place = suite_with(faults);
    let red = place.run(&["run", "--suite", "suite", "--phase", "red"]).code(0);
    assert!(out(&red).contains("1/1 failed as expected on shouts"), "{}", out(&red));
    place.write("suite/mutants/second.toml", MUTANT);
    let twice = err(&place.run(&["list", "--suite", "suite"]).code(3));
    assert!(
        twice.contains("mutants/second.toml:2:6") && twice.contains("duplicate implementation \"shouts\""),
        "{twice}"
    );
}

#[test]
fn the_digest_of_a_suite_covers_what_its_mutants_do_and_not_where_they_were_found() {
    let digest = |mutants: &str| {
        let place = suite_with(mutants);
        let names = Implementations::of(&BUNDLE.built_ins());
        let suite =
            Suite::load(&BUNDLE, Source::disk(&place.path("suite")), &names.names()).expect("a suite");
        suite.digest().to_owned()
    };
    let original = digest(MUTANT);
    assert_eq!(original, digest(&MUTANT.replace("operation =", "finding = \"main\"\noperation =")));
    assert_eq!(original, digest(&MUTANT.replace("[[mutants]]", "# a comment\n[[mutants]]")));
    assert_ne!(original, digest(&MUTANT.replace("AS IT IS", "As it is")));
    assert_ne!(original, digest(&MUTANT.replace("{ at = \"key\", is = \"my_key\" }", "{ at = \"key\" }")));
}
