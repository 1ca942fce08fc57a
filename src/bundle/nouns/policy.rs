//! Every decision of the contract that an implementation can get wrong, as data.

/// The decisions of the reference.
///
/// [`Policy::CONTRACT`] follows the contract. Many mutants are the reference with one field changed, so each alternative
/// here is a behavior of a real revision, or a plausible mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When a load restores the archived params.
    pub restore_params: RestoreParams,
    /// Which archived params a load restores.
    pub restored_keys: RestoredKeys,
    /// Which params a load returns.
    pub returned_params: ReturnedParams,
    /// What a refused load does to the params of the process.
    pub refused_load: RefusedLoad,
    /// How a state dict is loaded into a network.
    pub weights: Weights,
    /// What loading a sentinel returns.
    pub sentinels: Sentinels,
    /// How `N` and `gridsize` are checked before networks are built.
    pub required_fields: RequiredFields,
    /// Which networks a save requires.
    pub roles_on_save: Roles,
    /// Which networks a load requires.
    pub roles_on_load: Roles,
    /// Whether the version and the backend of an archive are checked.
    pub foreign_archives: ForeignArchives,
    /// What happens when the snapshots of one bundle differ.
    pub disagreeing_params: DisagreeingParams,
    /// Which models a save writes.
    pub saved_models: SavedModels,
    /// The content of a params snapshot.
    pub snapshot: Snapshot,
    /// Whether a save writes the backend tag.
    pub backend_tag: BackendTag,
    /// How the name of an archive is made from a base path.
    pub archive_name: ArchiveName,
    /// When a workflow bridges its configuration to the params.
    pub bridging: Bridging,
    /// What training does.
    pub training: Training,
    /// Which state a workflow saves.
    pub saved_state: SavedState,
    /// When and where a workflow saves.
    pub persistence: Persistence,
    /// The source of the saved `intensity_scale`.
    pub intensity_scale: IntensityScale,
    /// How the inference loader loads.
    pub inference_loader: InferenceLoader,
    /// How an existing archive is replaced.
    pub overwrite: Overwrite,
    /// Whether a save changes the params of the process.
    pub save: SaveParams,
    /// Which fields the bridge writes.
    pub bridged: Bridged,
}

impl Policy {
    /// The decisions that follow the contract.
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

/// When a load restores the archived params (LOD-004, PRM-004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreParams {
    /// Before networks are built, so they are built from the archived params.
    BeforeRebuild,
    /// After networks were built from the previous params.
    AfterRebuild,
    /// Never: they are returned, and the params of the process stay.
    Never,
}

/// Which archived params a load restores (LOD-004 to LOD-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoredKeys {
    /// Every key, including those with None, except for the archive's version.
    AllButVersion,
    /// Every key including the archive's version, as both revisions do.
    All,
    /// Only keys with a value, so an archived None does not replace an older value.
    WithoutNone,
    /// Every key; all other params of the process are dropped.
    NothingElse,
}

/// Which params a load returns (LOD-012).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnedParams {
    /// The archived params.
    Archived,
    /// A copy of the params of the process.
    OfTheProcess,
}

/// What a refused load does to the params (LOD-007).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedLoad {
    /// It keeps them exactly as they were.
    LeavesParams,
    /// It overwrites them with the params of the refused archive, as far as these can be read.
    LeavesArchivedParams,
    /// It resets them to those of a new process.
    ResetsParams,
}

/// How a state dict is loaded into a network (LOD-008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Names and shapes must match exactly; a refusal names every mismatch.
    Strict,
    /// Matching tensors are loaded; all others silently keep their initial values.
    WhatFits,
    /// No tensor is loaded: the network has fresh weights.
    Ignored,
}

/// What loading a sentinel returns (RTP-002).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentinels {
    /// The same sentinel.
    ComeBack,
    /// A freshly initialized network.
    BecomeNetworks,
}

/// How `N` and `gridsize` are checked before networks are built (LOD-003, LOD-010).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredFields {
    /// They must be positive integers.
    PositiveIntegers,
    /// The keys must exist; their values are converted to positive integers as `int()` would.
    Present,
    /// Not at all: missing values come from the params of the process.
    Unchecked,
}

/// Which networks are required (BUN-005).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// Both roles.
    Both,
    /// Any number of models.
    Any,
}

/// Whether the version and the backend of an archive are checked (LOD-009, LOD-018).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignArchives {
    /// Other versions and backends are refused; the message names the archived and the active one.
    Refused,
    /// Only the version is checked.
    OtherBackendsLoaded,
    /// Only the backend is checked.
    OtherVersionsLoaded,
}

/// What happens when the snapshots of one bundle differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisagreeingParams {
    /// The bundle is refused.
    Refused,
    /// The first model's snapshot is used; the others are not read.
    FirstWins,
}

/// Which models a save writes (BUN-013, BUN-014).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedModels {
    /// The given models.
    Given,
    /// The models that were made last, as a module with global state does.
    Latest,
    /// The given models with plain names; others are silently skipped.
    WithPlainNames,
}

/// The content of a params snapshot (BUN-007).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// Every field of the configuration.
    Whole,
    /// Only fields with a value.
    WithoutNone,
    /// The params of the process instead of the configuration.
    OfTheProcess,
}

/// Whether a save writes the backend tag (BUN-004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendTag {
    /// The tag is written.
    Written,
    /// The tag is missing, as before it was introduced.
    Absent,
}

/// How the name of an archive is made from a base path (BUN-001).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveName {
    /// `wts.h5` becomes `wts.h5.zip`.
    Appends,
    /// `wts.h5` becomes `wts.zip`.
    ReplacesSuffix,
}

/// When a workflow bridges its configuration to the params (PRM-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bridging {
    /// Before it builds networks.
    First,
    /// After it built networks from the previous params.
    AfterModels,
}

/// What training does (ORC-004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Training {
    /// Trains on the data and computes the intensity scale.
    OnTheData,
    /// Returns the initial networks without reading the data.
    Skipped,
    /// Trains on the data, or returns the initial networks when the data cannot be read.
    OnWhatThereIs,
    /// Trains for one epoch, regardless of `nepochs`.
    InOneEpoch,
}

/// Which state a workflow saves (ORC-003).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedState {
    /// The state after the training.
    Trained,
    /// The state before the training.
    Initial,
}

/// When and where a workflow saves (ORC-001, ORC-002).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// To the configured output directory, if there is one.
    WhenOutputDirIsSet,
    /// Never.
    Never,
    /// To the configured output directory, or else to the current directory.
    Always,
    /// To the current directory, if an output directory is configured.
    Elsewhere,
    /// To the configured output directory, with a scale of 1.0 instead of the trained one (ORC-008).
    WithNominalScale,
}

/// The source of the saved `intensity_scale` (BUN-008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntensityScale {
    /// The first that exists of: explicit argument, trained value, a value that the process set itself, 1.0.
    InOrder,
    /// The trained value takes precedence over the explicit argument.
    TrainedFirst,
    /// The params of the process take precedence over the trained value, even one that an earlier
    /// load restored: the scale of an earlier bundle leaks into the next save.
    ParamsFirst,
    /// The params of the process are ignored.
    NeverParams,
    /// The trained value is ignored.
    NeverTrained,
    /// In order, with a default of 0.0 instead of 1.0.
    ZeroByDefault,
}

/// How the inference loader loads (ORC-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InferenceLoader {
    /// Through the bundle loader, with all its checks and the restored params.
    Delegates,
    /// It reads only the models and keeps the params of the process.
    ReadsModelsOnly,
}

/// How an existing archive is replaced (BUN-011, BUN-012).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Atomically, by a complete new archive.
    Atomic,
    /// The old archive is emptied first.
    InPlace,
    /// Never: the old archive stays, without an error.
    Never,
}

/// Whether a save changes the params of the process (BUN-009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveParams {
    /// It does not.
    LeavesParams,
    /// It overwrites them with the saved snapshot.
    WritesSnapshot,
}

/// Which fields the bridge writes (CFG-007, CFG-010).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bridged {
    /// Fields with a value, under their legacy keys; None keeps the old value.
    WhatIsSaid,
    /// All fields, including those with None.
    NoneToo,
    /// Only fields whose legacy key is their own name.
    UnrenamedOnly,
}
