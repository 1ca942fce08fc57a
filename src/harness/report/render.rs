//! Renders all files of a report that depend only on the run.

use std::collections::BTreeMap;

use super::{
    html::{self, HtmlError},
    junit, log,
    summary::{phase_summary, summary},
};
use crate::harness::{
    proof::{self, KillMatrix},
    record::{
        DURATIONS, Durations, JUNIT, MATRIX_JSON, MATRIX_MARKDOWN, REPORT, RESULTS, RunRecord, SUMMARY,
        plan_file,
    },
};

/// Why a run cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// JSON serialization failed.
    #[error("failed to write {name}: {source}")]
    Json {
        /// The file.
        name: &'static str,
        /// The cause.
        source: serde_json::Error,
    },
    /// JUnit serialization failed.
    #[error("failed to write {JUNIT}: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    /// A page could not be rendered.
    #[error("failed to write {REPORT}: {0}")]
    Html(#[from] HtmlError),
}

/// Renders one file of a report.
type Renderer = fn(&RunRecord, Option<&KillMatrix>) -> Result<Vec<u8>, RenderError>;

/// The formats of which a report has one file each, by the name of the file. A new format is a module and a row here.
const RENDERERS: &[(&str, Renderer)] = &[
    (RESULTS, |run, _| json(RESULTS, run)),
    (DURATIONS, |run, _| json(DURATIONS, &Durations::of(run))),
    (JUNIT, |run, _| Ok(junit::junit(run)?.into_bytes())),
    (REPORT, |run, matrix| Ok(html::html(run, matrix)?.into_bytes())),
];

/// `results.json` and every file derived from it, by name; a pure function of the run. A proof has a kill matrix too,
/// which the run does not contain: `matrix.json` and every file derived from both.
///
/// # Errors
/// When serialization fails.
pub fn files(run: &RunRecord, matrix: Option<&KillMatrix>) -> Result<BTreeMap<String, Vec<u8>>, RenderError> {
    let mut files: BTreeMap<String, Vec<u8>> =
        log::logs(run).into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    for phase in &run.phases {
        if let Some(plan) = &run.plan {
            let name = plan_file(&plan.name, *phase, "summary", "md");
            files.insert(name, phase_summary(run, plan, *phase).into_bytes());
        }
    }
    for (name, render) in RENDERERS {
        files.insert((*name).to_owned(), render(run, matrix)?);
    }
    if let Some(matrix) = matrix {
        files.insert(MATRIX_JSON.to_owned(), json(MATRIX_JSON, matrix)?);
        files.insert(MATRIX_MARKDOWN.to_owned(), proof::markdown(matrix).into_bytes());
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let summary = summary(run, &names);
    files.insert(SUMMARY.to_owned(), summary.into_bytes());
    Ok(files)
}

/// An indented JSON file with a final line break.
pub(crate) fn json(name: &'static str, value: &impl serde::Serialize) -> Result<Vec<u8>, RenderError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|source| RenderError::Json { name, source })?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::harness::test_helpers;

    #[rstest]
    #[case::without_a_plan(test_helpers::run())]
    #[case::with_a_plan(test_helpers::planned_run())]
    fn a_report_renders_again_from_its_results_and_durations_byte_for_byte(#[case] run: RunRecord) {
        let first = files(&run, None).unwrap();
        let mut read = RunRecord::from_json(&first[RESULTS]).unwrap();
        Durations::from_json(&first[DURATIONS]).unwrap().add_to(&mut read).unwrap();
        assert_eq!(files(&read, None).unwrap(), first);
    }

    #[test]
    fn only_durations_and_junit_depend_on_times() {
        let run = test_helpers::planned_run();
        let mut slower = run.clone();
        slower.outcomes.iter_mut().for_each(|outcome| outcome.milliseconds += 1000);
        let (before, after) = (files(&run, None).unwrap(), files(&slower, None).unwrap());
        let differs: Vec<&String> = before.keys().filter(|name| before[*name] != after[*name]).collect();
        assert_eq!(differs, [DURATIONS, JUNIT]);
    }

    #[test]
    fn a_plan_adds_its_logs_and_summaries() {
        let files = files(&test_helpers::planned_run(), None).unwrap();
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "durations.json",
                "junit.xml",
                "phase_d4_green_interop.log",
                "phase_d4_green_persistence.log",
                "phase_d4_green_summary.md",
                "phase_d4_green_workflows.log",
                "phase_d4_red_interop.log",
                "phase_d4_red_persistence.log",
                "phase_d4_red_summary.md",
                "phase_d4_red_workflows.log",
                "report.html",
                "results.json",
                "summary.md",
            ]
        );
        let summary = String::from_utf8_lossy(&files[SUMMARY]);
        assert!(
            names.iter().all(|name| *name == SUMMARY || summary.contains(&format!("({name})"))),
            "{summary}"
        );
    }
}
