//! `bundleproof explain ID`.

use clap::Parser;

use super::{Exit, SuiteOption, console::Console};
use crate::{
    bundle::BUNDLE,
    harness::contract::{BuiltIn, BuiltInRole, Contract as _},
    harness::suite::{Case, Check, Requirement, Suite, nearest},
    text::source,
};

/// Explain a requirement, a case or a built-in implementation: its text, its source, and what tests it
#[derive(Debug, Parser)]
pub(super) struct Explain {
    /// ID of a requirement (LOD-003) or a case (loader/altered_fields_are_refused), or the name of an implementation
    id: String,

    #[command(flatten)]
    suite: SuiteOption,
}

impl Explain {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, _) = self.suite.load(console)?;
        if let Some(requirement) =
            suite.requirements().iter().find(|requirement| *requirement.id.get_ref() == self.id)
        {
            console.print(&source(&about_requirement(requirement, &suite)));
            return Ok(Exit::Success);
        }
        if let Some(check) =
            suite.checks().iter().find(|check| check.id == self.id || check.case.id == self.id)
        {
            console.print(&source(&about_case(check, &suite)));
            return Ok(Exit::Success);
        }
        if suite.checks().iter().any(|check| check.case.area == self.id) {
            let area = &self.id;
            console.error(&format!(
                "{area:?} is an area, expected a requirement or a case; `bundleproof list cases {area}/` lists its cases"
            ));
            return Err(Exit::Usage);
        }
        let built_ins = suite.with_mutants(BUNDLE.built_ins());
        if let Some(built_in) = built_ins.iter().find(|own| own.implementation.name() == self.id) {
            console.print(&source(&about_implementation(built_in, &suite)));
            return Ok(Exit::Success);
        }
        let requirements = suite.requirements().iter().map(|requirement| requirement.id.get_ref().as_str());
        let cases = suite.checks().iter().map(|check| check.case.id.as_str());
        let names = built_ins.iter().map(|own| own.implementation.name());
        let offer = nearest(&self.id, requirements.chain(cases).chain(names))
            .map(|offer| format!("; {offer}"))
            .unwrap_or_default();
        console.error(&format!("unknown requirement, case or implementation {:?}{offer}", self.id));
        Err(Exit::Usage)
    }
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
    text.push('\n');
    for (index, line) in case.text.lines().enumerate() {
        text.push_str(format!("{:4}  {line}", index + 1).trim_end());
        text.push('\n');
    }
    text
}
