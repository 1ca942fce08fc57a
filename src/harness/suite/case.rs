//! Case files: parsing, and validation before anything runs.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Range,
    sync::Arc,
};

use indexmap::IndexMap;
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Action, CaseEnvironment, Expectation, NamedExpectation, Reason, Step, SuiteError,
    actions::{Actions, ReadAction},
    canonical,
    document::{Document, Fields, placeholders_in},
    each_after_each::{self, EACH_AFTER_EACH, STEPS},
    expectation::ExpectationTable,
    named_config::NamedConfigs,
    named_variants::{NamedVariants, Variant},
    position::LineStarts,
    red_entry::{Red, RedTable, red_entries},
    resolve,
    step::Spans,
};
use crate::{
    harness::contract::{Contract, EVENTS, FILE_LIMIT, FieldRole, WARNINGS, WITHOUT},
    value::{Digest, Value},
};

/// One case file: a claim about requirements. Each of its examples, or the case itself, becomes a [`Check`].
#[derive(Clone, Debug)]
pub struct Case {
    /// `area/name`, from the file's path.
    pub id: String,
    /// The name of its folder.
    pub area: String,
    /// The file, relative to the suite.
    pub file: String,
    /// The text of the file.
    pub text: Arc<str>,
    /// What it claims, in one line.
    pub title: String,
    /// The ids of the requirements that it tests.
    pub requires: Vec<String>,
    /// Capabilities that it needs in addition to operations.
    pub needs: Vec<String>,
    /// SHA-256 in hexadecimal of steps, expectations, red entries, needs and named fixtures. Title, requirements, reasons
    /// and comments are not included.
    pub digest: String,
}

/// A case with one example filled in.
#[derive(Clone, Debug)]
pub struct Check {
    /// The case's id, with `[example]` where it has examples.
    pub id: String,
    /// Its case.
    pub case: Arc<Case>,
    /// Its environment, as far as it is not that of every check.
    pub environment: CaseEnvironment,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Where it must fail, and at which expectation.
    pub red: Vec<Red>,
}

/// The most steps that are written in a case.
const MAX_STEPS: usize = 10_000;

/// The most bytes that all checks of a case are read from: the length of the file, for each of its checks.
const MAX_READ_BYTES: usize = 256 << 20;

impl Check {
    /// Everything an implementation must support: the capabilities of the case, the operations of its steps, and the
    /// notices to which its expectations refer.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        let operations = self.steps.iter().filter_map(|step| step.action.operation());
        let refers = |name: &str| {
            let mut expectations = self.steps.iter().flat_map(|step| &step.expectations);
            expectations.any(|named| named.expectation.condition.needs_after(name))
        };
        let notices = [WARNINGS, EVENTS].into_iter().filter(move |name| refers(name));
        let without = (!self.environment.without.is_empty()).then_some(WITHOUT);
        let limit = self.environment.max_file_bytes.map(|_| FILE_LIMIT);
        let notices = notices.chain(without).chain(limit);
        let needs = self.case.needs.iter().map(String::as_str);
        needs.chain(operations.map(|operation| operation.name)).chain(notices)
    }

    /// Each expectation of the case once, however often its step is performed.
    pub fn expectations(&self) -> impl Iterator<Item = &NamedExpectation> {
        let mut seen = HashSet::new();
        let all = self.steps.iter().flat_map(|step| &step.expectations);
        all.filter(move |named| seen.insert(named.name.as_str()))
    }

    /// What an era may lack of it: the names of its steps, the contract's file if an expectation refers to it, and the
    /// kinds and fields of configurations: `alter_bundle`, `archive`, `training`, `training.nepochs`.
    pub fn uses(&self, contract: &dyn Contract) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for step in &self.steps {
            names.insert(step.action.name().to_owned());
            let refers =
                |named: &NamedExpectation| named.expectation.condition.needs_after(contract.file_name());
            names.extend(step.expectations.iter().any(refers).then(|| contract.file_name().to_owned()));
            let Action::Operation(operation, fields) = &step.action else { continue };
            for field in operation.fields.iter().filter(|field| field.role == FieldRole::Config) {
                let Some(Value::Map(config)) = fields.get(field.name) else { continue };
                let (Some(Value::Text(kind)), Some(Value::Map(values))) =
                    (config.get("kind"), config.get("values"))
                else {
                    continue;
                };
                let nested = contract.config_kinds().iter().find(|known| known.name == kind);
                let nested = nested.and_then(|known| known.nested).map(|(name, _)| name);
                names.insert(kind.clone());
                names.extend(values.keys().map(|field| format!("{kind}.{field}")));
                if let Some((name, Value::Map(inner))) =
                    nested.and_then(|name| Some((name, values.get(name)?)))
                {
                    names.extend(inner.keys().map(|field| format!("{name}.{field}")));
                }
            }
        }
        names
    }

    /// The requirements of the effects that the runner holds in it, whatever the case is about.
    pub fn effect_requirements(&self, contract: &dyn Contract) -> BTreeSet<&'static str> {
        let operations = self.steps.iter().filter_map(|step| step.action.operation());
        let effects = operations.flat_map(|operation| operation.effects).chain(contract.reset_effects());
        effects.map(|effect| effect.about).chain(contract.outside_violates()).collect()
    }

    /// Whether this is the name of an effect, and not of an expectation of the case.
    pub fn is_effect(&self, name: &str) -> bool {
        self.steps.iter().flat_map(|step| &step.expectations).all(|own| own.name != name)
    }

    /// The stated reason why an expectation must fail on an implementation.
    pub fn reason(&self, on: &str, fails: &str) -> Option<&Reason> {
        let stated = self.red.iter().find(|entry| (entry.on.as_str(), entry.fails.as_str()) == (on, fails));
        stated.and_then(|entry| entry.reason.as_ref())
    }
}

/// What the suite names once and cases refer to.
pub(super) struct Named<'i> {
    pub(super) configs: NamedConfigs<'i>,
    pub(super) variants: NamedVariants<'i>,
}

/// What cases are validated against.
pub(super) struct SuiteContext<'a> {
    pub(super) contract: &'static dyn Contract,
    pub(super) requirements: &'a [&'a str],
    pub(super) implementations: &'a [&'a str],
    pub(super) fixture: &'a (dyn Fn(&str) -> std::io::Result<Vec<u8>> + Sync),
}

/// An example: its name, if the case has several, and its fields.
type Example<'i> = (Option<String>, Fields<'i>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseTable {
    title: String,
    requires: Vec<Spanned<String>>,
    #[serde(default)]
    needs: Vec<Spanned<String>>,
    #[serde(default)]
    environment: CaseEnvironment,
    steps: Vec<StepTable>,
    /// Steps that are performed after those, in an order in which each follows each.
    #[serde(default)]
    each_after_each: Vec<StepTable>,
    #[serde(default)]
    red: Vec<RedTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepTable {
    #[serde(default)]
    expect: IndexMap<Spanned<String>, Spanned<ExpectationTable>>,
}

impl Case {
    /// Reads the case file `cases/<area>/<name>.toml` into its checks.
    pub(super) fn read<'i>(
        document: &'i Document,
        named: &Named<'i>,
        context: &SuiteContext<'_>,
    ) -> Result<Vec<Check>, SuiteError> {
        let whole = 0..0;
        let path = document.file.strip_prefix("cases/").and_then(|rest| rest.strip_suffix(".toml"));
        let parts = path.and_then(|path| path.split_once('/')).filter(|(_, name)| !name.contains('/'));
        let Some((area, _)) = parts else {
            return Err(document.error(whole, "expected a path such as cases/<area>/<name>.toml"));
        };
        let id = path.unwrap_or_default();

        let mut tree = document.parse()?;
        let variants = named.variants.take(document, tree.get_mut())?;
        let examples = take_examples(document, tree.get_mut())?;
        let mut actions = Actions::of(document, context.contract);
        let mut checks = Vec::new();
        let mut canonical = String::new();
        let mut fixtures = BTreeMap::new();
        let mut head = None;
        let used = placeholders_in(tree.get_ref());
        for (_, fields) in &examples {
            document.all_used(&used, &fields.own)?;
        }
        let lines = LineStarts::of(&document.text);
        let count = examples.len() * variants.len().max(1);
        if count.saturating_mul(document.text.len()) > MAX_READ_BYTES {
            let message = format!(
                "{count} checks in a file of {} bytes, which together are more than {MAX_READ_BYTES} bytes: put \
                 examples into several cases",
                document.text.len()
            );
            return Err(document.error(whole, message));
        }
        for (example, fields) in &in_each(document, examples, &variants)? {
            // Filled in before deserialization, because a placeholder may stand for a value of any type.
            let mut filled = tree.clone();
            document.fill_in(filled.get_mut(), fields)?;
            named.configs.expand(document, filled.get_mut())?;
            // The digest covers expanded configurations, so that a change of a named one invalidates the proof.
            canonical.push_str(&canonical::text_of_case(document, filled.get_ref())?);
            let mut taken = actions.take(filled.get_mut(), STEPS)?;
            taken.extend(actions.take(filled.get_mut(), EACH_AFTER_EACH)?);
            let table: CaseTable = document.typed(filled)?;
            requirements(document, &table.requires, context)?;
            let first = table.steps.len();
            let steps = taken.into_iter().zip(table.steps.into_iter().chain(table.each_after_each));
            let steps = steps.map(|(action, step)| Step::read(document, &lines, action, step));
            let steps = steps.collect::<Result<Vec<_>, _>>()?;
            if let Some((_, spans)) = steps.get(MAX_STEPS) {
                let message = format!("more than {MAX_STEPS} steps in a case");
                return Err(document.error(spans.action.clone(), message));
            }
            let check = example.as_ref().map_or(id.to_owned(), |example| format!("{id}[{example}]"));
            for (step, spans) in &steps {
                fixtures
                    .extend(step.action.fixture().map(|fixture| (fixture.to_owned(), spans.action.clone())));
            }
            let (once, repeated) = steps.split_at(first.min(steps.len()));
            each_after_each::check(document, repeated)?;
            resolve::check(document, context.contract, &mut once.iter())?;
            for (step, earlier) in each_after_each::with_earlier(repeated) {
                let mut steps = once.iter().chain(earlier).chain([step]);
                resolve::check(document, context.contract, &mut steps)?;
            }
            let mut steps: Vec<Step> = steps
                .into_iter()
                .map(|(step, spans)| resolve_about(document, step, &spans, &table.requires))
                .collect::<Result<_, _>>()?;
            let red = red_entries(document, table.red, &steps, (context.contract, context.implementations))?;
            let repeated = steps.split_off(first);
            steps.extend(each_after_each::in_order(&repeated));
            checks.push((check, table.environment, steps, red));
            head = Some((table.title, table.requires, table.needs));
        }
        let Some((title, requires, needs)) = head else {
            return Err(document.error(whole, "empty table `examples`: no check would run"));
        };
        known_needs(document, &needs, context.contract.capabilities())?;
        for (fixture, span) in fixtures {
            let bytes =
                (context.fixture)(&fixture).map_err(|error| document.error(span, error.to_string()))?;
            canonical.push_str(&format!("\n{fixture} {}", Digest::of(&bytes)));
        }
        let case = Arc::new(Self {
            id: id.to_owned(),
            area: area.to_owned(),
            file: document.file.clone(),
            text: Arc::clone(&document.text),
            title,
            requires: requires.into_iter().map(Spanned::into_inner).collect(),
            needs: needs.into_iter().map(Spanned::into_inner).collect(),
            digest: Digest::of(canonical.as_bytes()).to_string(),
        });
        let with_case =
            |(id, environment, steps, red)| Check { id, case: Arc::clone(&case), environment, steps, red };
        Ok(checks.into_iter().map(with_case).collect())
    }
}

impl Step {
    fn read(
        document: &Document,
        lines: &LineStarts,
        action: Spanned<ReadAction>,
        table: StepTable,
    ) -> Result<(Self, Spans), SuiteError> {
        let line = |span: Range<usize>| lines.line(span.start);
        let mut spans = Spans { action: action.span(), expectations: Vec::new() };
        let mut expectations = Vec::new();
        for (name, expectation) in table.expect {
            let span = expectation.span();
            let expectation = Expectation::try_from(expectation.into_inner())
                .map_err(|message| document.error(span.clone(), message))?;
            spans.expectations.push(span);
            let at = line(name.span());
            expectations.push(NamedExpectation { name: name.into_inner(), line: at, expectation });
        }
        let ReadAction { action, refused } = action.into_inner();
        let step = Self { action, line: line(spans.action.clone()), expectations };
        check_request(document, &step, &spans, refused)?;
        Ok((step, spans))
    }
}

/// Resolves the requirements of each expectation: those that it names, or all of the case.
fn resolve_about(
    document: &Document,
    mut step: Step,
    spans: &Spans,
    requires: &[Spanned<String>],
) -> Result<Step, SuiteError> {
    let of_case: Vec<&str> = requires.iter().map(|id| id.get_ref().as_str()).collect();
    for (named, span) in step.expectations.iter_mut().zip(&spans.expectations) {
        let about = &mut named.expectation.about;
        if let Some(odd) = about.iter().find(|id| !of_case.contains(&id.as_str())) {
            let word = Spanned::new(span.clone(), odd.clone());
            return Err(document.unknown(&word, "requirement of the case", &of_case));
        }
        if about.is_empty() {
            about.extend(of_case.iter().map(|id| (*id).to_owned()));
        }
    }
    Ok(step)
}

/// Every need must be a known capability.
fn known_needs(
    document: &Document,
    needs: &[Spanned<String>],
    capabilities: &[&str],
) -> Result<(), SuiteError> {
    match needs.iter().find(|need| !capabilities.contains(&need.get_ref().as_str())) {
        None => Ok(()),
        Some(unknown) => Err(document.unknown(unknown, "capability", capabilities)),
    }
}

/// A request that every implementation must refuse is a mistake, unless the step expects a refusal.
fn check_request(
    document: &Document,
    step: &Step,
    spans: &Spans,
    refused: Option<String>,
) -> Result<(), SuiteError> {
    let expected = |named: &NamedExpectation| named.expectation.condition.expects_refusal();
    match refused {
        Some(message) if !step.expectations.iter().any(expected) => {
            Err(document.error(spans.action.clone(), message))
        }
        Some(_) | None => Ok(()),
    }
}

/// Takes the examples out of the tree, by name; a case without examples has one unnamed example.
fn take_examples<'i>(document: &Document, tree: &mut DeTable<'i>) -> Result<Vec<Example<'i>>, SuiteError> {
    let Some(examples) = tree.remove("examples") else {
        return Ok(vec![(None, Fields::default())]);
    };
    let span = examples.span();
    let DeValue::Table(examples) = examples.into_inner() else {
        return Err(document.error(span, "expected `examples` to contain tables: [examples.<name>]"));
    };
    let mut named = Vec::new();
    for (name, fields) in examples {
        let DeValue::Table(fields) = fields.into_inner() else {
            return Err(document.error(name.span(), "expected the example to be a table"));
        };
        let fields = Fields { own: fields, named: DeTable::new() };
        named.push((Some(name.get_ref().to_string()), fields));
    }
    Ok(named)
}

/// Every example in each variant: their fields together, and both names.
fn in_each<'i>(
    document: &Document,
    examples: Vec<Example<'i>>,
    variants: &[Variant<'i>],
) -> Result<Vec<Example<'i>>, SuiteError> {
    if variants.is_empty() {
        return Ok(examples);
    }
    let mut all = Vec::new();
    for (example, own) in examples {
        for (variant, fields) in variants {
            if let Some(twice) = own.own.keys().find(|field| fields.contains_key(field.get_ref().as_ref())) {
                let message = format!("{:?} is also a field of the variant {variant}", twice.get_ref());
                return Err(document.error(twice.span(), message));
            }
            let both = Fields { named: fields.clone(), ..own.clone() };
            let name = match &example {
                Some(example) => format!("{example},{variant}"),
                None => variant.clone(),
            };
            all.push((Some(name), both));
        }
    }
    Ok(all)
}

fn requirements(
    document: &Document,
    requires: &[Spanned<String>],
    context: &SuiteContext<'_>,
) -> Result<(), SuiteError> {
    if requires.is_empty() {
        return Err(document.error(0..0, "the case lists no requirements"));
    }
    let mut seen = HashSet::new();
    for id in requires {
        if !seen.insert(id.get_ref()) {
            return Err(document.error(id.span(), format!("duplicate requirement {}", id.get_ref())));
        }
        if !context.requirements.contains(&id.get_ref().as_str()) {
            return Err(document.unknown(id, "requirement", context.requirements));
        }
    }
    Ok(())
}
