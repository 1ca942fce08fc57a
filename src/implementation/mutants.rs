//! The reference with exactly one requirement broken, many times over.

use super::{Implementation, Reference, Session, World};
use crate::contract::{
    ArchiveName, BackendTag, Bridged, Bridging, DisagreeingParams, ForeignArchives, InferenceLoader,
    IntensityScale, Overwrite, Persistence, Policy, RefusedLoad, RequiredFields, RestoreParams, RestoredKeys,
    ReturnedParams, Roles, SaveParams, SavedModels, SavedState, Sentinels, Snapshot, Training, Unreadable,
    Weights,
};

/// One way of being wrong, named after what it does.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The name used in case files.
    pub name: &'static str,
    /// The requirement it breaks.
    pub breaks: &'static str,
    /// The decision it takes otherwise.
    pub policy: Policy,
}

impl Implementation for Mutant {
    fn name(&self) -> &str {
        self.name
    }

    fn supports(&self, _need: &str) -> bool {
        false
    }

    fn start(&self, world: World) -> Box<dyn Session> {
        Reference::with_policy(self.name, self.policy).start(world)
    }
}

/// Declares mutants as rows: name, requirement, the one field of the policy.
macro_rules! mutants {
    ($($name:ident breaks $requirement:literal: $field:ident = $value:expr;)+) => {
        /// Every mutant, in the order of the policy's fields.
        pub const MUTANTS: &[Mutant] = &[$(Mutant {
            name: stringify!($name),
            breaks: $requirement,
            policy: Policy { $field: $value, ..Policy::CONTRACT },
        }),+];
    };
}

mutants! {
    restores_params_after_rebuild breaks "PRM-004": restore_params = RestoreParams::AfterRebuild;
    never_restores_params breaks "LOD-004": restore_params = RestoreParams::Never;
    restores_the_version_too breaks "LOD-006": restored_keys = RestoredKeys::All;
    forgets_archived_nones breaks "LOD-005": restored_keys = RestoredKeys::WithoutNone;
    forgets_unrelated_keys breaks "LOD-004": restored_keys = RestoredKeys::NothingElse;
    returns_the_params_of_the_process breaks "LOD-012": returned_params = ReturnedParams::OfTheProcess;
    passes_over_unreadable_weights breaks "LOD-013": unreadable = Unreadable::WeightsArePassedOver;
    passes_over_unreadable_params breaks "LOD-013": unreadable = Unreadable::ParamsArePassedOver;
    passes_over_unreadable_archives breaks "LOD-015": unreadable = Unreadable::ArchivesArePassedOver;
    resets_params_of_a_refused_load breaks "LOD-002": refused_load = RefusedLoad::ResetsParams;
    leaves_params_of_a_refused_load breaks "LOD-007": refused_load = RefusedLoad::LeavesArchivedParams;
    loads_what_fits breaks "LOD-008": weights = Weights::WhatFits;
    loads_a_fresh_network breaks "RTP-001": weights = Weights::Ignored;
    rebuilds_sentinels_as_networks breaks "RTP-002": sentinels = Sentinels::BecomeNetworks;
    checks_fields_for_presence_only breaks "LOD-010": required_fields = RequiredFields::Present;
    takes_missing_fields_from_the_process breaks "LOD-003": required_fields = RequiredFields::Unchecked;
    accepts_one_role breaks "BUN-005": roles = Roles::Any;
    loads_foreign_archives breaks "LOD-009": foreign_archives = ForeignArchives::Loaded;
    reads_the_first_snapshot_only breaks "LOD-011": disagreeing_params = DisagreeingParams::FirstWins;
    saves_the_latest_models breaks "BUN-014": saved_models = SavedModels::Latest;
    leaves_out_escaping_models breaks "BUN-013": saved_models = SavedModels::WithPlainNames;
    saves_a_snapshot_without_nones breaks "BUN-007": snapshot = Snapshot::WithoutNone;
    writes_no_backend_tag breaks "BUN-004": backend_tag = BackendTag::Absent;
    replaces_the_suffix breaks "BUN-001": archive_name = ArchiveName::ReplacesSuffix;
    builds_before_it_bridges breaks "PRM-006": bridging = Bridging::AfterModels;
    skips_training breaks "ORC-004": training = Training::Skipped;
    saves_the_untrained_state breaks "ORC-003": saved_state = SavedState::Initial;
    never_persists breaks "ORC-001": persistence = Persistence::Never;
    persists_without_an_output_dir breaks "ORC-002": persistence = Persistence::Always;
    leaks_the_scale_of_the_process breaks "BUN-008": intensity_scale = IntensityScale::ParamsFirst;
    overrides_the_explicit_scale breaks "BUN-008": intensity_scale = IntensityScale::TrainedFirst;
    ignores_the_scale_of_the_process breaks "BUN-008": intensity_scale = IntensityScale::NeverParams;
    bypasses_the_loader breaks "ORC-006": inference_loader = InferenceLoader::ReadsModelsOnly;
    empties_the_old_archive_first breaks "BUN-011": overwrite = Overwrite::InPlace;
    keeps_the_old_archive breaks "BUN-012": overwrite = Overwrite::Never;
    saves_into_the_params breaks "BUN-009": save = SaveParams::WritesSnapshot;
    bridges_none_values breaks "CFG-010": bridged = Bridged::NoneToo;
    bridges_no_renamed_field breaks "CFG-007": bridged = Bridged::UnrenamedOnly;
}
