//! What `list` and `explain` show of the suite: all that an installed user sees of it.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/one_case.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod one_case;
#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use place::{Place, out};
use rstest::rstest;

#[rstest]
#[case::cases("cases", "roundtrip/networks_come_back[gridsize1]")]
#[case::requirements("requirements", "LOD-003")]
#[case::plans("plans", "phase_d4")]
#[case::implementations("implementations", "reference")]
#[case::adapters("implementations", "plain_torch")]
#[case::operations("operations", "save_torch_bundle.files")]
fn lists_are_printed_as_text_and_as_json(#[case] what: &str, #[case] names: &str) {
    let place = Place::new();
    let text = out(&place.run(&["list", what]).code(0));
    assert!(text.contains(names), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&out(&place.run(&["list", what, "--json"]).code(0))).expect("JSON");
    let entries = json[what].as_array().expect("a list");
    assert_eq!(entries.len(), text.lines().count());
}

#[rstest]
#[case::of_a_column(&["cases", "LOADER/", "LOD-003"], "loader/altered_fields_are_refused[", 1, 40)]
#[case::of_what_is_in_json_only(&["requirements", "ours", "gridsize"], "EXE-001", 1, 10)]
#[case::of_implementations(&["implementations", "mutant", "BUN-006"], "saves_nothing_as_a_bundle", 1, 10)]
fn a_list_has_only_what_has_all_words(
    #[case] words: &[&str],
    #[case] names: &str,
    #[case] fewest: usize,
    #[case] most: usize,
) {
    let text = out(&Place::new().run(&[&["list"], words].concat()).code(0));
    assert!(text.contains(names) && (fewest..=most).contains(&text.lines().count()), "{text}");
}

#[test]
fn every_binding_requirement_is_tested_by_a_proven_case_or_held_by_the_runner() {
    let place = Place::new();
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&out(&place.run(arguments).code(0))).expect("JSON")
    };
    let coverage = json(&["list", "--coverage", "--json"]);
    let listed = json(&["list", "requirements", "--json"]);
    assert_eq!(coverage["counts"]["open"], 0, "open requirements");
    let of = |id: &serde_json::Value| {
        let requirements = coverage["requirements"].as_array().expect("a list");
        requirements.iter().find(|own| own["id"] == *id).expect("a requirement of both lists").clone()
    };
    let (mut cases, mut checks) = (0, 0);
    for requirement in listed["requirements"].as_array().expect("a list") {
        let covered = of(&requirement["id"]);
        let own = covered["cases"].as_array().expect("a list");
        let ids: Vec<&serde_json::Value> = own.iter().map(|case| &case["id"]).collect();
        assert_eq!(ids, requirement["cases"].as_array().expect("a list").iter().collect::<Vec<_>>());
        assert_eq!(covered["state"] == "proven", own.iter().any(|case| case["proven"] == true), "{covered}");
        cases += own.len();
        checks += own.iter().map(|case| case["checks"].as_u64().expect("a number")).sum::<u64>();
        // A mutant that survives is a requirement whose cases say less than it.
        assert_eq!(covered["surviving"], serde_json::json!([]), "{covered}");
    }
    // Some cases are about several requirements.
    assert!(cases as u64 > coverage["counts"]["cases"].as_u64().expect("a number"));
    assert!(checks > coverage["counts"]["checks"].as_u64().expect("a number"));
    let page = out(&place.run(&["list", "--coverage", "--markdown"]).code(0));
    assert!(page.contains("| LOD-003 | A snapshot without N"), "{page}");
    assert!(page.contains("`loader/altered_fields_are_refused` ("), "{page}");
}

#[test]
fn a_requirement_without_a_proven_case_is_open() {
    let (suite, read) = one_case::suite_with(one_case::GOOD, one_case::REQUIREMENTS);
    read.expect("a valid suite");
    let suite = suite.path().display().to_string();
    let text = out(&Place::new().run(&["list", "--coverage", "--suite", &suite]).code(6));
    assert!(text.starts_with("1 requirement: 1 open, 0 with a proven case"), "{text}");
    assert!(text.contains("\nLOD-004  MUST  ours  open  1 case (1 unproven), 1 check"), "{text}");
}

#[test]
fn explain_names_the_cases_of_a_requirement_and_the_red_entries_of_a_case() {
    let place = Place::new();
    let requirement = out(&place.run(&["explain", "LOD-003"]).code(0));
    assert!(requirement.contains("tested by loader/altered_fields_are_refused"), "{requirement}");
    let requirement = out(&place.run(&["explain", "BUN-001"]).code(0));
    assert!(requirement.contains("held after every step as save_torch_bundle.files, "), "{requirement}");
    let case = out(&place.run(&["explain", "roundtrip/networks_come_back"]).code(0));
    assert!(case.contains("expected to fail on stub, at returns_saved_models (not_implemented)\n"), "{case}");
    let case = out(&place.run(&["explain", "loader/altered_fields_are_refused"]).code(0));
    assert!(
        case.contains("expected to fail on takes_missing_fields_from_the_process, at is_refused"),
        "{case}"
    );
    // The step is where the case has it, though a variant says what it is.
    let text = include_str!("bundle/cases/loader/altered_fields_are_refused.toml");
    let line = 1 + text.lines().position(|line| line == "do = \"${load}\"").expect("the step");
    assert!(case.contains(&format!("  line {line}: load_torch_bundle\n")), "{case}");
    // An installed user has no other place to read it.
    assert!(case.contains(&format!("\n{line:4}  do = \"${{load}}\"\n")), "{case}");
    assert!(case.ends_with(&format!(
        "{:4}  {}\n",
        text.lines().count(),
        text.lines().last().expect("a line")
    )));
}

#[test]
fn explain_says_what_a_mutant_breaks_and_which_cases_notice_it() {
    let mutant = out(&Place::new().run(&["explain", "takes_missing_fields_from_the_process"]).code(0));
    assert!(
        mutant.starts_with("takes_missing_fields_from_the_process (mutant)\n  breaks LOD-003: A snapshot"),
        "{mutant}"
    );
    let fails = "  expected to fail loader/altered_fields_are_refused, at is_refused\n";
    assert_eq!(mutant.matches(fails).count(), 1, "{mutant}");
}

#[rstest]
#[case::another_letter_case(&["LOADER/Altered_fields_are_refused"], "loader/altered_fields_are_refused\n")]
#[case::requirement(&["cfg-003"], "CFG-003 (MUST")]
#[case::implementation(&["Never_Persists"], "never_persists (mutant)")]
#[case::row(&["d4.b1"], "D4.B1 (a row of phase_d4: ")]
#[case::rule(&["not-a-bundle"], "not-a-bundle (a rule of check)\n  a file of another kind in the place of a bundle\n")]
#[case::one_of_several_rules(&["trailing-bytes"], "trailing-bytes (a rule of check)\n  a pickle or other bytes that")]
#[case::result(&["skipped"], "skipped (a result)\n  A summary says this of unsupported checks")]
#[case::two_words(&["known", "failure"], "known failure (a result)\n  A failure that is listed")]
#[case::as_in_json(&["STATE_LEAK"], "state leak (a result)\n  The check passes alone")]
#[case::phase(&["red"], "red (a result)\n  the phase in which checks run on what is known to be faulty")]
fn explain_takes_every_name_that_is_printed(#[case] words: &[&str], #[case] begins: &str) {
    let text = out(&Place::new().run(&[&["explain"], words].concat()).code(0));
    assert!(text.starts_with(begins), "{text}");
}

/// The lines that are longer than a terminal of this width, without those of one long word.
fn too_long(text: &str, width: usize) -> Vec<&str> {
    let long = text.lines().filter(|line| line.chars().count() > width);
    long.filter(|line| line.trim().contains(' ')).collect()
}

#[rstest]
#[case(40)]
#[case(80)]
#[case(200)]
fn text_fits_the_columns_that_are_stated_and_pipes_have_whole_lines(#[case] width: usize) {
    let place = Place::new();
    place.write("a.pt", "no model");
    let commands: [(&[&str], i32); 5] = [
        (&["explain", "state leak"], 0),
        (&["explain", "LOD-003"], 0),
        (&["check", "a.pt"], 1),
        (&["doctor", "--impl", "stub"], 1),
        (&["list", "--coverage"], 0),
    ];
    for (arguments, code) in commands {
        let whole = out(&place.run(arguments).code(code));
        assert!(!too_long(&whole, 90).is_empty(), "{arguments:?} has no long line: {whole}");
        let columns = width.to_string();
        let with = [("COLUMNS", columns.as_str()), ("TERM", "dumb"), ("NO_COLOR", "1")];
        let fitted = out(&place.program().args(arguments).envs(with).assert().code(code));
        assert_eq!(too_long(&fitted, width), [""; 0], "{arguments:?}");
        let words = |text: &str| -> Vec<String> {
            // How long something took differs.
            let words = text.split_whitespace().filter(|word| word.parse::<u64>().is_err());
            words.map(str::to_owned).collect()
        };
        assert_eq!(words(&fitted), words(&whole), "{arguments:?}");
    }
    let odd = out(&place.program().args(["explain", "state leak"]).env("COLUMNS", "wide").assert().code(0));
    assert_eq!(odd.lines().count(), 2, "{odd}");
}
