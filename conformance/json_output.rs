//! What every command prints with `--json`, and its errors, are valid under the schemas in `schema/output`.
//!
//! Each line of the tables is run, and what it printed is validated. A command that has `--json` in its help, and a schema
//! that nothing here is validated under, must be in a table.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/checked_files.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod checked_files;
#[path = "support/forge.rs"]
#[allow(dead_code, reason = "the hostile archives need more of it")]
mod forge;
#[path = "support/one_case.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod one_case;
#[path = "support/pickles.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod pickles;
#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::LazyLock,
};

use place::{Place, err, out};
use rstest::rstest;
use serde_json::{Value as Json, json};

/// A command line, which is run with `--json`.
struct Line {
    /// What follows the name of the program. `{program}` is its path.
    arguments: &'static str,
    /// The exit code.
    code: i32,
    /// The schema of what is printed on standard output; without one, nothing is printed there but an error elsewhere.
    prints: Option<&'static str>,
}

const fn line(arguments: &'static str, code: i32, prints: &'static str) -> Line {
    Line { arguments, code, prints: Some(prints) }
}

const fn error(arguments: &'static str, code: i32) -> Line {
    Line { arguments, code, prints: None }
}

/// Files, in a directory that `files` makes.
const FILES: &[Line] = &[
    line("check bundles/gs1", 0, "check"),
    line("check bundles/broken/reduce_in_params", 1, "check"),
    line("check bundles/gs1 nowhere", 2, "check"),
    line("check last.ckpt --profile torch", 0, "check"),
    line("check last.ckpt", 1, "check"),
    line("check made", 1, "check"),
    error("check", 2),
    line("inspect bundles/gs1", 0, "inspect_bundle"),
    line("inspect bundles/sentinel", 0, "inspect_bundle"),
    line("inspect bundles/odd_sentinels", 0, "inspect_bundle"),
    line("inspect bundles/json_manifest/sealed", 0, "inspect_bundle"),
    line("inspect bundles/broken/reduce_in_weights", 1, "inspect_bundle"),
    line("inspect last.ckpt", 0, "inspect_tensors"),
    line("inspect made/no.pkl", 1, "inspect_tensors"),
    line("inspect made/a.npz", 0, "inspect_tensors"),
    error("inspect nowhere", 2),
    line("inspect bundles/gs1 --diff bundles/gs1", 0, "inspect_diff"),
    line("inspect bundles/gs1 --diff bundles/gs2", 1, "inspect_diff"),
    line("inspect last.ckpt --diff made/a.npz", 1, "inspect_diff"),
    error("inspect bundles/gs1 --diff last.ckpt", 2),
    line("interop reference bundles/gs1", 0, "interop"),
    line("interop reference loads_a_fresh_network", 1, "interop"),
    error("interop bundles/gs1", 2),
];

/// Reports. `A` is not there at first, and `E` is an empty store.
const REPORTS: &[Line] = &[
    error("audit A", 2),
    error("audit E", 2),
    line("audit E --clean", 0, "audit"),
    line("ledger --plan phase_d4 --reports E", 0, "ledger"),
    line("render --index E", 0, "render_index"),
    error("compare E E", 2),
    error("ledger --plan phase_d4 --reports A", 2),
    line("ledger --plan phase_d4", 0, "ledger"),
    line("ledger --plan phase_d4 --attempts", 0, "ledger_attempts"),
    line("run --case params/missing_key_is_refused --reports A --stamp 2025-10-17T112849Z", 0, "run"),
    line("run --plan phase_d4 --phase red --reports A --stamp 2025-10-17T112850Z", 0, "run"),
    line("run --plan phase_d4 --phase green --impl stub --reports A --stamp 2025-10-17T112851Z", 1, "run"),
    line("run --area params --reports B --stamp 2025-10-17T112848Z", 0, "run"),
    line("run --impl-cmd {program} --area params --reports B --stamp 2025-10-17T112849Z", 1, "run"),
    line("run --area params --partition 1/2 --reports P --stamp 2025-10-17T112849Z", 0, "run"),
    line("run --area params --partition 2/2 --reports P --stamp 2025-10-17T112850Z", 0, "run"),
    error("run --case no/such", 2),
    error("run --impl no_such", 2),
    error("run --impl-cmd no-such-program", 7),
    line("merge P/2025-10-17T112849Z P/2025-10-17T112850Z --reports M --stamp 2025-10-17T112849Z", 0, "run"),
    error("merge P/2025-10-17T112849Z", 2),
    line("import pytest_2025_10_17.xml --plan phase_d4 --phase red --impl seed --reports I", 6, "run"),
    line("import pytest_green.xml --plan phase_d4 --phase green --impl mended --reports I", 0, "run"),
    error("import nowhere.xml --plan phase_d4 --phase red --impl seed", 2),
    line("compare A/2025-10-17T112850Z A/2025-10-17T112850Z", 0, "compare"),
    line("compare B/2025-10-17T112848Z B/2025-10-17T112849Z", 5, "compare"),
    line("compare B/2025-10-17T112848Z A/2025-10-17T112849Z", 0, "compare"),
    error("compare nowhere A", 2),
    line("audit A", 0, "audit"),
    line("audit A --clean", 0, "audit"),
    line("ledger --plan phase_d4 --reports A", 0, "ledger"),
    line("ledger --plan phase_d4 --reports A --attempts", 0, "ledger_attempts"),
    error("ledger --plan no_such --reports A", 2),
    line("render A/2025-10-17T112849Z --check", 0, "render_check"),
    line("render A/2025-10-17T112849Z --out O", 0, "render_out"),
    error("render A/2025-10-17T112849Z --out O", 2),
    line("render --index A", 0, "render_index"),
];

/// A store `A` with a report whose summary was edited and an interrupted run, `D` with a report whose results were edited.
const DAMAGED: &[Line] = &[
    line("audit A", 8, "audit"),
    line("audit A --clean", 8, "audit"),
    line("audit D", 8, "audit"),
    line(
        "audit D --expected-head 0000000000000000000000000000000000000000000000000000000000000000",
        8,
        "audit",
    ),
    line("ledger --plan phase_d4 --reports D", 8, "ledger"),
    line("ledger --plan phase_d4 --reports D --attempts", 8, "ledger_attempts"),
    line("render --index D", 8, "render_index"),
    error("render D/2025-10-17T112849Z --check", 8),
];

/// The suite, and one with a case that proves nothing, in `suite`.
const SUITES: &[Line] = &[
    line("list cases", 0, "list_cases"),
    line("list cases loader", 0, "list_cases"),
    line("list requirements", 0, "list_requirements"),
    line("list plans", 0, "list_plans"),
    line("list plans --suite suite", 0, "list_plans"),
    line("list implementations", 0, "list_implementations"),
    line("list operations", 0, "list_operations"),
    line("list eras", 0, "list_eras"),
    line("list --coverage", 0, "list_coverage"),
    line("list --coverage --suite suite", 6, "list_coverage"),
    error("list cases no-such-word", 2),
    error("list --suite invalid", 3),
    line("doctor --impl reference", 0, "doctor"),
    line("doctor --impl stub", 1, "doctor"),
    error("doctor --impl-cmd no-such-program", 7),
    line("prove --case params/missing_key_is_refused", 0, "prove"),
    line("prove --case params/missing_key_is_refused --weaken --observations", 0, "prove"),
    line("prove --suite suite --check", 6, "prove"),
    error("prove --suite invalid", 3),
];

/// The most problems of one output that are shown.
const MAX_SHOWN: usize = 10;

const TABLES: [&[Line]; 4] = [FILES, REPORTS, DAMAGED, SUITES];

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/schema/output"))
}

/// The published schemas, by name.
static SCHEMAS: LazyLock<BTreeMap<String, Json>> = LazyLock::new(|| {
    let files = fs::read_dir(folder()).expect("schemas").map(|file| file.expect("a file").path());
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).expect("a schema");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, serde_json::from_str(&text).expect("JSON"))
    };
    files.map(read).collect()
});

/// What is wrong with an output. Fields that its schema does not name are wrong as well: a reader cannot know of them.
fn invalid(name: &str, printed: &Json) -> Vec<String> {
    let mut schema = SCHEMAS[name].clone();
    close(&mut schema, false);
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let problem = |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    validator.iter_errors(printed).take(MAX_SHOWN).map(problem).collect()
}

/// Forbids fields that a schema does not name. `is_part` says that it has a part of the fields of an object.
fn close(schema: &mut Json, is_part: bool) {
    match schema {
        Json::Object(fields) => {
            let has_fields = fields.contains_key("properties");
            for (keyword, own) in fields.iter_mut() {
                close(own, (has_fields || is_part) && ["oneOf", "anyOf"].contains(&keyword.as_str()));
            }
            if has_fields && !is_part {
                fields.insert("unevaluatedProperties".to_owned(), false.into());
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| close(item, is_part)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// The same output with one mistake each, which its schema must not accept.
fn mistaken(printed: &Json) -> Vec<Json> {
    let object = printed.as_object().expect("an object");
    let mut without_format = object.clone();
    without_format.remove("format");
    let next = json!(object["format"].as_u64().expect("a number") + 1);
    let with = |name: &str, value: Json| {
        let mut other = object.clone();
        other.insert(name.to_owned(), value);
        Json::Object(other)
    };
    vec![Json::Object(without_format), with("format", next), with("renamed", json!(1)), json!([printed])]
}

/// Runs the lines of a table from top to bottom.
fn run(table: &[Line], place: &Place) {
    let program = format!("'{}' serve --impl takes_none_for_no_default", program::path().display());
    for Line { arguments, code, prints } in table {
        let all = arguments.split(' ').map(|word| if word == "{program}" { program.as_str() } else { word });
        let all: Vec<&str> = all.chain(["--json"]).collect();
        let assert = place.run(&all).code(*code);
        let (printed, said) = (out(&assert), err(&assert));
        match prints {
            Some(name) => {
                let json: Json = serde_json::from_str(&printed).expect(arguments);
                let wrong = invalid(name, &json);
                assert!(wrong.is_empty(), "{arguments} --json: {}\n{json:#}", wrong.join("\n"));
                for mistaken in mistaken(&json) {
                    assert!(!invalid(name, &mistaken).is_empty(), "{name}.json accepts {mistaken:#}");
                }
            }
            None => assert_eq!(printed, "", "{arguments} --json"),
        }
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with('{')).collect();
        assert!(prints.is_some() || !errors.is_empty(), "{arguments} --json: {said}");
        assert!(!said.contains("error: "), "{arguments} --json: {said}");
        for error in errors {
            let json: Json = serde_json::from_str(error).expect(arguments);
            let wrong = invalid("error", &json);
            assert!(wrong.is_empty(), "{arguments} --json: {}\n{json:#}", wrong.join("\n"));
        }
    }
}

fn files() -> Place {
    let place = Place::new();
    symlink(checked_files::fixture(""), place.path("bundles")).expect("a link");
    fs::write(place.path("last.ckpt"), checked_files::checkpoint()).expect("a file");
    place.write("made/readme.txt", "not a file of tensors");
    place.write("made/no.pkl", "cos\nsystem\n(S'true'\ntR.");
    let array = checked_files::npy("'<f8'", "(2,)", &[0; 16]);
    fs::write(place.path("made/a.npz"), checked_files::npz(&[("a.npy", array)])).expect("a file");
    place
}

fn reports() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("E")).expect("a folder");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/junit");
    for junit in ["pytest_2025_10_17.xml", "pytest_green.xml"] {
        fs::copy(own.join(junit), place.path(junit)).expect("a copy");
    }
    place
}

fn damaged() -> Place {
    let place = Place::new();
    for (store, file) in [("A", "summary.md"), ("D", "results.json")] {
        let stamp = "2025-10-17T112849Z";
        place
            .run(&["run", "--plan", "phase_d4", "--phase", "red", "--reports", store, "--stamp", stamp])
            .code(0);
        let report = format!("{store}/{stamp}/{file}");
        let text = fs::read_to_string(place.path(&report)).expect("a report");
        place.write(&report, &format!("{text}\n"));
    }
    let inventory = fs::read_to_string(place.path("A/2025-10-17T112849Z/inventory.json")).expect("a report");
    place.write("A/.2025-10-17T112855Z.interrupted/inventory.json", &inventory);
    place
}

fn suites() -> Place {
    let place = Place::new();
    let (suite, _) = one_case::suite_with(one_case::GOOD, one_case::REQUIREMENTS);
    fs::rename(suite.keep(), place.path("suite")).expect("a folder");
    place.write("invalid/requirements/a.toml", "requirements = 1\n");
    place
}

#[rstest]
#[case::of_files(FILES, files)]
#[case::of_reports(REPORTS, reports)]
#[case::of_damaged_reports(DAMAGED, damaged)]
#[case::of_suites(SUITES, suites)]
fn outputs_and_errors_are_valid(#[case] table: &[Line], #[case] place: fn() -> Place) {
    run(table, &place());
}

/// The commands whose help has `--json`.
fn commands() -> BTreeSet<String> {
    let place = Place::new();
    let help = out(&place.run(&["--help"]).code(0));
    let (_, list) = help.split_once("\nCommands:\n").expect("commands");
    let (list, _) = list.split_once("\n\n").expect("the end of the commands");
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help");
    let prints = |name: &&str| out(&place.run(&[name, "--help"]).code(0)).contains(" --json");
    names.filter(prints).map(str::to_owned).collect()
}

#[test]
fn every_command_with_json_is_run_with_success_and_with_failure() {
    let first = |line: &Line| line.arguments.split(' ').next().expect("a command").to_owned();
    let lines = || TABLES.into_iter().flatten();
    let good: BTreeSet<String> =
        lines().filter(|line| line.code == 0 && line.prints.is_some()).map(first).collect();
    let bad: BTreeSet<String> = lines().filter(|line| line.code != 0).map(first).collect();
    let commands = commands();
    assert!(commands.len() > 10, "{commands:?}");
    assert_eq!((&good, &bad), (&commands, &commands));
}

#[test]
fn every_schema_is_used_for_the_commands_that_it_names() {
    let lines = || TABLES.into_iter().flatten();
    let used: BTreeSet<&str> = lines().filter_map(|line| line.prints).chain(["error"]).collect();
    assert_eq!(used, SCHEMAS.keys().map(String::as_str).collect());
    for Line { arguments, prints, .. } in lines() {
        let Some(name) = prints else { continue };
        let title = SCHEMAS[*name]["title"].as_str().expect("a title");
        let words: BTreeSet<&str> = arguments.split(' ').collect();
        let is_it = |line: &str| {
            let mut wanted = line.split(' ').filter(|word| *word != "--json");
            wanted.all(|word| words.contains(word))
        };
        assert!(title.split(", ").any(is_it), "{arguments} prints what {name}.json calls {title}");
    }
}

/// The page lists the schemas with the commands that they name.
#[test]
fn the_page_lists_every_output() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
    let page = fs::read_to_string(&file).expect("a page");
    let row = |(name, schema): (&String, &Json)| {
        let title = schema["title"].as_str().expect("a title");
        let lines: Vec<String> = title.split(", ").map(|line| format!("`{line}`")).collect();
        let what = schema["description"].as_str().expect("a description").replace('\n', " ");
        let format = &schema["properties"]["format"]["const"];
        format!(
            "| {} | [{name}.json](../conformance/schema/output/{name}.json) | {format} | {what} |",
            lines.join(", ")
        )
    };
    let rows: Vec<String> = SCHEMAS.iter().filter(|(name, _)| *name != "error").map(row).collect();
    let table = format!("|---|---|---|---|\n{}\n\n", rows.join("\n"));
    assert!(page.contains(&table), "{} does not have the table\n{table}", file.display());
}
