//! What GitHub Actions shows of a run: the summary of the step, and annotations of failing checks.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{
    console::{Console, counted},
    summary,
    workflow_command::{self, Annotation, Level},
};
use crate::{
    harness::{
        record::{RunRecord, SUMMARY},
        report::{failed_check, rerun_command},
        runner::Outcome,
    },
    text::{beginning, line, truncated},
};

/// The most that GitHub accepts as the summary of one step: 1 MiB. It drops a longer one as a whole.
const MAX_STEP_SUMMARY_BYTES: u64 = 1024 * 1024;

/// GitHub shows at most this many annotations of one level for a step.
const MAX_ANNOTATIONS: usize = 10;

/// The longest message of an annotation: 4 KiB.
const MAX_MESSAGE_BYTES: usize = 4 * 1024;

/// The longest title of an annotation, in characters.
const MAX_TITLE_CHARS: usize = 200;

/// The step of GitHub Actions that this program runs in, if any.
pub(super) struct GitHub {
    annotates: bool,
    summary: Option<PathBuf>,
}

impl GitHub {
    /// Reads `GITHUB_ACTIONS` and `GITHUB_STEP_SUMMARY`.
    pub(super) fn from_environment() -> Self {
        let summary = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        Self { annotates: workflow_command::is_active(), summary: summary.map(PathBuf::from) }
    }

    /// Shows a run and its published report. Failing to do so changes nothing about the run, and is printed.
    pub(super) fn show(&self, run: &RunRecord, report: &Path, console: &Console) {
        if self.annotates {
            annotate(run, console);
        }
        if let Some(file) = &self.summary
            && let Err(error) = append_summary(&report.join(SUMMARY), file)
        {
            let file = file.display();
            console.error(&format!("cannot append the summary to {file} (GITHUB_STEP_SUMMARY): {error}"));
        }
    }
}

fn annotate(run: &RunRecord, console: &Console) {
    let suite = run.suite.as_deref().and_then(suite_in_repository);
    let failing = summary::unexpected(run);
    for outcome in failing.iter().take(MAX_ANNOTATIONS) {
        console.annotate(&annotation(run, outcome, suite.as_ref()));
    }
    let more = failing.len().saturating_sub(MAX_ANNOTATIONS);
    if more > 0 {
        let message = format!("{} in the report", counted(more, "more failing check"));
        let title = "bundleproof".to_owned();
        console.annotate(&Annotation { level: Level::Notice, place: None, title, message });
    }
}

fn annotation(run: &RunRecord, outcome: &Outcome, suite: Option<&SuiteInRepository>) -> Annotation {
    let word = outcome.result_name();
    let rerun = rerun_command(run, &outcome.check, outcome.phase, &outcome.implementation);
    let message = failed_check(outcome, word, &rerun);
    let title = format!("{} on {}: {word}", line(&outcome.check), line(&outcome.implementation));
    let at = outcome.failed().map(|(_, expectation)| expectation.line).next();
    let at = at.or_else(|| outcome.stopped_at().map(|step| step.line)).unwrap_or(1);
    Annotation {
        level: Level::Error,
        place: suite.and_then(|suite| suite.file(&outcome.file)).map(|file| (file, at)),
        title: truncated(&title, MAX_TITLE_CHARS),
        message: beginning(message.trim_end().to_owned(), MAX_MESSAGE_BYTES),
    }
}

/// A suite on disk, and the top of the repository that contains it and the current directory.
struct SuiteInRepository {
    suite: PathBuf,
    top: PathBuf,
}

fn suite_in_repository(suite: &str) -> Option<SuiteInRepository> {
    let here = std::env::current_dir().ok()?.canonicalize().ok()?;
    // In a linked work tree `.git` is a file.
    let top = here.ancestors().find(|directory| directory.join(".git").exists())?.to_owned();
    let suite = here.join(suite).canonicalize().ok()?;
    suite.starts_with(&top).then_some(SuiteInRepository { suite, top })
}

impl SuiteInRepository {
    /// The path of a file of the suite as annotations name it: relative to the top of the repository, with `/`. None
    /// if it is not in the suite, as a report from elsewhere may say.
    fn file(&self, name: &str) -> Option<String> {
        let path = self.suite.join(name).canonicalize().ok()?;
        if !path.starts_with(&self.suite) || !path.is_file() {
            return None;
        }
        let parts = path.strip_prefix(&self.top).ok()?.iter().map(|part| part.to_str());
        Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
    }
}

/// Appends a summary to the file of the step, as much as GitHub accepts.
fn append_summary(summary: &Path, file: &Path) -> io::Result<()> {
    // Opening a pipe would block.
    if file.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut to = OpenOptions::new().append(true).create(true).open(file)?;
    let already = to.metadata()?.len();
    let left = usize::try_from(MAX_STEP_SUMMARY_BYTES.saturating_sub(already)).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    // One byte more than is accepted shows that there is more.
    File::open(summary)?.take(MAX_STEP_SUMMARY_BYTES + 1).read_to_end(&mut bytes)?;
    // A summary that a step wrote before need not end with a line break.
    let text = format!("\n{}\n", String::from_utf8_lossy(&bytes));
    to.write_all(cut(text, left, fs::metadata(summary)?.len()).as_bytes())
}

/// As many whole lines of a text as fit into `left` bytes, with a note if there are more.
fn cut(mut text: String, left: usize, whole: u64) -> String {
    if text.len() <= left {
        return text;
    }
    let note = format!("\n\n_Cut: {SUMMARY} of the report has {whole} bytes, more than GitHub shows._\n");
    let Some(room) = left.checked_sub(note.len()) else { return String::new() };
    text.truncate(text.floor_char_boundary(room));
    text.truncate(text.rfind('\n').unwrap_or_default());
    text + &note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_lines_and_says_so() {
        let text = "é\n".repeat(200);
        assert_eq!(cut(text.clone(), 600, 600), text);
        let shorter = cut(text.clone(), 599, 600);
        assert!(shorter.len() <= 599 && shorter.starts_with("é\né\n"), "{shorter}");
        assert!(
            shorter
                .ends_with("é\n\n_Cut: summary.md of the report has 600 bytes, more than GitHub shows._\n")
        );
        assert_eq!(cut(text, 20, 600), "");
    }
}
