//! `bundleproof audit`.

use std::path::PathBuf;

use clap::Parser;
use indicatif::BinaryBytes;
use serde::Serialize;

use super::{
    Exit,
    console::{Console, counted},
};
use crate::{
    harness::{
        store::{
            Audit as Audited, Cleaned, Cleaning, CorruptReport, NewestEnd, RunState, UnfinishedRun, clean,
        },
        temporary::remove_leftovers,
    },
    text::line,
    value::Digest,
};

/// Verify every file of every report of a store, and that no report is missing
///
/// Answers two questions. Integrity: is everything that is there as it was written? Completeness: is everything there?
/// Every file is compared with its digest, and rendered again from the results; every planned check must have exactly
/// one outcome; every report names the one before it and its digest. Only the newest reports can vanish without a trace
/// in the others: note the head that is printed, and pass it to --expected-head the next time. Exits with 8 if either
/// answer is no.
#[derive(Debug, Parser)]
pub(super) struct Audit {
    /// Directory of the reports
    #[arg(value_name = "STORE", default_value = "reports")]
    store: PathBuf,

    /// Head of a report that must be there, as an earlier audit printed it
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    expected_head: Option<Digest>,

    /// Remove what runs left that were interrupted or killed
    ///
    /// Runs that are alive are left alone, and outcomes are never removed: a complete report that only lacks its name is
    /// published, and other results are kept. Temporary directories of killed runs are removed as well, as each run does
    /// that begins.
    #[arg(long)]
    clean: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The number of stamps that are listed in text; JSON lists all.
const MAX_SHOWN: usize = 5;

/// The number of errors of one kind that are listed in text; JSON lists all.
const MAX_ERRORS: usize = 20;

/// Whether the reports of a store are intact and complete, and what was cleaned up.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Printed<'a> {
    /// The directory of the reports.
    store: String,
    #[serde(flatten)]
    audit: &'a Audited,
    /// The directories that were removed, or were going to be.
    removed: Vec<PrintedRemoval>,
    /// Directories with outcomes of runs without a report, which were not removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<String>,
    /// Complete reports that got their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    published: Vec<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedRemoval {
    /// Its path.
    directory: String,
    /// Why it is still there; absent if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Audit {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let bar = console.progress_bytes();
        bar.set_message("reports");
        let expected = self.expected_head.map(|head| head.to_string());
        let audit = Audited::of(&self.store, expected.as_deref(), &|| bar.inc(1)).map_err(|error| {
            console.error(&error.to_string());
            Exit::Usage
        })?;
        bar.finish_and_clear();
        // That nothing is damaged or missing in a directory without reports says nothing.
        if audit.reports == 0 && audit.is_sound() && audit.unfinished.is_empty() && !self.clean {
            console.error(&format!(
                "no reports in {}: nothing was verified; expected a directory of reports, such as that of `run --reports`",
                self.store.display()
            ));
            return Err(Exit::Usage);
        }
        let cleaned = if self.clean { self.clean(console)? } else { Vec::new() };
        if self.json {
            let store = self.store.display().to_string();
            let removed = cleaned.iter().filter_map(printed_removal).collect();
            let of = |kind: fn(&Cleaning) -> bool| {
                let own = cleaned.iter().filter(|own| kind(&own.done));
                own.map(|own| own.directory.display().to_string()).collect()
            };
            let kept = of(|done| matches!(done, Cleaning::Kept));
            let published = of(|done| matches!(done, Cleaning::Published));
            console.print_json(&Printed { store, audit: &audit, removed, kept, published })?;
        } else {
            console.print(&self.text(&audit, &cleaned, console));
        }
        Ok(if !audit.is_sound() {
            Exit::EvidenceBroken
        } else if cleaned.iter().any(|own| matches!(own.done, Cleaning::Failed(_))) {
            Exit::Usage
        } else {
            Exit::Success
        })
    }

    fn clean(&self, console: &Console) -> Result<Vec<Cleaned>, Exit> {
        remove_leftovers();
        clean(&self.store).map_err(|error| {
            console.error(&format!("cannot clean the store: {error}"));
            Exit::Usage
        })
    }

    fn text(&self, audit: &Audited, cleaned: &[Cleaned], console: &Console) -> String {
        let (reports, files) = (counted(audit.reports, "report"), counted_files(audit.files));
        let store = line(&self.store.display().to_string());
        let mut text = format!("{store}: {reports}, {files}, {}\n", BinaryBytes(audit.bytes));
        let (integrity, completeness) = (&audit.integrity, &audit.completeness);
        text.push_str(&if audit.reports == 0 && audit.is_sound() {
            format!("integrity     {}: no reports\n", console.odd("nothing verified"))
        } else if integrity.intact {
            format!("integrity     {}: every file is as it was written\n", console.good("intact"))
        } else {
            format!("integrity     {}: {}\n", console.bad("broken"), counted(integrity.errors.len(), "error"))
        });
        text.push_str(&error_lines(&integrity.errors));
        if audit.reports > 0 || !audit.is_sound() {
            text.push_str(&completeness_line(audit, console));
        }
        text.push_str(&error_lines(&completeness.errors));
        if let Some(newest) = &audit.newest {
            let (head, sequence, stamp) = (&newest.head, newest.sequence, newest.stamp);
            text.push_str(&format!("head          {} is report {sequence}, {stamp}\n", line(head)));
        }
        if !audit.given_stamps.is_empty() {
            let stamps = shortened(audit.given_stamps.iter().map(ToString::to_string));
            text.push_str(&format!("given stamps  not compared with the time of the run: {stamps}\n"));
        }
        if !audit.not_rendered.is_empty() {
            let stamps = shortened(audit.not_rendered.iter().map(ToString::to_string));
            text.push_str(&format!(
                "not rendered  written by another version of bundleproof, so not compared with the results: {stamps}\n"
            ));
        }
        if !audit.litter.is_empty() {
            let names = shortened(audit.litter.iter().map(|name| line(name)));
            text.push_str(&format!("litter        not part of a report, and harmless: {names}\n"));
        }
        text.extend(audit.unfinished.iter().map(unfinished_line));
        let dead =
            audit.unfinished.iter().any(|run| matches!(run.state, RunState::Killed | RunState::Interrupted));
        if dead && !self.clean {
            text.push_str("remove interrupted and killed runs with: bundleproof audit --clean\n");
        }
        text.extend(cleaned.iter().map(cleaned_line));
        text
    }
}

fn completeness_line(audit: &Audited, console: &Console) -> String {
    let completeness = &audit.completeness;
    let end = match completeness.newest_end {
        NewestEnd::NotChecked => {
            "whether newer reports were removed is not known without --expected-head".to_owned()
        }
        NewestEnd::Expected { newer: 0 } => "the newest report is the expected one".to_owned(),
        NewestEnd::Expected { newer } => {
            format!("the expected report is there, with {} after it", counted(newer, "report"))
        }
        NewestEnd::Missing => {
            "no report has the expected head: the newest reports were removed or changed".to_owned()
        }
    };
    if completeness.complete {
        return format!("completeness  {}: no gap; {end}\n", console.good("complete"));
    }
    let errors = counted(completeness.errors.len(), "error");
    format!("completeness  {}: {errors}; {end}\n", console.bad("incomplete"))
}

/// A line for each of the first errors, and the number of the others.
fn error_lines(errors: &[CorruptReport]) -> String {
    let shown = errors.iter().take(MAX_ERRORS);
    let mut text: String =
        shown.map(|error| format!("  {}: {}\n", error.stamp, line(&error.why.to_string()))).collect();
    let more = errors.len().saturating_sub(MAX_ERRORS);
    if more > 0 {
        text.push_str(&format!("  {}; --json lists all\n", counted(more, "more error")));
    }
    text
}

fn unfinished_line(run: &UnfinishedRun) -> String {
    let state = match run.state {
        RunState::Running => "running      ",
        RunState::Killed => "killed       ",
        RunState::Interrupted => "interrupted  ",
        RunState::Complete => "hidden       ",
    };
    let planned = match &run.planned {
        Some(planned) => {
            let on = shortened(planned.on.iter().map(|on| line(on)));
            format!("{} planned: {on}", counted(planned.checks, "check"))
        }
        None => "what was planned cannot be read".to_owned(),
    };
    let results = match run.state {
        RunState::Complete => {
            "; a complete report, which the next run or --clean publishes unless its number was given again"
        }
        RunState::Killed | RunState::Interrupted | RunState::Running if run.has_results => {
            "; it has results, which were not published and are kept"
        }
        RunState::Killed | RunState::Interrupted | RunState::Running => "",
    };
    format!("{state} {}: {planned}{results}\n", run.directory)
}

fn cleaned_line(cleaned: &Cleaned) -> String {
    let directory = line(&cleaned.directory.display().to_string());
    match &cleaned.done {
        Cleaning::Removed => format!("removed       {directory}\n"),
        Cleaning::Failed(error) => format!("not removed   {}\n", line(&error.to_string())),
        Cleaning::Kept => format!("kept          {directory}: it has outcomes; remove it by hand\n"),
        Cleaning::Published => {
            format!("published     {directory}: it was complete and lacked only its name\n")
        }
    }
}

/// A directory that was removed, or was going to be.
fn printed_removal(cleaned: &Cleaned) -> Option<PrintedRemoval> {
    let directory = cleaned.directory.display().to_string();
    match &cleaned.done {
        Cleaning::Removed => Some(PrintedRemoval { directory, error: None }),
        Cleaning::Failed(error) => Some(PrintedRemoval { directory, error: Some(error.to_string()) }),
        Cleaning::Kept | Cleaning::Published => None,
    }
}

fn counted_files(files: u64) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

/// The first of these, and how many more there are.
fn shortened(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(MAX_SHOWN);
    let shown: Vec<String> = all.take(MAX_SHOWN).collect();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn digest(text: &str) -> Result<Digest, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
