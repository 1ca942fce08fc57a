//! The kill matrix as a picture and as tables: cases by area, mutants by requirement.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    harness::{
        proof::{CheckProof, KillMatrix, MutantProof, Problem},
        report::{area, state::State},
    },
    text::counted,
};

/// The most cases of the picture and of their tables, and the most requirements; `matrix.json` has all of them.
const MAX_CASES: usize = 400;
/// The most columns of the picture.
const MAX_MUTANTS: usize = 600;
/// The most problems that are listed.
const MAX_PROBLEMS: usize = 200;

/// The size of a cell of the picture, and where the cells begin, in pixels.
const CELL: Size = Size { width: 9, height: 13 };
const TOP: usize = 70;
/// The width of a character of a label, rounded up, and the widest column of labels, in pixels.
const CHARACTER: usize = 7;
const MAX_LEFT: usize = 420;

struct Size {
    width: usize,
    height: usize,
}

/// The kill matrix.
#[derive(Debug, Serialize)]
pub(super) struct MatrixView<'a> {
    totals: String,
    problems: Vec<String>,
    problems_left_out: usize,
    /// Requirements without a case or a mutant.
    unproven: usize,
    /// Expectations that fail on nothing, and checks that kill nothing.
    blind: usize,
    /// Mutants that no check about the requirement that they break kills.
    surviving: usize,
    /// Checks that do not pass on the reference, and red entries that are wrong.
    wrong: usize,
    picture: Picture<'a>,
    areas: Vec<Area<'a>>,
    cases_left_out: usize,
    requirements: Vec<Requirement<'a>>,
    requirements_left_out: usize,
}

#[derive(Debug, Serialize)]
struct Picture<'a> {
    width: usize,
    height: usize,
    left: usize,
    top: usize,
    rows: Vec<PictureRow<'a>>,
    columns: Vec<Column<'a>>,
    mutants_left_out: usize,
}

/// The cells of a case, as SVG paths.
#[derive(Debug, Serialize)]
struct PictureRow<'a> {
    case: &'a str,
    /// Whether the case has an expectation that fails on nothing.
    blind: bool,
    y: usize,
    title: String,
    /// The mutants that it kills at an expectation about the requirement that they break.
    own: String,
    /// The other mutants on which it fails.
    others: String,
}

/// The mutants of one requirement.
#[derive(Debug, Serialize)]
struct Column<'a> {
    requirement: &'a str,
    x: usize,
    width: usize,
    even: bool,
    /// The positions of the mutants that survive.
    surviving: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct Area<'a> {
    name: &'a str,
    cases: Vec<Case<'a>>,
}

#[derive(Debug, Serialize)]
struct Case<'a> {
    id: &'a str,
    checks: usize,
    expectations: usize,
    own: usize,
    others: usize,
    blind: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Requirement<'a> {
    id: &'a str,
    cases: &'a [String],
    mutants: Vec<Mutant<'a>>,
    unproven: bool,
}

#[derive(Debug, Serialize)]
struct Mutant<'a> {
    name: &'a str,
    state: State,
    killers: usize,
    smallest: Option<&'a str>,
    elsewhere: usize,
}

/// What the problems of a matrix are about. A mutant that no check kills is a problem only if the checks that could have
/// killed it were run.
#[derive(Default)]
struct Problems<'a> {
    surviving: BTreeSet<&'a str>,
    unproven: BTreeSet<&'a str>,
    blind: usize,
    wrong: usize,
}

/// What the checks of a case do to the mutants.
#[derive(Default)]
struct CaseKills<'a> {
    checks: usize,
    expectations: usize,
    own: BTreeSet<&'a str>,
    all: BTreeSet<&'a str>,
    blind: BTreeSet<&'a str>,
}

impl<'a> MatrixView<'a> {
    pub(super) fn of(matrix: &'a KillMatrix) -> Self {
        let mut by_requirement: BTreeMap<&str, Vec<&MutantProof>> = BTreeMap::new();
        for mutant in &matrix.mutants {
            by_requirement.entry(&mutant.breaks).or_default().push(mutant);
        }
        let breaks: BTreeMap<&str, &str> =
            matrix.mutants.iter().map(|mutant| (mutant.name.as_str(), mutant.breaks.as_str())).collect();
        let mut cases: BTreeMap<&str, CaseKills<'_>> = BTreeMap::new();
        for proof in &matrix.checks {
            cases.entry(&proof.case).or_default().add(proof, &breaks);
        }
        let cases_left_out = cases.len().saturating_sub(MAX_CASES);
        let shown: Vec<(&str, &CaseKills<'_>)> =
            cases.iter().take(MAX_CASES).map(|(case, kills)| (*case, kills)).collect();
        let mut areas: Vec<Area<'_>> = Vec::new();
        for (case, kills) in &shown {
            let name = area(case);
            if areas.last().is_none_or(|last| last.name != name) {
                areas.push(Area { name, cases: Vec::new() });
            }
            if let Some(area) = areas.last_mut() {
                area.cases.push(Case::of(case, kills));
            }
        }
        let found = Problems::of(matrix);
        let requirements = matrix.requirements.iter().map(|requirement| {
            let mutants = by_requirement.get(requirement.id.as_str()).into_iter().flatten();
            let mutants = mutants.map(|mutant| Mutant::of(mutant, &found)).collect();
            let unproven = found.unproven.contains(requirement.id.as_str());
            Requirement { id: &requirement.id, cases: &requirement.cases, mutants, unproven }
        });
        let mut requirements: Vec<Requirement<'_>> =
            requirements.filter(|requirement| requirement.is_shown()).collect();
        let requirements_left_out = requirements.len().saturating_sub(MAX_CASES);
        requirements.truncate(MAX_CASES);
        let counts = matrix.counts;
        Self {
            totals: format!(
                "{} of {} with {}; {} of {} killed; {} in {}",
                counted(counts.checks, "check"),
                counted(counts.cases, "case"),
                counted(counts.expectations, "expectation"),
                counts.killed,
                counted(counts.mutants, "mutant"),
                counted(counts.kills, "kill"),
                counted(counts.runs, "run"),
            ),
            problems: matrix.problems.iter().take(MAX_PROBLEMS).map(ToString::to_string).collect(),
            problems_left_out: matrix.problems.len().saturating_sub(MAX_PROBLEMS),
            unproven: found.unproven.len(),
            blind: found.blind,
            surviving: found.surviving.len(),
            wrong: found.wrong,
            picture: Picture::of(&shown, &by_requirement, &found),
            areas,
            cases_left_out,
            requirements,
            requirements_left_out,
        }
    }
}

impl<'a> CaseKills<'a> {
    fn add(&mut self, proof: &'a CheckProof, breaks: &BTreeMap<&'a str, &'a str>) {
        self.checks += 1;
        self.expectations += proof.expectations.len();
        for expectation in &proof.expectations {
            if expectation.fails_on.is_empty() {
                self.blind.insert(&expectation.name);
            }
            for mutant in &expectation.fails_on {
                self.all.insert(mutant);
                let broken = breaks.get(mutant.as_str());
                if broken.is_some_and(|broken| expectation.about.iter().any(|id| id == broken)) {
                    self.own.insert(mutant);
                }
            }
        }
    }

    fn others(&self) -> usize {
        self.all.len() - self.own.len()
    }
}

impl<'a> Case<'a> {
    fn of(id: &'a str, kills: &CaseKills<'a>) -> Self {
        Self {
            id,
            checks: kills.checks,
            expectations: kills.expectations,
            own: kills.own.len(),
            others: kills.others(),
            blind: kills.blind.iter().copied().collect(),
        }
    }
}

impl<'a> Problems<'a> {
    fn of(matrix: &'a KillMatrix) -> Self {
        let mut found = Self::default();
        for problem in &matrix.problems {
            match problem {
                Problem::Survives { mutant, .. } | Problem::KilledByOthers { mutant, .. } => {
                    found.surviving.insert(mutant);
                }
                Problem::Unproven { requirement, .. } => {
                    found.unproven.insert(requirement);
                }
                Problem::Vacuous { .. } | Problem::KillsNothing { .. } | Problem::AdversaryPasses { .. } => {
                    found.blind += 1
                }
                Problem::NotGreen { .. } | Problem::ClaimFails { .. } => found.wrong += 1,
            }
        }
        found
    }
}

impl Requirement<'_> {
    /// Whether the checks of this proof say anything about it.
    fn is_shown(&self) -> bool {
        self.unproven
            || !self.cases.is_empty()
            || self.mutants.iter().any(|mutant| mutant.state != State::Skipped)
    }
}

impl<'a> Mutant<'a> {
    fn of(mutant: &'a MutantProof, found: &Problems<'_>) -> Self {
        Self {
            name: &mutant.name,
            state: if found.surviving.contains(mutant.name.as_str()) {
                State::Bad
            } else if mutant.killers.is_empty() {
                State::Skipped
            } else {
                State::Good
            },
            killers: mutant.killers.len(),
            smallest: mutant.killers.first().map(String::as_str),
            elsewhere: mutant.others.len(),
        }
    }
}

impl<'a> Picture<'a> {
    fn of(
        cases: &[(&'a str, &CaseKills<'a>)],
        by_requirement: &BTreeMap<&'a str, Vec<&'a MutantProof>>,
        found: &Problems<'_>,
    ) -> Self {
        let is_bad = |mutant: &MutantProof| found.surviving.contains(mutant.name.as_str());
        let is_shown = |mutant: &&&MutantProof| {
            is_bad(mutant) || !mutant.killers.is_empty() || !mutant.others.is_empty()
        };
        let longest = cases.iter().map(|(case, _)| case.chars().count()).max().unwrap_or_default();
        // With room for a mark before the label and a gap behind it.
        let left = ((longest + 3) * CHARACTER).min(MAX_LEFT);
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut columns: Vec<Column<'_>> = Vec::new();
        let mut left_out = 0;
        for (requirement, all) in by_requirement {
            let mutants: Vec<&MutantProof> = all.iter().filter(is_shown).copied().collect();
            left_out += all.len() - mutants.len();
            if mutants.is_empty() {
                continue;
            }
            if places.len() + mutants.len() > MAX_MUTANTS {
                left_out += mutants.len();
                continue;
            }
            let x = left + places.len() * CELL.width;
            let mut surviving = Vec::new();
            for mutant in &mutants {
                let place = left + places.len() * CELL.width;
                surviving.extend(is_bad(mutant).then_some(place));
                places.insert(&mutant.name, place);
            }
            let width = mutants.len() * CELL.width;
            let even = columns.len().is_multiple_of(2);
            columns.push(Column { requirement, x, width, even, surviving });
        }
        let rows = cases.iter().enumerate().map(|(index, (case, kills))| {
            let y = TOP + index * CELL.height;
            let others = kills.all.difference(&kills.own);
            PictureRow {
                case,
                blind: !kills.blind.is_empty(),
                y,
                title: format!(
                    "{case} kills {} of its requirements, and fails on {}",
                    counted(kills.own.len(), "mutant"),
                    counted(kills.others(), "other"),
                ),
                own: path(kills.own.iter().copied(), &places, y),
                others: path(others.copied(), &places, y),
            }
        });
        Self {
            width: left + places.len() * CELL.width + CELL.width,
            height: TOP + cases.len() * CELL.height + CELL.height,
            left,
            top: TOP,
            rows: rows.collect(),
            mutants_left_out: left_out,
            columns,
        }
    }
}

/// A path with a square for each mutant: one element for a whole row.
fn path<'m>(mutants: impl Iterator<Item = &'m str>, places: &BTreeMap<&str, usize>, y: usize) -> String {
    let (width, height) = (CELL.width - 2, CELL.height - 3);
    let mut at: Vec<usize> = mutants.filter_map(|mutant| places.get(mutant).copied()).collect();
    at.sort_unstable();
    at.iter().map(|x| format!("M{} {}h{width}v{height}h-{width}z", x + 1, y + 1)).collect()
}
