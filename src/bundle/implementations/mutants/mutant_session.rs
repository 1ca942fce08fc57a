//! The session of a mutant with a hook.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use super::{cause::Cause, hook::Hook};
use crate::{
    bundle::{
        files::{read_bundle, write_bundle},
        implementations::reference::{DEFAULT_MODEL, NetworkLayout, ReferenceSession},
        nouns::{ARCHIVE_NAME, Bundle, FilePath, ParamsStore, ROLES},
        operations::{
            BundleSession as _, OPERATIONS, Typed,
            request::{
                ConfigRequest, Forward, GetParam, LoadDataset, LoadInferenceBundleTorch,
                LoadInferenceBundleWithBackend, LoadTorchBundle, RunCdiExampleTorch,
                RunCdiExampleWithBackend, SaveTorchBundle, SetParams, UpdateLegacyDict, ValidateConfig,
            },
            response::{DatasetDescription, Loaded, LoadedModel, ModelDescription, Models, Output, Workflow},
        },
    },
    harness::contract::{
        FieldRole, Notices, OperationRequest, OperationResponse, RESET, Refusal, RefusalKind, Session,
        from_fields, to_fields,
    },
    torch_files::ModelState,
    value::{Map, Value},
};

/// The reference with one hook.
pub(in super::super) struct MutantSession {
    inner: Typed<ReferenceSession>,
    hook: Hook,
    saves: usize,
    runs: usize,
    /// The names under which loads kept models.
    loads: BTreeSet<String>,
    /// The models of each saved archive by its base path. A reset does not clear them.
    remembered: BTreeMap<String, Models>,
    /// The events of all operations so far.
    earlier: Notices,
}

impl MutantSession {
    pub(in super::super) fn new(mut inner: ReferenceSession, hook: Hook) -> Self {
        if let Hook::Begun(change) = hook {
            change(&mut inner.process.params);
        }
        if let Hook::Started(change) = hook {
            inner.process.context = change(inner.process.context.clone());
        }
        Self {
            inner: Typed(inner),
            hook,
            saves: 0,
            runs: 0,
            loads: BTreeSet::new(),
            remembered: BTreeMap::new(),
            earlier: Notices::default(),
        }
    }

    /// The request after the hook changed each configuration in it.
    fn configured<'f>(&self, operation: &str, fields: &'f Map) -> Result<Cow<'f, Map>, Refusal> {
        let Hook::Configured(change) = self.hook else { return Ok(Cow::Borrowed(fields)) };
        let mut fields = fields.clone();
        let known = OPERATIONS.iter().find(|known| known.name == operation);
        for field in known.into_iter().flat_map(|known| known.fields) {
            if let (FieldRole::Config, Some(Value::Map(given))) = (field.role, fields.get(field.name)) {
                let before: ConfigRequest = from_fields(given)?;
                let mut config = before.clone();
                change(&mut config);
                if config == before {
                    continue;
                }
                let changed =
                    to_fields(&config).map_err(|error| Refusal::new(RefusalKind::Internal, error))?;
                fields.insert(field.name.to_owned(), Value::Map(changed));
            }
        }
        Ok(Cow::Owned(fields))
    }

    fn open(&self, archive: &Path) -> Result<(), Refusal> {
        let Hook::NotOpened(why) = self.hook else { return Ok(()) };
        why(archive).map_or(Ok(()), Err)
    }

    /// Applies the hook to an archive after a save.
    fn saved(&mut self, archive: &Path) {
        self.saves += 1;
        if let Hook::Saved(change) = self.hook
            // An archive that cannot be read or rewritten stays unchanged.
            && let Ok(mut bundle) = read_bundle(archive)
        {
            change(&mut bundle, self.saves);
            write(archive, &bundle);
        }
        if let Hook::SavedBeside(act) = self.hook {
            act(archive);
        }
        if let Hook::SavedIn(act) = self.hook {
            act(&self.inner.0.process.context, archive);
        }
    }

    /// Applies the hook to the result of a load.
    fn loaded(
        &mut self,
        archive: &Path,
        before: &ParamsStore,
        result: Result<Loaded, Refusal>,
    ) -> Result<Loaded, Refusal> {
        match (result, self.hook) {
            (Ok(mut loaded), Hook::Loaded(change)) => {
                change(&mut loaded);
                Ok(loaded)
            }
            (Ok(mut loaded), Hook::LoadedFrom(change)) => {
                change(archive, &mut loaded);
                Ok(loaded)
            }
            (Ok(loaded), Hook::Restored(change)) => {
                change(&mut self.inner.0.process.params, before, &loaded.params);
                Ok(loaded)
            }
            (Err(refusal), Hook::LoadedAnyway(takes)) if takes(Cause::of(&refusal)) => self.fresh(),
            (Err(refusal), Hook::Refused(says)) => Err(says(Cause::of(&refusal)).of(refusal)),
            (result, _) => result,
        }
    }

    /// Applies the hook to the models that a load kept under this name.
    fn kept(&mut self, name: &str) {
        self.loads.insert(name.to_owned());
        if let (Hook::Kept(change), Some(states)) = (self.hook, self.inner.0.states_mut(name)) {
            change(states);
        }
    }

    fn in_directory(&self, directory: &str) -> PathBuf {
        self.inner.0.process.path(directory).join(ARCHIVE_NAME)
    }

    /// Fresh networks of both roles, built from the params of the process: the result of a loader that continues
    /// after it failed to read a part.
    fn fresh(&self) -> Result<Loaded, Refusal> {
        let mut models = Models::new();
        for role in ROLES {
            let network = NetworkLayout::of(role, &self.inner.0.process.params)?.fresh(u64::MAX);
            let tensors = network.iter().map(|(tensor, state)| (tensor.clone(), state.into()));
            models.insert(role.to_owned(), ModelDescription::Network(tensors.collect()));
        }
        Ok(Loaded { models, params: self.inner.0.process.params.snapshot() })
    }

    fn ran(
        &mut self,
        config: &ConfigRequest,
        result: Result<Workflow, Refusal>,
    ) -> Result<Workflow, Refusal> {
        let output =
            config.values.get("output_dir").and_then(FilePath::in_value).filter(|text| !text.is_empty());
        let archive: Option<PathBuf> = output.map(|text| self.inner.0.process.path(text).join(ARCHIVE_NAME));
        if let (Some(archive), Ok(_)) = (archive, &result) {
            self.saved(&archive);
        }
        match (result, self.hook) {
            (Ok(mut workflow), Hook::Ran(change)) => {
                change(&mut workflow);
                Ok(workflow)
            }
            (result, _) => result,
        }
    }
}

/// Overwrites an archive with a bundle. On an error the old archive stays.
fn write(archive: &Path, bundle: &Bundle) {
    let mut file = Cursor::new(Vec::new());
    if write_bundle(bundle, &mut file).is_ok() {
        let _ = fs::write(archive, file.into_inner());
    }
}

impl Session for MutantSession {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        let fields = &self.configured(operation, fields)?;
        match operation {
            RESET => self.reset().map(|()| Map::new()),
            SetParams::NAME => typed(fields, |request| self.set_params(request)),
            GetParam::NAME => typed(fields, |request| self.get_param(request)),
            ValidateConfig::NAME => typed(fields, |request| self.validate_config(request)),
            UpdateLegacyDict::NAME => typed(fields, |request| self.update_legacy_dict(request)),
            SaveTorchBundle::NAME => typed(fields, |request| self.save_torch_bundle(request)),
            LoadTorchBundle::NAME => typed(fields, |request| self.load_torch_bundle(request)),
            RunCdiExampleTorch::NAME => typed(fields, |request| self.run_cdi_example_torch(request)),
            LoadInferenceBundleTorch::NAME => {
                typed(fields, |request| self.load_inference_bundle_torch(request))
            }
            RunCdiExampleWithBackend::NAME => {
                typed(fields, |request| self.run_cdi_example_with_backend(request))
            }
            LoadInferenceBundleWithBackend::NAME => {
                typed(fields, |request| self.load_inference_bundle_with_backend(request))
            }
            LoadDataset::NAME => typed(fields, |request| self.load_dataset(request)),
            Forward::NAME => typed(fields, |request| self.forward(request)),
            // No hook changes the other operations.
            _ => self.inner.call(operation, fields),
        }
    }

    fn notices(&mut self) -> Notices {
        let mut notices = self.inner.notices();
        if let Hook::Noticed(change) = self.hook {
            change(&mut notices);
        }
        if let Hook::NoticedAfter(change) = self.hook {
            let own = notices.clone();
            change(&mut notices, &self.earlier);
            self.earlier.events.extend(own.events);
        }
        notices
    }
}

/// Parses the request, calls the operation, and converts its response to fields.
fn typed<R: OperationRequest>(
    fields: &Map,
    act: impl FnOnce(&R) -> Result<R::Response, Refusal>,
) -> Result<Map, Refusal> {
    act(&from_fields(fields)?).map(OperationResponse::into_fields)
}

impl MutantSession {
    fn reset(&mut self) -> Result<(), Refusal> {
        self.inner.0.reset()?;
        if let Hook::Begun(change) = self.hook {
            change(&mut self.inner.0.process.params);
        }
        Ok(())
    }

    fn set_params(&mut self, request: &SetParams) -> Result<(), Refusal> {
        let before = self.inner.0.process.params.clone();
        match (self.inner.0.set_params(request), self.hook) {
            (Ok(()), Hook::Set(change)) => {
                let refusal = change(&mut self.inner.0.process.params, &request.values);
                refusal.map_or(Ok(()), |refusal| {
                    self.inner.0.process.params = before;
                    Err(refusal)
                })
            }
            (Err(_), Hook::SetAnyway(set)) => {
                set(&mut self.inner.0.process.params, &request.values);
                Ok(())
            }
            (Err(refusal), Hook::NotSet(set)) => {
                set(&mut self.inner.0.process.params, &request.values);
                Err(refusal)
            }
            (result, _) => result,
        }
    }

    fn get_param(&mut self, request: &GetParam) -> Result<Value, Refusal> {
        match (self.inner.0.get_param(request), self.hook) {
            (result, Hook::Got(instead)) => {
                instead(&mut self.inner.0.process.params, request, result.as_ref().ok()).unwrap_or(result)
            }
            (result, _) => result,
        }
    }

    fn validate_config(&mut self, request: &ValidateConfig) -> Result<(), Refusal> {
        if let Hook::RefusedAnyway(why) = self.hook {
            why(&request.config).map_or(Ok(()), Err)?;
        }
        self.inner.0.validate_config(request)
    }

    fn update_legacy_dict(&mut self, request: &UpdateLegacyDict) -> Result<(), Refusal> {
        let before = self.inner.0.process.params.clone();
        self.inner.0.update_legacy_dict(request)?;
        if let Hook::Bridged(change) = self.hook {
            change(&mut self.inner.0.process.params, &before, &request.config.construct()?);
        }
        Ok(())
    }

    fn save_torch_bundle(&mut self, request: &SaveTorchBundle) -> Result<(), Refusal> {
        let archive = self.inner.0.process.path(&format!("{}.zip", request.base_path));
        self.inner.0.save_torch_bundle(request)?;
        if let (Hook::Remembered(_) | Hook::NotRemembered, Some(states)) =
            (self.hook, self.inner.0.states_mut(&request.models))
        {
            let saved =
                states.iter().map(|(name, state)| (name.clone(), (state as &ModelState).into())).collect();
            self.remembered.insert(request.base_path.clone(), saved);
        }
        self.saved(&archive);
        Ok(())
    }

    fn load_torch_bundle(&mut self, request: &LoadTorchBundle) -> Result<Loaded, Refusal> {
        let before = self.inner.0.process.params.clone();
        let archive = self.inner.0.process.path(&format!("{}.zip", request.base_path));
        self.open(&archive)?;
        if matches!(self.hook, Hook::NotRemembered) && !self.remembered.contains_key(&request.base_path) {
            return Err(Refusal::new(RefusalKind::NotFound, format!("unknown bundle {}", request.base_path)));
        }
        let mut result = self.inner.0.load_torch_bundle(request);
        let saved = self.remembered.get(&request.base_path);
        if let (Hook::Remembered(change), Ok(loaded), Some(saved)) = (self.hook, &mut result, saved) {
            change(&mut loaded.models, saved);
        }
        self.kept(&request.name);
        self.loaded(&archive, &before, result)
    }

    fn run_cdi_example_torch(&mut self, request: &RunCdiExampleTorch) -> Result<Workflow, Refusal> {
        let mut config = request.config.clone();
        self.runs += 1;
        if let Hook::RanWith(change) = self.hook {
            change(&mut config);
        }
        if let (Hook::RanAgain(change), true) = (self.hook, self.runs > 1) {
            change(&mut config);
        }
        let result = self
            .inner
            .0
            .run_cdi_example_torch(&RunCdiExampleTorch { config: config.clone(), ..request.clone() });
        self.ran(&config, result)
    }

    fn load_inference_bundle_torch(&mut self, request: &LoadInferenceBundleTorch) -> Result<Loaded, Refusal> {
        let before = self.inner.0.process.params.clone();
        let archive = self.in_directory(&request.bundle_dir);
        self.open(&archive)?;
        let result = self.inner.0.load_inference_bundle_torch(request);
        self.kept(&request.name);
        self.loaded(&archive, &before, result)
    }

    fn run_cdi_example_with_backend(
        &mut self,
        request: &RunCdiExampleWithBackend,
    ) -> Result<Workflow, Refusal> {
        let result = self.inner.0.run_cdi_example_with_backend(request);
        self.ran(&request.config, result)
    }

    fn load_inference_bundle_with_backend(
        &mut self,
        request: &LoadInferenceBundleWithBackend,
    ) -> Result<LoadedModel, Refusal> {
        let before = self.inner.0.process.params.clone();
        let archive = self.in_directory(&request.bundle_dir);
        self.open(&archive)?;
        if let Hook::NotDispatchedTo(why) = self.hook {
            why(&archive).map_or(Ok(()), Err)?;
        }
        let name = request.model.as_deref().unwrap_or(DEFAULT_MODEL);
        let result = self.inner.0.load_inference_bundle_with_backend(request);
        // The hooks of loads see all models, of which there is one here.
        let models = |LoadedModel { model, params }| Loaded {
            models: Models::from_iter([(name.to_owned(), model)]),
            params,
        };
        self.loaded(&archive, &before, result.map(models)).and_then(|mut loaded| {
            let model = loaded
                .models
                .swap_remove(name)
                .ok_or_else(|| Refusal::new(RefusalKind::MissingField, format!("unknown model {name:?}")))?;
            Ok(LoadedModel { model, params: loaded.params })
        })
    }

    fn load_dataset(&mut self, request: &LoadDataset) -> Result<DatasetDescription, Refusal> {
        if let Hook::NotReadFrom(why) = self.hook {
            why(&self.inner.0.process.path(&request.path)).map_or(Ok(()), Err)?;
        }
        self.inner.0.load_dataset(request)
    }

    fn forward(&mut self, request: &Forward) -> Result<Output, Refusal> {
        match (self.inner.0.forward(request), self.hook) {
            (Ok(mut output), Hook::Gave(change)) => {
                change(&mut output);
                Ok(output)
            }
            (Err(refusal), Hook::GaveAnyway(gives)) => gives(Cause::of(&refusal)).ok_or(refusal),
            (Err(refusal), Hook::NotGiven(says)) => Err(says(Cause::of(&refusal)).of(refusal)),
            (Ok(mut output), Hook::GaveLoaded(change)) if self.loads.contains(&request.models) => {
                change(&mut output);
                Ok(output)
            }
            (result, _) => result,
        }
    }
}
