//! The writers and readers of bundles.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    bundle::{
        BUNDLE,
        nouns::{ARCHIVE_NAME, ROLES},
        operations::{
            BundleSession as _, FIXTURE_NETWORKS, OperationRequest as _, TORCH,
            request::{
                ConfigKind, ConfigRequest, CreateModels, Forward, RunCdiExampleTorch, SaveTorchBundle,
            },
            response::{Models, TensorDescription},
        },
    },
    harness::{
        contract::{Contract, Implementation, Refusal, Session, SessionContext, SessionError},
        suite::Suite,
    },
    value::{Map, Value},
};

use super::{Verdict, WrittenBundle, written_bundle::INPUTS};

/// An implementation, which writes and reads, or a bundle on disk, which was written elsewhere.
#[derive(Clone)]
pub enum Participant {
    /// An implementation, with or without the execution of its networks.
    Implementation {
        /// The implementation.
        implementation: Arc<dyn Implementation>,
        /// Whether its networks are executed. Third-party implementations decide that by their capabilities.
        executes: bool,
    },
    /// The archive of a bundle.
    Bundle(PathBuf),
}

/// A bundle that every writer has to write: its configuration, and the kind of models.
#[derive(Clone, Copy, Debug)]
struct BundleSpec {
    /// The name of the bundle in the matrix.
    name: &'static str,
    size: i64,
    gridsize: i64,
    kind: BundleKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BundleKind {
    /// Fresh networks.
    Fresh,
    /// Sentinels instead of networks.
    Sentinels,
    /// Networks that were trained by a workflow.
    Trained,
}

/// The bundles that every writer has to write.
const BUNDLE_SPECS: [BundleSpec; 5] = [
    BundleSpec { name: "gridsize1", size: 64, gridsize: 1, kind: BundleKind::Fresh },
    BundleSpec { name: "gridsize2", size: 64, gridsize: 2, kind: BundleKind::Fresh },
    BundleSpec { name: "n128", size: 128, gridsize: 1, kind: BundleKind::Fresh },
    BundleSpec { name: "trained", size: 64, gridsize: 1, kind: BundleKind::Trained },
    BundleSpec { name: "sentinels", size: 64, gridsize: 1, kind: BundleKind::Sentinels },
];

/// The name under which sessions keep models.
const MODELS: &str = "models";

/// The training data of workflows.
const DATASET: &str = "datasets/train_data.npz";

impl Participant {
    /// The name in the matrix.
    pub fn name(&self) -> String {
        match self {
            Self::Implementation { implementation, executes: true } if self.is_own() => {
                format!("{}+torch", implementation.name())
            }
            Self::Implementation { implementation, .. } => implementation.name().to_owned(),
            Self::Bundle(path) => path.display().to_string(),
        }
    }

    /// Stops all running processes of the participant.
    pub fn end(&self) {
        if let Self::Implementation { implementation, .. } = self {
            implementation.end();
        }
    }

    /// Whether the participant can read.
    pub fn reads(&self) -> bool {
        matches!(self, Self::Implementation { .. })
    }

    /// Whether this operation or capability is available here.
    pub(super) fn has(&self, need: &str) -> bool {
        match self {
            Self::Implementation { implementation, executes } => {
                implementation.supports(need) && (*executes || ![TORCH, Forward::NAME].contains(&need))
            }
            Self::Bundle(_) => false,
        }
    }

    /// Whether its outputs can be compared with those of other implementations.
    pub(super) fn gives(&self) -> bool {
        self.has(Forward::NAME) && self.has(FIXTURE_NETWORKS)
    }

    /// Starts a session in a directory; `None` for a bundle.
    pub(super) fn start(&self, directory: &Path) -> Option<Box<dyn Session>> {
        let Self::Implementation { implementation, executes } = self else { return None };
        let environment = (&BUNDLE as &dyn Contract).environment_map();
        let needs = executes.then(|| TORCH.to_owned()).into_iter().collect();
        let context = SessionContext::new(directory.to_owned(), environment).with_needs(needs);
        Some(implementation.start(context))
    }

    /// Writes every bundle that the participant can write, each in its own directory. Stops after an interruption.
    pub(super) fn write(
        &self,
        suite: &Suite,
        work: &Path,
        interrupted: &AtomicBool,
    ) -> io::Result<Vec<WrittenBundle>> {
        let mut all = Vec::new();
        match self {
            Self::Bundle(archive) => {
                let directory = work.join("bundle");
                fs::create_dir_all(&directory)?;
                let named = |error: io::Error| {
                    io::Error::new(error.kind(), format!("{}: {error}", archive.display()))
                };
                fs::copy(archive, directory.join(ARCHIVE_NAME)).map_err(named)?;
                let sidecar = archive.with_file_name("sidecar.json");
                all.push(WrittenBundle::found("original", directory, &sidecar));
            }
            Self::Implementation { .. } => {
                for spec in BUNDLE_SPECS.iter().filter(|_| !interrupted.load(Ordering::Relaxed)) {
                    let directory = work.join(spec.name);
                    fs::create_dir_all(&directory)?;
                    fs::write(directory.join("train_data.npz"), suite.fixture(DATASET)?)?;
                    if spec.kind != BundleKind::Sentinels {
                        let channels = spec.gridsize * spec.gridsize;
                        let batch = if channels == 1 { 1 } else { 2 };
                        let inputs = format!("inputs/n{}_c{channels}_b{batch}.npz", spec.size);
                        fs::write(directory.join(INPUTS), suite.fixture(&inputs)?)?;
                    }
                    let written = self.start(&directory).map(|mut session| {
                        let written = spec.write(self, session.as_mut(), &directory);
                        match session.finish() {
                            Some(lost) => Err(lost.into()),
                            None => written,
                        }
                    });
                    all.push(match written {
                        Some(Ok((models, outputs))) => {
                            WrittenBundle::written(spec.name, directory, models, outputs)
                        }
                        Some(Err(ReadFailure { why, .. })) => {
                            WrittenBundle::failed(spec.name, directory, why)
                        }
                        None => continue,
                    });
                }
            }
        }
        Ok(all)
    }

    fn is_own(&self) -> bool {
        let Self::Implementation { implementation, .. } = self else { return false };
        BUNDLE.built_ins().iter().any(|own| own.implementation.name() == implementation.name())
    }
}

/// The outputs of these networks for the inputs in the session's directory, by model.
pub(super) fn outputs(
    session: &mut dyn Session,
    directory: &Path,
    models: &Models,
) -> Result<BTreeMap<String, TensorDescription>, ReadFailure> {
    let mut all = BTreeMap::new();
    if !directory.join(INPUTS).is_file() {
        return Ok(all);
    }
    for model in models.keys() {
        let request = Forward {
            models: MODELS.to_owned(),
            model: model.clone(),
            inputs: INPUTS.to_owned(),
            name: "output".to_owned(),
        };
        let output = response_of(session.forward(&request), session)?.output;
        all.insert(model.clone(), output);
    }
    Ok(all)
}

/// The name under which sessions keep models.
pub(super) fn models_name() -> String {
    MODELS.to_owned()
}

/// The response, or the reason why there is none.
pub(super) fn response_of<T>(answer: Result<T, Refusal>, session: &dyn Session) -> Result<T, ReadFailure> {
    match session.lost() {
        Some(lost) => Err(lost.into()),
        None => answer.map_err(|refusal| ReadFailure { verdict: Verdict::Refused, why: refusal.to_string() }),
    }
}

/// Why a reading has no result, and its verdict: a crash is not a refusal.
pub(super) struct ReadFailure {
    pub(super) verdict: Verdict,
    pub(super) why: String,
}

impl From<SessionError> for ReadFailure {
    fn from(lost: SessionError) -> Self {
        let (verdict, why) = match lost {
            SessionError::Timeout { .. } => (Verdict::NoResponse, lost.to_string()),
            SessionError::Crash(why) | SessionError::Protocol(why) => (Verdict::NoResponse, why),
            SessionError::Skipped(why) => (Verdict::Skipped, why),
        };
        Self { verdict, why }
    }
}

type WrittenModels = (Models, BTreeMap<String, TensorDescription>);

impl BundleSpec {
    fn write(
        &self,
        writer: &Participant,
        session: &mut dyn Session,
        directory: &Path,
    ) -> Result<WrittenModels, ReadFailure> {
        let models = match self.kind {
            BundleKind::Trained => {
                let request = RunCdiExampleTorch {
                    train_data: "train_data.npz".to_owned(),
                    config: self.config(Some("persisted")),
                    name: models_name(),
                };
                response_of(session.run_cdi_example_torch(&request), session)?.models
            }
            BundleKind::Fresh | BundleKind::Sentinels => {
                let sentinel = |role: &str| (role.to_owned(), format!("the {role}"));
                let sentinels =
                    ROLES.into_iter().filter(|_| self.kind == BundleKind::Sentinels).map(sentinel);
                let request = CreateModels {
                    config: self.config(None),
                    seed: 20,
                    sentinels: sentinels.collect(),
                    only: None,
                    name: models_name(),
                };
                response_of(session.create_models(&request), session)?
            }
        };
        let request = SaveTorchBundle {
            models: models_name(),
            base_path: "wts.h5".to_owned(),
            config: self.config(None),
            intensity_scale: Some(812.5),
        };
        response_of(session.save_torch_bundle(&request), session)?;
        let outputs = match writer.gives() {
            true => outputs(session, directory, &models)?,
            false => BTreeMap::new(),
        };
        Ok((models, outputs))
    }

    fn config(&self, output: Option<&str>) -> ConfigRequest {
        let int = |key: &str, value: i64| (key.to_owned(), Value::Int(value));
        let model =
            Map::from_iter([int("N", self.size), int("gridsize", self.gridsize), int("n_filters_scale", 1)]);
        let mut values = Map::from_iter([
            ("model".to_owned(), Value::Map(model)),
            ("backend".to_owned(), Value::from("pytorch")),
            int("nepochs", 2),
            int("n_groups", 8),
        ]);
        values.extend(output.map(|directory| ("output_dir".to_owned(), Value::from(directory))));
        ConfigRequest { kind: ConfigKind::Training, values }
    }
}
