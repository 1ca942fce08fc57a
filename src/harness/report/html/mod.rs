//! `report.html` and `index.html`: a run, or a store, as one page for a browser, without any request.
//!
//! Reading order: `shell` (what all pages share: escaping and the content security policy), `state` (how an outcome
//! counts), `headline` (the first screen), `checks`, `failure` with `text_diff`, `kill_matrix`. Each makes the
//! variables of a template in `templates/` from the record. `store_index` is the page of a store.

mod checks;
mod failure;
mod headline;
mod kill_matrix;
mod shell;
mod store_index;
mod text_diff;

pub use shell::{HtmlError, page};
pub use store_index::index_html;

use std::collections::BTreeSet;

use serde::Serialize;

use self::{
    checks::{Checks, RequirementView, requirements},
    failure::{CaseView, Failures, cases},
    headline::Headline,
    kill_matrix::MatrixView,
};
use super::{log::log_names, state::States};
use crate::harness::{
    ledger::{OutcomeIndex, RowResult, row_index::RowIndex},
    proof::KillMatrix,
    record::{
        CHAIN, DURATIONS, ENVIRONMENT, INVENTORY, ImplementationRecord, JUNIT, MATRIX_JSON, MATRIX_MARKDOWN,
        RESULTS, RunRecord, SUMMARY, SUMS, plan_file,
    },
    runner::Phase,
    suite::{Decision, Plan, Row},
};

/// The templates of the page.
const TEMPLATES: [(&str, &str); 3] = [
    ("report.html", include_str!("templates/report.html")),
    ("failure.html", include_str!("templates/failure.html")),
    ("kill_matrix.html", include_str!("templates/kill_matrix.html")),
];

/// The variables of the page.
#[derive(Debug, Serialize)]
struct ReportView<'a> {
    stamp: String,
    headline: Headline,
    plan: Option<PlanView<'a>>,
    matrix: Option<MatrixView<'a>>,
    failures: Failures<'a>,
    checks: Checks<'a>,
    requirements: Vec<RequirementView>,
    cases: Vec<CaseView<'a>>,
    facts: Vec<(String, String)>,
    unproven: &'a [String],
    files: BTreeSet<String>,
}

#[derive(Debug, Serialize)]
struct PlanView<'a> {
    name: &'a str,
    title: &'a str,
    phases: Vec<&'static str>,
    rows: Vec<RowView<'a>>,
}

#[derive(Debug, Serialize)]
struct RowView<'a> {
    id: &'a str,
    task: &'a str,
    blocked: Option<&'a str>,
    /// A result for each phase.
    results: Vec<String>,
}

/// The run as a page; with the kill matrix if the run is a proof.
///
/// # Errors
/// When a template is wrong.
pub fn html(run: &RunRecord, matrix: Option<&KillMatrix>) -> Result<String, HtmlError> {
    let states = States::of(run);
    let failures = Failures::of(run, &states);
    let checks = Checks::of(run, &states, &failures.numbers);
    let view = ReportView {
        stamp: run.stamp.to_string(),
        headline: Headline::of(run, &states, matrix, &failures.numbers),
        plan: run.plan.as_ref().map(|plan| PlanView::of(plan, run)),
        matrix: matrix.map(MatrixView::of),
        failures,
        checks,
        requirements: requirements(run, &states),
        cases: cases(run),
        facts: facts(run),
        unproven: &run.unproven,
        files: files(run, matrix.is_some()),
    };
    page(&TEMPLATES, &view)
}

impl<'a> PlanView<'a> {
    fn of(plan: &'a Plan, run: &RunRecord) -> Self {
        let outcomes = OutcomeIndex::of(run);
        let result = |row: &Row, phase: Phase| match &row.decided_by {
            Decision::Artifact { artifact } => {
                format!("requires {}", plan_file(&plan.name, phase, artifact, "md"))
            }
            Decision::Checks { .. } => {
                RowResult::of(row, phase, &outcomes).map_or("not run".to_owned(), |own| own.to_string())
            }
        };
        let row = |row: &'a Row| RowView {
            id: &row.id,
            task: &row.task,
            blocked: row.blocked.as_deref(),
            results: run.phases.iter().map(|phase| result(row, *phase)).collect(),
        };
        Self {
            name: &plan.name,
            title: &plan.title,
            phases: run.phases.iter().map(|phase| phase.as_str()).collect(),
            rows: plan.rows.iter().map(row).collect(),
        }
    }
}

/// The most implementations whose versions are listed.
const MAX_IMPLEMENTATIONS: usize = 10;

/// What the run was made of, as far as the record has it.
fn facts(run: &RunRecord) -> Vec<(String, String)> {
    let selected = Some(run.selected()).filter(|selected| !selected.is_empty());
    let selection = selected.unwrap_or_else(|| "the whole suite".to_owned());
    let suite = run.suite.as_deref().unwrap_or("embedded in the program");
    let mut facts = vec![
        ("selection".to_owned(), selection),
        ("suite".to_owned(), format!("{suite}, SHA-256 {}", run.suite_digest)),
    ];
    let version = |(name, own): (&String, &ImplementationRecord)| {
        (format!("implementation {name}"), own.version.clone())
    };
    if run.implementations.len() <= MAX_IMPLEMENTATIONS {
        facts.extend(run.implementations.iter().map(version));
    } else {
        facts.push(("implementations".to_owned(), format!("{}, in {RESULTS}", run.implementations.len())));
    }
    facts.extend(
        run.environment.iter().map(|(name, value)| (format!("variable {name}"), format!("{value:?}"))),
    );
    facts
}

/// The other files of the report.
fn files(run: &RunRecord, proof: bool) -> BTreeSet<String> {
    let fixed = [RESULTS, SUMMARY, JUNIT, DURATIONS, ENVIRONMENT, INVENTORY, CHAIN, SUMS];
    let matrix = [MATRIX_JSON, MATRIX_MARKDOWN].into_iter().filter(|_| proof);
    let rows = RowIndex::of(run.plan.as_ref());
    let logs = run.outcomes.iter().flat_map(|outcome| log_names(&rows, outcome));
    fixed.into_iter().chain(matrix).map(str::to_owned).chain(logs).collect()
}
