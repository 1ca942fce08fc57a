//! `bundleproof render`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{ArgGroup, Parser};
use serde::Serialize;

use super::{Exit, console::Console, report_argument};
use crate::{
    fs_util::replace,
    harness::{
        report::html::index_html,
        store::{CorruptReport, Index, Rendering, RenderingError},
    },
    text::line,
};

/// Write the renderings of a report again, or a page about all reports of a store
///
/// Everything in a report but the environment, the inventory and its place in the store is rendered from results.json,
/// durations.json and, for a proof, matrix.json. A report is never changed: --out writes its renderings elsewhere, and
/// --check compares them with what is in the report.
#[derive(Debug, Parser)]
#[command(group = ArgGroup::new("what").args(["out", "check", "index"]).required(true))]
pub(super) struct Render {
    /// Directory of a report
    #[arg(value_name = "REPORT", required_unless_present = "index", conflicts_with = "index")]
    report: Option<PathBuf>,

    /// Directory for the files; it must be empty, or not exist
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Fail if a file of the report differs from its fresh rendering
    #[arg(long)]
    check: bool,

    /// Write index.html into this directory of reports: history, transitions, flaky checks and durations
    #[arg(long, value_name = "STORE")]
    index: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The files that `--out` wrote.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrintedFiles<'a> {
    /// The directory.
    out: String,
    /// The names of the files.
    files: Vec<&'a str>,
}

/// What `--check` found.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrintedComparison<'a> {
    /// The directory of the report.
    report: String,
    /// Whether every rendered file is in the report as it was rendered again.
    same: bool,
    /// The number of rendered files.
    files: usize,
    /// The names of those that differ or are missing.
    differing: &'a [&'a str],
}

/// The page that `--index` wrote.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrintedIndex<'a> {
    /// The path of the page.
    index: String,
    /// The number of reports in it.
    reports: usize,
    /// The reports that cannot be used.
    damaged: &'a [CorruptReport],
}

/// The page about a store. It is not named by a timestamp, so the store does not take it for a report.
const INDEX: &str = "index.html";

impl Render {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        match (&self.report, &self.index) {
            (_, Some(store)) => self.index(store, console),
            (Some(report), None) => self.report(report, console),
            (None, None) => Err(Exit::Usage),
        }
    }

    fn report(&self, path: &Path, console: &Console) -> Result<Exit, Exit> {
        let rendering = Rendering::of(path).map_err(|error| {
            let (why, exit) = match &error {
                RenderingError::Corrupt(why) => {
                    (report_argument::reason(path, why), report_argument::exit_of(path, why))
                }
                RenderingError::Render(_) => (error.to_string(), Exit::Internal),
            };
            console.error(&format!("cannot render report {}: {why}", path.display()));
            exit
        })?;
        match &self.out {
            Some(out) => self.write(&rendering, out, console),
            None => self.compare(&rendering, path, console),
        }
    }

    fn write(&self, rendering: &Rendering, out: &Path, console: &Console) -> Result<Exit, Exit> {
        write_all(rendering, out).map_err(|error| {
            console.error(&format!("cannot write to {}: {error}", out.display()));
            Exit::Usage
        })?;
        let files: Vec<&str> = rendering.files.keys().map(String::as_str).collect();
        let out = out.display().to_string();
        if self.json {
            console.print_json(&PrintedFiles { out, files })?;
        } else {
            console.print(&format!("wrote {} files to {}\n", files.len(), line(&out)));
        }
        Ok(Exit::Success)
    }

    fn compare(&self, rendering: &Rendering, path: &Path, console: &Console) -> Result<Exit, Exit> {
        let differing = rendering.differing();
        let report = path.display().to_string();
        if self.json {
            let (same, files, differing) = (differing.is_empty(), rendering.files.len(), &differing);
            console.print_json(&PrintedComparison { report, same, files, differing })?;
        } else if differing.is_empty() {
            let files = rendering.files.len();
            console
                .print(&format!("{}: all {files} rendered files match a fresh rendering\n", line(&report)));
        } else {
            let wrote = &rendering.report.environment.binary.version;
            for name in &differing {
                let what = if rendering.report.files.contains_key(*name) {
                    "differs from its rendering"
                } else {
                    "is missing from the report"
                };
                console.print(&format!("{}: {} {what}\n", line(&report), line(name)));
            }
            let own = env!("CARGO_PKG_VERSION");
            if wrote != own {
                console.note(&format!(
                    "note: version {wrote} wrote the report and version {own} rendered it; another version may render other text"
                ));
            }
        }
        Ok(if differing.is_empty() { Exit::Success } else { Exit::EvidenceBroken })
    }

    fn index(&self, store: &Path, console: &Console) -> Result<Exit, Exit> {
        let index = Index::open(store).map_err(|error| {
            console.error(&error.to_string());
            Exit::Usage
        })?;
        let html = index_html(&index).map_err(|error| {
            console.error(&format!("cannot render {INDEX}: {error}"));
            Exit::Internal
        })?;
        let path = store.join(INDEX);
        replace(&path, html.as_bytes()).map_err(|error| {
            console.error(&format!("cannot write {}: {error}", path.display()));
            Exit::Usage
        })?;
        let (reports, damaged) = (index.reports().len(), index.problems());
        for problem in damaged {
            console.error(&format!("report {} cannot be used: {}", problem.stamp, problem.why));
        }
        let index = path.display().to_string();
        if self.json {
            console.print_json(&PrintedIndex { index, reports, damaged })?;
        } else {
            console.print(&format!("Index: {}\n", line(&index)));
        }
        Ok(if damaged.is_empty() { Exit::Success } else { Exit::EvidenceBroken })
    }
}

/// Writes all files into an empty directory.
fn write_all(rendering: &Rendering, out: &Path) -> io::Result<()> {
    fs::create_dir_all(out)?;
    if fs::read_dir(out)?.next().is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "not empty; choose another directory"));
    }
    for (name, bytes) in &rendering.files {
        fs::write(out.join(name), bytes)?;
    }
    Ok(())
}
