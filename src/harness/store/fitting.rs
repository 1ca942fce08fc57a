//! The rendered files of a report, none of which is too long for its reader.

use std::{borrow::Cow, collections::BTreeMap};

use super::ReportError;
use crate::{
    harness::{
        proof::KillMatrix,
        record::RunRecord,
        report::render,
        runner::{Ended, Outcome},
    },
    text::{beginning, ending},
};

/// What tracebacks and details are cut to where a file would be too long, in bytes: the first that helps.
const CUT_TO: [usize; 2] = [4 * 1024, 256];

/// The rendered files of a run.
pub(super) struct Fitting<'r> {
    /// The run that the files contain: the given one, or a copy with shorter texts.
    pub(super) run: Cow<'r, RunRecord>,
    /// The contents of each file, by name.
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

/// Renders the files of a report. Where one would be longer than `longest`, texts that no verdict depends on are cut in
/// all outcomes.
///
/// # Errors
/// [`ReportError::TooLong`] if that is not enough, or a file cannot be rendered.
pub(super) fn files_within<'r>(
    run: &'r RunRecord,
    matrix: Option<&KillMatrix>,
    longest: impl Fn(&str) -> u64,
) -> Result<Fitting<'r>, ReportError> {
    let mut run = Cow::Borrowed(run);
    let mut cuts = CUT_TO.into_iter();
    loop {
        let files = render::files(&run, matrix)?;
        let is_too_long = |(name, bytes): &(&String, &Vec<u8>)| bytes.len() as u64 > longest(name);
        let Some((name, bytes)) = files.iter().find(is_too_long) else { return Ok(Fitting { run, files }) };
        let Some(cut) = cuts.next() else {
            let (name, bytes) = (name.clone(), bytes.len() as u64);
            let limit = longest(&name);
            return Err(ReportError::TooLong { name, bytes, limit });
        };
        run.to_mut().outcomes.iter_mut().for_each(|outcome| shorten(outcome, cut));
    }
}

/// Cuts what explains an outcome and decides nothing.
fn shorten(outcome: &mut Outcome, bytes: usize) {
    for step in &mut outcome.steps {
        if let Some(native) = step.refused.as_mut().and_then(|refusal| refusal.native.as_mut()) {
            native.traceback = ending(std::mem::take(&mut native.traceback), bytes);
        }
        for failure in step.expectations.iter_mut().filter_map(|own| own.failure.as_mut()) {
            for text in &mut failure.details {
                *text = beginning(std::mem::take(text), bytes);
            }
        }
    }
    if let Ended::Reported(test) = &mut outcome.ended {
        test.details = ending(std::mem::take(&mut test.details), bytes);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{contract::Native, record::RESULTS, test_helpers};

    /// A run with a long traceback in each refusal.
    fn talkative() -> RunRecord {
        let mut run = test_helpers::run();
        let refusals =
            run.outcomes.iter_mut().flat_map(|own| &mut own.steps).filter_map(|own| own.refused.as_mut());
        for refusal in refusals {
            let traceback = format!("{}the last line", "\u{1}".repeat(10_000));
            refusal.native = Some(Box::new(Native { type_name: "ValueError".into(), traceback }));
        }
        run
    }

    fn results_within(run: &RunRecord, bytes: u64) -> Result<(RunRecord, usize), ReportError> {
        let longest = |name: &str| if name == RESULTS { bytes } else { u64::MAX };
        files_within(run, None, longest).map(|own| (own.run.into_owned(), own.files[RESULTS].len()))
    }

    #[test]
    fn tracebacks_are_cut_where_the_results_would_be_too_long() {
        let run = talkative();
        let (kept, whole) = results_within(&run, u64::MAX).unwrap();
        assert_eq!(kept, run);
        for limit in [whole - 1, whole / 2, whole / 10] {
            let (cut, length) = results_within(&run, limit as u64).unwrap();
            assert!(length <= limit, "{length} of {limit}");
            let results = |run: &RunRecord| run.outcomes.iter().map(Outcome::result_name).collect::<Vec<_>>();
            assert_eq!(results(&cut), results(&run));
            let text = serde_json::to_string(&cut).unwrap();
            assert!(text.contains("[cut] ") && text.contains("the last line\""), "{text}");
        }
    }

    #[test]
    fn results_that_are_too_long_even_so_are_refused() {
        let error = results_within(&talkative(), 1000).unwrap_err().to_string();
        assert!(error.starts_with("results.json would have ") && error.contains("at most 1000"), "{error}");
    }
}
