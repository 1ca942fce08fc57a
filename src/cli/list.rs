//! `bundleproof list`.

use std::collections::BTreeMap;

use clap::{Parser, ValueEnum};
use serde_json::{Value as Json, json};

use super::{
    Exit, SuiteOption,
    console::{Console, counted},
    coverage,
    implementation_file::ImplementationFile,
};
use crate::{
    bundle::BUNDLE,
    harness::{
        adversary::Adversary,
        contract::{BuiltIn, BuiltInRole, Contract as _, Effect},
        suite::{Decision, Suite},
    },
    text::{columns, source},
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

/// One line of a list, as text and as JSON.
struct Entry {
    columns: [String; 3],
    json: Json,
}

impl List {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, _) = self.suite.load(console)?;
        if self.coverage {
            return coverage::print(&suite, (self.json, self.markdown), console);
        }
        let mut entries = match self.what {
            What::Cases => cases(&suite),
            What::Requirements => requirements(&suite),
            What::Plans => plans(&suite),
            What::Implementations => {
                let mut all = built_ins(&suite);
                all.extend(Adversary::ALL.map(adversary));
                all.extend(adapters(&suite, console)?);
                all
            }
            What::Operations => operations(&suite),
            What::Eras => eras(&suite),
        };
        let words: Vec<String> = self.words.iter().map(|word| word.to_lowercase()).collect();
        entries.retain(|entry| entry.has_all(&words));
        if entries.is_empty() && !words.is_empty() {
            console.error(&format!("nothing in this list has all of these words: {}", self.words.join(" ")));
            return Err(Exit::NothingSelected);
        }
        if self.json {
            let all = Json::Array(entries.into_iter().map(|entry| entry.json).collect());
            console.print(&format!("{all:#}\n"));
            return Ok(Exit::Success);
        }
        let rows: Vec<[String; 3]> = entries.into_iter().map(|entry| entry.columns).collect();
        console.print(&source(&fitting(&rows, console.width())));
        Ok(Exit::Success)
    }
}

impl Entry {
    /// Whether each of these words, in lower case, is in it.
    fn has_all(&self, words: &[String]) -> bool {
        let mut texts: Vec<String> = self.columns.iter().map(|column| column.to_lowercase()).collect();
        texts_of(&self.json, &mut texts);
        words.iter().all(|word| texts.iter().any(|text| text.contains(word)))
    }
}

fn texts_of(json: &Json, texts: &mut Vec<String>) {
    match json {
        Json::String(text) => texts.push(text.to_lowercase()),
        Json::Array(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Json::Object(fields) => fields.values().for_each(|value| texts_of(value, texts)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Rows in columns, or, where the terminal is too narrow for them, each as a line with its name and one for each other
/// column.
fn fitting(rows: &[[String; 3]], width: Option<usize>) -> String {
    let table = columns(rows, 3);
    let fits = |width| table.lines().all(|line| line.chars().count() <= width);
    if width.is_none_or(fits) {
        return table;
    }
    rows.iter().map(|[name, second, third]| format!("{name}\n  {second}\n  {third}\n")).collect()
}

fn cases(suite: &Suite) -> Vec<Entry> {
    let entry = |check: &std::sync::Arc<crate::harness::suite::Check>| {
        let case = &check.case;
        let red: Vec<Json> =
            check.red.iter().map(|red| json!({ "on": red.on, "fails": red.fails })).collect();
        Entry {
            columns: [check.id.clone(), case.requires.join(" "), case.title.clone()],
            json: json!({
                "id": check.id, "title": case.title, "file": case.file, "requires": case.requires,
                "needs": case.needs, "digest": case.digest, "red": red,
            }),
        }
    };
    suite.checks().iter().map(entry).collect()
}

fn requirements(suite: &Suite) -> Vec<Entry> {
    let mut about: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in suite.checks().iter().map(|check| &check.case) {
        for id in &case.requires {
            about.entry(id).or_default().push(&case.id);
        }
    }
    let entry = |requirement: &crate::harness::suite::Requirement| {
        let id = requirement.id.get_ref();
        let mut cases = about.remove(id.as_str()).unwrap_or_default();
        // The checks of a case follow each other.
        cases.dedup();
        let state = match (&requirement.superseded, &requirement.held_by, cases.len()) {
            (Some(_), _, _) => "superseded".to_owned(),
            (None, Some(_), _) => "held by the runner".to_owned(),
            (None, None, 1) => "1 case".to_owned(),
            (None, None, count) => format!("{count} cases"),
        };
        Entry {
            columns: [id.clone(), state, requirement.statement.clone()],
            json: json!({
                "id": id, "level": requirement.level, "authority": requirement.authority,
                "statement": requirement.statement, "source": requirement.source,
                "eras": requirement.eras.iter().map(|era| era.get_ref()).collect::<Vec<_>>(),
                "superseded": requirement.superseded, "held_by": requirement.held_by, "cases": cases,
            }),
        }
    };
    suite.requirements().iter().map(entry).collect()
}

/// The effects of each operation, which the runner holds after every step, with the requirement that states each.
fn operations(suite: &Suite) -> Vec<Entry> {
    let entry = |(operation, effect): (&'static str, &'static Effect)| {
        let name = format!("{operation}.{}", effect.name);
        let required = format!("{} after {}", effect.about, effect.after);
        Entry {
            columns: [name.clone(), required, effect.because.to_owned()],
            json: json!({
                "effect": name, "operation": operation, "about": effect.about,
                "after": effect.after.to_string(), "because": effect.because,
            }),
        }
    };
    suite.contract().effects().map(entry).collect()
}

/// The eras of the contract, with the requirements that each of them does not state.
fn eras(suite: &Suite) -> Vec<Entry> {
    let entry = |era: &crate::harness::contract::Era| {
        let unstated = suite.requirements().iter().filter(|requirement| !requirement.is_of(era.name));
        let unstated: Vec<&str> = unstated.map(|requirement| requirement.id.get_ref().as_str()).collect();
        let lacks: Vec<&str> = era.lacks.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        Entry {
            columns: [
                era.name.to_owned(),
                format!("{} requirements not stated", unstated.len()),
                era.title.to_owned(),
            ],
            json: json!({ "name": era.name, "title": era.title, "not_stated": unstated, "lacks": lacks }),
        }
    };
    suite.contract().eras().iter().map(entry).collect()
}

fn plans(suite: &Suite) -> Vec<Entry> {
    let rows = |plan: &crate::harness::suite::Plan| {
        let name = plan.name.clone();
        plan.rows
            .iter()
            .map(move |row| {
                let (decided_by, json) = match &row.decided_by {
                    Decision::Checks { checks, tests, .. } => {
                        let others = if tests.is_empty() {
                            String::new()
                        } else {
                            format!(", or {}", counted(tests.len(), "test"))
                        };
                        (format!("{}{others}", counted(checks.len(), "check")), json!(checks))
                    }
                    Decision::Artifact { artifact } => {
                        (format!("artifact {artifact}"), json!({ "artifact": artifact }))
                    }
                };
                Entry {
                    columns: [format!("{name} {}", row.id), decided_by, row.task.clone()],
                    json: json!({ "plan": name, "id": row.id, "task": row.task, "decided_by": json }),
                }
            })
            .collect::<Vec<_>>()
    };
    suite.plans().iter().flat_map(rows).collect()
}

/// Those of the program, and the mutants of the suite.
fn built_ins(suite: &Suite) -> Vec<Entry> {
    let entry = |built_in: BuiltIn| {
        let name = built_in.implementation.name();
        let (kind, about, breaks, finding) = match &built_in.role {
            BuiltInRole::Reference => ("reference", "obeys the contract".to_owned(), None, None),
            BuiltInRole::Stub => (
                "stub",
                "the system before phase D4: every load raises NotImplementedError".to_owned(),
                None,
                None,
            ),
            BuiltInRole::Mutant { breaks, finding } => {
                let origin =
                    finding.as_ref().map(|finding| format!(" (found in: {finding})")).unwrap_or_default();
                ("mutant", format!("breaks {breaks}{origin}"), Some(breaks), finding.as_ref())
            }
        };
        Entry {
            columns: [name.to_owned(), kind.to_owned(), about],
            json: json!({ "name": name, "kind": kind, "breaks": breaks, "finding": finding }),
        }
    };
    suite.with_mutants(BUNDLE.built_ins()).into_iter().map(entry).collect()
}

fn adversary(adversary: Adversary) -> Entry {
    let (name, does) = (adversary.name(), adversary.does());
    Entry {
        columns: [name.to_owned(), "adversary".to_owned(), does.to_owned()],
        json: json!({ "name": name, "kind": "adversary", "does": does }),
    }
}

/// The programs that the implementation files of the suite start.
fn adapters(suite: &Suite, console: &Console) -> Result<Vec<Entry>, Exit> {
    let mut entries = Vec::new();
    for name in ImplementationFile::names(suite) {
        let Some(file) = ImplementationFile::in_suite(suite, &name, console)? else { continue };
        let command = shell_words::join(&file.launch.command);
        let known = match file.known.len() {
            0 => String::new(),
            1 => ", with 1 known failure".to_owned(),
            count => format!(", with {count} known failures"),
        };
        entries.push(Entry {
            json: json!({ "name": name, "kind": "adapter", "command": file.launch.command,
                "known": file.known.len() }),
            columns: [name, "adapter".to_owned(), format!("`{command}`{known}")],
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_columns_where_these_fit() {
        let rows =
            [["a/b", "A-1", "Save and load"], ["a/long", "A-2", "é"]].map(|row| row.map(str::to_owned));
        let table = "a/b     A-1  Save and load\na/long  A-2  é\n";
        assert_eq!(fitting(&rows, None), table);
        assert_eq!(fitting(&rows, Some(26)), table);
        assert_eq!(fitting(&rows, Some(25)), "a/b\n  A-1\n  Save and load\na/long\n  A-2\n  é\n");
    }
}
