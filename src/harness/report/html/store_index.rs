//! `index.html`: a store as one page. History, what changed, what is flaky, and how long it took.

use serde::Serialize;

use super::shell::{HtmlError, page};
use crate::{
    harness::{
        report::state::State,
        runner::{Phase, RedResult, Verdict},
        store::{Index, IndexedReport, PhaseCounts, Transition},
    },
    text::counted,
};

/// The most reports in the table and in the charts.
const MAX_REPORTS: usize = 200;
/// The most rows of the other tables.
const MAX_ROWS: usize = 300;

/// The size of a chart, in units of its own; it is as wide as the page.
const CHART_WIDTH: usize = 1000;
const CHART_HEIGHT: usize = 120;

const TEMPLATES: [(&str, &str); 1] = [("index.html", include_str!("templates/index.html"))];

#[derive(Debug, Serialize)]
struct IndexView<'i> {
    state: State,
    sentence: String,
    problems: Vec<String>,
    problems_left_out: usize,
    failing: Vec<Failing<'i>>,
    failing_left_out: usize,
    chart: Chart,
    reports: Vec<ReportRow<'i>>,
    reports_left_out: usize,
    transitions: Vec<Change<'i>>,
    transitions_left_out: usize,
    flaky: Vec<Flaky<'i>>,
    flaky_left_out: usize,
    trend: Trend,
}

#[derive(Debug, Serialize)]
struct Failing<'i> {
    check: &'i str,
    implementation: &'i str,
    phase: &'static str,
    state: State,
    result: &'i str,
    first_bad: String,
    last_good: Option<String>,
}

#[derive(Debug, Serialize)]
struct ReportRow<'i> {
    stamp: String,
    sequence: u64,
    red: Option<PhaseCell>,
    green: Option<PhaseCell>,
    attempt: String,
    suite: String,
    program: &'i str,
    seconds: String,
}

#[derive(Debug, Serialize)]
struct PhaseCell {
    state: State,
    text: String,
}

/// Bars from left to right, each with its results on top of each other.
#[derive(Debug, Serialize)]
struct Chart {
    width: usize,
    height: usize,
    bar_width: f64,
    bars: Vec<Bar>,
}

#[derive(Debug, Serialize)]
struct Bar {
    title: String,
    x: f64,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    state: State,
    y: f64,
    height: f64,
}

#[derive(Debug, Serialize)]
struct Change<'i> {
    #[serde(skip)]
    sequence: u64,
    check: &'i str,
    implementation: &'i str,
    phase: &'static str,
    before: &'i str,
    before_state: State,
    after: &'i str,
    after_state: State,
    case_changed: bool,
    stamp: String,
}

#[derive(Debug, Serialize)]
struct Flaky<'i> {
    check: &'i str,
    implementation: &'i str,
    phase: &'static str,
    flips: usize,
    before: &'i str,
    before_state: State,
    after: &'i str,
    after_state: State,
    stamp: String,
}

#[derive(Debug, Serialize)]
struct Trend {
    width: usize,
    height: usize,
    points: String,
    highest: String,
}

/// The index of a store as a page.
///
/// # Errors
/// When a template is wrong.
pub fn index_html(index: &Index) -> Result<String, HtmlError> {
    let reports = index.reports();
    let left_out = reports.len().saturating_sub(MAX_REPORTS);
    let shown = reports.get(left_out..).unwrap_or_default();
    let (state, sentence) = sentence(index);
    let (transitions, transitions_left_out) = transitions(index);
    let regressions = index.regressions();
    // An unsupported check has no failure to show.
    let failing: Vec<Failing<'_>> = regressions
        .iter()
        .filter(|own| !is_skip(own.result))
        .map(|own| Failing {
            check: &own.key.check,
            implementation: &own.key.implementation,
            phase: own.key.phase.as_str(),
            state: State::Bad,
            result: own.result,
            first_bad: own.first_bad.stamp.to_string(),
            last_good: own.last_good.map(|report| report.stamp.to_string()),
        })
        .collect();
    let all_flaky = index.flaky();
    let view = IndexView {
        state,
        sentence,
        problems: index
            .problems()
            .iter()
            .take(MAX_ROWS)
            .map(|one| format!("{}: {}", one.stamp, one.why))
            .collect(),
        problems_left_out: index.problems().len().saturating_sub(MAX_ROWS),
        failing_left_out: failing.len().saturating_sub(MAX_ROWS),
        failing: failing.into_iter().take(MAX_ROWS).collect(),
        chart: Chart::of(shown),
        reports: shown.iter().rev().map(ReportRow::of).collect(),
        reports_left_out: left_out,
        transitions,
        transitions_left_out,
        flaky_left_out: all_flaky.len().saturating_sub(MAX_ROWS),
        flaky: all_flaky
            .iter()
            .take(MAX_ROWS)
            .map(|own| {
                let [(_, before), (report, after)] = own.last_flip;
                Flaky {
                    check: &own.key.check,
                    implementation: &own.key.implementation,
                    phase: own.key.phase.as_str(),
                    flips: own.flips,
                    before,
                    before_state: state_of(own.key.phase, before),
                    after,
                    after_state: state_of(own.key.phase, after),
                    stamp: report.stamp.to_string(),
                }
            })
            .collect(),
        trend: Trend::of(shown),
    };
    page(&TEMPLATES, &view)
}

fn sentence(index: &Index) -> (State, String) {
    let reports = index.reports();
    let Some(last) = reports.last() else {
        return (State::Skipped, "The store has no report that can be used.".to_owned());
    };
    let phases: Vec<(State, String)> = last
        .phases
        .iter()
        .map(|(phase, counts)| {
            (state_of_counts(counts), format!("{} {}", phase.as_str(), said(*phase, counts)))
        })
        .collect();
    let states = phases.iter().map(|(state, _)| *state);
    let state = if index.problems().is_empty() { super::checks::overall(states) } else { State::Bad };
    let texts: Vec<&str> = phases.iter().map(|(_, text)| text.as_str()).collect();
    let damaged = match index.problems().len() {
        0 => String::new(),
        damaged => format!(" {} cannot be used.", counted(damaged, "report")),
    };
    let number = counted(reports.len(), "report");
    (state, format!("{number}; the latest, {}: {}.{damaged}", last.stamp, texts.join(", ")))
}

fn said(phase: Phase, counts: &PhaseCounts) -> String {
    let expected = match phase {
        Phase::Red => "failed as expected",
        Phase::Green => "passed",
    };
    let skipped = skipped(counts);
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    format!("{}/{} {expected}{skipped}", counts.as_expected, counts.all)
}

/// The numbers of results that are as expected, skipped, and neither.
fn shares(counts: &PhaseCounts) -> [(State, usize); 3] {
    let skipped = skipped(counts);
    let bad = counts.all.saturating_sub(counts.as_expected).saturating_sub(skipped);
    [(State::Good, counts.as_expected), (State::Skipped, skipped), (State::Bad, bad)]
}

fn state_of_counts(counts: &PhaseCounts) -> State {
    super::checks::overall(shares(counts).into_iter().filter(|(_, count)| *count > 0).map(|(state, _)| state))
}

/// The number of skipped checks.
fn skipped(counts: &PhaseCounts) -> usize {
    counts.words.iter().filter(|(result, _)| is_skip(result)).map(|(_, count)| *count).sum()
}

/// Whether a result with this name is that of a skipped check: of one that the implementation does not support, or of a
/// test that another runner skipped.
fn is_skip(result: &str) -> bool {
    result == Verdict::Unsupported.as_str() || result == RedResult::Skipped.as_str()
}

fn state_of(phase: Phase, result: &str) -> State {
    let good = match phase {
        Phase::Red => RedResult::Proven.as_str(),
        Phase::Green => Verdict::Pass.as_str(),
    };
    if result == good {
        State::Good
    } else if is_skip(result) {
        State::Skipped
    } else {
        State::Bad
    }
}

fn transitions(index: &Index) -> (Vec<Change<'_>>, usize) {
    let mut changes = Vec::new();
    for (key, history) in index.histories() {
        changes.extend(history.windows(2).filter_map(|pair| {
            let [before, after] = pair else { return None };
            let state = |own: &Transition<'_>| state_of(key.phase, own.result);
            // The digest alone may change: the result is then the same as before.
            (before.result != after.result).then(|| Change {
                sequence: after.report.sequence,
                check: &key.check,
                implementation: &key.implementation,
                phase: key.phase.as_str(),
                before: before.result,
                before_state: state(before),
                after: after.result,
                after_state: state(after),
                case_changed: before.case_digest != after.case_digest,
                stamp: after.report.stamp.to_string(),
            })
        }));
    }
    changes.sort_by(|a, b| {
        (b.sequence, a.check, a.implementation).cmp(&(a.sequence, b.check, b.implementation))
    });
    let left_out = changes.len().saturating_sub(MAX_ROWS);
    changes.truncate(MAX_ROWS);
    (changes, left_out)
}

impl<'i> ReportRow<'i> {
    fn of(report: &'i IndexedReport) -> Self {
        let cell = |phase| {
            let counts = report.phases.get(&phase)?;
            Some(PhaseCell { state: state_of_counts(counts), text: said(phase, counts) })
        };
        let attempt = report.attempt.as_ref();
        Self {
            stamp: report.stamp.to_string(),
            sequence: report.sequence,
            red: cell(Phase::Red),
            green: cell(Phase::Green),
            attempt: attempt.map_or(String::new(), |own| format!("{} #{}", own.plan, own.number)),
            suite: report.suite_digest.chars().take(8).collect(),
            program: &report.program_version,
            seconds: seconds(report.milliseconds),
        }
    }
}

/// `12.3 s`.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

impl Chart {
    fn of(reports: &[IndexedReport]) -> Self {
        let step = number(CHART_WIDTH) / number(reports.len().max(1));
        // A single report must not become a bar over the whole width.
        let step = step.min(40.0);
        let height = number(CHART_HEIGHT);
        let bar = |(index, report): (usize, &IndexedReport)| {
            let mut sums = [(State::Good, 0), (State::Skipped, 0), (State::Bad, 0)];
            for counts in report.phases.values() {
                for (sum, (_, count)) in sums.iter_mut().zip(shares(counts)) {
                    sum.1 += count;
                }
            }
            let all = number(sums.iter().map(|(_, count)| count).sum::<usize>().max(1));
            let mut y = height;
            let parts = sums.iter().filter(|(_, count)| *count > 0).map(|(state, count)| {
                // A single failure among thousands can still be seen.
                let share = (number(*count) / all * height).max(2.0);
                y -= share;
                Part { state: *state, y: rounded(y.max(0.0)), height: rounded(share) }
            });
            let parts = parts.collect();
            let texts: Vec<String> =
                report.phases.iter().map(|(phase, counts)| said(*phase, counts)).collect();
            let title = format!("{}: {}", report.stamp, texts.join(", "));
            Bar { title, x: rounded(number(index) * step), parts }
        };
        Self {
            width: CHART_WIDTH,
            height: CHART_HEIGHT,
            bar_width: rounded((step * 0.8).max(0.5)),
            bars: reports.iter().enumerate().map(bar).collect(),
        }
    }
}

impl Trend {
    fn of(reports: &[IndexedReport]) -> Self {
        let highest = reports.iter().map(|report| report.milliseconds).max().unwrap_or_default();
        let step = number(CHART_WIDTH) / number(reports.len().saturating_sub(1).max(1));
        let points = reports.iter().enumerate().map(|(index, report)| {
            #[allow(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^52")]
            let share = report.milliseconds as f64 / highest.max(1) as f64;
            let y = number(CHART_HEIGHT) - share * (number(CHART_HEIGHT) - 4.0);
            format!("{},{}", rounded(number(index) * step), rounded(y))
        });
        let points: Vec<String> = points.filter(|_| highest > 0).collect();
        Self { width: CHART_WIDTH, height: CHART_HEIGHT, points: points.join(" "), highest: seconds(highest) }
    }
}

fn number(count: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a count of reports or checks is far below 2^52")]
    let number = count as f64;
    number
}

/// Two decimals, so that every machine writes the same digits.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{
        record::{RunRecord, RunTimes},
        runner::{Ended, Outcome, ReportedResult, ReportedTest},
        store::ReportWriter,
        test_helpers,
    };

    fn publish(reports: &std::path::Path, day: usize, outcomes: Vec<Outcome>) {
        let stamp = test_helpers::stamp(&format!("2026-01-{day:02}T000000Z"));
        let phases = outcomes.iter().map(|outcome| outcome.phase).take(1).collect();
        let run = RunRecord { stamp, outcomes, phases, ..test_helpers::run() };
        let mut writer = ReportWriter::create(reports, stamp).unwrap();
        writer.write_inventory(test_helpers::inventory(&run)).unwrap();
        let times = RunTimes { started: stamp.rfc3339(), ended: stamp.rfc3339(), stamp_given: true };
        writer.publish(&run, &test_helpers::environment(), times).unwrap();
    }

    #[test]
    fn only_changes_of_a_result_are_transitions_and_the_newest_comes_first() {
        let reports = tempfile::tempdir().unwrap();
        let good = || test_helpers::as_expected("a/one", Phase::Green);
        let bad = || test_helpers::unexpected("a/one", Phase::Green);
        let other = || test_helpers::as_expected("a/<two>", Phase::Green);
        // The last one is another version of the case, with the same result.
        let changed = Outcome { digest: "another".into(), ..good() };
        for (day, outcome) in [good(), bad(), bad(), good(), changed].into_iter().enumerate() {
            publish(reports.path(), day + 1, vec![outcome, other()]);
        }
        let index = Index::open(reports.path()).unwrap();
        let (changes, left_out) = transitions(&index);
        let said: Vec<(&str, &str, &str, &str)> = changes
            .iter()
            .map(|change| (change.stamp.as_str(), change.check, change.before, change.after))
            .collect();
        assert_eq!(
            (said, left_out),
            (
                vec![
                    ("2026-01-04T000000Z", "a/one", "fail", "pass"),
                    ("2026-01-02T000000Z", "a/one", "pass", "fail")
                ],
                0
            )
        );
        let html = index_html(&index).unwrap();
        assert!(html.contains("5 reports; the latest, 2026-01-05T000000Z: green 2&#x2f;2 passed."), "{html}");
        assert_eq!(html.matches("<title>2026-01-0").count(), 5);
    }

    #[test]
    fn a_red_test_that_another_runner_skipped_is_shown_as_skipped() {
        let reports = tempfile::tempdir().unwrap();
        let skipped = ReportedTest {
            result: ReportedResult::Skipped,
            exception: None,
            message: "no torch".into(),
            details: String::new(),
            raised_at: None,
        };
        let red = test_helpers::as_expected("a/one", Phase::Red);
        let outcome = Outcome { ended: Ended::Reported(skipped), steps: Vec::new(), ..red };
        assert_eq!(outcome.result_name(), "skipped");
        publish(reports.path(), 1, vec![outcome]);
        let index = Index::open(reports.path()).unwrap();
        let counts = &index.reports()[0].phases[&Phase::Red];
        assert_eq!(shares(counts), [(State::Good, 0), (State::Skipped, 1), (State::Bad, 0)]);
        assert_eq!(said(Phase::Red, counts), "0/1 failed as expected, 1 skipped");
        assert_eq!(state_of(Phase::Red, "skipped"), State::Skipped);
        let html = index_html(&index).unwrap();
        assert!(!html.contains("Checks whose latest result is not the expected one"), "{html}");
    }

    #[test]
    fn a_store_without_reports_is_a_page_that_says_so() {
        let html = index_html(&Index::default()).unwrap();
        assert!(html.contains("The store has no report that can be used."), "{html}");
    }
}
