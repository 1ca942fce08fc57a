//! Reads plans and resolves the checks of their rows.

use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::{
    Check, Decision, FailureKind, Plan, PlannedCheck, Reason, Row, SuiteError,
    case_matcher::CaseMatcher,
    document::Document,
    planned_test::{TestTable, planned_tests},
    protected::protected_pattern,
    reason::mentions,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanTable {
    title: String,
    first_attempt: Option<Spanned<u64>>,
    #[serde(default)]
    protected: Vec<Spanned<String>>,
    rows: Vec<Spanned<RowTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowTable {
    id: Spanned<String>,
    task: String,
    #[serde(default)]
    cases: Vec<Spanned<String>>,
    #[serde(default)]
    reasons: Vec<Spanned<ReasonTable>>,
    #[serde(default)]
    tests: Vec<Spanned<TestTable>>,
    log: Option<String>,
    artifact: Option<Spanned<String>>,
    red: Spanned<String>,
    green: Spanned<String>,
    guidance: String,
    blocked: Option<String>,
}

/// Why the checks of a row must fail in the red phase.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonTable {
    /// The checks with this reason; all of the row when it is not given.
    #[serde(default)]
    cases: Vec<String>,
    kind: Spanned<FailureKind>,
    #[serde(default, deserialize_with = "mentions")]
    mentions: Vec<String>,
}

/// Files that each phase of a plan writes in addition to logs, by the part of the name between phase and suffix.
const ARTIFACTS: [&str; 1] = ["summary"];

/// The highest number of a plan's first attempt. It leaves numbers for the attempts that follow.
const MAX_FIRST_ATTEMPT: u64 = 1_000_000_000;

/// Reads `plans/<name>.toml`.
pub(super) fn read(
    document: &Document,
    checks: &[Arc<Check>],
    implementations: &[&str],
) -> Result<Plan, SuiteError> {
    let table: PlanTable = document.typed(document.parse()?)?;
    let name = document.file.trim_start_matches("plans/").trim_end_matches(".toml").to_owned();
    if !plain(&name) {
        return Err(document.error(0..0, "invalid plan name: expected letters, digits, `_` and `-`"));
    }
    if table.rows.is_empty() {
        return Err(document.error(0..0, "the plan has no rows"));
    }
    let first_attempt = match table.first_attempt {
        None => 1,
        Some(number) if (1..=MAX_FIRST_ATTEMPT).contains(number.get_ref()) => number.into_inner(),
        Some(number) => {
            let message =
                format!("expected a number from 1 to {MAX_FIRST_ATTEMPT}, found {}", number.get_ref());
            return Err(document.error(number.span(), message));
        }
    };
    let mut rows: Vec<Row> = Vec::new();
    for row in table.rows {
        let span = row.span();
        let row = row.into_inner();
        if rows.iter().any(|known| known.id == *row.id.get_ref()) {
            return Err(document.error(row.id.span(), format!("duplicate row {}", row.id.get_ref())));
        }
        for implementation in [&row.red, &row.green] {
            if !implementations.contains(&implementation.get_ref().as_str()) {
                return Err(document.unknown(implementation, "implementation", implementations));
            }
        }
        let has_checks = !row.cases.is_empty() || !row.tests.is_empty();
        let decided_by = match (&row.artifact, &row.log, has_checks) {
            (Some(artifact), None, false) if row.reasons.is_empty() => {
                if !ARTIFACTS.contains(&artifact.get_ref().as_str()) {
                    return Err(document.unknown(artifact, "artifact", &ARTIFACTS));
                }
                Decision::Artifact { artifact: artifact.get_ref().clone() }
            }
            (None, Some(log), true) if plain(log) => Decision::Checks {
                log: log.clone(),
                checks: select(document, &row, checks)?,
                tests: planned_tests(document, &row.tests)?,
            },
            _ => {
                let message = "expected `cases` with `reasons`, or `tests`, and a `log`; or an `artifact`; names may have letters, digits, `_` and `-`";
                return Err(document.error(span, message));
            }
        };
        rows.push(Row {
            id: row.id.into_inner(),
            task: row.task,
            decided_by,
            red: row.red.into_inner(),
            green: row.green.into_inner(),
            guidance: row.guidance,
            blocked: row.blocked,
        });
    }
    let protected = table.protected.into_iter().map(|pattern| protected(document, pattern));
    let protected = protected.collect::<Result<_, _>>()?;
    Ok(Plan { name, title: table.title, protected, first_attempt, rows })
}

/// A path or glob below the current directory.
fn protected(document: &Document, pattern: Spanned<String>) -> Result<String, SuiteError> {
    match protected_pattern(pattern.get_ref()) {
        Ok(_) => Ok(pattern.into_inner()),
        Err(message) => Err(document.error(pattern.span(), message)),
    }
}

/// Every pattern must match a check, and every match must have a red entry on the red implementation and a reason.
fn select(
    document: &Document,
    row: &RowTable,
    checks: &[Arc<Check>],
) -> Result<Vec<PlannedCheck>, SuiteError> {
    let mut planned: Vec<PlannedCheck> = Vec::new();
    let mut used = vec![false; row.reasons.len()];
    let kinds = row.reasons.iter().map(|reason| &reason.get_ref().kind);
    if let Some(kind) = kinds.into_iter().find(|kind| *kind.get_ref() == FailureKind::Raised) {
        let message = "`raised` is for `tests`; a case states a kind of refusal or `wrong_result`";
        return Err(document.error(kind.span(), message));
    }
    for pattern in &row.cases {
        let matcher = CaseMatcher::new(pattern.get_ref());
        let mut selected = checks.iter().filter(|check| matcher.matches(check)).peekable();
        if selected.peek().is_none() {
            let known: Vec<&str> = checks.iter().map(|check| check.case.id.as_str()).collect();
            return Err(document.unknown(pattern, "case", &known));
        }
        for check in selected {
            let red = row.red.get_ref();
            let entries = check.red.iter().filter(|entry| entry.on == *red);
            let fails: Vec<String> = entries.map(|entry| entry.fails.clone()).collect();
            if fails.is_empty() {
                let message =
                    format!("{} has no red entry on {red}, the red implementation of this row", check.id);
                return Err(document.error(pattern.span(), message));
            }
            let stated = row.reasons.iter().zip(&mut used).find(|(reason, _)| reason.get_ref().covers(check));
            let Some((stated, used)) = stated else {
                let message = format!(
                    "{} has no reason; add `reasons = [{{ kind = \"...\" }}]` to the row: why does it fail on {red}?",
                    check.id
                );
                return Err(document.error(pattern.span(), message));
            };
            *used = true;
            if !planned.iter().any(|known| known.id == check.id) {
                let (id, digest, file) =
                    (check.id.clone(), check.case.digest.clone(), check.case.file.clone());
                planned.push(PlannedCheck { id, digest, file, fails, reason: stated.get_ref().reason() });
            }
        }
    }
    match row.reasons.iter().zip(used).find(|(_, used)| !used) {
        Some((unused, _)) => Err(document.error(unused.span(), "the reason applies to no check of the row")),
        None => Ok(planned),
    }
}

impl ReasonTable {
    fn covers(&self, check: &Check) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|pattern| CaseMatcher::new(pattern).matches(check))
    }

    fn reason(&self) -> Reason {
        Reason { kind: *self.kind.get_ref(), exception: None, mentions: self.mentions.clone() }
    }
}

fn plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}
