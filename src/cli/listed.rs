//! The entries of lists: what `list` prints of each, as text and as JSON.

use serde::Serialize;

use super::console::counted;
use crate::harness::{
    adversary::Adversary,
    contract::{BuiltIn, BuiltInRole, Effect, Era},
    suite::{Authority, Check, Decision, Level, Plan, PlannedCheck, Requirement, Row, Suite},
};

/// An entry of a list.
pub(super) trait Listed: Serialize {
    /// What it is in text.
    fn columns(&self) -> [String; 3];
}

/// A check.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ListedCheck<'a> {
    /// The id of the case, with `[example]` where it has examples.
    id: &'a str,
    /// The title of the case.
    title: &'a str,
    /// The file of the case, relative to the suite.
    file: &'a str,
    /// The requirements that it is about.
    requires: &'a [String],
    /// What an implementation must support.
    needs: &'a [String],
    /// The digest of the case.
    digest: &'a str,
    /// Where it must fail.
    red: Vec<ListedRed<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ListedRed<'a> {
    /// The implementation.
    on: &'a str,
    /// The expectation.
    fails: &'a str,
}

/// A requirement.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ListedRequirement<'a> {
    /// Its id.
    id: &'a str,
    /// How binding it is.
    level: Level,
    /// Who decides it.
    authority: Authority,
    /// The sentence.
    statement: &'a str,
    /// Where it comes from.
    source: &'a str,
    /// The eras of the contract in which it is stated; all when none is listed.
    eras: Vec<&'a str>,
    /// Why it is no longer in force, if so.
    superseded: Option<&'a str>,
    /// The test of this project that holds it instead of cases.
    held_by: Option<&'a str>,
    /// The cases about it.
    cases: Vec<&'a str>,
}

/// An effect, which the runner holds after every step.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ListedEffect {
    /// Its name.
    effect: String,
    /// The operation that may have it.
    operation: &'static str,
    /// The requirement that states it.
    about: &'static str,
    /// When it must hold.
    after: String,
    /// What must hold.
    because: &'static str,
}

/// An era of the contract.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ListedEra<'a> {
    /// Its name.
    name: &'static str,
    /// What it is.
    title: &'static str,
    /// The requirements that it does not state.
    not_stated: Vec<&'a str>,
    /// The kinds and fields of configurations and the steps that it does not have.
    lacks: Vec<&'static str>,
}

/// A row of a plan.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ListedRow<'a> {
    /// The name of the plan.
    plan: &'a str,
    /// The id of the row.
    id: &'a str,
    /// The task.
    task: &'a str,
    /// The checks that decide it, or the artifact that does.
    decided_by: ListedDecision<'a>,
    /// The tests of other runners that decide it as well, once they are imported.
    tests: Vec<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum ListedDecision<'a> {
    Checks(&'a [PlannedCheck]),
    Artifact {
        /// The part of the file's name between phase and suffix.
        artifact: &'a str,
    },
}

/// An implementation.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ListedImplementation {
    /// Its name.
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) kind: ImplementationKind,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(super) enum ImplementationKind {
    /// It obeys the contract.
    Reference,
    /// The system before phase D4.
    Stub,
    /// The reference with one requirement broken.
    Mutant {
        /// The requirement.
        breaks: String,
        /// Where the real system was observed to have the same bug, if it was.
        finding: Option<String>,
    },
    /// The reference, wrong whatever a requirement says.
    Adversary {
        /// How it is wrong.
        does: &'static str,
    },
    /// A program that an implementation file of the suite starts.
    Adapter {
        /// The program with its arguments.
        command: Vec<String>,
        /// The number of known failures.
        known: usize,
    },
}

impl<'a> ListedCheck<'a> {
    pub(super) fn of(check: &'a Check) -> Self {
        let case = &check.case;
        Self {
            id: &check.id,
            title: &case.title,
            file: &case.file,
            requires: &case.requires,
            needs: &case.needs,
            digest: &case.digest,
            red: check.red.iter().map(|red| ListedRed { on: &red.on, fails: &red.fails }).collect(),
        }
    }
}

impl Listed for ListedCheck<'_> {
    fn columns(&self) -> [String; 3] {
        [self.id.to_owned(), self.requires.join(" "), self.title.to_owned()]
    }
}

impl<'a> ListedRequirement<'a> {
    pub(super) fn of(requirement: &'a Requirement, cases: Vec<&'a str>) -> Self {
        Self {
            id: requirement.id.get_ref(),
            level: requirement.level,
            authority: requirement.authority,
            statement: &requirement.statement,
            source: &requirement.source,
            eras: requirement.eras.iter().map(|era| era.get_ref().as_str()).collect(),
            superseded: requirement.superseded.as_deref(),
            held_by: requirement.held_by.as_deref(),
            cases,
        }
    }
}

impl Listed for ListedRequirement<'_> {
    fn columns(&self) -> [String; 3] {
        let state = match (&self.superseded, &self.held_by, self.cases.len()) {
            (Some(_), _, _) => "superseded".to_owned(),
            (None, Some(_), _) => "held by the runner".to_owned(),
            (None, None, count) => counted(count, "case"),
        };
        [self.id.to_owned(), state, self.statement.to_owned()]
    }
}

impl ListedEffect {
    pub(super) fn of((operation, effect): (&'static str, &'static Effect)) -> Self {
        Self {
            effect: format!("{operation}.{}", effect.name),
            operation,
            about: effect.about,
            after: effect.after.to_string(),
            because: effect.because,
        }
    }
}

impl Listed for ListedEffect {
    fn columns(&self) -> [String; 3] {
        [self.effect.clone(), format!("{} after {}", self.about, self.after), self.because.to_owned()]
    }
}

impl<'a> ListedEra<'a> {
    pub(super) fn of(era: &Era, suite: &'a Suite) -> Self {
        let unstated = suite.requirements().iter().filter(|requirement| !requirement.is_of(era.name));
        Self {
            name: era.name,
            title: era.title,
            not_stated: unstated.map(|requirement| requirement.id.get_ref().as_str()).collect(),
            lacks: era.lacks.iter().flat_map(|(_, names)| names.iter().copied()).collect(),
        }
    }
}

impl Listed for ListedEra<'_> {
    fn columns(&self) -> [String; 3] {
        let unstated = format!("{} requirements not stated", self.not_stated.len());
        [self.name.to_owned(), unstated, self.title.to_owned()]
    }
}

impl<'a> ListedRow<'a> {
    pub(super) fn of(plan: &'a Plan, row: &'a Row) -> Self {
        let (decided_by, tests) = match &row.decided_by {
            Decision::Checks { checks, tests, .. } => (ListedDecision::Checks(checks), tests.as_slice()),
            Decision::Artifact { artifact } => (ListedDecision::Artifact { artifact }, &[][..]),
        };
        let tests = tests.iter().map(|test| test.id.as_str()).collect();
        Self { plan: &plan.name, id: &row.id, task: &row.task, decided_by, tests }
    }
}

impl Listed for ListedRow<'_> {
    fn columns(&self) -> [String; 3] {
        let decided_by = match &self.decided_by {
            ListedDecision::Checks(checks) if self.tests.is_empty() => counted(checks.len(), "check"),
            ListedDecision::Checks(checks) => {
                format!("{}, or {}", counted(checks.len(), "check"), counted(self.tests.len(), "test"))
            }
            ListedDecision::Artifact { artifact } => format!("artifact {artifact}"),
        };
        [format!("{} {}", self.plan, self.id), decided_by, self.task.to_owned()]
    }
}

impl From<BuiltIn> for ListedImplementation {
    fn from(built_in: BuiltIn) -> Self {
        let kind = match built_in.role {
            BuiltInRole::Reference => ImplementationKind::Reference,
            BuiltInRole::Stub => ImplementationKind::Stub,
            BuiltInRole::Mutant { breaks, finding } => ImplementationKind::Mutant {
                breaks: breaks.into_owned(),
                finding: finding.map(|finding| finding.into_owned()),
            },
        };
        Self { name: built_in.implementation.name().to_owned(), kind }
    }
}

impl From<Adversary> for ListedImplementation {
    fn from(adversary: Adversary) -> Self {
        let kind = ImplementationKind::Adversary { does: adversary.does() };
        Self { name: adversary.name().to_owned(), kind }
    }
}

impl Listed for ListedImplementation {
    fn columns(&self) -> [String; 3] {
        let (kind, about) = match &self.kind {
            ImplementationKind::Reference => ("reference", "obeys the contract".to_owned()),
            ImplementationKind::Stub => {
                ("stub", "the system before phase D4: every load raises NotImplementedError".to_owned())
            }
            ImplementationKind::Mutant { breaks, finding } => {
                let origin =
                    finding.as_ref().map(|finding| format!(" (found in: {finding})")).unwrap_or_default();
                ("mutant", format!("breaks {breaks}{origin}"))
            }
            ImplementationKind::Adversary { does } => ("adversary", (*does).to_owned()),
            ImplementationKind::Adapter { command, known } => {
                let command = shell_words::join(command);
                let known = match known {
                    0 => String::new(),
                    count => format!(", with {}", counted(*count, "known failure")),
                };
                ("adapter", format!("`{command}`{known}"))
            }
        };
        [self.name.clone(), kind.to_owned(), about]
    }
}
