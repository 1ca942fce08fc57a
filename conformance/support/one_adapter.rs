//! Adapters that the tests run the program on: a program that misbehaves, and a built-in implementation that is served.

#![allow(dead_code, reason = "each test uses some of these")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

use crate::chaos;

/// A case that loads.
pub(crate) const LOADING: &str = "roundtrip/what_is_in_the_file_loads[autoencoder]";

/// Time for what is not about deadlines, however busy the machine is; less than what hangs takes.
pub(crate) const UNHURRIED: Duration = Duration::from_secs(120);

/// One adapter to be run on: its file, and a mark by which its processes are found.
pub(crate) struct Adapter {
    pub(crate) place: TempDir,
    mark: String,
}

impl Adapter {
    pub(crate) fn new(way: &str, more: &str) -> Self {
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
            "[launch]\ncommand = {command}\nenvironment = {{ {} = {way:?}, {} = {mark:?} }}\n{more}\n\
             [launch.deadlines]\nstart = {start}\ncall = {call}\n",
            chaos::VARIABLE,
            chaos::MARK
        );
        fs::write(place.path().join("odd.toml"), file).expect("a file");
        Self { place, mark }
    }

    pub(crate) fn command(&self, cases: &[&str], more: &[&str]) -> Command {
        let mut command = Command::new(crate::program::path());
        command.args(["run", "--impl"]).arg(self.place.path().join("odd.toml"));
        for case in cases {
            command.args(["--case", case]);
        }
        command.args(more).current_dir(self.place.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, cases: &[&str], more: &[&str]) -> Output {
        self.command(cases, more).output().expect("the program")
    }

    /// What each check came to, out of the one report that was written.
    pub(crate) fn results(&self) -> Vec<Value> {
        let reports = self.place.path().join("reports");
        let mut found: Vec<PathBuf> =
            fs::read_dir(reports).expect("reports").map(|entry| entry.expect("a report").path()).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        outcomes(&found.remove(0))
    }

    /// The length of all files of all reports.
    pub(crate) fn report_bytes(&self) -> u64 {
        let mut bytes = 0;
        let mut directories = vec![self.place.path().join("reports")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("a directory") {
                let entry = entry.expect("an entry");
                let metadata = entry.metadata().expect("metadata");
                bytes += metadata.len();
                directories.extend(metadata.is_dir().then(|| entry.path()));
            }
        }
        bytes
    }

    /// The processes that were started for it and are there now.
    pub(crate) fn survivors(&self) -> Vec<String> {
        let processes = fs::read_dir("/proc").expect("a list of processes");
        let paths = processes.filter_map(|entry| Some(entry.ok()?.path()));
        let marked = |path: &PathBuf| {
            let environment = fs::read(path.join("environ")).unwrap_or_default();
            environment.windows(self.mark.len()).any(|part| part == self.mark.as_bytes())
        };
        paths.filter(marked).map(|path| path.display().to_string()).collect()
    }
}

pub(crate) fn outcomes(report: &Path) -> Vec<Value> {
    let text = fs::read_to_string(report.join("results.json")).expect("results.json");
    let results: Value = serde_json::from_str(&text).expect("JSON");
    results["outcomes"].as_array().expect("outcomes").clone()
}

pub(crate) fn shown(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn ended(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), shown(output))
}

/// The verdict that a report's outcome folds to, read off what it holds.
pub(crate) fn verdict(outcome: &Value) -> &str {
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

pub(crate) fn gone(adapter: &Adapter) -> Result<(), Failed> {
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

/// A file of a mutant behind the protocol, with what is known of it.
pub(crate) fn served(mutant: &str, known: &str) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    let program = crate::program::path().display().to_string();
    let launch = format!("[launch]\ncommand = [{program:?}, \"serve\", \"--impl\", {mutant:?}]\n");
    fs::write(place.path().join("mine.toml"), launch + known).expect("a file");
    place
}

pub(crate) fn run_in(place: &TempDir, more: &[&str], ci: bool) -> (Option<i32>, String) {
    let mut command = Command::new(crate::program::path());
    command.args(["run", "--impl", "mine.toml"]).args(more).current_dir(place.path()).env_remove("CI");
    if ci {
        command.env("CI", "true");
    }
    let output = command.output().expect("the program");
    (output.status.code(), shown(&output))
}

pub(crate) fn expect((code, said): (Option<i32>, String), wanted: i32, says: &[&str]) -> Result<(), Failed> {
    match says.iter().find(|says| !said.contains(**says)) {
        None if code == Some(wanted) => Ok(()),
        None => Err(format!("ended with {code:?}: {said}").into()),
        Some(unsaid) => Err(format!("does not say {unsaid:?}: {said}").into()),
    }
}
