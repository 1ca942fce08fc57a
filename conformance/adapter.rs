//! The adapter protocol: the conversation that its description shows, verdicts across it, and adapters that misbehave.
//!
//! The program of these tests is itself each adapter that misbehaves, when a variable says so.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/chaos.rs"]
mod chaos;
#[path = "support/one_adapter.rs"]
mod one_adapter;
#[path = "support/program.rs"]
mod program;

use std::{
    env, fs,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::one_adapter::{Adapter, LOADING, UNHURRIED, gone, outcomes, run_in, served, shown, verdict};

fn main() -> ExitCode {
    if let Ok(way) = env::var(chaos::VARIABLE) {
        chaos::answer(&way);
        return ExitCode::SUCCESS;
    }
    let mut trials = vec![Trial::test("the_description_shows_what_is_said", conversation)];
    for (served, areas) in SERVED {
        trials.push(Trial::test(format!("verdicts_are_the_same_across_the_protocol::{served}"), || {
            same_verdicts(served, areas)
        }));
    }
    for (way, says) in UNUSABLE {
        trials.push(Trial::test(format!("is_unusable::{way}"), || unusable(way, says)));
    }
    for row in CHAOS {
        trials.push(Trial::test(format!("costs_what_it_touched::{}", row.way), || costs(row)));
    }
    for what in ["a_link", "a_pipe", "a_directory", "nothing"] {
        for at in ["own", "work", "report", "store"] {
            let way = format!("puts_{what}_at_{at}");
            trials
                .push(Trial::test(format!("costs_its_own_checks_alone::{way}"), move || took_a_place(&way)));
        }
    }
    let no_mounts = !has_mounts();
    for way in ["mounts_at_work", "mounts_below_own"] {
        let trial = Trial::test(format!("costs_its_own_checks_alone::{way}"), move || took_a_place(way));
        trials.push(trial.with_ignored_flag(no_mounts));
    }
    trials.push(Trial::test("a_check_past_its_deadline_names_the_request_and_the_step", past_deadline));
    trials.push(Trial::test("a_lost_process_is_replaced_within_a_budget", budget));
    trials.push(Trial::test("a_process_of_its_own_for_each_case", per_case));
    trials.push(Trial::test("a_restart_ends_the_process_and_starts_another_one", restart));
    trials.push(Trial::test("variables_of_a_case_are_those_of_a_process_of_its_own", variables));
    trials.push(Trial::test("state_that_leaks_is_named_with_the_earlier_check", state_leak));
    trials.push(Trial::test("a_trace_holds_both_ways", trace));
    trials.push(Trial::test("directories_are_kept_when_that_is_asked_for", kept));
    let no_sandbox = !has_sandbox();
    for (name, more) in [("", &[][..]), ("_in_a_sandbox", &["--sandbox"][..])] {
        for (end, sent, wanted) in
            [("an_interruption", Signal::SIGINT, Some(130)), ("a_killed_run", Signal::SIGKILL, None)]
        {
            let trial = Trial::test(format!("{end}{name}_leaves_no_process_and_no_file"), move || {
                signaled(more, sent, wanted)
            });
            trials.push(trial.with_ignored_flag(no_sandbox && !more.is_empty()));
        }
    }
    trials.push(Trial::test("a_process_has_no_more_memory_than_it_may", || {
        limited("takes_a_gibibyte", "memory_mib", "memory allocation of 1073741824 bytes failed")
    }));
    trials.push(Trial::test("a_process_writes_no_longer_file_than_it_may", || {
        limited("writes_a_gibibyte", "file_mib", "SIGXFSZ")
    }));
    trials
        .push(Trial::test("a_file_beyond_the_limit_of_a_case_is_an_error_and_no_signal", limited_by_a_case));
    trials.push(Trial::test("a_variable_is_inherited_when_it_is_named", inherited));
    for way in ["writes_outside", "opens_a_port"] {
        let trial = Trial::test(format!("a_sandbox_is_not_left::{way}"), || sandboxed(way));
        trials.push(trial.with_ignored_flag(no_sandbox));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// What is served, and the areas of the suite that it is judged by.
const SERVED: &[(&str, &[&str])] = &[
    ("reference", &["bundle", "config", "dataset", "dispatch", "orchestration", "params", "roundtrip"]),
    ("stub", &["bundle"]),
    ("swaps_the_models", &["roundtrip"]),
    ("never_persists", &["orchestration"]),
    ("leaves_params_of_a_refused_load", &["loader"]),
];

/// Ways to be of no use at all, and what is said of them.
const UNUSABLE: &[(&str, &str)] = &[
    ("exits_at_once", "no module named ptycho"),
    ("is_silent", ": no response to initialize within 1000 ms; `start` in [launch.deadlines]"),
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
    Row { way: "hangs", loading: "timeout", says: "\"method\":\"load_torch_bundle\"" },
    Row { way: "dies", loading: "crash", says: "Segmentation fault in libtorch" },
    Row { way: "leaves_a_child_with_its_pipe", loading: "crash", says: "process exited with status 1" },
    Row { way: "answers_garbage", loading: "protocol_error", says: "Epoch 1/50" },
    Row { way: "answers_for_another", loading: "protocol_error", says: "response id 1000000" },
    Row { way: "answers_twice", loading: "protocol_error", says: "does not match request id" },
    Row { way: "answers_too_little", loading: "protocol_error", says: "missing field `params`" },
    Row { way: "answers_many_values", loading: "protocol_error", says: "more than the limit of 262144" },
    Row { way: "states_its_mistake", loading: "protocol_error", says: "\"Mine.load returned None\"" },
    Row { way: "states_a_long_error", loading: "crash", says: "[cut]" },
    Row { way: "floods_a_line", loading: "protocol_error", says: "a line of more than 16777216 bytes" },
    Row { way: "floods_lines", loading: "protocol_error", says: "Epoch 1/50" },
    Row { way: "floods_stderr", loading: "pass", says: "" },
    Row { way: "sleeps_in_shutdown", loading: "pass", says: "" },
    Row { way: "sleeps_at_the_end", loading: "pass", says: "" },
    Row { way: "ignores_sigterm", loading: "pass", says: "" },
    Row { way: "leaves_a_session", loading: "pass", says: "" },
    Row { way: "needs_a_session_without_terminal", loading: "pass", says: "" },
    Row { way: "remembers_what_it_saved", loading: "fail", says: "sha256" },
];

/// What the report of the cases below may have, in bytes.
const MAX_REPORT_BYTES: u64 = 2 << 20;

/// A case that loads, one that saves only, and one that does neither.
const CASES: [&str; 3] = [LOADING, "bundle/save_writes_one_archive", "config/bridge_skips_none"];

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
    let mut serve = Command::new(program::path());
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
fn same_verdicts(name: &str, areas: &[&str]) -> Result<(), Failed> {
    let program = program::path();
    let place = tempfile::tempdir()?;
    let judged = |reports: &str, option: &str, value: &str| {
        let mut command = Command::new(&program);
        command.args(["run", "--phase", "green", "--stamp", "2026-01-01T000000Z", "--reports", reports]);
        command.args(areas.iter().flat_map(|area| ["--area", area]));
        command.args([option, value]).current_dir(place.path()).output().map(|output| output.status.code())
    };
    let here = judged("here", "--impl", name)?;
    let there = judged("there", "--impl-cmd", &format!("'{}' serve --impl {name}", program.display()))?;
    if here != there {
        return Err(format!("ended with {here:?} here and {there:?} there").into());
    }
    let outcomes = |reports: &str| outcomes(&place.path().join(reports).join("2026-01-01T000000Z"));
    let (here, there) = (outcomes("here"), outcomes("there"));
    if here.len() < 5 || here.len() != there.len() {
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
    let bytes = adapter.report_bytes();
    if bytes > MAX_REPORT_BYTES {
        return Err(format!("the report has {bytes} bytes").into());
    }
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

/// The deadline of the check is over before that of the request, and both are those of the same request.
fn past_deadline() -> Result<(), Failed> {
    let adapter = Adapter::new("hangs", "");
    let output = adapter.run(&[LOADING], &["--deadline", "4"]);
    let said = shown(&output);
    let line = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("timed out: no response to load_torch_bundle (line "));
    match line {
        Some(line) if line.ends_with(") within 4000 ms") => gone(&adapter),
        _ => Err(format!("ended with {:?}: {said}", output.status.code()).into()),
    }
}

/// Something in the place of a directory of the run costs the check that put it there, and nothing is written through it.
fn took_a_place(way: &str) -> Result<(), Failed> {
    let adapter = Adapter::new(way, "");
    let at = |name: &str| adapter.place.path().join(name);
    let theirs = [at("theirs/work/file"), at("theirs/SHA256SUMS"), at("theirs/chain.json")];
    fs::create_dir_all(at("theirs/work"))?;
    fs::create_dir(at("tmp"))?;
    theirs.iter().try_for_each(|file| fs::write(file, "theirs"))?;
    let mut command = adapter.command(&CASES, &["--workers", "2"]);
    if way.starts_with("mounts_") {
        let mut unshared = Command::new("unshare");
        unshared.arg("-rm").arg(command.get_program()).args(command.get_args());
        unshared.current_dir(adapter.place.path()).stdin(Stdio::null());
        command = unshared;
    }
    let output = command.env("TMPDIR", at("tmp")).output()?;
    let said = shown(&output);
    // A store that was moved is written to where it is.
    let store = at(if way.ends_with("_at_store") { "reports.moved" } else { "reports" });
    let reports =
        fs::read_dir(&store)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    let is_report = |path: &&std::path::PathBuf| path.join("chain.json").exists();
    let [report] = &reports.iter().filter(is_report).collect::<Vec<_>>()[..] else {
        return Err(format!("{reports:?}: {said}").into());
    };
    let loading = match way {
        // What is mounted there looks written.
        "mounts_below_own" => "fail",
        // Where it runs again, the hidden directory of the report is out of its reach.
        _ if way.ends_with("_at_report") || way.ends_with("_at_store") => "pass",
        _ => "crash",
    };
    for outcome in outcomes(report) {
        let wanted = if outcome["check"] == LOADING { loading } else { "pass" };
        if verdict(&outcome) != wanted {
            return Err(format!("expected {wanted}: {outcome:#}\n{said}").into());
        }
        // Only what is mounted below the own directory is part of it.
        if wanted != "fail" && outcome.to_string().contains("SHA256SUMS") {
            return Err(format!("judged by what took its place: {outcome:#}").into());
        }
    }
    let in_theirs = fs::read_dir(at("theirs"))?.chain(fs::read_dir(at("theirs/work"))?).count();
    let is_whole = |file: &std::path::PathBuf| fs::read_to_string(file).is_ok_and(|text| text == "theirs");
    if in_theirs != 4 || !theirs.iter().all(is_whole) {
        return Err(format!("something was written through a link, or removed: {said}").into());
    }
    let audit =
        Command::new(program::path()).arg("audit").arg(&store).current_dir(adapter.place.path()).output()?;
    if !audit.status.success() || output.status.code() != Some((loading != "pass").into()) {
        return Err(format!("{:?}: {said}{}", output.status, shown(&audit)).into());
    }
    gone(&adapter)
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

/// Only the case that needs more than it may has an end of its own.
fn limited(way: &str, limit: &str, says: &str) -> Result<(), Failed> {
    let adapter = Adapter::new(way, &format!("limits = {{ {limit} = 512 }}"));
    let output = adapter.run(&CASES, &[]);
    for outcome in adapter.results() {
        let wanted = if outcome["check"] == LOADING { ("crash", says) } else { ("pass", "") };
        if verdict(&outcome) != wanted.0 || !outcome.to_string().contains(wanted.1) {
            return Err(format!("expected {wanted:?}: {outcome:#}\n{}", shown(&output)).into());
        }
    }
    gone(&adapter)
}

fn inherited() -> Result<(), Failed> {
    for (inherit, stated) in [("", "Err(NotPresent)"), (chaos::SETTING, "Ok(\"as set\")")] {
        let adapter = Adapter::new("states_a_setting", &format!("inherit = [{inherit:?}]"));
        let output = adapter.command(&[CASES[2]], &[]).env(chaos::SETTING, "as set").output()?;
        let said = shown(&output);
        if !said.contains(stated) {
            return Err(format!("{stated}: {said}").into());
        }
    }
    Ok(())
}

/// Whether this system lets any user mount a directory, where only its own processes see that.
fn has_mounts() -> bool {
    let mut command = Command::new("unshare");
    command.args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    command.output().is_ok_and(|output| output.status.success())
}

/// Whether this system can keep an adapter in a sandbox.
fn has_sandbox() -> bool {
    let run = std::process::id().to_string();
    let limits = ["--memory-mib=1024", "--file-mib=1", "--open-files=64", "--writable", "/dev"];
    let mut command = Command::new(program::path());
    command.args(["supervise", "--run", &run]).args(limits).args(["--", "true"]);
    command.output().is_ok_and(|output| output.status.success())
}

/// A program that writes a longer file than a case allows gets as many bytes as fit, an error, and goes on.
fn limited_by_a_case() -> Result<(), Failed> {
    let (run, place) = (std::process::id().to_string(), tempfile::tempdir()?);
    let limits = ["--memory-mib=1024", "--file-mib=1", "--open-files=64", "--max-file-bytes=100"];
    let script = "head -c 1000 /dev/zero > written; echo \"head: $?\"";
    let mut command = Command::new(program::path());
    command.args(["supervise", "--run", &run]).args(limits).args(["--", "sh", "-c", script]);
    let output = command.current_dir(place.path()).output()?;
    let (said, written) = (shown(&output), fs::metadata(place.path().join("written"))?.len());
    // 1 is an error of the program; a signal would be 153.
    if written != 100 || !said.contains("head: 1") || !output.status.success() {
        return Err(format!("{written} bytes: {said}").into());
    }
    Ok(())
}

/// What an adapter does without a sandbox it cannot do in one, and all else it can.
fn sandboxed(way: &str) -> Result<(), Failed> {
    for (options, wanted) in [(&[][..], "pass"), (&["--sandbox"][..], "crash")] {
        let adapter = Adapter::new(way, "");
        let outside = adapter.place.path().with_file_name(format!(
            "{}-{way}.written",
            adapter.place.path().file_name().unwrap_or_default().display()
        ));
        let output = adapter.run(&CASES, options);
        let is_written = outside.exists();
        if is_written {
            fs::remove_file(&outside)?;
        }
        for outcome in adapter.results() {
            let wanted = if outcome["check"] == LOADING { wanted } else { "pass" };
            let denied = wanted != "crash" || outcome.to_string().contains("Permission denied");
            if verdict(&outcome) != wanted || !denied {
                return Err(format!("expected {wanted}: {outcome:#}\n{}", shown(&output)).into());
            }
        }
        if is_written != (way == "writes_outside" && options.is_empty()) {
            return Err(format!("{}: {is_written}", outside.display()).into());
        }
        let is_noted = shown(&output).contains("it could write to the directories of its checks");
        if is_noted == options.is_empty() {
            return Err(shown(&output).into());
        }
        gone(&adapter)?;
    }
    Ok(())
}

/// A run that is sent a signal while its adapter hangs. The adapter has a group of its own, so that ctrl-C at a terminal
/// does not reach it, and has started a session of its own.
fn signaled(more: &[&str], sent: Signal, wanted: Option<i32>) -> Result<(), Failed> {
    let way = "leaves_a_session_and_hangs";
    let adapter = Adapter::new(way, "");
    let temporary = tempfile::tempdir()?;
    let mut command = adapter.command(&[LOADING], &[&["--deadline", "600"], more].concat());
    command.env("TMPDIR", temporary.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let until = Instant::now() + UNHURRIED;
    // The supervisor, the adapter, and the session.
    while adapter.survivors().len() < 3 {
        if Instant::now() > until {
            child.kill()?;
            return Err("the run did not begin".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    signal::kill(Pid::from_raw(i32::try_from(child.id())?), sent)?;
    let code = child.wait()?.code();
    if code != wanted {
        return Err(format!("ended with {code:?}").into());
    }
    gone(&adapter)?;
    // The supervisor removes the directories after the processes.
    while let Some(left) = fs::read_dir(temporary.path())?.next() {
        if Instant::now() > until {
            return Err(format!("{} is left", left?.path().display()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
