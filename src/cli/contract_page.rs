//! `bundleproof contract`.

use std::collections::BTreeMap;

use clap::Parser;

use super::{Exit, SuiteOption, console::Console, proven_file::ProvenFile};
use crate::{
    bundle::{
        BUNDLE,
        nouns::{
            ARCHIVE_NAME, ConfigField, ERAS, ExecutionConfig, InferenceConfig, Limit, MANIFEST_ENTRY,
            ModelConfig, Params, ROLES, TrainingConfig, VERSION, VERSION_KEY, model_entry, params_entry,
        },
    },
    harness::{
        contract::Contract as _,
        proof::{Coverage, CoverageState, CoveredRequirement, FaultyImplementation},
        suite::Suite,
    },
    text::{markdown as escaped, markdown_code as code},
};

/// Print the contract as a page in Markdown: archive, params, configurations and requirements with their cases
///
/// It is what a backend must do, in one place: the entries of a bundle, the params of a new process, each field of each
/// configuration with its values, default and key in the params, and each requirement with the cases that test it.
#[derive(Debug, Parser)]
pub(super) struct ContractPage {
    #[command(flatten)]
    suite: SuiteOption,
}

/// A configuration type, as the page shows it.
struct ConfigType {
    kind: &'static str,
    python: &'static str,
    fields: Vec<ConfigField>,
    /// Whether its fields reach the params (CFG-011).
    is_bridged: bool,
}

const INTRODUCTION: &str = "\
# The contract

What a backend must do to save and load the bundles of [PtychoPINN](https://github.com/hoidn/PtychoPINN), which the
application [ptychodus](https://github.com/AdvancedPhotonSource/ptychodus) loads. This page is the output of
`bundleproof contract`.

Each requirement has an authority. `spec`: the document `specs/ptychodus_api_spec.md` of PtychoPINN says so; its numbered
findings, such as CONFIG-001, are in `docs/findings.md`. `observed`: its revisions do so. `ours`: these sources say
nothing, or contradict each other, and this suite decides. A sentence about \"the params\" is about the one map of
configuration values that all parts of a process share, `ptycho.params.cfg` in Python. A refused operation
that must write no file may leave an empty directory.

How a program under test is asked is in [the adapter protocol](../conformance/adapters/PROTOCOL.md). `bundleproof explain
LOD-003` shows a requirement, and `bundleproof explain CASE` the whole text of a case.
";

impl ContractPage {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, _) = self.suite.load(console)?;
        console.print(&page(&suite));
        Ok(Exit::Success)
    }
}

fn page(suite: &Suite) -> String {
    [INTRODUCTION.to_owned(), archive(), params(), configurations(), requirements(suite)].join("\n")
}

fn archive() -> String {
    let mut text = format!("## The bundle\n\n`{ARCHIVE_NAME}` is a zip archive with these entries:\n\n");
    text.push_str("| entry | contents |\n|---|---|\n");
    let mut row = |entry: &str, contents: &str| text.push_str(&format!("| {} | {contents} |\n", code(entry)));
    row(
        MANIFEST_ENTRY,
        &format!(
            "a dict, pickled by dill: `models` (the names below), `version` (`\"{VERSION}\"`), `backend` (`\"{}\"`)",
            BUNDLE.backend()
        ),
    );
    for role in ROLES {
        row(&model_entry(role), "a `state_dict` of tensors, written by `torch.save`");
        row(
            &params_entry(role),
            &format!("a copy of the params, pickled by dill, with `{VERSION_KEY}` (`\"{VERSION}\"`)"),
        );
    }
    text
}

fn params() -> String {
    let mut text = "## The params of a new process\n\nSome differ from the defaults of the configurations, so a configuration \
        that was not bridged is seen.\n\n| key | value |\n|---|---|\n"
        .to_owned();
    for (key, value) in Params::defaults().iter() {
        text.push_str(&format!("| {} | {} |\n", code(key), code(&value.to_string())));
    }
    text
}

fn configurations() -> String {
    let mut text = "## Configurations\n\nA field reaches the params under its key, after `update_legacy_dict`. A field with \
        the default None is not given: it leaves the params as they are. An int is accepted for a float, and \
        becomes one.\n\nThe limits are those of `validate_config` (CFG-003, CFG-004, CFG-012). Infinity is above 0, and \
        refused only where a number must be finite or at most 1; NaN is refused by every limit (CFG-026). Without a limit \
        every number is accepted, NaN included, and so is an empty list, whatever the other fields are.\n"
        .to_owned();
    for config in config_types() {
        let keys = if config.is_bridged { "" } else { " None of them reaches the params (CFG-011)." };
        text.push_str(&format!(
            "\n### {}\n\n`{}` in Python, {} fields.{keys}\n\n",
            config.kind,
            config.python,
            config.fields.len()
        ));
        text.push_str(
            "| field | value | limit | default | key in the params | since |\n|---|---|---|---|---|---|\n",
        );
        for field in &config.fields {
            let key = match field.key {
                _ if !config.is_bridged => String::new(),
                "model" => "the keys of its fields".to_owned(),
                key if key == field.name => "the same".to_owned(),
                key => code(key),
            };
            text.push_str(&format!(
                "| {} | {} | {} | {} | {key} | {} |\n",
                code(field.name),
                escaped(&field.expected),
                Limit::of(config.kind, field.name).map_or("", Limit::as_str),
                field
                    .default
                    .as_ref()
                    .map_or_else(|| "must be given".to_owned(), |value| code(&value.to_string())),
                since(config.kind, field.name).unwrap_or_default(),
            ));
        }
    }
    text
}

fn config_types() -> [ConfigType; 4] {
    let bridged = |kind, python, fields| ConfigType { kind, python, fields, is_bridged: true };
    [
        bridged("model", "ModelConfig", ModelConfig::table()),
        bridged("training", "TrainingConfig", TrainingConfig::table()),
        bridged("inference", "InferenceConfig", InferenceConfig::table()),
        ConfigType {
            kind: "execution",
            python: "PyTorchExecutionConfig",
            fields: ExecutionConfig::table(),
            is_bridged: false,
        },
    ]
}

/// The first era that has the field, if an earlier one lacks it.
fn since(kind: &str, field: &str) -> Option<&'static str> {
    let path = format!("{kind}.{field}");
    let lacks = |era: &crate::harness::contract::Era| {
        era.lacks.iter().flat_map(|(_, fields)| *fields).any(|lacked| *lacked == path || *lacked == kind)
    };
    let first = ERAS.iter().position(|era| !lacks(era))?;
    (first > 0).then(|| ERAS[first].name)
}

fn requirements(suite: &Suite) -> String {
    let faulty = FaultyImplementation::among(&suite.with_mutants(BUNDLE.built_ins()));
    let file = ProvenFile::read(suite);
    let coverage = Coverage::of(suite, &faulty, file.proven());
    let covered: BTreeMap<&str, &CoveredRequirement> =
        coverage.requirements.iter().map(|own| (own.id.as_str(), own)).collect();
    let mut text = "## Requirements\n".to_owned();
    for area in suite.requirements().chunk_by(|one, next| one.area == next.area) {
        let Some(first) = area.first() else { continue };
        text.push_str(&format!("\n### {}\n\n", escaped(&first.area)));
        text.push_str("| | requirement | authority | source | cases (checks) |\n|---|---|---|---|---|\n");
        for requirement in area {
            let tested =
                covered.get(requirement.id.get_ref().as_str()).map(|own| tested(own)).unwrap_or_default();
            text.push_str(&format!(
                "| {} | {} {} | {}{} | {} | {tested} |\n",
                requirement.id.get_ref(),
                requirement.level,
                escaped(&requirement.statement),
                requirement.authority,
                eras(requirement.eras.iter().map(|era| era.get_ref().as_str())),
                escaped(&requirement.source),
            ));
        }
    }
    text
}

fn eras<'e>(eras: impl Iterator<Item = &'e str>) -> String {
    let names: Vec<&str> = eras.collect();
    if names.is_empty() { String::new() } else { format!(", only {}", names.join(", ")) }
}

/// The cases about a requirement, or why it has none.
fn tested(own: &CoveredRequirement) -> String {
    match &own.state {
        CoverageState::HeldBy(_) => "held at every step of every case".to_owned(),
        CoverageState::Superseded(why) => format!("superseded: {}", escaped(why)),
        CoverageState::Open | CoverageState::Proven => {
            let cases = own.cases.iter().map(|case| format!("{} ({})", code(&case.id), case.checks));
            cases.collect::<Vec<_>>().join(", ")
        }
    }
}
