//! Mutants with one changed decision of the policy.

use super::mutant::{How, Mutant};
use crate::bundle::nouns::{
    ArchiveName, BackendTag, Bridged, Bridging, DisagreeingParams, ForeignArchives, InferenceLoader,
    IntensityScale, Overwrite, Persistence, Policy, RefusedLoad, RequiredFields, RestoreParams, RestoredKeys,
    ReturnedParams, Roles, SaveParams, SavedModels, SavedState, Sentinels, Snapshot, Training, Weights,
};

/// Declares mutants, one for each row: id, broken requirement, the real finding if any, the changed field of the policy.
macro_rules! deciding {
    ($($name:ident breaks $requirement:literal $(as $finding:literal)?: $field:ident = $value:expr;)+) => {
        pub(super) const MUTANTS: &[Mutant] = &[$(Mutant {
            name: stringify!($name),
            breaks: $requirement,
            finding: deciding!(@finding $($finding)?),
            how: How::Decides(Policy { $field: $value, ..Policy::CONTRACT }),
        }),+];
    };
    (@finding) => { None };
    (@finding $finding:literal) => { Some($finding) };
}

deciding! {
    restores_params_after_rebuild breaks "PRM-004" as "MODULE-SINGLETON-001": restore_params = RestoreParams::AfterRebuild;
    never_restores_params breaks "LOD-004": restore_params = RestoreParams::Never;
    restores_the_version_too breaks "LOD-006" as "the PyTorch loader": restored_keys = RestoredKeys::All;
    forgets_archived_nones breaks "LOD-005": restored_keys = RestoredKeys::WithoutNone;
    forgets_unrelated_keys breaks "LOD-004": restored_keys = RestoredKeys::NothingElse;
    returns_the_params_of_the_process breaks "LOD-012" as "the TensorFlow loader": returned_params = ReturnedParams::OfTheProcess;
    resets_params_of_a_refused_load breaks "LOD-007": refused_load = RefusedLoad::ResetsParams;
    leaves_params_of_a_refused_load breaks "LOD-007" as "main: 5 of 20 refused loads": refused_load = RefusedLoad::LeavesArchivedParams;
    loads_what_fits breaks "LOD-008" as "main: strict=False, and a swallowed RuntimeError": weights = Weights::WhatFits;
    loads_a_fresh_network breaks "RTP-001" as "main, for seven kinds of bundle": weights = Weights::Ignored;
    rebuilds_sentinels_as_networks breaks "RTP-002" as "main: the autoencoder of every production bundle": sentinels = Sentinels::BecomeNetworks;
    checks_fields_for_presence_only breaks "LOD-010" as "main: None, '64' and 0 pass": required_fields = RequiredFields::Present;
    takes_missing_fields_from_the_process breaks "LOD-003": required_fields = RequiredFields::Unchecked;
    saves_one_role breaks "BUN-005" as "main: only warns": roles_on_save = Roles::Any;
    loads_one_role breaks "BUN-005": roles_on_load = Roles::Any;
    loads_other_backends breaks "LOD-009" as "main loads a TensorFlow archive as two random networks": foreign_archives = ForeignArchives::OtherBackendsLoaded;
    loads_other_versions breaks "LOD-018" as "main: no version check": foreign_archives = ForeignArchives::OtherVersionsLoaded;
    reads_the_first_snapshot_only breaks "LOD-011" as "main": disagreeing_params = DisagreeingParams::FirstWins;
    saves_the_latest_models breaks "BUN-014" as "SINGLETON-SAVE-001": saved_models = SavedModels::Latest;
    leaves_out_escaping_models breaks "BUN-013" as "main: the model is missing from the zip": saved_models = SavedModels::WithPlainNames;
    saves_a_snapshot_without_nones breaks "BUN-007": snapshot = Snapshot::WithoutNone;
    saves_the_params_of_the_process breaks "BUN-007" as "the TensorFlow saver": snapshot = Snapshot::OfTheProcess;
    writes_no_backend_tag breaks "BUN-004" as "main": backend_tag = BackendTag::Absent;
    replaces_the_suffix breaks "BUN-001": archive_name = ArchiveName::ReplacesSuffix;
    builds_before_it_bridges breaks "PRM-006" as "CONFIG-001": bridging = Bridging::AfterModels;
    skips_training breaks "ORC-004" as "D4.C: a stub that returned history only": training = Training::Skipped;
    trains_one_epoch breaks "ORC-004": training = Training::InOneEpoch;
    goes_on_without_data breaks "ORC-005": training = Training::OnWhatThereIs;
    saves_the_untrained_state breaks "ORC-003" as "commit d17a351f": saved_state = SavedState::Initial;
    never_persists breaks "ORC-001" as "D4.B2": persistence = Persistence::Never;
    persists_without_an_output_dir breaks "ORC-002": persistence = Persistence::Always;
    persists_elsewhere breaks "ORC-001": persistence = Persistence::Elsewhere;
    persists_a_nominal_scale breaks "ORC-008" as "INTENSITY-SCALE-SAVE-001": persistence = Persistence::WithNominalScale;
    leaks_the_scale_of_the_process breaks "BUN-029" as "main: the 777 case": intensity_scale = IntensityScale::ParamsFirst;
    overrides_the_explicit_scale breaks "BUN-008": intensity_scale = IntensityScale::TrainedFirst;
    ignores_the_scale_of_the_process breaks "BUN-008": intensity_scale = IntensityScale::NeverParams;
    ignores_the_trained_scale breaks "BUN-029" as "INTENSITY-SCALE-SAVE-001": intensity_scale = IntensityScale::NeverTrained;
    saves_no_scale_as_zero breaks "BUN-008": intensity_scale = IntensityScale::ZeroByDefault;
    bypasses_the_loader breaks "ORC-006": inference_loader = InferenceLoader::ReadsModelsOnly;
    empties_the_old_archive_first breaks "BUN-011" as "main: a full disk destroyed the previous archive": overwrite = Overwrite::InPlace;
    keeps_the_old_archive breaks "BUN-012": overwrite = Overwrite::Never;
    saves_into_the_params breaks "BUN-009": save = SaveParams::WritesSnapshot;
    bridges_none_values breaks "CFG-010" as "a bundle load does, a bridge does not": bridged = Bridged::NoneToo;
    bridges_no_renamed_field breaks "CFG-007": bridged = Bridged::UnrenamedOnly;
}
