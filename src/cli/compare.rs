//! `bundleproof compare`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Parser;

use super::{Exit, compare_input::CompareInput, console::Console};
use crate::{
    fs_util::replace,
    harness::{
        compare::{Change, Comparison, History, Snapshot, read_baseline, write_baseline},
        record::RunTimestamp,
        store::{CheckKey, Index, read_report},
    },
};

/// The most bytes of a file that are read to see whether it is a page of a comparison: more than its style takes.
const MAX_BEGINNING_BYTES: u64 = 64 * 1024;

/// How such a page begins, and what its template has that no other page has.
const PAGE_START: &str = "<!doctype html>";
const PAGE_KICKER: &str = "<p class=\"kicker\">bundleproof compare ";

/// Compare two runs and say what regressed [exits with 5 on a regression]
///
/// BASE and NEW are each a report, a directory of reports (its newest), or a baseline file. These count as a regression:
/// a check that was as expected and fails, one that fails for another reason than before, one that is unsupported now,
/// and one that is missing although the options of NEW select it or are those of BASE. These do not: a check that fails in both for the same reason, and a check that fails and
/// has no result in BASE, because nothing that worked was lost; `run` fails for it. Runs on two implementations are
/// compared check by check. A baseline file has one line for each check and no times: keep it in a repository, and
/// write it again to accept what changed.
#[derive(Debug, Parser)]
#[command(override_usage = "bundleproof compare <BASE> <NEW> [--markdown | --json] [--html <FILE>]\n       \
                            bundleproof compare --write-baseline <FILE> <REPORT>")]
pub(super) struct Compare {
    /// The older run; with --write-baseline, the run to write
    #[arg(value_name = "BASE")]
    base: PathBuf,

    /// The newer run
    #[arg(value_name = "NEW", required_unless_present = "write_baseline")]
    new: Option<PathBuf>,

    /// Print Markdown for a comment on a pull request
    #[arg(long, conflicts_with = "json")]
    markdown: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Also write the comparison to this file, as one page for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the results of a report to this file, to compare with later
    #[arg(long, value_name = "FILE", conflicts_with_all = ["new", "markdown", "json", "html"])]
    write_baseline: Option<PathBuf>,
}

impl Compare {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        match (&self.write_baseline, &self.new) {
            (Some(file), _) => write(&CompareInput::read(&self.base, console)?, file, console),
            (None, Some(new)) => self.compare(new, console),
            (None, None) => {
                console.error("expected a second run to compare with, or --write-baseline");
                Err(Exit::Usage)
            }
        }
    }

    fn compare(&self, new: &Path, console: &Console) -> Result<Exit, Exit> {
        let base = CompareInput::read(&self.base, console)?;
        let new = CompareInput::read(new, console)?;
        if base.snapshot.checks.is_empty() {
            console.error(&format!("{} has no checks: there is nothing to compare with", base.snapshot.name));
            return Err(Exit::NothingSelected);
        }
        let mut comparison = Comparison::of(&base.snapshot, &new.snapshot);
        if comparison.not_selected > 0 && !comparison.has_common_checks() {
            console.error(&format!(
                "nothing was compared: no check of {} is among those that the options of {} selected",
                base.snapshot.name, new.snapshot.name
            ));
            return Err(Exit::NothingSelected);
        }
        let history_damaged = add_history(&mut comparison, &new, console);
        if let Some(file) = &self.html {
            let html = comparison.to_html().map_err(|error| internal(&error, console))?;
            let failed = |why: String| {
                console.error(&format!("cannot write {}: {why}", file.display()));
                Exit::Usage
            };
            // A slip of arguments must not replace a file of a report or a source file.
            if fs::symlink_metadata(file).is_ok() && !is_comparison(file) {
                return Err(failed(
                    "it exists and is not a comparison; remove it, or name another file".to_owned(),
                ));
            }
            replace(file, html.as_bytes()).map_err(|error| failed(error.to_string()))?;
        }
        if self.json {
            console.print_json(&comparison.for_json())?;
        } else if self.markdown {
            console.print(&comparison.to_markdown());
        } else {
            console.print(&comparison.to_text(|change, word| paint(change, word, console)));
        }
        Ok(if base.damaged || new.damaged || history_damaged {
            Exit::EvidenceBroken
        } else if comparison.is_regression() {
            Exit::Regression
        } else {
            Exit::Success
        })
    }
}

/// Whether a file is a page that `--html` wrote. One that only mentions the command is not.
fn is_comparison(file: &Path) -> bool {
    // A pipe is not opened: it might never end. A link is not followed: it would be replaced, and its target stay.
    if !fs::symlink_metadata(file).is_ok_and(|found| found.is_file()) {
        return false;
    }
    let mut beginning = Vec::new();
    let read =
        fs::File::open(file).and_then(|file| file.take(MAX_BEGINNING_BYTES).read_to_end(&mut beginning));
    let text = String::from_utf8_lossy(&beginning);
    read.is_ok() && text.starts_with(PAGE_START) && text.contains(PAGE_KICKER)
}

fn write(input: &CompareInput, file: &Path, console: &Console) -> Result<Exit, Exit> {
    let text = write_baseline(&input.snapshot).map_err(|error| internal(&error, console))?;
    let failed = |why: String| {
        console.error(&format!("cannot write baseline {}: {why}", file.display()));
        Exit::Usage
    };
    // A slip of arguments must not replace a report or a source file.
    if fs::symlink_metadata(file).is_ok() {
        let what = "exists, and is not a baseline file; remove it, or name another file";
        read_baseline(file).map_err(|error| failed(format!("it {what} ({error})")))?;
    }
    replace(file, text.as_bytes()).map_err(|error| failed(error.to_string()))?;
    let Snapshot { name, checks, .. } = &input.snapshot;
    console.note(&format!("wrote {} checks of {name} to {}", checks.len(), file.display()));
    Ok(if input.damaged { Exit::EvidenceBroken } else { Exit::Success })
}

/// Adds the last good and the first bad reports, and says whether damaged ones were left out. Only what counts has them,
/// so a store is not read for anything else.
fn add_history(comparison: &mut Comparison<'_>, new: &CompareInput, console: &Console) -> bool {
    let Some((store, stamp)) = new.place.as_ref().filter(|_| comparison.is_regression()) else {
        return false;
    };
    let mut index = match Index::open(store) {
        Ok(index) => index,
        Err(error) => {
            console.note(&format!("note: no last good reports: {error}"));
            return false;
        }
    };
    let mut damaged: BTreeMap<RunTimestamp, String> =
        index.problems().iter().map(|problem| (problem.stamp, problem.why.to_string())).collect();
    // The index verifies no report as a whole, so those that it names are verified here, until none is damaged.
    let mut verified = BTreeSet::from([*stamp]);
    let history = loop {
        let history: HashMap<CheckKey, History> =
            History::until(*stamp, &index).into_iter().map(|(key, own)| (key.clone(), own)).collect();
        let of_counting = comparison.checks.iter().filter(|own| own.change.counts());
        let named = of_counting.filter_map(|own| history.get(own.key()));
        let named: BTreeSet<RunTimestamp> =
            named.flat_map(|own| own.last_good.into_iter().chain([own.first_bad])).collect();
        let before = damaged.len();
        for own in named.into_iter().filter(|own| verified.insert(*own)) {
            damaged.extend(read_report(&store.join(own.to_string())).err().map(|why| (own, why.to_string())));
        }
        if damaged.len() == before {
            break history;
        }
        index = index.without(|own| damaged.contains_key(&own));
    };
    for (own, why) in &damaged {
        let own = store.join(own.to_string());
        console.error(&format!(
            "left damaged report {} out of the search for the last good and the first bad reports: {why}",
            own.display()
        ));
    }
    comparison.add_history(|key| history.get(key).copied());
    !damaged.is_empty()
}

fn paint(change: Change, word: &str, console: &Console) -> String {
    match change {
        Change::Regressed | Change::FailingForANewReason | Change::NewlyUnsupported | Change::Removed => {
            console.bad(word)
        }
        Change::NewAndFailing | Change::StillFailing => console.odd(word),
        Change::Fixed => console.good(word),
        Change::Added | Change::Unchanged => word.to_owned(),
    }
}

fn internal(error: &dyn std::error::Error, console: &Console) -> Exit {
    console.error(&format!("cannot write the comparison: {error}"));
    Exit::Internal
}
