//! Every decision of the contract that an implementation can get wrong, as data.

/// What the reference does where it could do otherwise.
///
/// [`Policy::CONTRACT`] is the contract. A mutant is the reference with one field changed, so each
/// alternative here is a behavior that some real revision showed, or that a careless one could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When a load brings the archived params back.
    pub restore_params: RestoreParams,
    /// Which archived params a load brings back.
    pub restored_keys: RestoredKeys,
    /// Which params a load answers.
    pub returned_params: ReturnedParams,
    /// What a refused load does to the params.
    pub refused_load: RefusedLoad,
    /// How a state dict is put into a network.
    pub weights: Weights,
    /// What a saved sentinel loads as.
    pub sentinels: Sentinels,
    /// What the gate before reconstruction asks of `N` and `gridsize`.
    pub required_fields: RequiredFields,
    /// Which networks a save must be given.
    pub roles_on_save: Roles,
    /// Which networks a bundle must hold to be loaded.
    pub roles_on_load: Roles,
    /// Whether version and backend of an archive are looked at.
    pub foreign_archives: ForeignArchives,
    /// What happens when the snapshots of one bundle differ.
    pub disagreeing_params: DisagreeingParams,
    /// Which models a save takes.
    pub saved_models: SavedModels,
    /// What a snapshot holds.
    pub snapshot: Snapshot,
    /// Whether an archive says who wrote it.
    pub backend_tag: BackendTag,
    /// How a base path becomes the name of an archive.
    pub archive_name: ArchiveName,
    /// When a workflow bridges its configuration.
    pub bridging: Bridging,
    /// What training does.
    pub training: Training,
    /// Which state a workflow saves.
    pub saved_state: SavedState,
    /// When a workflow saves.
    pub persistence: Persistence,
    /// Where the saved `intensity_scale` comes from.
    pub intensity_scale: IntensityScale,
    /// Which archive the inference loader reads.
    pub inference_loader: InferenceLoader,
    /// How an existing archive is replaced.
    pub overwrite: Overwrite,
    /// What a save does to the params of the process.
    pub save: SaveParams,
    /// What the bridge writes.
    pub bridged: Bridged,
}

impl Policy {
    /// What the contract decides.
    pub const CONTRACT: Self = Self {
        restore_params: RestoreParams::BeforeRebuild,
        restored_keys: RestoredKeys::AllButVersion,
        returned_params: ReturnedParams::Archived,
        refused_load: RefusedLoad::LeavesParams,
        weights: Weights::Strict,
        sentinels: Sentinels::ComeBack,
        required_fields: RequiredFields::PositiveIntegers,
        roles_on_save: Roles::Both,
        roles_on_load: Roles::Both,
        foreign_archives: ForeignArchives::Refused,
        disagreeing_params: DisagreeingParams::Refused,
        saved_models: SavedModels::Given,
        snapshot: Snapshot::Whole,
        backend_tag: BackendTag::Written,
        archive_name: ArchiveName::Appends,
        bridging: Bridging::First,
        training: Training::OnTheData,
        saved_state: SavedState::Trained,
        persistence: Persistence::WhenOutputDirIsSet,
        intensity_scale: IntensityScale::InOrder,
        inference_loader: InferenceLoader::Delegates,
        overwrite: Overwrite::Atomic,
        save: SaveParams::LeavesParams,
        bridged: Bridged::WhatIsSaid,
    };
}

/// When a load brings the archived params back (LOD-004, PRM-004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreParams {
    /// Before any network is built, so that networks are built from them.
    BeforeRebuild,
    /// After the networks were built from whatever was configured before.
    AfterRebuild,
    /// Not at all: the caller gets them and the process does not.
    Never,
}

/// Which archived params a load brings back (LOD-004 to LOD-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoredKeys {
    /// Every key, None included; the archive's version is not configuration.
    AllButVersion,
    /// The archive's version too, as both revisions do.
    All,
    /// Only keys with a value, so that an older value survives where None was archived.
    WithoutNone,
    /// Every key, and nothing else is left.
    NothingElse,
}

/// Which params a load answers (LOD-012).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnedParams {
    /// The archived ones.
    Archived,
    /// A copy of those of the process.
    OfTheProcess,
}

/// What a refused load does to the params (LOD-007).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedLoad {
    /// They are exactly as before.
    LeavesParams,
    /// They are overwritten with what the refused archive has, as far as it can be read.
    LeavesArchivedParams,
    /// They are those of a new process.
    ResetsParams,
}

/// How a state dict is put into a network (LOD-008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Every name and shape, both ways; anything else is refused and named.
    Strict,
    /// What fits is loaded; what does not keeps its initial value, silently.
    WhatFits,
    /// Nothing is loaded: the network is a fresh one.
    Ignored,
}

/// What a saved sentinel loads as (RTP-002).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentinels {
    /// As that sentinel.
    ComeBack,
    /// As a freshly initialized network.
    BecomeNetworks,
}

/// What the gate before reconstruction asks of `N` and `gridsize` (LOD-003, LOD-010).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredFields {
    /// Positive integers.
    PositiveIntegers,
    /// That the keys exist; what they hold is made a positive int somehow, as `int()` would.
    Present,
    /// Nothing: what the archive lacks is taken from the params of the process.
    Unchecked,
}

/// Which networks must be there (BUN-005).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// Both roles.
    Both,
    /// Any number of models.
    Any,
}

/// Whether version and backend of an archive are looked at (LOD-009, LOD-018).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignArchives {
    /// Another version or backend is refused, naming it and the active one.
    Refused,
    /// Only the version is looked at.
    OtherBackendsLoaded,
    /// Only the backend is looked at.
    OtherVersionsLoaded,
}

/// What happens when the snapshots of one bundle differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisagreeingParams {
    /// The bundle is refused.
    Refused,
    /// The first model's snapshot counts and the others are not read.
    FirstWins,
}

/// Which models a save takes (BUN-013, BUN-014).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedModels {
    /// The ones it was given.
    Given,
    /// The ones that were made last, as a module that keeps them in globals does.
    Latest,
    /// Of those it was given the ones with plain names; others are left out silently.
    WithPlainNames,
}

/// What a snapshot holds (BUN-007).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// Every field of the configuration.
    Whole,
    /// Only fields with a value.
    WithoutNone,
    /// The params of the process, whatever the configuration says.
    OfTheProcess,
}

/// Whether an archive says who wrote it (BUN-004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendTag {
    /// It does.
    Written,
    /// It does not, as before the tag was introduced.
    Absent,
}

/// How a base path becomes the name of an archive (BUN-001).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveName {
    /// `wts.h5` becomes `wts.h5.zip`.
    Appends,
    /// `wts.h5` becomes `wts.zip`.
    ReplacesSuffix,
}

/// When a workflow bridges its configuration (PRM-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bridging {
    /// Before it builds a network.
    First,
    /// After it built its networks from whatever was configured before.
    AfterModels,
}

/// What training does (ORC-004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Training {
    /// Changes the networks by the data, and finds their scale.
    OnTheData,
    /// Returns the networks as they were, without a look at the data.
    Skipped,
    /// Changes the networks by the data where there are any, and else returns them as they were.
    OnWhatThereIs,
    /// Changes the networks in one epoch, whatever number was asked for.
    InOneEpoch,
}

/// Which state a workflow saves (ORC-003).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedState {
    /// That of the networks it trained.
    Trained,
    /// That of the networks it begins with: it saves before it trains.
    Initial,
}

/// When a workflow saves (ORC-001, ORC-002).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// When the configuration names an output directory.
    WhenOutputDirIsSet,
    /// Never.
    Never,
    /// Also without one, into the directory the process stands in.
    Always,
    /// When the configuration names an output directory, and into the one the process stands in.
    Elsewhere,
    /// When the configuration names an output directory, with a scale of 1.0 whatever training found.
    WithNominalScale,
}

/// Where the saved `intensity_scale` comes from (BUN-008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntensityScale {
    /// Explicit argument, trained value, a value that the process set itself, 1.0: the first there is.
    InOrder,
    /// The trained value comes before the explicit argument.
    TrainedFirst,
    /// The params of the process come before the trained value, whoever put it there: an earlier
    /// bundle's scale leaks into the next save.
    ParamsFirst,
    /// The params of the process are not looked at.
    NeverParams,
    /// The trained value is not looked at.
    NeverTrained,
    /// As in order, and 0.0 where there is none.
    ZeroByDefault,
}

/// Which way the inference loader takes (ORC-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InferenceLoader {
    /// Through the bundle loader, with all it checks and restores.
    Delegates,
    /// Straight to the models, past the params.
    ReadsModelsOnly,
}

/// How an existing archive is replaced (BUN-011, BUN-012).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// A complete new archive takes the place of the old one.
    Atomic,
    /// The old one is emptied first.
    InPlace,
    /// Not at all: the old one stays, and the save says nothing.
    Never,
}

/// What a save does to the params of the process (BUN-009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveParams {
    /// Nothing.
    LeavesParams,
    /// Writes the saved snapshot over them.
    WritesSnapshot,
}

/// What the bridge writes (CFG-007, CFG-010).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bridged {
    /// Fields with a value, under their legacy keys; a None leaves the old value.
    WhatIsSaid,
    /// None too.
    NoneToo,
    /// Fields that have another legacy key are left out.
    UnrenamedOnly,
}
