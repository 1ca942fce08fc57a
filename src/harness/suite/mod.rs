//! The suite: requirements, mutants, cases and plans, as data.
//!
//! Reading order: [`Requirement`], [`Mutant`], [`Case`] with its [`Action`]s and [`Expectation`]s, [`Plan`],
//! [`Selection`]. A suite is read and validated as a whole before anything runs: an unknown name is an error with a
//! line and a column, not a test that never fails. Implementations are not listed here; their names are passed in.

mod action;
mod actions;
mod canonical;
mod case;
mod case_environment;
mod case_matcher;
mod document;
mod each_after_each;
mod error;
mod expectation;
mod mutant_file;
mod named_config;
mod named_variants;
mod part;
mod part_place;
mod plan;
mod plan_file;
mod planned_test;
mod position;
mod protected;
mod reason;
mod red_entry;
mod requirement;
pub(crate) mod resolve;
mod selection;
mod source;
mod step;
mod weakening;
mod weaker;
mod work_path;

pub use action::{Action, CopyFile, Look, PlaceFixture, ReadSidecar, RemoveFile};
pub use case::{Case, Check};
pub use case_environment::CaseEnvironment;
pub use error::{SuiteError, nearest};
pub use expectation::{
    Compared, Expectation, ExpectationKind, FilesUnder, Mismatch, Pattern, RefusedAs, StepFacts, Words,
};
pub use mutant_file::Mutant;
pub use part::PartPath;
pub use part_place::{CasePlaces, PartPlace};
pub use plan::{Decision, PASSES, Plan, PlannedCheck, Row};
pub(crate) use planned_test::{covers, selectors_of};
pub use position::{LineStarts, position};
pub use protected::{ProtectedPattern, protected_pattern};
pub use reason::{FailureKind, Reason};
pub use red_entry::Red;
pub use requirement::{Authority, Level, Requirement};
pub use selection::{NothingSelected, Selection};
pub use source::{EmbeddedSuite, Source};
pub use step::{NamedExpectation, Step};
pub use weakening::Weakening;
pub use work_path::{WORK, work_path};

use std::{
    collections::{HashMap, HashSet},
    io,
    path::Path,
    sync::Arc,
    thread,
};

use self::{
    case::{Named, SuiteContext},
    document::Document,
    mutant_file::MutantContext,
    named_config::NamedConfigs,
    named_variants::NamedVariants,
    requirement::RequirementFile,
};
use crate::{
    harness::contract::{BuiltIn, BuiltInRole, Contract},
    threads,
    value::Digest,
};

/// Validated requirements, cases and plans.
#[derive(Debug)]
pub struct Suite {
    contract: &'static dyn Contract,
    source: Source,
    requirements: Vec<Requirement>,
    /// The place of each among them.
    by_id: HashMap<String, usize>,
    mutants: Vec<Mutant>,
    checks: Vec<Arc<Check>>,
    plans: Vec<Plan>,
    digest: String,
}

impl Suite {
    /// Reads and validates a suite. `implementations` are the names that red entries and plan rows may use, besides those of
    /// the suite's own mutants.
    ///
    /// # Errors
    /// Every error that was found, at most one per file.
    pub fn load(
        contract: &'static dyn Contract,
        source: Source,
        implementations: &[&str],
    ) -> Result<Self, Vec<SuiteError>> {
        let mut errors = Vec::new();
        let requirements = read_requirements(contract, &source, &mut errors);
        let ids: Vec<&str> =
            requirements.iter().map(|requirement| requirement.id.get_ref().as_str()).collect();
        let others = errors.len();
        let mutants = read_mutants(contract, &source, &ids, implementations, &mut errors);
        // Cases name mutants: without valid ones, every error would be reported again.
        if errors.len() > others {
            return Err(errors);
        }
        let own = mutants.iter().map(|mutant| mutant.id.as_str());
        let implementations: Vec<&str> = implementations.iter().copied().chain(own).collect();
        let implementations = implementations.as_slice();

        let config_file = optional(&source, named_config::FILE).map_err(|error| vec![error])?;
        let configs = config_file.as_ref().map(|file| NamedConfigs::read(file, contract));
        let configs = configs.transpose().unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        let configs = configs.unwrap_or_else(|| NamedConfigs::none(contract));
        let variants_file = optional(&source, named_variants::FILE).map_err(|error| vec![error])?;
        let variants = variants_file.as_ref().map(NamedVariants::read).transpose();
        let variants = variants.unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        let named = Named { configs, variants: variants.unwrap_or_default() };
        let fixture = |path: &str| source.fixture(path);
        let context = SuiteContext { contract, requirements: &ids, implementations, fixture: &fixture };
        let mut checks = Vec::new();
        let case_files = documents(&source, "cases", &mut errors);
        let at_once = thread::available_parallelism().map_or(1, usize::from);
        let read = |(): &mut (), document: &Document| case::Case::read(document, &named, &context);
        // A run waits for all of them.
        for of_case in threads::each(&case_files, at_once, || (), read) {
            match of_case {
                Ok(of_case) => checks.extend(of_case.into_iter().map(Arc::new)),
                Err(error) => errors.push(error),
            }
        }

        // Plans refer to cases: without valid cases, every error would be reported twice.
        let mut plans = Vec::new();
        if errors.is_empty() {
            for document in documents(&source, "plans", &mut errors) {
                match plan_file::read(&document, &checks, implementations) {
                    Ok(plan) => plans.push(plan),
                    Err(error) => errors.push(error),
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let digest = digest(&requirements, &mutants, &checks);
        drop((named, case_files));
        let by_id = requirements.iter().enumerate();
        let by_id = by_id.map(|(at, requirement)| (requirement.id.get_ref().clone(), at)).collect();
        Ok(Self { contract, source, requirements, by_id, mutants, checks, plans, digest })
    }

    /// The contract under test.
    pub fn contract(&self) -> &'static dyn Contract {
        self.contract
    }

    /// Every requirement, in the order of files and lines.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The requirement with this id.
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.get(*self.by_id.get(id)?)
    }

    /// Its own mutants, in the order of files and lines.
    pub fn mutants(&self) -> &[Mutant] {
        &self.mutants
    }

    /// These implementations, and the suite's own mutants: faults around the reference among them.
    pub fn with_mutants(&self, built_ins: Vec<BuiltIn>) -> Vec<BuiltIn> {
        with_mutants(&self.mutants, self.contract, built_ins)
    }

    /// The same for a suite whose cases and plans are not read, which takes most of the time.
    ///
    /// # Errors
    /// Every error in its requirements and mutants, at most one per file.
    pub fn mutants_with(
        contract: &'static dyn Contract,
        source: &Source,
        built_ins: Vec<BuiltIn>,
    ) -> Result<Vec<BuiltIn>, Vec<SuiteError>> {
        let mut errors = Vec::new();
        let requirements = read_requirements(contract, source, &mut errors);
        let ids: Vec<&str> =
            requirements.iter().map(|requirement| requirement.id.get_ref().as_str()).collect();
        let names: Vec<&str> = built_ins.iter().map(|own| own.implementation.name()).collect();
        let mutants = read_mutants(contract, source, &ids, &names, &mut errors);
        if errors.is_empty() { Ok(with_mutants(&mutants, contract, built_ins)) } else { Err(errors) }
    }

    /// Every check, in the order of files and examples.
    pub fn checks(&self) -> &[Arc<Check>] {
        &self.checks
    }

    /// Every plan, in the order of files.
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// SHA-256 over requirements, mutants and cases, in hexadecimal. Two runs are comparable only if it is the same.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The text of another file of the suite, if it exists and can be read.
    pub fn file(&self, name: &str) -> Option<String> {
        self.source.text(name).ok()
    }

    /// The `.toml` files of another folder of the suite; empty if it does not exist or cannot be listed.
    pub fn files(&self, folder: &str) -> Vec<String> {
        self.source.list(folder).unwrap_or_default()
    }

    /// The bytes of a fixture that a case names.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn fixture(&self, path: &str) -> io::Result<Vec<u8>> {
        self.source.fixture(path)
    }
}

fn with_mutants(
    mutants: &[Mutant],
    contract: &'static dyn Contract,
    mut built_ins: Vec<BuiltIn>,
) -> Vec<BuiltIn> {
    let reference = built_ins.iter().find(|own| own.role == BuiltInRole::Reference);
    if let Some(reference) = reference.map(|own| Arc::clone(&own.implementation)) {
        built_ins.extend(mutants.iter().map(|mutant| mutant.around(&reference, contract)));
    }
    built_ins
}

fn read_requirements(
    contract: &'static dyn Contract,
    source: &Source,
    errors: &mut Vec<SuiteError>,
) -> Vec<Requirement> {
    let mut requirements: Vec<Requirement> = Vec::new();
    let mut known = HashSet::new();
    let eras: Vec<&str> = contract.eras().iter().map(|era| era.name).collect();
    for document in documents(source, "requirements", errors) {
        let stem = Path::new(&document.file).file_stem();
        let area = stem.unwrap_or_default().to_string_lossy().into_owned();
        match document.parse().and_then(|tree| document.typed::<RequirementFile>(tree)) {
            Ok(file) => {
                for mut requirement in file.requirements {
                    requirement.area.clone_from(&area);
                    if !known.insert(requirement.id.get_ref().clone()) {
                        let message = format!("duplicate requirement {}", requirement.id.get_ref());
                        errors.push(document.error(requirement.id.span(), message));
                    }
                    let unknown = requirement.eras.iter().find(|era| !eras.contains(&era.get_ref().as_str()));
                    errors.extend(unknown.map(|era| document.unknown(era, "era", &eras)));
                    requirements.push(requirement);
                }
            }
            Err(error) => errors.push(error),
        }
    }
    requirements
}

fn read_mutants(
    contract: &'static dyn Contract,
    source: &Source,
    requirements: &[&str],
    implementations: &[&str],
    errors: &mut Vec<SuiteError>,
) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let context = MutantContext { contract, requirements, implementations };
    for document in documents(source, mutant_file::FOLDER, errors) {
        errors.extend(Mutant::read(&document, &context, &mut mutants).err());
    }
    mutants
}

fn documents(source: &Source, folder: &str, errors: &mut Vec<SuiteError>) -> Vec<Document> {
    let files = source.list(folder).unwrap_or_else(|error| {
        errors.push(unreadable(folder, &error));
        Vec::new()
    });
    let mut documents = Vec::new();
    for file in files {
        match source.text(&file) {
            Ok(text) => documents.push(Document { file, text: text.into() }),
            Err(error) => errors.push(unreadable(&file, &error)),
        }
    }
    documents
}

/// A file of the suite's root, if it exists.
fn optional(source: &Source, file: &str) -> Result<Option<Document>, SuiteError> {
    match source.text(file) {
        Ok(text) => Ok(Some(Document { file: file.to_owned(), text: text.into() })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn unreadable(file: &str, error: &io::Error) -> SuiteError {
    Document { file: file.to_owned(), text: Arc::from("") }.error(0..0, format!("failed to read: {error}"))
}

fn digest(requirements: &[Requirement], mutants: &[Mutant], checks: &[Arc<Check>]) -> String {
    let mut text = String::new();
    for requirement in requirements {
        text.push_str(&format!(
            "{} {} {}\n",
            requirement.id.get_ref(),
            requirement.level,
            requirement.statement
        ));
    }
    for mutant in mutants {
        text.push_str(&format!("{} {}\n", mutant.id, mutant.digest));
    }
    for check in checks {
        text.push_str(&format!("{} {}\n", check.id, check.case.digest));
    }
    Digest::of(text.as_bytes()).to_string()
}
