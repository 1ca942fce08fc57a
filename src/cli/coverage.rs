//! `bundleproof list --coverage`.

use super::{
    Exit,
    console::{Console, counted},
    proven_file::ProvenFile,
};
use crate::{
    bundle::BUNDLE,
    harness::{
        contract::Contract as _,
        proof::{Coverage, CoverageState, CoveredRequirement, FaultyImplementation},
        suite::Suite,
    },
    text::{columns, markdown as escaped, markdown_code as code, source},
};

/// Prints which requirement is tested by which case, as text, JSON or Markdown. [`Exit::NotProven`] if no proven case tests a
/// binding requirement.
pub(super) fn print(suite: &Suite, (json, markdown): (bool, bool), console: &Console) -> Result<Exit, Exit> {
    let faulty = FaultyImplementation::among(&suite.with_mutants(BUNDLE.built_ins()));
    let file = ProvenFile::read(suite);
    let coverage = Coverage::of(suite, &faulty, file.proven());
    if json {
        console.print_json(&coverage)?;
    } else if markdown {
        console.print(&page(&coverage));
    } else {
        console.print_wrapped(&source(&text(&coverage, console.width())));
    }
    Ok(if coverage.open_musts().next().is_some() { Exit::NotProven } else { Exit::Success })
}

/// One sentence for each total.
fn totals(coverage: &Coverage) -> [String; 2] {
    let counts = coverage.counts;
    let superseded = match counts.superseded {
        0 => String::new(),
        count => format!(", {count} superseded"),
    };
    [
        format!(
            "{}: {} open, {} with a proven case, {} held by the runner at every step{superseded}",
            counted(counts.requirements, "requirement"),
            counts.open,
            counts.proven,
            counts.held
        ),
        format!(
            "{} of {}; {} of {} killed by a proven case about what they break; {}",
            counted(counts.checks, "check"),
            counted(counts.cases, "case"),
            counts.killed,
            counted(counts.mutants, "mutant"),
            counted(counts.kills, "kill")
        ),
    ]
}

/// A line for each requirement, or three where the terminal is too narrow.
fn text(coverage: &Coverage, width: Option<usize>) -> String {
    let row = |own: &CoveredRequirement| {
        let (level, authority) = (own.level.to_string(), own.authority.to_string());
        [own.id.clone(), level, authority, state(&own.state).to_owned(), tested(own), own.statement.clone()]
    };
    let rows: Vec<[String; 6]> = coverage.requirements.iter().map(row).collect();
    let table = columns(&rows, 6);
    let fits = |width| table.lines().all(|line| line.chars().count() <= width);
    let list = if width.is_none_or(fits) {
        table
    } else {
        let stacked = rows.iter().map(|[id, level, authority, state, tested, statement]| {
            format!("{id}  {level}  {authority}  {state}\n  {tested}\n  {statement}\n")
        });
        stacked.collect()
    };
    format!("{}\n{}\n\n{list}", totals(coverage)[0], totals(coverage)[1])
}

fn page(coverage: &Coverage) -> String {
    let [requirements, cases] = totals(coverage);
    let mut page = format!(
        "# Coverage\n\n- {requirements}\n- {cases}\n\n| Requirement | | State | Cases | Mutants |\n|---|---|---|---|---|\n"
    );
    for own in &coverage.requirements {
        let cases = own.cases.iter().map(|case| {
            let unproven = if case.proven { "" } else { " (unproven)" };
            format!("{} ({}){unproven}", code(&case.id), case.checks)
        });
        let mutants = own.mutants.iter().map(|name| {
            let survives = if own.surviving.contains(name) { " (survives)" } else { "" };
            format!("{}{survives}", code(name))
        });
        page.push_str(&format!(
            "| {} | {} ({}, {}) | {} | {} | {} |\n",
            escaped(&own.id),
            escaped(&own.statement),
            own.level,
            own.authority,
            escaped(&match &own.state {
                CoverageState::Open | CoverageState::Proven => state(&own.state).to_owned(),
                CoverageState::HeldBy(test) => format!("held by the runner: {test}"),
                CoverageState::Superseded(why) => format!("superseded: {why}"),
            }),
            cases.collect::<Vec<_>>().join(", "),
            mutants.collect::<Vec<_>>().join(", ")
        ));
    }
    page
}

fn state(state: &CoverageState) -> &'static str {
    match state {
        CoverageState::Open => "open",
        CoverageState::Proven => "proven",
        CoverageState::HeldBy(_) => "held",
        CoverageState::Superseded(_) => "superseded",
    }
}

/// The cases, checks and mutants of a requirement.
fn tested(own: &CoveredRequirement) -> String {
    if own.cases.is_empty() {
        return "no case".to_owned();
    }
    let mutants = match (own.mutants.len(), own.surviving.len()) {
        (0, _) => String::new(),
        (all, surviving) => format!(", {} of {} killed", all - surviving, counted(all, "mutant")),
    };
    let unproven = match own.cases.iter().filter(|case| !case.proven).count() {
        0 => String::new(),
        count => format!(" ({count} unproven)"),
    };
    format!("{}{unproven}, {}{mutants}", counted(own.cases.len(), "case"), counted(own.checks(), "check"))
}
