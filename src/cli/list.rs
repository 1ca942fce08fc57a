//! `bundleproof list`.

use std::collections::BTreeMap;

use clap::{Parser, ValueEnum};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    Exit, SuiteOption,
    console::Console,
    coverage,
    implementation_file::ImplementationFile,
    listed::{
        ImplementationKind, Listed, ListedCheck, ListedEffect, ListedEra, ListedImplementation,
        ListedRequirement, ListedRow,
    },
    output::Output,
};
use crate::{
    bundle::BUNDLE,
    harness::{adversary::Adversary, contract::Contract as _, suite::Suite},
    text::{fitting, source},
};

/// List cases, requirements, plans, implementations, operations or eras
#[derive(Debug, Parser)]
pub(super) struct List {
    /// What to list
    #[arg(value_enum, default_value = "cases")]
    what: What,

    /// Only what has all of these words, in lower or upper case: an area, a requirement, an authority, an
    /// implementation, a word of the text
    #[arg(value_name = "WORD")]
    words: Vec<String>,

    /// List every requirement with the cases that test it, open ones first [exits with 6 if a MUST has no proven case]
    #[arg(long, conflicts_with = "what")]
    coverage: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Print Markdown
    #[arg(long, requires = "coverage", conflicts_with = "json")]
    markdown: bool,

    #[command(flatten)]
    suite: SuiteOption,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    Cases,
    Requirements,
    Plans,
    Implementations,
    Operations,
    Eras,
}

/// Checks, in the order of the suite.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Cases<'a> {
    /// One for each check: a case has several if it has examples.
    cases: Vec<ListedCheck<'a>>,
}

/// Requirements, in the order of the suite.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Requirements<'a> {
    requirements: Vec<ListedRequirement<'a>>,
}

/// The rows of plans, with what decides them.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Plans<'a> {
    /// One for each row.
    plans: Vec<ListedRow<'a>>,
}

/// Built-in implementations, mutants, adversaries and adapters of the suite.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Implementations {
    implementations: Vec<ListedImplementation>,
}

/// The effects of operations, which the runner holds after every step.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Operations {
    /// One for each effect.
    operations: Vec<ListedEffect>,
}

/// The eras of the contract.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Eras<'a> {
    eras: Vec<ListedEra<'a>>,
}

impl List {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, _) = self.suite.load(console)?;
        if self.coverage {
            return coverage::print(&suite, (self.json, self.markdown), console);
        }
        match self.what {
            What::Cases => {
                let all = suite.checks().iter().map(|check| ListedCheck::of(check)).collect();
                self.print(all, |cases| Cases { cases }, console)
            }
            What::Requirements => {
                self.print(requirements(&suite), |requirements| Requirements { requirements }, console)
            }
            What::Plans => {
                let rows = suite.plans().iter().flat_map(|plan| {
                    let of = |row| ListedRow::of(plan, row);
                    plan.rows.iter().map(of).collect::<Vec<_>>()
                });
                self.print(rows.collect(), |plans| Plans { plans }, console)
            }
            What::Implementations => {
                let built_ins = suite.with_mutants(BUNDLE.built_ins());
                let mut all: Vec<ListedImplementation> = built_ins.into_iter().map(Into::into).collect();
                all.extend(Adversary::ALL.map(Into::into));
                all.extend(adapters(&suite, console)?);
                self.print(all, |implementations| Implementations { implementations }, console)
            }
            What::Operations => {
                let all = suite.contract().effects().map(ListedEffect::of).collect();
                self.print(all, |operations| Operations { operations }, console)
            }
            What::Eras => {
                let all = suite.contract().eras().iter().map(|era| ListedEra::of(era, &suite)).collect();
                self.print(all, |eras| Eras { eras }, console)
            }
        }
    }

    /// Prints the entries that have all words.
    fn print<T: Listed, O: Output>(
        &self,
        mut entries: Vec<T>,
        output: impl FnOnce(Vec<T>) -> O,
        console: &Console,
    ) -> Result<Exit, Exit> {
        for word in &self.words {
            if !entries.iter().any(|entry| has_all(entry, &[word.to_lowercase()])) {
                console.error(&format!("nothing in this list has the word {word:?}"));
                return Err(Exit::Usage);
            }
        }
        let words: Vec<String> = self.words.iter().map(|word| word.to_lowercase()).collect();
        if !words.is_empty() {
            entries.retain(|entry| has_all(entry, &words));
        }
        if entries.is_empty() && !words.is_empty() {
            console.error(&format!("nothing in this list has all of these words: {}", self.words.join(" ")));
            return Err(Exit::NothingSelected);
        }
        if self.json {
            console.print_json(&output(entries))?;
        } else {
            let rows: Vec<[String; 3]> = entries.iter().map(Listed::columns).collect();
            console.print(&source(&fitting(&rows, console.width())));
        }
        Ok(Exit::Success)
    }
}

/// Whether each of these words, in lower case, is in an entry: in its columns, or in what only JSON has.
fn has_all(entry: &impl Listed, words: &[String]) -> bool {
    let mut texts: Vec<String> = entry.columns().iter().map(|column| column.to_lowercase()).collect();
    if let Ok(json) = serde_json::to_value(entry) {
        texts_of(&json, &mut texts);
    }
    words.iter().all(|word| texts.iter().any(|text| text.contains(word)))
}

fn texts_of(json: &Json, texts: &mut Vec<String>) {
    match json {
        Json::String(text) => texts.push(text.to_lowercase()),
        Json::Array(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Json::Object(fields) => fields.values().for_each(|value| texts_of(value, texts)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn requirements(suite: &Suite) -> Vec<ListedRequirement<'_>> {
    let mut about: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in suite.checks().iter().map(|check| &check.case) {
        for id in &case.requires {
            about.entry(id).or_default().push(&case.id);
        }
    }
    let mut listed = Vec::new();
    for requirement in suite.requirements() {
        let mut cases = about.remove(requirement.id.get_ref().as_str()).unwrap_or_default();
        // The checks of a case follow each other.
        cases.dedup();
        listed.push(ListedRequirement::of(requirement, cases));
    }
    listed
}

/// The programs that the implementation files of the suite start.
fn adapters(suite: &Suite, console: &Console) -> Result<Vec<ListedImplementation>, Exit> {
    let mut entries = Vec::new();
    for name in ImplementationFile::names(suite) {
        let Some(file) = ImplementationFile::in_suite(suite, &name, console)? else { continue };
        let kind = ImplementationKind::Adapter { command: file.launch.command, known: file.known.len() };
        entries.push(ListedImplementation { name, kind });
    }
    Ok(entries)
}
