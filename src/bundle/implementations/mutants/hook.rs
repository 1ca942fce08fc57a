//! A change of what goes into the reference, or of what comes out of it.
//!
//! Each kind of twist has one hook. What a hook is given is what an observer could see: a request, an answer, the
//! cause of a refusal, the params, the archive that was written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;

use super::cause::{Cause, Instead};
use crate::{
    bundle::{
        files::{read_bundle, write_bundle},
        implementations::reference::{Blueprint, ReferenceSession},
        nouns::{ARCHIVE_NAME, Bundle, Configuration, Params, ParamsStore, ROLES, VERSION},
        operations::{
            request::{
                ConfigRequest, CreateModels, Forward, GetParam, LoadDataset, LoadInferenceBundleTorch,
                LoadInferenceBundleWithBackend, LoadTorchBundle, RunCdiExampleTorch,
                RunCdiExampleWithBackend, SaveTorchBundle, SetParams, UpdateLegacyDict, ValidateConfig,
            },
            response::{DatasetDescription, Loaded, LoadedModel, ModelDescription, Models, Output, Workflow},
        },
    },
    harness::{Refusal, implementation::Session},
    torch_files::ModelState,
    value::{Map, Value},
};

/// What `get_param` answers for a value that is there or not; None is what the reference answers.
type Gets = fn(&mut ParamsStore, &GetParam, Option<&Value>) -> Option<Result<Value, Refusal>>;

/// Whether what was refused for this cause is done all the same.
type Passes = fn(Cause<'_>) -> bool;

/// What is said for this cause.
type Says = fn(Cause<'_>) -> Instead;

/// What is done otherwise, and where.
#[derive(Clone, Copy)]
pub(super) enum Twist {
    /// The values that a configuration is taken to have, wherever one is given.
    Configured(fn(&mut ConfigRequest)),
    /// Whether a configuration that breaks a rule passes.
    ValidatedAnyway(Passes),
    /// Why a configuration is refused that breaks no rule.
    RefusedAnyway(fn(&ConfigRequest) -> Option<Refusal>),
    /// What is said of a configuration that breaks a rule.
    NotValidated(Says),
    /// The params after a configuration was bridged, from those before and the configuration.
    Bridged(fn(&mut ParamsStore, &ParamsStore, &Configuration)),
    /// The params after a configuration was refused that is not to be bridged.
    BridgedAnyway(fn(&mut ParamsStore, &ConfigRequest)),
    /// The params that a process begins with.
    Begun(fn(&mut ParamsStore)),
    /// What becomes of the params when values are set that cannot be.
    SetAnyway(fn(&mut ParamsStore, &Map)),
    /// The same, and the values are refused still.
    NotSet(fn(&mut ParamsStore, &Map)),
    /// What is answered for one value, and what becomes of the params.
    Got(Gets),
    /// What is in the archive after a save, the how manieth of the process.
    Saved(fn(&mut Bundle, usize)),
    /// What is done beside the archive after a save.
    SavedBeside(fn(&Path)),
    /// Whether a save that was refused writes a bundle without models.
    SavedAnyway(Passes),
    /// Why an archive is refused that should not be.
    NotOpened(fn(&Path) -> Option<Refusal>),
    /// Why the dispatcher refuses an archive that it should load.
    NotDispatchedTo(fn(&Path) -> Option<Refusal>),
    /// What a load answers.
    Loaded(fn(&mut Loaded)),
    /// What is kept of the models that a load answered.
    Kept(fn(&mut IndexMap<String, ModelState>)),
    /// The params after a load, from those before and the archived ones.
    Restored(fn(&mut ParamsStore, &ParamsStore, &Params)),
    /// Whether a load that was refused is answered with fresh networks.
    LoadedAnyway(Passes),
    /// What a load of an archive answers that this process has saved, and the models that it saved then.
    Remembered(fn(&mut Models, &Models)),
    /// What a refused load says.
    Refused(Says),
    /// What is done in the directory of the process when a load is refused.
    RefusedBeside(fn(&Path, Cause<'_>)),
    /// What a network gives.
    Gave(fn(&mut Output)),
    /// What a network gives that refused its inputs, when it gives something.
    GaveAnyway(fn(Cause<'_>) -> Option<Output>),
    /// What a network says that refused its inputs.
    NotGiven(Says),
    /// What a network gives that was loaded.
    GaveLoaded(fn(&mut Output)),
    /// What every workflow of the process but the first is asked.
    RanAgain(fn(&mut ConfigRequest)),
    /// What a workflow answers.
    Ran(fn(&mut Workflow)),
    /// The params after a workflow that failed, from those before.
    Failed(fn(&mut ParamsStore, &ParamsStore)),
    /// What is done at the archive's place after a workflow that failed.
    FailedBeside(fn(&Path)),
    /// What the dispatcher is asked to run.
    Dispatched(fn(&mut ConfigRequest)),
    /// The params after the dispatcher refused, from those before.
    NotDispatched(fn(&mut ParamsStore, &ParamsStore)),
    /// What the dispatcher's loader is asked for, and what it answers.
    LoadedOne(fn(&mut LoadInferenceBundleWithBackend)),
    /// The params after the dispatcher's loader, from the configuration.
    LoadedOneInto(fn(&mut ParamsStore, &ConfigRequest)),
    /// What the dispatcher's loader says when it refuses.
    RefusedOne(Says),
    /// What is answered for a dataset.
    Read(fn(&mut DatasetDescription)),
    /// Whether a dataset that was refused is answered as an empty one.
    ReadAnyway(Passes),
    /// What is said of a dataset that was refused.
    NotRead(Says),
}

/// The reference, twisted.
pub(super) struct TwistedSession {
    inner: ReferenceSession,
    twist: Twist,
    saves: usize,
    runs: usize,
    /// The names under which loads have left models.
    loads: BTreeSet<String>,
    /// The models of each archive that was saved, by its base path. A reset does not reach it.
    remembered: BTreeMap<String, Models>,
}

impl TwistedSession {
    pub(super) fn new(mut inner: ReferenceSession, twist: Twist) -> Self {
        if let Twist::Begun(change) = twist {
            change(&mut inner.world.params);
        }
        Self { inner, twist, saves: 0, runs: 0, loads: BTreeSet::new(), remembered: BTreeMap::new() }
    }

    fn configured(&self, config: &ConfigRequest) -> ConfigRequest {
        let mut config = config.clone();
        if let Twist::Configured(change) = self.twist {
            change(&mut config);
        }
        config
    }

    fn open(&self, archive: &str) -> Result<(), Refusal> {
        match self.twist {
            Twist::NotOpened(why) => why(&self.inner.world.path(archive)).map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// What a twist does to an archive once it is there.
    fn saved(&mut self, archive: &Path) {
        self.saves += 1;
        match self.twist {
            Twist::Saved(change) => {
                // An archive that cannot be read or written again stays as the reference left it.
                if let Ok(mut bundle) = read_bundle(archive) {
                    change(&mut bundle, self.saves);
                    write(archive, &bundle);
                }
            }
            Twist::SavedBeside(act) => act(archive),
            _ => {}
        }
    }

    fn loaded(
        &mut self,
        name: &str,
        before: &ParamsStore,
        result: Result<Loaded, Refusal>,
    ) -> Result<Loaded, Refusal> {
        self.loads.insert(name.to_owned());
        if let (Twist::Kept(change), Some(states)) = (self.twist, self.inner.states_mut(name)) {
            change(states);
        }
        match (result, self.twist) {
            (Ok(mut loaded), Twist::Loaded(change)) => {
                change(&mut loaded);
                Ok(loaded)
            }
            (Ok(loaded), Twist::Restored(change)) => {
                change(&mut self.inner.world.params, before, &loaded.params);
                Ok(loaded)
            }
            (Err(refusal), Twist::LoadedAnyway(takes)) if takes(Cause::of(&refusal)) => self.fresh(),
            (Err(refusal), Twist::Refused(says)) => Err(says(Cause::of(&refusal)).of(refusal)),
            (Err(refusal), Twist::RefusedBeside(act)) => {
                act(&self.inner.world.path("."), Cause::of(&refusal));
                Err(refusal)
            }
            (result, _) => result,
        }
    }

    /// Fresh networks of both roles, laid out from the params of the process: what a loader answers that goes on
    /// without what it could not read.
    fn fresh(&self) -> Result<Loaded, Refusal> {
        let mut models = Models::new();
        for role in ROLES {
            let network = Blueprint::of(role, &self.inner.world.params)?.fresh(u64::MAX);
            let tensors = network.iter().map(|(tensor, state)| (tensor.clone(), state.into()));
            models.insert(role.to_owned(), ModelDescription::Network(tensors.collect()));
        }
        Ok(Loaded { models, params: self.inner.world.params.snapshot() })
    }

    fn ran(
        &mut self,
        config: &ConfigRequest,
        before: &ParamsStore,
        result: Result<Workflow, Refusal>,
    ) -> Result<Workflow, Refusal> {
        let output = config.values.get("output_dir").and_then(Value::as_text).filter(|text| !text.is_empty());
        let archive: Option<PathBuf> = output.map(|text| self.inner.world.path(text).join(ARCHIVE_NAME));
        match (archive, &result, self.twist) {
            (Some(archive), Ok(_), _) => self.saved(&archive),
            (Some(archive), Err(_), Twist::FailedBeside(act)) => act(&archive),
            _ => {}
        }
        match (result, self.twist) {
            (Ok(mut workflow), Twist::Ran(change)) => {
                change(&mut workflow);
                Ok(workflow)
            }
            (Err(refusal), Twist::Failed(change)) => {
                change(&mut self.inner.world.params, before);
                Err(refusal)
            }
            (result, _) => result,
        }
    }
}

/// Writes a bundle over whatever is there; when that cannot be done, what is there stays.
fn write(archive: &Path, bundle: &Bundle) {
    let mut file = Cursor::new(Vec::new());
    if write_bundle(bundle, &mut file).is_ok() {
        let _ = fs::write(archive, file.into_inner());
    }
}

impl Session for TwistedSession {
    fn reset(&mut self) -> Result<(), Refusal> {
        self.inner.reset()?;
        if let Twist::Begun(change) = self.twist {
            change(&mut self.inner.world.params);
        }
        Ok(())
    }

    fn params(&mut self) -> Result<Params, Refusal> {
        self.inner.params()
    }

    fn set_params(&mut self, request: &SetParams) -> Result<(), Refusal> {
        match (self.inner.set_params(request), self.twist) {
            (Err(_), Twist::SetAnyway(set)) => {
                set(&mut self.inner.world.params, &request.values);
                Ok(())
            }
            (Err(refusal), Twist::NotSet(set)) => {
                set(&mut self.inner.world.params, &request.values);
                Err(refusal)
            }
            (result, _) => result,
        }
    }

    fn get_param(&mut self, request: &GetParam) -> Result<Value, Refusal> {
        match (self.inner.get_param(request), self.twist) {
            (result, Twist::Got(instead)) => {
                instead(&mut self.inner.world.params, request, result.as_ref().ok()).unwrap_or(result)
            }
            (result, _) => result,
        }
    }

    fn validate_config(&mut self, request: &ValidateConfig) -> Result<(), Refusal> {
        let config = self.configured(&request.config);
        if let Twist::RefusedAnyway(why) = self.twist {
            why(&config).map_or(Ok(()), Err)?;
        }
        match (self.inner.validate_config(&ValidateConfig { config }), self.twist) {
            (Err(refusal), Twist::ValidatedAnyway(takes)) if takes(Cause::of(&refusal)) => Ok(()),
            (Err(refusal), Twist::NotValidated(says)) => Err(says(Cause::of(&refusal)).of(refusal)),
            (result, _) => result,
        }
    }

    fn update_legacy_dict(&mut self, request: &UpdateLegacyDict) -> Result<(), Refusal> {
        let before = self.inner.world.params.clone();
        let config = self.configured(&request.config);
        match (self.inner.update_legacy_dict(&UpdateLegacyDict { config: config.clone() }), self.twist) {
            (Err(_), Twist::BridgedAnyway(bridge)) => bridge(&mut self.inner.world.params, &config),
            (result, _) => result?,
        }
        if let Twist::Bridged(change) = self.twist {
            change(&mut self.inner.world.params, &before, &config.construct()?);
        }
        Ok(())
    }

    fn create_models(&mut self, request: &CreateModels) -> Result<Models, Refusal> {
        let config = self.configured(&request.config);
        self.inner.create_models(&CreateModels { config, ..request.clone() })
    }

    fn save_torch_bundle(&mut self, request: &SaveTorchBundle) -> Result<(), Refusal> {
        let config = self.configured(&request.config);
        let archive = self.inner.world.path(&format!("{}.zip", request.base_path));
        match (self.inner.save_torch_bundle(&SaveTorchBundle { config, ..request.clone() }), self.twist) {
            (Err(refusal), Twist::SavedAnyway(takes)) if takes(Cause::of(&refusal)) => {
                let models = IndexMap::new();
                write(&archive, &Bundle { version: VERSION.to_owned(), backend: None, models });
            }
            (result, _) => result?,
        }
        if let (Twist::Remembered(_), Some(states)) = (self.twist, self.inner.states_mut(&request.models)) {
            let saved =
                states.iter().map(|(name, state)| (name.clone(), (state as &ModelState).into())).collect();
            self.remembered.insert(request.base_path.clone(), saved);
        }
        self.saved(&archive);
        Ok(())
    }

    fn load_torch_bundle(&mut self, request: &LoadTorchBundle) -> Result<Loaded, Refusal> {
        let before = self.inner.world.params.clone();
        self.open(&format!("{}.zip", request.base_path))?;
        let mut result = self.inner.load_torch_bundle(request);
        let saved = self.remembered.get(&request.base_path);
        if let (Twist::Remembered(change), Ok(loaded), Some(saved)) = (self.twist, &mut result, saved) {
            change(&mut loaded.models, saved);
        }
        self.loaded(&request.name, &before, result)
    }

    fn run_cdi_example_torch(&mut self, request: &RunCdiExampleTorch) -> Result<Workflow, Refusal> {
        let before = self.inner.world.params.clone();
        let mut config = self.configured(&request.config);
        self.runs += 1;
        if let (Twist::RanAgain(change), true) = (self.twist, self.runs > 1) {
            change(&mut config);
        }
        let result = self
            .inner
            .run_cdi_example_torch(&RunCdiExampleTorch { config: config.clone(), ..request.clone() });
        self.ran(&config, &before, result)
    }

    fn load_inference_bundle_torch(&mut self, request: &LoadInferenceBundleTorch) -> Result<Loaded, Refusal> {
        let before = self.inner.world.params.clone();
        self.open(&format!("{}/{ARCHIVE_NAME}", request.bundle_dir))?;
        let result = self.inner.load_inference_bundle_torch(request);
        self.loaded(&request.name, &before, result)
    }

    fn run_cdi_example_with_backend(
        &mut self,
        request: &RunCdiExampleWithBackend,
    ) -> Result<Workflow, Refusal> {
        let before = self.inner.world.params.clone();
        let mut config = self.configured(&request.config);
        if let Twist::Dispatched(change) = self.twist {
            change(&mut config);
        }
        let asked = RunCdiExampleWithBackend { config: config.clone(), ..request.clone() };
        let result = self.inner.run_cdi_example_with_backend(&asked);
        if let (Err(_), Twist::NotDispatched(change)) = (&result, self.twist) {
            change(&mut self.inner.world.params, &before);
        }
        self.ran(&config, &before, result)
    }

    fn load_inference_bundle_with_backend(
        &mut self,
        request: &LoadInferenceBundleWithBackend,
    ) -> Result<LoadedModel, Refusal> {
        let mut asked = request.clone();
        if let Twist::LoadedOne(change) = self.twist {
            change(&mut asked);
        }
        if let Twist::NotDispatchedTo(why) = self.twist {
            let archive = self.inner.world.path(&request.bundle_dir).join(ARCHIVE_NAME);
            why(&archive).map_or(Ok(()), Err)?;
        }
        let result = self.inner.load_inference_bundle_with_backend(&asked);
        match (result, self.twist) {
            (Ok(loaded), Twist::LoadedOneInto(change)) => {
                change(&mut self.inner.world.params, &request.config);
                Ok(loaded)
            }
            (Err(refusal), Twist::RefusedOne(says)) => Err(says(Cause::of(&refusal)).of(refusal)),
            (result, _) => result,
        }
    }

    fn load_dataset(&mut self, request: &LoadDataset) -> Result<DatasetDescription, Refusal> {
        match (self.inner.load_dataset(request), self.twist) {
            (Ok(mut data), Twist::Read(change)) => {
                change(&mut data);
                Ok(data)
            }
            (Err(refusal), Twist::ReadAnyway(passes)) if passes(Cause::of(&refusal)) => {
                Ok(DatasetDescription { positions: 0, arrays: Default::default() })
            }
            (Err(refusal), Twist::NotRead(says)) => Err(says(Cause::of(&refusal)).of(refusal)),
            (result, _) => result,
        }
    }

    fn forward(&mut self, request: &Forward) -> Result<Output, Refusal> {
        match (self.inner.forward(request), self.twist) {
            (Ok(mut output), Twist::Gave(change)) => {
                change(&mut output);
                Ok(output)
            }
            (Err(refusal), Twist::GaveAnyway(gives)) => gives(Cause::of(&refusal)).ok_or(refusal),
            (Err(refusal), Twist::NotGiven(says)) => Err(says(Cause::of(&refusal)).of(refusal)),
            (Ok(mut output), Twist::GaveLoaded(change)) if self.loads.contains(&request.models) => {
                change(&mut output);
                Ok(output)
            }
            (result, _) => result,
        }
    }
}
