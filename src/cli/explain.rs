//! `bundleproof explain ID`.

use clap::Parser;

use super::{
    Exit, SuiteOption,
    console::Console,
    explained_words::{Defined, defined},
};
use crate::{
    bundle::BUNDLE,
    harness::contract::{BuiltIn, BuiltInRole, Contract as _},
    harness::suite::{Case, Check, Decision, Plan, Requirement, Row, Suite, nearest},
    text::{source, wrapped},
};

/// Explain a requirement, a case, a built-in implementation, a row of a plan, a rule of check, or a word for a result
#[derive(Debug, Parser)]
pub(super) struct Explain {
    /// ID of a requirement (LOD-003), a case (loader/altered_fields_are_refused) or a row of a plan (D4.B1), or the name of
    /// an implementation, a rule of check (not-a-bundle) or a result (state leak), in upper or lower case
    #[arg(required = true, value_name = "ID")]
    id: Vec<String>,

    #[command(flatten)]
    suite: SuiteOption,
}

/// What is explained.
enum Explained {
    /// Text that fits the terminal.
    Text(String),
    /// The same, and the lines of a file, which are shown as they are.
    File(String, String),
}

impl Explain {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, _) = self.suite.load(console)?;
        let id = self.id.join(" ");
        let built_ins = suite.with_mutants(BUNDLE.built_ins());
        // A name in its own spelling comes before one in another.
        let found = explained(&|name| name == id, &suite, &built_ins)
            .or_else(|| explained(&|name| key(name) == key(&id), &suite, &built_ins));
        if let Some(found) = found {
            console.print(&match found {
                Explained::Text(text) => wrapped(&source(&text), console.width()),
                Explained::File(text, lines) => {
                    format!("{}\n{}", wrapped(&source(&text), console.width()), source(&lines))
                }
            });
            return Ok(Exit::Success);
        }
        if let Some(check) = suite.checks().iter().find(|check| key(&check.case.area) == key(&id)) {
            let area = &check.case.area;
            console.error(&format!(
                "{area:?} is an area, expected a requirement or a case; `bundleproof list cases {area}/` lists its cases"
            ));
            return Err(Exit::Usage);
        }
        let requirements = suite.requirements().iter().map(|requirement| requirement.id.get_ref().as_str());
        let cases = suite.checks().iter().map(|check| check.case.id.as_str());
        let names = built_ins.iter().map(|own| own.implementation.name());
        let rows = suite.plans().iter().flat_map(|plan| &plan.rows).map(|row| row.id.as_str());
        let words = defined();
        let words = words.iter().map(|own| own.word);
        let offer = nearest(&id, requirements.chain(cases).chain(names).chain(rows).chain(words))
            .map(|offer| format!("; {offer}"))
            .unwrap_or_default();
        console
            .error(&format!("unknown requirement, case, implementation, row, rule or result {id:?}{offer}"));
        Err(Exit::Usage)
    }
}

/// A name without what users spell differently: `State leak` and `state_leak`.
fn key(name: &str) -> String {
    name.to_lowercase().replace([' ', '_'], "-")
}

/// The first thing whose name matches.
fn explained(matches: &dyn Fn(&str) -> bool, suite: &Suite, built_ins: &[BuiltIn]) -> Option<Explained> {
    if let Some(own) = suite.requirements().iter().find(|own| matches(own.id.get_ref())) {
        return Some(Explained::Text(about_requirement(own, suite)));
    }
    if let Some(check) = suite.checks().iter().find(|check| matches(&check.id) || matches(&check.case.id)) {
        return Some(Explained::File(about_case(check, suite), numbered(&check.case.text)));
    }
    if let Some(own) = built_ins.iter().find(|own| matches(own.implementation.name())) {
        return Some(Explained::Text(about_implementation(own, suite)));
    }
    let mut rows = suite.plans().iter().flat_map(|plan| plan.rows.iter().map(move |row| (plan, row)));
    if let Some((plan, row)) = rows.find(|(_, row)| matches(&row.id)) {
        return Some(Explained::Text(about_row(plan, row)));
    }
    let word = defined().into_iter().find(|own| matches(own.word));
    word.map(|Defined { word, kind, meaning }| Explained::Text(format!("{word} ({kind})\n  {meaning}\n")))
}

fn about_row(plan: &Plan, row: &Row) -> String {
    let Row { id, task, decided_by, red, green, guidance, blocked } = row;
    let mut text = format!("{id} (a row of {}: {})\n  {task}\n", plan.name, plan.title);
    if let Some(why) = blocked {
        text.push_str(&format!("  blocked: {why}\n"));
    }
    match decided_by {
        Decision::Artifact { artifact } => {
            text.push_str(&format!("  done when the report of each phase contains its {artifact}\n"));
        }
        Decision::Checks { checks, tests, .. } => {
            text.push_str(&format!(
                "  done when its checks fail as expected on {red} and then pass on {green}\n"
            ));
            for check in checks.iter().chain(tests) {
                text.push_str(&format!(
                    "  {}: must fail at {} ({})\n",
                    check.id,
                    check.fails.join(", "),
                    check.reason
                ));
            }
        }
    }
    text.push_str(&format!("  next step: {guidance}\n"));
    text
}

fn about_requirement(requirement: &Requirement, suite: &Suite) -> String {
    let id = requirement.id.get_ref();
    let mut text = format!(
        "{id} ({}, {})\n  {}\n  source: {}\n",
        requirement.level, requirement.authority, requirement.statement, requirement.source
    );
    if !requirement.eras.is_empty() {
        let eras: Vec<&str> = requirement.eras.iter().map(|era| era.get_ref().as_str()).collect();
        text.push_str(&format!("  stated in the eras {}\n", eras.join(", ")));
    }
    if let Some(why) = &requirement.superseded {
        text.push_str(&format!("  superseded: {why}\n"));
    }
    if let Some(test) = &requirement.held_by {
        text.push_str(&format!("  held by the runner, at every step of every case; its test: {test}\n"));
    }
    let effects = suite.contract().effects().filter(|(_, effect)| effect.about == id);
    let effects: Vec<String> =
        effects.map(|(operation, effect)| format!("{operation}.{}", effect.name)).collect();
    if !effects.is_empty() {
        text.push_str(&format!("  held after every step as {}\n", effects.join(", ")));
    }
    let about = suite.checks().iter().filter(|check| check.case.requires.contains(id));
    let mut cases: Vec<&Case> = about.map(|check| check.case.as_ref()).collect();
    cases.dedup_by_key(|case| &case.id);
    for case in cases {
        text.push_str(&format!("  tested by {}: {}\n", case.id, case.title));
    }
    text
}

fn about_implementation(built_in: &BuiltIn, suite: &Suite) -> String {
    let name = built_in.implementation.name();
    let mut text = match &built_in.role {
        BuiltInRole::Reference => format!("{name} (reference)\n  obeys the contract\n"),
        BuiltInRole::Stub => {
            format!("{name} (stub)\n  the system before phase D4: every load is not implemented\n")
        }
        BuiltInRole::Mutant { breaks, finding } => {
            let statement = suite.requirement(breaks).map_or("", |requirement| &requirement.statement);
            let found =
                finding.as_ref().map(|finding| format!("  found in: {finding}\n")).unwrap_or_default();
            format!("{name} (mutant)\n  breaks {breaks}: {statement}\n{found}")
        }
    };
    let fails =
        suite.checks().iter().flat_map(|check| check.red.iter().map(move |red| (&check.case.id, red)));
    let mut fails: Vec<String> = fails
        .filter(|(_, red)| red.on == name)
        .map(|(case, red)| format!("  expected to fail {case}, at {}\n", red.fails))
        .collect();
    // The checks of a case follow each other.
    fails.dedup();
    text.push_str(&fails.concat());
    text
}

fn about_case(check: &Check, suite: &Suite) -> String {
    let case = &check.case;
    let mut text =
        format!("{}\n  {}\n  file: {}\n  digest: {}\n", case.id, case.title, case.file, case.digest);
    for id in &case.requires {
        let statement = suite.requirements().iter().find(|requirement| requirement.id.get_ref() == id);
        text.push_str(&format!("  {id}: {}\n", statement.map_or("", |requirement| &requirement.statement)));
    }
    for step in &check.steps {
        text.push_str(&format!("  line {}: {}\n", step.line, step.action.name()));
        for named in &step.expectations {
            text.push_str(&format!("    {}: {}\n", named.name, named.expectation.because));
        }
    }
    for red in &check.red {
        let reason = red.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        text.push_str(&format!("  expected to fail on {}, at {}{reason}\n", red.on, red.fails));
    }
    text
}

/// The lines of a file with their numbers.
fn numbered(file: &str) -> String {
    let lines = file
        .lines()
        .zip(1..)
        .map(|(line, number)| format!("{number:4}  {line}").trim_end().to_owned() + "\n");
    lines.collect()
}
