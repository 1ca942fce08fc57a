//! A change of what goes into the reference, or of what comes out of it.
//!
//! What a hook is given is what an observer could see: a request, a response, the cause of a refusal, the params, the
//! archive that was written.

use std::path::Path;

use indexmap::IndexMap;

use super::cause::{Cause, Instead};
use crate::{
    bundle::{
        nouns::{Bundle, Configuration, Params, ParamsStore},
        operations::{
            request::{ConfigRequest, GetParam, LoadInferenceBundleWithBackend},
            response::{DatasetDescription, Loaded, Models, Output, Workflow},
        },
    },
    harness::contract::Refusal,
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
pub(in super::super) enum Hook {
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
