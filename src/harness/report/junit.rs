//! `junit.xml`: a suite per phase and area, for programs that read JUnit.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::{
    harness::runner::{Outcome, Phase, Verdict},
    text::line,
};

use super::{area, ending, messages::describe_step, rerun_command, shown_step::ShownStep};
use crate::harness::record::RunRecord;

/// The run as JUnit. In the red phase the required failure is a success. Failures of the harness or of communication
/// are errors; checks that were skipped, are unsupported or are known to fail are skipped.
///
/// # Errors
/// When the XML cannot be written.
pub fn junit(run: &RunRecord) -> Result<String, SerializeError> {
    let known: BTreeSet<String> = run
        .conformance()
        .into_iter()
        .flat_map(|(_, standing)| standing.known.known)
        .map(|(check, _)| check)
        .collect();
    let mut suites: BTreeMap<(Phase, &str), Vec<&Outcome>> = BTreeMap::new();
    for outcome in &run.outcomes {
        suites.entry((outcome.phase, area(&outcome.check))).or_default().push(outcome);
    }
    let mut report = Report::new("bundleproof");
    let mut ids = Ids::default();
    for ((phase, area), outcomes) in suites {
        report.add_test_suite(suite(run, phase, area, &outcomes, &known, &mut ids));
    }
    let time = run.outcomes.iter().map(|outcome| outcome.milliseconds).fold(0, u64::saturating_add);
    report.set_time(Duration::from_millis(time));
    // The schema that Jenkins publishes allows the number of skipped tests on suites only. Names are escaped, so the first
    // occurrence is the attribute of the root.
    let skipped = format!(" skipped=\"{}\"", report.skipped);
    Ok(report.to_string()?.replacen(&skipped, "", 1))
}

fn suite(
    run: &RunRecord,
    phase: Phase,
    area: &str,
    outcomes: &[&Outcome],
    known: &BTreeSet<String>,
    ids: &mut Ids,
) -> TestSuite {
    let mut suite = TestSuite::new(format!("{}.{}", phase.as_str(), line(area)));
    suite.extra.insert("timestamp".into(), run.stamp.rfc3339().into());
    let time = outcomes.iter().map(|outcome| outcome.milliseconds).fold(0, u64::saturating_add);
    suite.set_time(Duration::from_millis(time));
    suite.add_test_cases(outcomes.iter().map(|outcome| case(run, outcome, known, ids)));
    suite
}

fn case(run: &RunRecord, outcome: &Outcome, known: &BTreeSet<String>, ids: &mut Ids) -> TestCase {
    let (class, name) = ids.next(outcome);
    let mut case = TestCase::new(name, status(run, outcome, known.contains(&outcome.check)));
    case.set_classname(class);
    case.set_time(Duration::from_millis(outcome.milliseconds));
    case
}

/// The class and test names of a report. Together they are unique, because some readers keep only one of equal ones.
#[derive(Default)]
struct Ids {
    used: HashSet<(String, String)>,
    /// The last number of each name that occurred again.
    numbers: HashMap<(String, String), u32>,
}

impl Ids {
    /// `green.reference.loader` and `loader/returns_models`; in a red phase the name ends with the expectation that must
    /// fail: `loader/returns_models: returns_models`. Equal names, which only plans with several reasons for one
    /// expectation have, are numbered.
    fn next(&mut self, outcome: &Outcome) -> (String, String) {
        let (implementation, area) = (line(&outcome.implementation), line(area(&outcome.check)));
        let class = format!("{}.{implementation}.{area}", outcome.phase.as_str());
        let must_fail = outcome.must_fail.as_ref().map(|stated| format!(": {}", line(stated)));
        let name = line(&outcome.check) + &must_fail.unwrap_or_default();
        let id = (class, name);
        if self.used.insert(id.clone()) {
            return id;
        }
        let (class, name) = id.clone();
        let number = self.numbers.entry(id).or_insert(1);
        // Another test may have a name that looks like a numbered one.
        loop {
            *number = number.saturating_add(1);
            let numbered = (class.clone(), format!("{name} ({number})"));
            if self.used.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

fn status(run: &RunRecord, outcome: &Outcome, is_known: bool) -> TestCaseStatus {
    if outcome.met_expectation() {
        return TestCaseStatus::success();
    }
    let mut status = match outcome.verdict() {
        _ if is_known => TestCaseStatus::skipped(),
        Verdict::Unsupported | Verdict::NotRun => TestCaseStatus::skipped(),
        Verdict::Pass | Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Timeout | Verdict::Crash | Verdict::ProtocolError | Verdict::HarnessError => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
    };
    let ending = ending(outcome);
    let first = ShownStep::all(outcome).into_iter().next().and_then(|shown| {
        let failed = shown.failed.first().map(|expectation| expectation.because.clone());
        shown.refused.filter(|_| failed.is_none()).or(failed)
    });
    let first = first.map(|message| line(&message));
    status.set_type(outcome.result_name());
    let why = ending.or(first).unwrap_or_else(|| outcome.result_name().to_owned());
    let message: Vec<String> =
        [why].into_iter().chain(outcome.remarks().map(|remark| line(&remark))).collect();
    status.set_message(message.join("; "));
    status.set_description(description(run, outcome));
    status
}

fn description(run: &RunRecord, outcome: &Outcome) -> String {
    let mut text = String::new();
    let remarks: Vec<String> = outcome.remarks().map(|remark| format!("{}\n", line(&remark))).collect();
    if !remarks.is_empty() {
        text.extend(remarks);
        text.extend(ending(outcome).map(|ending| format!("{ending}\n")));
    }
    for shown in ShownStep::all(outcome) {
        text += &step_description(outcome, &shown);
    }
    let rerun = rerun_command(run, &outcome.check, outcome.phase, &outcome.implementation);
    format!("{text}file: {}\nrerun: {rerun}", line(&outcome.file))
}

fn step_description(outcome: &Outcome, shown: &ShownStep<'_>) -> String {
    let mut text = String::new();
    if let Some(refused) = &shown.refused {
        text += &format!("{}\n", line(refused));
        text.extend(shown.asked().map(|asked| format!("  asked:    {}\n", line(asked))));
    }
    for expectation in &shown.failed {
        let place = format!("{}:{}", line(&outcome.file), expectation.line);
        text +=
            &format!("{} ({place})\n  because:  {}\n", line(&expectation.name), line(&expectation.because));
        if let Some(failure) = &expectation.failure {
            text +=
                &format!("  expected: {}\n  actual:   {}\n", line(&failure.expected), line(&failure.actual));
            text.extend(failure.shown_details().map(|detail| format!("  {}\n", line(&detail))));
        }
        text += &format!("  step:     {}\n", describe_step(shown.step));
    }
    if let Some(not_reached) = &shown.not_reached {
        text += &format!("not reached, because {}:\n", not_reached.why);
        text.extend(not_reached.lines().iter().map(|own| format!("  {}\n", line(own))));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::harness::runner::{Ended, StateLeak};
    use crate::harness::test_helpers;

    #[test]
    fn only_a_proven_red_outcome_is_a_success() {
        insta::assert_snapshot!("junit", junit(&test_helpers::run()).unwrap());
    }

    #[rstest]
    #[case(Ended::Unsupported { need: "torch".into() }, "<skipped")]
    #[case(Ended::NotRun { detail: None }, "<skipped")]
    #[case(Ended::Timeout { milliseconds: 9, method: None, step: None }, "<error")]
    #[case(Ended::Crash { detail: "signal 11".into() }, "<error")]
    #[case(Ended::ProtocolError { detail: "two answers".into() }, "<error")]
    #[case(Ended::HarnessError { detail: "no space".into() }, "<error")]
    #[case(Ended::Stopped, "<failure")]
    fn incomplete_checks_are_errors_or_skipped_in_both_phases(#[case] ended: Ended, #[case] tag: &str) {
        for phase in [Phase::Red, Phase::Green] {
            let outcome = Outcome { ended: ended.clone(), ..test_helpers::stopped("a/b", phase) };
            let xml = junit(&RunRecord { outcomes: vec![outcome], ..test_helpers::run() }).unwrap();
            assert!(xml.contains(tag), "{xml}");
        }
    }

    #[test]
    fn a_crash_that_is_not_repeated_alone_says_how_the_process_ended() {
        let ended = Ended::Crash { detail: "process ended (signal: 9)".into() };
        let leak = Some(StateLeak::NotRepeated);
        let outcome = Outcome { ended, leak, ..test_helpers::as_expected("a/b", Phase::Green) };
        let xml = junit(&RunRecord { outcomes: vec![outcome], ..test_helpers::run() }).unwrap();
        let (message, text) = xml.split_once("<error ").unwrap().1.split_once('>').unwrap();
        for place in [message, text] {
            assert!(place.contains("signal: 9") && place.contains("state leak"), "{xml}");
        }
    }

    #[test]
    fn every_test_has_a_name_of_its_own() {
        let mut run = test_helpers::run();
        let first = run.outcomes[0].clone();
        run.outcomes.push(Outcome { must_fail: Some("other".into()), ..first.clone() });
        run.outcomes.push(Outcome { implementation: "mutant".into(), ..first.clone() });
        // Equal in all that makes a name, and a name that looks like a numbered one.
        run.outcomes.push(first.clone());
        run.outcomes.push(Outcome { must_fail: Some("returns_saved_models (2)".into()), ..first });
        let read = Report::deserialize_from_str(&junit(&run).unwrap()).unwrap();
        let cases = read.test_suites.iter().flat_map(|suite| &suite.test_cases);
        let ids: Vec<_> = cases.map(|case| (case.classname.clone(), case.name.clone())).collect();
        let unique: BTreeSet<_> =
            ids.iter().map(|(class, name)| (class.as_ref().map(|c| c.as_str()), name.as_str())).collect();
        assert_eq!((ids.len(), unique.len()), (run.outcomes.len(), run.outcomes.len()), "{ids:?}");
    }

    #[test]
    fn equal_names_are_numbered_past_those_that_look_numbered() {
        let first = test_helpers::as_expected("a/b", Phase::Green);
        let literal = Outcome { check: "a/b (3)".into(), ..first.clone() };
        let mut ids = Ids::default();
        let mut next = |outcome: &Outcome| ids.next(outcome).1;
        assert_eq!(
            [&first, &literal, &first, &first, &literal, &first].map(&mut next),
            ["a/b", "a/b (3)", "a/b (2)", "a/b (4)", "a/b (3) (2)", "a/b (5)"]
        );
    }

    #[test]
    fn characters_that_xml_cannot_represent_are_escaped() {
        let mut outcome = test_helpers::unexpected("a/b", Phase::Green);
        let failed = outcome.steps.last_mut().unwrap().expectations[0].failure.as_mut().unwrap();
        failed.not_reached = None;
        let hostile: String = ('\0'..' ').chain(['\u{fffe}', '\u{ffff}', '\u{9b}']).collect();
        outcome.steps.last_mut().unwrap().expectations[0].because = hostile.clone() + "]]></failure>";
        outcome.check.push_str(&hostile);
        outcome.implementation.push_str(&hostile);
        let xml = junit(&RunRecord { outcomes: vec![outcome], ..test_helpers::run() }).unwrap();
        let illegal = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}');
        assert!(!xml.contains(illegal), "{xml:?}");
        for place in [r#"message=""#, "because:  "] {
            assert!(xml.contains(&format!(r"{place}\u{{0}}\u{{1}}")), "{place} in {xml}");
        }
        assert!(xml.contains(r"\u{ffff}"), "{xml}");
        let read = Report::deserialize_from_str(&xml).unwrap();
        assert_eq!(read.failures, 1);
        assert_eq!(read, Report::deserialize_from_str(&read.to_string().unwrap()).unwrap());
    }
}
