//! Questions that an index answers.

use std::collections::HashMap;

use super::{
    Index,
    tables::{CheckKey, IndexedReport, Point, Tables, at, position},
};
use crate::harness::{
    record::RunTimestamp,
    runner::{Phase, RedResult, Verdict},
};

/// From this report on, a check had this digest and this result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition<'i> {
    /// The report.
    pub report: &'i IndexedReport,
    /// The digest of the case.
    pub case_digest: &'i str,
    /// The name of the result: `pass`, `proven`, `fail`, ...
    pub result: &'i str,
    /// Whether the result is what the phase expects.
    pub is_good: bool,
}

/// A check that does not meet the expectation of its phase in the last report that ran it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regression<'i> {
    /// The check.
    pub key: &'i CheckKey,
    /// The last report in which it was good; None if it never was.
    pub last_good: Option<&'i IndexedReport>,
    /// The first report after that.
    pub first_bad: &'i IndexedReport,
    /// The result of the first bad report.
    pub result: &'i str,
}

/// A check with different results on equal inputs: the same case, suite and program, and an implementation with the
/// same version and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlakyCheck<'i> {
    /// The check.
    pub key: &'i CheckKey,
    /// The number of pairs of consecutive runs on equal inputs whose results differ.
    pub flips: usize,
    /// The last such pair, older report first.
    pub last_flip: [(&'i IndexedReport, &'i str); 2],
}

impl Index {
    /// How the digest and the result of each check changed, oldest first.
    pub fn histories(&self) -> impl Iterator<Item = (&CheckKey, Vec<Transition<'_>>)> {
        let keys = self.tables.keys.iter().enumerate();
        keys.map(|(index, key)| (key, self.tables.transitions(position(index))))
    }

    /// Every check whose last result is not good, with the last good and the first bad report, in the order of checks.
    pub fn regressions(&self) -> Vec<Regression<'_>> {
        let mut found: Vec<Regression<'_>> = (0..self.tables.keys.len())
            .filter_map(|key| self.tables.regression(position(key), u32::MAX))
            .collect();
        found.sort_by_key(|regression| regression.key);
        found
    }

    /// As [`Index::regressions`], as if a report were the newest. Empty for an unknown report.
    pub fn regressions_until(&self, newest: RunTimestamp) -> Vec<Regression<'_>> {
        let newest = self.tables.reports.iter().position(|report| report.stamp == newest);
        let keys =
            newest.into_iter().flat_map(|newest| (0..self.tables.keys.len()).map(move |key| (key, newest)));
        let mut found: Vec<Regression<'_>> = keys
            .filter_map(|(key, newest)| self.tables.regression(position(key), position(newest)))
            .collect();
        found.sort_by_key(|regression| regression.key);
        found
    }

    /// Every flaky check, in the order of checks.
    pub fn flaky(&self) -> Vec<FlakyCheck<'_>> {
        let inputs = self.tables.inputs();
        let mut found: Vec<FlakyCheck<'_>> =
            (0..self.tables.keys.len()).filter_map(|key| self.tables.flaky(position(key), &inputs)).collect();
        found.sort_by_key(|flaky| flaky.key);
        found
    }
}

impl Tables {
    fn transitions(&self, key: u32) -> Vec<Transition<'_>> {
        let points = at(&self.points, key).map(Vec::as_slice).unwrap_or_default();
        points.iter().filter_map(|point| self.transition(key, *point)).collect()
    }

    fn transition(&self, key: u32, point: Point) -> Option<Transition<'_>> {
        let result = at(&self.texts, point.result)?;
        Some(Transition {
            report: at(&self.reports, point.report)?,
            case_digest: at(&self.texts, point.digest)?,
            result,
            is_good: is_good(at(&self.keys, key)?.phase, result),
        })
    }

    /// The regression of a check, without the reports after this one.
    fn regression(&self, key: u32, newest: u32) -> Option<Regression<'_>> {
        let points = at(&self.points, key)?.iter().filter(|point| point.report <= newest);
        let all = || points.clone().filter_map(|point| Some((*point, self.transition(key, *point)?))).rev();
        // The bad results after the last good one; the oldest of them is the last here.
        let (first, bad) = all().take_while(|(_, transition)| !transition.is_good).last()?;
        let last_good = (0..first.report).rev().find(|report| self.ran(key, *report));
        Some(Regression {
            key: at(&self.keys, key)?,
            last_good: last_good.and_then(|report| at(&self.reports, report)),
            first_bad: bad.report,
            result: bad.result,
        })
    }

    fn ran(&self, key: u32, report: u32) -> bool {
        at(&self.reports, report).is_some_and(|report| report.ran(self).binary_search(&key).is_ok())
    }

    /// For each report, a number that is equal for equal suites and programs; None where the program is not known.
    fn inputs(&self) -> Vec<Option<u32>> {
        let mut known = HashMap::new();
        let mut number = |report: &'_ IndexedReport| {
            let inputs = (report.suite_digest.clone(), report.program_digest.clone()?);
            let next = position(known.len());
            Some(*known.entry(inputs).or_insert(next))
        };
        self.reports.iter().map(&mut number).collect()
    }

    fn flaky(&self, key: u32, inputs: &[Option<u32>]) -> Option<FlakyCheck<'_>> {
        let points = at(&self.points, key)?;
        // Most checks never change, so their reports need no scan.
        let changes = |pair: &[Point]| matches!(pair, [a, b] if a.result != b.result);
        points.windows(2).any(changes).then_some(())?;
        let key_of = at(&self.keys, key)?;
        let ran: Vec<bool> = self.selections.iter().map(|ran| ran.binary_search(&key).is_ok()).collect();
        let identities = self.identities.iter().map(|known| known.get(&key_of.implementation));
        let identities: Vec<Option<&String>> = identities.collect();
        let mut last = HashMap::new();
        let mut flips = 0;
        let mut last_flip = None;
        let mut points = points.iter().peekable();
        let mut current = None;
        for (index, (report, inputs)) in self.reports.iter().zip(inputs).enumerate() {
            while let Some(point) = points.next_if(|point| point.report <= position(index)) {
                current = Some(*point);
            }
            let Some(Point { digest, result, .. }) = current else { continue };
            let (Some(Some(identity)), Some(inputs)) = (at(&identities, report.identities), inputs) else {
                continue;
            };
            let name = at(&self.texts, result)?;
            if at(&ran, report.selection) != Some(&true) || says_nothing(name) {
                continue;
            }
            let before = last.insert((digest, *inputs, *identity), (result, report));
            if let Some((other, before)) = before.filter(|(other, _)| *other != result) {
                flips += 1;
                last_flip = Some([(before, at(&self.texts, other)?.as_str()), (report, name.as_str())]);
            }
        }
        Some(FlakyCheck { key: key_of, flips, last_flip: last_flip? })
    }
}

fn is_good(phase: Phase, result: &str) -> bool {
    result
        == match phase {
            Phase::Red => RedResult::Proven.as_str(),
            Phase::Green => Verdict::Pass.as_str(),
        }
}

/// Results that come from the harness, or from an interruption, and say nothing about the check.
fn says_nothing(result: &str) -> bool {
    result == Verdict::NotRun.as_str() || result == Verdict::HarnessError.as_str()
}
