//! Renders the ledger as plain text.

use std::{collections::BTreeSet, fmt};

use crate::{harness::runner::Phase, text::line};

use super::{Ledger, LedgerRow, PlanAttempt, RowAttempt, Transition};

/// The longest line of plain text in characters, except for a single long word.
const WIDTH: usize = 96;

/// The shortest width that text is fitted to: in a narrower terminal lines wrap.
const MIN_WIDTH: usize = 40;

const LEGEND: [&str; 4] =
    ["[ ] open", "[P] failed as expected", "[x] failed as expected, then passed", "[!] regressed"];

impl Ledger<'_> {
    /// The ledger as plain text: a table of the rows, then the attempts of each row. `terminal` is the width of a terminal.
    pub fn to_text(&self, terminal: Option<usize>) -> String {
        let width = fitted(terminal);
        let ids = self.rows.iter().map(|row| line(row.id).chars().count());
        let id_width = ids.max().unwrap_or(0).max(2) + 2;
        let task_width = width.saturating_sub(id_width + 7).max(20);
        let title = format!("{}: {}", line(self.plan), line(self.title));
        let legend = LEGEND.join("   ");
        // Narrower than that, each state is on a line of its own.
        let legend = if legend.chars().count() <= width { legend } else { LEGEND.join("\n") };
        let mut text = format!("{}\n{legend}\n\n", wrapped(&title, width).join("\n"));
        text += &format!("{:id_width$}{:task_width$}  State\n", "ID", "Task");
        for row in &self.rows {
            let mut task = wrapped(&line(row.task), task_width).into_iter();
            let first = task.next().unwrap_or_default();
            text += &format!("{:id_width$}{first:task_width$}  {}\n", line(row.id), row.state);
            task.for_each(|more| text += &format!("{:id_width$}{more}\n", ""));
        }
        for row in &self.rows {
            let label = format!("{} {}:", row.state, line(row.id));
            let on = format!("red on {}, green on {}", line(row.red), line(row.green));
            text += &format!("\n{}", indented(&label, &on, width));
            for (name, value) in remarks(row) {
                text += &indented(&format!("  {name:9}"), &line(&value), width);
            }
            for attempt in &row.attempts {
                let number = attempt.number.map_or("-".to_owned(), |number| format!("#{number}"));
                text += &indented(&format!("  {number:5}"), &line(&attempt.to_string()), width);
                attempt.files.iter().for_each(|file| text += &format!("        {}\n", line(file)));
                attempt.errors.iter().for_each(|error| text += &indented("       !", &line(error), width));
            }
        }
        let others = self.other_implementations();
        if !others.is_empty() {
            text.push('\n');
        }
        others.iter().for_each(|other| text += &indented(" ", other, width));
        let ends = self.ends();
        if !ends.is_empty() {
            text.push('\n');
        }
        ends.iter().for_each(|end| text += &indented("!", end, width));
        text
    }

    /// The numbered attempts as plain text. `terminal` is the width of a terminal.
    pub fn attempts_to_text(&self, terminal: Option<usize>) -> String {
        let width = fitted(terminal);
        let mut text = String::new();
        for attempt in &self.attempts {
            text += &indented("-", &line(&attempt.title()), width);
            attempt.details().iter().for_each(|detail| text += &indented("  -", &line(detail), width));
        }
        if text.is_empty() { format!("{}: no attempts yet\n", line(self.plan)) } else { text }
    }

    /// The implementations whose attempts are not shown, and how to show them.
    pub(super) fn other_implementations(&self) -> Vec<String> {
        let other = |(phase, names): (&Phase, &BTreeSet<&str>)| {
            let names: Vec<String> = names.iter().map(|name| line(name)).collect();
            let word = phase.as_str();
            format!("other {word} phases on {}: show them with --{word} NAME", names.join(", "))
        };
        self.others.iter().map(other).collect()
    }

    /// Entries of the store that do not count as evidence, and red phases after which it is doubtful.
    pub(super) fn ends(&self) -> Vec<String> {
        let damaged = self.damaged.iter();
        let damaged =
            damaged.map(|damaged| line(&format!("report {} is corrupt: {}", damaged.stamp, damaged.why)));
        let unfinished = self.unfinished.iter().map(|run| {
            let how = if run.interrupted { "was interrupted" } else { "is still running, or was killed" };
            line(&format!("run {} {how}: {}", run.stamp, run.directory))
        });
        let changed = self.attempts.iter().filter_map(|attempt| {
            let change = attempt.protected.as_ref()?;
            Some(line(&format!("attempt #{} ({}, red): {change}", attempt.number, attempt.stamp)))
        });
        damaged.chain(unfinished).chain(changed).collect()
    }
}

impl fmt::Display for RowAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.stamp, self.phase.as_str(), self.result)
    }
}

/// What there is to say about a row besides its attempts, by name.
pub(super) fn remarks(row: &LedgerRow<'_>) -> Vec<(&'static str, String)> {
    let states = row.transitions.iter().map(|Transition { number, stamp, to, .. }| {
        let number = number.map(|number| format!("#{number} ")).unwrap_or_default();
        format!("{to} since {number}{stamp}")
    });
    let states: Vec<String> = states.collect();
    let states = (!states.is_empty()).then(|| ("states:", states.join(", ")));
    let blocked = row.blocked.map(|why| ("blocked:", why.to_owned()));
    let stale = row.stale.iter().map(|why| ("stale:", why.clone()));
    let next = row.guidance.map(|next| ("next:", next.to_owned()));
    states.into_iter().chain(blocked).chain(stale).chain(next).collect()
}

impl PlanAttempt {
    /// `[2025-10-17T112849Z] Attempt #55 - red on stub: 4/4 rows proven`.
    pub(super) fn title(&self) -> String {
        let Self { phase, on, as_expected, rows, imported, .. } = self;
        let head = self.head();
        let done = if *phase == Phase::Red { "proven" } else { "passed" };
        let imported = if *imported { ", imported" } else { "" };
        let (phase, on) = (phase.as_str(), on.join(", "));
        format!("{head}{phase} on {on}: {as_expected}/{rows} rows {done}{imported}")
    }

    /// `[2025-10-17T112849Z] Attempt #55 - `, with which the title begins.
    pub(super) fn head(&self) -> String {
        format!("[{}] Attempt #{} - ", self.stamp, self.number)
    }

    /// The lines below the title.
    pub(super) fn details(&self) -> Vec<String> {
        let mut details = self.unexpected.clone();
        details.push(format!("artifacts: {}", self.artifacts.join(", ")));
        details.push(format!("metrics: {}", self.metrics));
        details.extend(self.protected.iter().map(ToString::to_string));
        let done = self.all_done.then_some("nothing: every row is done");
        details.extend(self.next.as_deref().or(done).map(|next| format!("next: {next}")));
        details
    }
}

/// Wraps a text at words into lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The width that text is fitted to.
fn fitted(terminal: Option<usize>) -> usize {
    terminal.map_or(WIDTH, |terminal| terminal.clamp(MIN_WIDTH, WIDTH))
}

/// A labeled text with a hanging indent.
fn indented(label: &str, text: &str, width: usize) -> String {
    let indent = label.chars().count() + 1;
    let lines = wrapped(text, width.saturating_sub(indent)).into_iter().enumerate();
    lines.map(|(index, line)| format!("{:indent$}{line}\n", if index == 0 { label } else { "" })).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{
        record::{Attempt, Chain, RunRecord},
        report::files,
        store::{CorruptReport, IntegrityError, Report, Store, Unfinished},
        test_helpers,
    };

    fn store() -> Store {
        let report = |sequence, stamp: &str, change: fn(&mut RunRecord)| {
            let mut run = RunRecord { stamp: test_helpers::stamp(stamp), ..test_helpers::planned_run() };
            change(&mut run);
            let files = files(&run, None).unwrap().into_keys().map(|name| (name, String::new())).collect();
            // The second was not made with the plan's number.
            let attempt = (sequence == 1).then(|| Attempt { plan: "phase_d4".into(), number: 55 });
            let chain = Chain { attempt, ..test_helpers::chain(sequence, run.stamp) };
            Report { run, environment: test_helpers::environment(), chain, head: String::new(), files }
        };
        Store {
            reports: vec![
                report(1, "2025-10-17T112849Z", |_| {}),
                report(2, "2025-10-16T080000Z", |run| run.outcomes[3].digest = "older".into()),
            ],
            damaged: vec![CorruptReport {
                stamp: test_helpers::stamp("2025-10-15T000000Z"),
                why: IntegrityError::Altered("summary\u{1b}[2J.md".into()),
            }],
            unfinished: vec![Unfinished {
                stamp: test_helpers::stamp("2025-10-17T120000Z"),
                directory: ".2025-10-17T120000Z.interrupted".into(),
                interrupted: true,
            }],
        }
    }

    fn plan() -> crate::harness::suite::Plan {
        let mut plan = test_helpers::plan();
        for row in plan.rows.iter_mut().take(1) {
            row.task = "Save sentinel models, load them back, and hold every tensor of the one ".to_owned()
                + "against the other, byte by byte";
            row.guidance = "Wire the loader: it answers not_implemented | always\n# and nothing ".to_owned()
                + "else, which is what the red phase is about";
        }
        plan
    }

    #[test]
    fn the_ledger_reads_as_text_and_as_markdown() {
        let (plan, store) = (plan(), store());
        let ledger = Ledger::compute(&plan, &store);
        insta::assert_snapshot!("ledger_text", ledger.to_text(None));
        insta::assert_snapshot!("ledger_markdown", ledger.to_markdown());
        insta::assert_snapshot!("attempts_text", ledger.attempts_to_text(None));
        insta::assert_snapshot!("attempts_markdown", ledger.attempts_to_markdown());
        insta::assert_snapshot!("ledger_json", serde_json::to_string_pretty(&ledger).unwrap());
    }

    #[test]
    fn lines_fit_and_untrusted_text_is_escaped() {
        let (plan, store) = (plan(), store());
        let ledger = Ledger::compute(&plan, &store);
        let text = ledger.to_text(None);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        for width in [40, 60, 80, 200] {
            let most = width.min(WIDTH);
            for text in [ledger.to_text(Some(width)), ledger.attempts_to_text(Some(width))] {
                // A single long word, such as the path of a file, is not cut.
                let fits = |line: &str| line.chars().count() <= most || line.split_whitespace().count() == 1;
                assert!(text.lines().all(fits), "{width}:\n{text}");
                assert!(!text.lines().any(|line| line.trim() == "State"), "{text}");
            }
        }
        assert!(!text.contains('\u{1b}') && !ledger.to_markdown().contains(['\u{1b}', '\t']), "{text}");
        assert!(!ledger.to_markdown().contains("not_implemented | always"));
    }

    #[test]
    fn text_is_wrapped_at_words_and_long_words_stay_whole() {
        assert_eq!(wrapped("aa bb cccccc d", 5), ["aa bb", "cccccc", "d"]);
        assert_eq!(wrapped("", 5), Vec::<String>::new());
        assert_eq!(indented("next:", "a", WIDTH), "next: a\n");
    }
}
