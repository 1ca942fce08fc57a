//! The changes that a mutant makes to requests, responses and effects of the reference.
//!
//! A hook gets only what an observer can see: a request, a response, the cause of a refusal, the params, or the
//! written archive.

use std::path::Path;

use indexmap::IndexMap;

use super::cause::{Cause, Instead};
use crate::{
    bundle::{
        nouns::{Bundle, Configuration, Params, ParamsStore},
        operations::{
            request::{ConfigRequest, GetParam},
            response::{Loaded, Models, Output, Workflow},
        },
    },
    harness::contract::{Notices, Refusal, SessionContext},
    torch_files::ModelState,
    value::{Map, Value},
};

/// The result of `get_param` for a found or missing value; `None` keeps the result of the reference.
type Gets = fn(&mut ParamsStore, &GetParam, Option<&Value>) -> Option<Result<Value, Refusal>>;

/// Whether a refusal with this cause is ignored.
type Passes = fn(Cause<'_>) -> bool;

/// The replacement of a refusal with this cause.
type Says = fn(Cause<'_>) -> Instead;

/// One change, and the point at which it applies.
#[derive(Clone, Copy)]
pub(in super::super) enum Hook {
    /// Changes each configuration of a request before it is used.
    Configured(fn(&mut ConfigRequest)),
    /// Changes the warnings and events of an operation.
    Noticed(fn(&mut Notices)),
    /// Changes the warnings and events of an operation. Gets those of all earlier ones.
    NoticedAfter(fn(&mut Notices, &Notices)),
    /// Changes the context of the session.
    Started(fn(SessionContext) -> SessionContext),
    /// Acts on the path of the archive after a save, depending on the context of the session.
    SavedIn(fn(&SessionContext, &Path)),
    /// Refuses to load an archive that this process did not save.
    NotRemembered,
    /// Refuses some valid configurations.
    RefusedAnyway(fn(&ConfigRequest) -> Option<Refusal>),
    /// Changes the params after a bridge. Gets the params before it, and the configuration.
    Bridged(fn(&mut ParamsStore, &ParamsStore, &Configuration)),
    /// Changes the initial params of a process.
    Begun(fn(&mut ParamsStore)),
    /// Changes the params after values were set, or refuses the values.
    Set(fn(&mut ParamsStore, &Map) -> Option<Refusal>),
    /// Ignores the refusal of invalid values, and changes the params.
    SetAnyway(fn(&mut ParamsStore, &Map)),
    /// Changes the params although the values are refused.
    NotSet(fn(&mut ParamsStore, &Map)),
    /// Changes the result of `get_param`, and the params.
    Got(Gets),
    /// Changes the archive after the n-th save of this process, counted from 1.
    Saved(fn(&mut Bundle, usize)),
    /// Acts on the path of the archive after a save.
    SavedBeside(fn(&Path)),
    /// Refuses some valid archives.
    NotOpened(fn(&Path) -> Option<Refusal>),
    /// Refuses some valid archives in the dispatcher.
    NotDispatchedTo(fn(&Path) -> Option<Refusal>),
    /// Changes the response of a load.
    Loaded(fn(&mut Loaded)),
    /// Changes the response of a load of the archive with this path.
    LoadedFrom(fn(&Path, &mut Loaded)),
    /// Changes the models that the session keeps after a load, but not the response.
    Kept(fn(&mut IndexMap<String, ModelState>)),
    /// Changes the params after a load. Gets the params before it, and the archived ones.
    Restored(fn(&mut ParamsStore, &ParamsStore, &Params)),
    /// Ignores some refusals of a load, and returns fresh networks.
    LoadedAnyway(Passes),
    /// Changes the response of a load of an archive that this process saved. Gets the saved models.
    Remembered(fn(&mut Models, &Models)),
    /// Changes the refusal of a load.
    Refused(Says),
    /// Changes the output of a network.
    Gave(fn(&mut Output)),
    /// Ignores some refusals of inputs, and returns an output.
    GaveAnyway(fn(Cause<'_>) -> Option<Output>),
    /// Changes the refusal of inputs.
    NotGiven(Says),
    /// Changes the output of a loaded network.
    GaveLoaded(fn(&mut Output)),
    /// Changes the configuration of every workflow of the process except for the first.
    RanAgain(fn(&mut ConfigRequest)),
    /// Changes the configuration of a workflow.
    RanWith(fn(&mut ConfigRequest)),
    /// Changes the response of a workflow.
    Ran(fn(&mut Workflow)),
    /// Refuses some valid datasets.
    NotReadFrom(fn(&Path) -> Option<Refusal>),
}
