//! The adapter protocol: the conversation that its description shows, verdicts across it, and adapters that misbehave.
//!
//! The program of these tests is itself each adapter that misbehaves, when a variable says so.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/chaos.rs"]
mod chaos;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output, Stdio},
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;

fn main() -> ExitCode {
    if let Ok(way) = env::var(chaos::VARIABLE) {
        chaos::answer(&way);
        return ExitCode::SUCCESS;
    }
    let mut trials = vec![Trial::test("the_description_shows_what_is_said", conversation)];
    for served in
        ["reference", "stub", "swaps_the_models", "never_persists", "leaves_params_of_a_refused_load"]
    {
        trials.push(Trial::test(format!("verdicts_are_the_same_across_the_protocol::{served}"), || {
            same_verdicts(served)
        }));
    }
    for (way, says) in UNUSABLE {
        trials.push(Trial::test(format!("is_unusable::{way}"), || unusable(way, says)));
    }
    for row in CHAOS {
        trials.push(Trial::test(format!("costs_what_it_touched::{}", row.way), || costs(row)));
    }
    trials.push(Trial::test("a_lost_process_is_replaced_within_a_budget", budget));
    trials.push(Trial::test("a_process_of_its_own_for_each_case", per_case));
    trials.push(Trial::test("a_restart_ends_the_process_and_starts_another_one", restart));
    trials.push(Trial::test("variables_of_a_case_are_those_of_a_process_of_its_own", variables));
    trials.push(Trial::test("state_that_leaks_is_named_with_the_earlier_check", state_leak));
    trials.push(Trial::test("what_is_known_fails_nothing_as_long_as_it_is_so", known));
    trials.push(Trial::test("what_is_not_known_is_proposed_and_not_in_ci", write_known));
    trials.push(Trial::test("a_file_that_is_left_is_a_violation_unless_it_is_allowed", allowed));
    trials.push(Trial::test("a_stranger_is_told_violations_differences_and_what_was_not_seen", standing));
    trials.push(Trial::test("what_it_does_not_have_can_be_too_much", unsupported));
    trials.push(Trial::test("what_an_adapter_states_is_bounded_and_shown", stated));
    trials.push(Trial::test("fixtures_of_its_own_stand_in_for_those_of_the_suite", own_fixtures));
    trials.push(Trial::test("fixtures_of_an_adapter_that_dies_are_not_made", no_fixtures));
    trials.push(Trial::test("a_trace_holds_both_ways", trace));
    trials.push(Trial::test("directories_are_kept_when_that_is_asked_for", kept));
    trials.push(Trial::test("an_interruption_leaves_no_process", interruption));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Ways to be of no use at all, and what is said of them.
const UNUSABLE: &[(&str, &str)] = &[
    ("exits_at_once", "no module named ptycho"),
    ("is_silent", "timed out after 1000 ms"),
    ("speaks_another_version", "version 2"),
    ("says_ok_to_everything", "accepts bundleproof_probe, which it does not advertise"),
    ("does_not_reset", "reset"),
];

struct Row {
    way: &'static str,
    /// What becomes of the case that loads.
    loading: &'static str,
    /// What is said of it.
    says: &'static str,
}

/// Ways to misbehave in the middle of a case that loads.
const CHAOS: &[Row] = &[
    Row { way: "hangs", loading: "timeout", says: "" },
    Row { way: "dies", loading: "crash", says: "Segmentation fault in libtorch" },
    Row { way: "leaves_a_child_with_its_pipe", loading: "crash", says: "process exited with status 1" },
    Row { way: "answers_garbage", loading: "protocol_error", says: "Epoch 1/50" },
    Row { way: "answers_for_another", loading: "protocol_error", says: "response id 1000000" },
    Row { way: "answers_twice", loading: "protocol_error", says: "does not match request id" },
    Row { way: "answers_too_little", loading: "protocol_error", says: "missing field `params`" },
    Row { way: "floods_a_line", loading: "protocol_error", says: "a line of more than 16777216 bytes" },
    Row { way: "floods_lines", loading: "protocol_error", says: "Epoch 1/50" },
    Row { way: "floods_stderr", loading: "pass", says: "" },
    Row { way: "sleeps_in_shutdown", loading: "pass", says: "" },
    Row { way: "sleeps_at_the_end", loading: "pass", says: "" },
    Row { way: "ignores_sigterm", loading: "pass", says: "" },
    Row { way: "remembers_what_it_saved", loading: "fail", says: "sha256" },
];

/// A case that loads, one that saves only, and one that does neither.
const LOADING: &str = "roundtrip/what_is_in_the_file_loads[autoencoder]";
const CASES: [&str; 3] = [LOADING, "bundle/save_writes_one_archive", "config/bridge_skips_none"];

/// Time for what is not about deadlines, however busy the machine is; less than what hangs takes.
const UNHURRIED: Duration = Duration::from_secs(120);

/// One adapter to be run on: its file, and a mark by which its processes are found.
struct Adapter {
    place: TempDir,
    mark: String,
}

impl Adapter {
    fn new(way: &str, more: &str) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let mark = format!("{}-{way}", place.path().display());
        let program = env::current_exe().expect("the program of these tests");
        let command = match way {
            // What ignores a signal hands that on to what it starts.
            "ignores_sigterm" => {
                format!(r#"["sh", "-c", "trap '' TERM; exec '{}'"]"#, program.display())
            }
            _ => format!("[{:?}]", program.display().to_string()),
        };
        let way = if way == "ignores_sigterm" { "sleeps_at_the_end" } else { way };
        // A deadline is short only where it is certain to pass. An adapter that hangs answers other calls before.
        let (start, call) = match way {
            "is_silent" => (1, UNHURRIED.as_secs()),
            "hangs" => (UNHURRIED.as_secs(), 5),
            _ => (UNHURRIED.as_secs(), UNHURRIED.as_secs()),
        };
        let file = format!(
            "[launch]\ncommand = {command}\nenvironment = {{ {} = {way:?}, BUNDLEPROOF_MARK = {mark:?} }}\n{more}\n\
             [launch.deadlines]\nstart = {start}\ncall = {call}\n",
            chaos::VARIABLE
        );
        fs::write(place.path().join("odd.toml"), file).expect("a file");
        Self { place, mark }
    }

    fn command(&self, cases: &[&str], more: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("bundleproof"));
        command.args(["run", "--impl"]).arg(self.place.path().join("odd.toml"));
        for case in cases {
            command.args(["--case", case]);
        }
        command.args(more).current_dir(self.place.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, cases: &[&str], more: &[&str]) -> Output {
        self.command(cases, more).output().expect("the program")
    }

    /// What each check came to, out of the one report that was written.
    fn results(&self) -> Vec<Value> {
        let reports = self.place.path().join("reports");
        let mut found: Vec<PathBuf> =
            fs::read_dir(reports).expect("reports").map(|entry| entry.expect("a report").path()).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        outcomes(&found.remove(0))
    }

    /// The processes that were started for it and are there now.
    fn survivors(&self) -> Vec<String> {
        let processes = fs::read_dir("/proc").expect("a list of processes");
        let paths = processes.filter_map(|entry| Some(entry.ok()?.path()));
        let marked = |path: &PathBuf| {
            let environment = fs::read(path.join("environ")).unwrap_or_default();
            environment.windows(self.mark.len()).any(|part| part == self.mark.as_bytes())
        };
        paths.filter(marked).map(|path| path.display().to_string()).collect()
    }
}

fn outcomes(report: &Path) -> Vec<Value> {
    let text = fs::read_to_string(report.join("results.json")).expect("results.json");
    let results: Value = serde_json::from_str(&text).expect("JSON");
    results["outcomes"].as_array().expect("outcomes").clone()
}

fn shown(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Every question that the description shows is answered as it shows.
fn conversation() -> Result<(), Failed> {
    let place = tempfile::tempdir()?;
    let text = include_str!("adapters/PROTOCOL.md").replace("/cases/1", &place.path().display().to_string());
    let lines = |arrow: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(arrow)).map(str::to_owned).collect()
    };
    let (questions, answers) = (lines("--> "), lines("<-- "));
    if questions.len() < 5 || questions.len() != answers.len() {
        return Err("the description shows no conversation".into());
    }
    fs::write(place.path().join("questions"), questions.join("\n") + "\n")?;
    let mut serve = Command::new(assert_cmd::cargo::cargo_bin!("bundleproof"));
    serve.arg("serve").stdin(fs::File::open(place.path().join("questions"))?);
    let said = String::from_utf8(serve.output()?.stdout)?;
    let json = |line: &str| serde_json::from_str::<Value>(line);
    for (shown, said) in answers.iter().zip(said.lines()) {
        if json(shown)? != json(said)? {
            return Err(format!("the description shows\n{shown}\nand it is\n{said}").into());
        }
    }
    if said.lines().count() != answers.len() {
        return Err(format!("{} answers were given", said.lines().count()).into());
    }
    Ok(())
}

/// What is run in this process and what is run behind the protocol come to the same, step by step.
fn same_verdicts(name: &str) -> Result<(), Failed> {
    let program = assert_cmd::cargo::cargo_bin!("bundleproof");
    let place = tempfile::tempdir()?;
    let judged = |reports: &str, option: &str, value: &str| {
        let mut command = Command::new(program);
        command.args(["run", "--phase", "green", "--stamp", "2026-01-01T000000Z", "--reports", reports]);
        command.args([option, value]).current_dir(place.path()).output().map(|output| output.status.code())
    };
    let here = judged("here", "--impl", name)?;
    let there = judged("there", "--impl-cmd", &format!("'{}' serve --impl {name}", program.display()))?;
    if here != there {
        return Err(format!("ended with {here:?} here and {there:?} there").into());
    }
    let outcomes = |reports: &str| outcomes(&place.path().join(reports).join("2026-01-01T000000Z"));
    let (here, there) = (outcomes("here"), outcomes("there"));
    if here.len() < 150 || here.len() != there.len() {
        return Err(format!("{} checks here and {} there", here.len(), there.len()).into());
    }
    for (mut here, mut there) in here.into_iter().zip(there) {
        for outcome in [&mut here, &mut there] {
            outcome["implementation"] = Value::Null;
        }
        if here != there {
            return Err(format!("here {here:#}\nand there {there:#}").into());
        }
    }
    Ok(())
}

fn unusable(way: &str, says: &str) -> Result<(), Failed> {
    let adapter = Adapter::new(way, "");
    let output = adapter.run(&CASES, &[]);
    let said = shown(&output);
    if output.status.code() != Some(7) || !said.contains(says) || !said.contains("cannot use adapter") {
        return Err(format!("ended with {:?}: {said}", output.status.code()).into());
    }
    if adapter.place.path().join("reports").exists() {
        return Err("there is a report of nothing".into());
    }
    gone(&adapter)
}

fn costs(row: &Row) -> Result<(), Failed> {
    let adapter = Adapter::new(row.way, "");
    let began = Instant::now();
    let output = adapter.run(&CASES, &[]);
    // What hangs does so for an hour.
    if began.elapsed() > 5 * UNHURRIED {
        return Err(format!("it took {:?}", began.elapsed()).into());
    }
    gone(&adapter)?;
    let results = adapter.results();
    for outcome in &results {
        let check = outcome["check"].as_str().unwrap_or_default();
        let wanted = if check == LOADING { row.loading } else { "pass" };
        if verdict(outcome) != wanted {
            return Err(format!("{check} should be {wanted}: {outcome:#}\n{}", shown(&output)).into());
        }
        if check == LOADING && !outcome.to_string().contains(row.says) {
            return Err(format!("it does not say {:?}: {outcome:#}", row.says).into());
        }
    }
    for case in CASES {
        if !results
            .iter()
            .any(|outcome| outcome["check"].as_str().is_some_and(|check| check.starts_with(case)))
        {
            return Err(format!("{case} was not run").into());
        }
    }
    let wanted = i32::from(row.loading != "pass");
    if output.status.code() != Some(wanted) {
        return Err(format!("ended with {:?}: {}", output.status.code(), shown(&output)).into());
    }
    Ok(())
}

/// The verdict that a report's outcome folds to, read off what it holds.
fn verdict(outcome: &Value) -> &str {
    let failed = || {
        let steps = outcome["steps"].as_array().map_or(&[][..], Vec::as_slice);
        let mut expectations = steps.iter().filter_map(|step| step["expectations"].as_array()).flatten();
        expectations.any(|expectation| !expectation["failure"].is_null())
    };
    match outcome["ended"]["how"].as_str() {
        Some("completed") if failed() => "fail",
        Some("completed") => "pass",
        Some("stopped") => "fail",
        other => other.unwrap_or("nothing"),
    }
}

fn gone(adapter: &Adapter) -> Result<(), Failed> {
    // A process that was killed is gone soon, and not at once.
    let until = Instant::now() + UNHURRIED;
    loop {
        let survivors = adapter.survivors();
        if survivors.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("still there: {survivors:?}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn budget() -> Result<(), Failed> {
    let adapter = Adapter::new("dies", "restarts = 1");
    adapter.run(&["roundtrip/networks_come_back"], &["--workers", "1"]);
    let results = adapter.results();
    let verdicts: Vec<&str> = results.iter().map(verdict).collect();
    if verdicts != ["crash", "crash", "not_run"] {
        return Err(format!("{verdicts:?}").into());
    }
    if !results.iter().any(|outcome| outcome.to_string().contains("restart limit (1) reached")) {
        return Err(format!("{results:#?}").into());
    }
    gone(&adapter)
}

/// A check that fails only after another one in its process stays a failure, and names that one.
fn state_leak() -> Result<(), Failed> {
    let adapter = Adapter::new("cannot_load_after_a_bridge", "");
    let output = adapter.run(&[CASES[1], CASES[2], LOADING], &["--workers", "1"]);
    let results = adapter.results();
    let loading = results.iter().find(|outcome| outcome["check"] == LOADING).ok_or("no outcome")?;
    let leak = json!({ "how": "after", "check": CASES[2] });
    let said = shown(&output);
    let is_said = said.contains(&format!("1 check failed only after {} (state leak)", CASES[2]));
    if verdict(loading) != "fail" || loading["leak"] != leak || !is_said || output.status.code() != Some(1) {
        return Err(format!("{loading:#}\n{said}").into());
    }
    gone(&adapter)
}

/// A process that dies after its first case is noticed only by a second one.
fn per_case() -> Result<(), Failed> {
    let adapter = Adapter::new("none", "process = \"per_case\"");
    let trace = adapter.place.path().join("trace");
    let output = adapter.run(&CASES, &["--trace", &trace.display().to_string(), "--workers", "1"]);
    if output.status.code() != Some(0) {
        return Err(shown(&output).into());
    }
    let begun = fs::read_to_string(trace)?.lines().filter(|line| line.contains(r#"\"initialize\""#)).count();
    // The probed one is the first case's own or not; every case has one.
    if begun < CASES.len() {
        return Err(format!("{begun} processes for {} cases", CASES.len()).into());
    }
    gone(&adapter)
}

/// The messages that were sent, each with the number of its process.
fn sent(place: &TempDir, cases: &[&str]) -> Result<Vec<(u64, String)>, Failed> {
    let cases = cases.iter().flat_map(|case| ["--case", case]);
    let more: Vec<&str> = cases.chain(["--workers", "1", "--phase", "green", "--trace", "trace"]).collect();
    let (code, said) = run_in(place, &more, false);
    if code != Some(0) {
        return Err(said.into());
    }
    let text = fs::read_to_string(place.path().join("trace"))?;
    let entries: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let method = |entry: &Value| {
        let message: Value = serde_json::from_str(entry["line"].as_str()?).ok()?;
        Some((entry["process"].as_u64()?, message["method"].as_str()?.to_owned()))
    };
    Ok(entries.iter().filter(|entry| entry["way"] == "sent").filter_map(method).collect())
}

fn restart() -> Result<(), Failed> {
    let sent = sent(&served("reference", ""), &["loader/another_process_loads"])?;
    let at = |name: &str| sent.iter().rposition(|(_, method)| method == name).ok_or(name.to_owned());
    let (saved, loaded) = (at("save_torch_bundle")?, at("load_torch_bundle")?);
    let (before, after) = (sent[saved].0, sent[loaded].0);
    let ended = sent.iter().position(|one| *one == (before, "shutdown".to_owned()));
    if before == after || !ended.is_some_and(|ended| saved < ended && ended < loaded) {
        return Err(format!("{sent:?}").into());
    }
    Ok(())
}

fn variables() -> Result<(), Failed> {
    let cases = ["bundle/save_tags_the_backend", "dispatch/missing_torch_is_explained"];
    let sent = sent(&served("reference", ""), &cases)?;
    let process = |name: &str| sent.iter().rfind(|(_, method)| method == name).map(|(process, _)| *process);
    let (other, own) = (process("save_torch_bundle"), process("run_cdi_example_with_backend"));
    let ends = sent.iter().rposition(|(process, method)| Some(*process) == own && method == "shutdown");
    if other == own || ends.is_none() { Err(format!("{sent:?}").into()) } else { Ok(()) }
}

/// A file of a mutant behind the protocol, with what is known of it.
fn served(mutant: &str, known: &str) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    let program = assert_cmd::cargo::cargo_bin!("bundleproof").display().to_string();
    let launch = format!("[launch]\ncommand = [{program:?}, \"serve\", \"--impl\", {mutant:?}]\n");
    fs::write(place.path().join("mine.toml"), launch + known).expect("a file");
    place
}

fn run_in(place: &TempDir, more: &[&str], ci: bool) -> (Option<i32>, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("bundleproof"));
    command.args(["run", "--impl", "mine.toml"]).args(more).current_dir(place.path()).env_remove("CI");
    if ci {
        command.env("CI", "true");
    }
    let output = command.output().expect("the program");
    (output.status.code(), shown(&output))
}

fn expect((code, said): (Option<i32>, String), wanted: i32, says: &[&str]) -> Result<(), Failed> {
    match says.iter().find(|says| !said.contains(**says)) {
        None if code == Some(wanted) => Ok(()),
        None => Err(format!("ended with {code:?}: {said}").into()),
        Some(unsaid) => Err(format!("does not say {unsaid:?}: {said}").into()),
    }
}

const ONE: [&str; 4] = ["--case", "roundtrip/networks_come_back", "--case", "bundle/save_tags_the_backend"];

fn entry(case: &str, reason: &str, expires: &str) -> String {
    format!(
        "\n[[known]]\ncase = {case:?}\nreason = {reason:?}\nwhy = \"an old bug\"\nowner = \"https://example.org/7\"\n\
         expires = {expires:?}\n"
    )
}

fn known() -> Result<(), Failed> {
    let mutant = |known: String| served("writes_no_backend_tag", &known);
    let case = "bundle/save_tags_the_backend";
    expect(run_in(&mutant(String::new()), &ONE, true), 1, &["BUN-004"])?;
    let good = mutant(entry(case, "None", "2999-01-01"));
    expect(run_in(&good, &ONE, true), 0, &["1 check with known failures only"])?;
    let summary =
        fs::read_dir(good.path().join("reports"))?.next().ok_or("no report")??.path().join("summary.md");
    if !fs::read_to_string(&summary)?.contains("an old bug (https://example.org/7, until 2999-01-01)") {
        return Err(fs::read_to_string(summary)?.into());
    }
    expect(
        run_in(&mutant(entry(case, "a bus error", "2999-01-01")), &ONE, true),
        1,
        &["no failure contains"],
    )?;
    expect(run_in(&mutant(entry(case, "None", "2020-01-01")), &ONE, true), 1, &["expired on 2020-01-01"])?;
    expect(run_in(&mutant(entry("*/*", "None", "2999-01-01")), &ONE, true), 1, &["now pass"])?;
    let unused = "\n[[allowed]]\neffect = \"load_torch_bundle.files\"\nreason = \"a lock\"\n";
    let stale = entry(case, "None", "2999-01-01") + &entry("gone/case", "None", "2999-01-01") + unused;
    let says = ["it matches no check", "unused [[allowed]] entry for load_torch_bundle.files (a lock)"];
    expect(run_in(&mutant(stale), &[], true), 1, &says)
}

fn allowed() -> Result<(), Failed> {
    let run = |more: &str| {
        let adapter = Adapter::new("leaves_files", more);
        let output = adapter.run(&["bundle/save_tags_the_backend"], &["--workers", "1"]);
        (adapter, (output.status.code(), shown(&output)))
    };
    let (adapter, ended) = run("");
    expect(ended, 1, &["BUN-001 (spec)", "ENV-003 (ours)"])?;
    let first = adapter.results().remove(0).to_string();
    for says in ["save_torch_bundle.files", ".lock", "save_torch_bundle.outside", "written home/cache"] {
        assert!(first.contains(says), "{says}: {first}");
    }
    let entry = |effect: &str, path: &str| {
        format!("\n[[allowed]]\neffect = {effect:?}\npaths = [{path:?}]\nreason = \"so that others wait\"\n")
    };
    let files = entry("save_torch_bundle.files", "*.lock");
    expect(run(&files).1, 1, &["ENV-003 (ours)"])?;
    let both = files + &entry("save_torch_bundle.outside", "home/*");
    expect(run(&both).1, 0, &["so that others wait"])?;
    let unknown = entry("save_torch_bundle.file", "*");
    expect(run(&unknown).1, 2, &["did you mean `save_torch_bundle.files`?"])
}

fn write_known() -> Result<(), Failed> {
    let place = served("writes_no_backend_tag", "");
    let file = place.path().join("mine.toml");
    let before = fs::read_to_string(&file)?;
    let asked: Vec<&str> = ONE.into_iter().chain(["--write-known"]).collect();
    expect(run_in(&place, &asked, true), 2, &["not allowed in CI"])?;
    if fs::read_to_string(&file)? != before || place.path().join("reports").exists() {
        return Err("it did something all the same".into());
    }
    expect(run_in(&place, &asked, false), 1, &["+[[known]]", "+case = \"bundle/save_tags_the_backend\""])?;
    if !fs::read_to_string(&file)?.starts_with(&before) {
        return Err("what was there is lost".into());
    }
    expect(run_in(&place, &ONE, true), 0, &["with known failures only"])
}

fn standing() -> Result<(), Failed> {
    let place = served("swaps_the_models", "");
    expect(
        run_in(&place, &ONE, true),
        1,
        &["violations of the specification", "RTP-001 (spec): roundtrip/networks"],
    )?;
    let place = served("leaves_params_of_a_refused_load", "");
    let cases = ["--case", "loader/lost_entries_are_refused"];
    expect(run_in(&place, &cases, true), 1, &["differences from decisions of this suite", "LOD-007 (ours)"])?;
    let command = run_in(&place, &cases, true).1;
    expect(
        (Some(1), command),
        1,
        &["rerun: bundleproof run --case 'loader/lost_entries_are_refused[weights,bundle]' --impl mine.toml"],
    )
}

fn unsupported() -> Result<(), Failed> {
    let adapter = Adapter::new("has_no_networks_of_the_fixtures", "");
    let fixtures = ["roundtrip/pytorch_bundle_loads_exactly[sentinels]", "bundle/save_tags_the_backend"];
    expect(ended(&adapter.run(&fixtures, &[])), 0, &["1 check skipped: requires fixture_networks"])?;
    let none = ["--max-unsupported", "0", "--reports", "others"];
    expect(ended(&adapter.run(&fixtures, &none)), 1, &["more than --max-unsupported"])?;
    let only = adapter.run(&fixtures[..1], &["--reports", "more"]);
    expect(ended(&only), 1, &["nothing was tested"])
}

fn stated() -> Result<(), Failed> {
    let adapter = Adapter::new("states_too_much", "");
    let output = adapter.run(&[LOADING], &["--stamp", "2025-10-17T112849Z"]);
    let says = [" p_00 1_2, p_01 1_2", "p_19 1_2\n  reads\\u{1b}[2J the dataset"];
    expect(ended(&output), 0, &says)?;
    let path = adapter.place.path().join("reports/2025-10-17T112849Z/results.json");
    let results: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let Some(details) = results["implementations"]
        .as_object()
        .and_then(|all| all.values().find_map(|own| own.get("details")))
    else {
        return Err(format!("no details in {}", results["implementations"]).into());
    };
    let notes: Vec<&str> =
        details["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let versions = details["versions"].as_object().map_or(0, serde_json::Map::len);
    let longest = notes.iter().map(|note| note.chars().count()).max();
    if (versions, notes.len(), longest) != (20, 20, Some(200)) || notes.concat().contains('\u{1b}') {
        return Err(
            format!("{versions} versions, {} notes of up to {longest:?} characters", notes.len()).into()
        );
    }
    Ok(())
}

/// An adapter without the networks of the fixtures is asked about fixtures that it made itself.
fn own_fixtures() -> Result<(), Failed> {
    let adapter = Adapter::new("has_no_networks_of_the_fixtures", "");
    let make = |out: &str| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("bundleproof"));
        command.args(["make-fixtures", "--impl", "odd.toml", "--out", out]).current_dir(adapter.place.path());
        command.output().expect("the program")
    };
    expect(ended(&make("own")), 0, &["wrote 5 bundles of odd to own", "run --impl odd.toml --fixtures own"])?;
    let cases = ["roundtrip/pytorch_bundle_loads_exactly", "bundle/snapshot_is_the_whole_configuration"];
    let run = adapter.run(&cases, &["--fixtures", "own", "--max-unsupported", "0"]);
    expect(ended(&run), 0, &["7/7 passed"])?;
    expect(ended(&make("own")), 2, &["own already exists; choose another directory; nothing was written"])?;
    let with = |fixtures: &str| ended(&adapter.run(&cases, &["--fixtures", fixtures, "--reports", "others"]));
    expect(with("nowhere"), 2, &["cannot use the fixtures in nowhere: not a directory"])?;
    fs::create_dir(adapter.place.path().join("empty"))?;
    expect(with("empty"), 2, &["missing fixtures.json; make them with `bundleproof make-fixtures`"])?;
    let sidecar = adapter.place.path().join("own/bundles/gs2/sidecar.json");
    fs::write(&sidecar, fs::read_to_string(&sidecar)?.replace("float32", "float64"))?;
    expect(with("own"), 2, &["bundles/gs2/sidecar.json has changed since it was made"])?;
    // One bundle was refused when the fixtures were made: only the check that needs it is skipped.
    let index = adapter.place.path().join("own/fixtures.json");
    let mut made: Value = serde_json::from_str(&fs::read_to_string(&index)?)?;
    made["bundles"]["gs2"] = json!({ "refused": "unsupported: no gridsize 2" });
    fs::write(&index, made.to_string())?;
    expect(
        with("own"),
        0,
        &["requires bundles/gs2 of its own fixtures: unsupported: no gridsize 2", "6/7 passed"],
    )?;
    made["made_by"] = json!("another");
    fs::write(&index, made.to_string())?;
    expect(with("own"), 2, &["they were made by another, expected odd"])
}

/// An adapter that dies leaves nothing behind.
fn no_fixtures() -> Result<(), Failed> {
    let adapter = Adapter::new("dies_when_it_saves", "");
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("bundleproof"));
    command.args(["make-fixtures", "--impl", "odd.toml", "--out", "own"]).current_dir(adapter.place.path());
    let made = command.output()?;
    expect(ended(&made), 7, &["the implementation failed while gs1 was made", "nothing was written"])?;
    let left: Vec<_> = fs::read_dir(adapter.place.path())?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()?;
    if left == ["odd.toml"] { Ok(()) } else { Err(format!("left behind: {left:?}").into()) }
}

fn ended(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), shown(output))
}

fn trace() -> Result<(), Failed> {
    let adapter = Adapter::new("none", "");
    let trace = adapter.place.path().join("trace");
    adapter.run(&[LOADING], &["--trace", &trace.display().to_string()]);
    let text = fs::read_to_string(trace)?;
    let entries: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let went = |way: &str| entries.iter().filter(|entry| entry["way"] == way).count();
    // No response to shutdown is waited for.
    let processes = entries.iter().filter(|entry| entry.to_string().contains("shutdown")).count();
    if went("sent") < 5 || processes == 0 || went("sent") != went("received") + processes {
        return Err(format!("{} sent and {} received", went("sent"), went("received")).into());
    }
    Ok(())
}

fn kept() -> Result<(), Failed> {
    let adapter = Adapter::new("none", "");
    let output = adapter.run(&[LOADING], &["--keep-work", "kept"]);
    let file = "kept/00000.green.odd.roundtrip.what_is_in_the_file_loads.autoencoder./wts.h5.zip";
    if !adapter.place.path().join(file).is_file() {
        return Err(shown(&output).into());
    }
    let again = adapter.run(&[LOADING], &["--keep-work", "kept", "--reports", "others"]);
    if again.status.code() != Some(2) || !shown(&again).contains("not empty") {
        return Err(shown(&again).into());
    }
    Ok(())
}

/// An adapter has a group of its own, so that ctrl-C at a terminal does not reach it.
fn interruption() -> Result<(), Failed> {
    use nix::{sys::signal, unistd::Pid};
    let adapter = Adapter::new("hangs", "");
    let file = adapter.place.path().join("odd.toml");
    fs::write(&file, fs::read_to_string(&file)?.replace("call = 5", "call = 600"))?;
    let mut command = adapter.command(&[LOADING], &["--deadline", "600"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // An interruption is heard from before there is a hidden directory.
    let reports = adapter.place.path().join("reports");
    let begun = || fs::read_dir(&reports).is_ok_and(|mut entries| entries.next().is_some());
    let until = Instant::now() + UNHURRIED;
    while !begun() || adapter.survivors().is_empty() {
        if Instant::now() > until {
            child.kill()?;
            return Err("the run did not begin".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Most often it hangs by then; what is expected is the same if it does not yet.
    std::thread::sleep(Duration::from_millis(500));
    signal::kill(Pid::from_raw(i32::try_from(child.id())?), signal::Signal::SIGINT)?;
    let code = child.wait()?.code();
    if code != Some(130) {
        return Err(format!("ended with {code:?}").into());
    }
    gone(&adapter)
}
