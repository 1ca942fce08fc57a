//! Mutants that go wrong with their surroundings: processes, files that cannot be written, the environment, and what is
//! reported besides results.

use std::{fs, path::Path};

use super::{cause::Instead, mutant::mutants};
use crate::{
    bundle::{
        files::{BundleEdit, apply_edit::apply_edit, read_bundle, write_bundle},
        nouns::{Rule, VERSION},
    },
    harness::contract::{RefusalKind, SessionContext, WITHOUT_MODULES},
};

mutants! {
    adds_an_entry breaks "BUN-016": SavedBeside(|archive| {
        let entry = serde_json::json!({ "add_entry": { "entry": "notes.txt", "with": { "text": "saved" } } });
        if let Ok(edit) = serde_json::from_value::<BundleEdit>(entry) {
            let _ = apply_edit(archive, &edit);
        }
    });
    reports_success_when_it_cannot_write breaks "BUN-019": SavedAnyway(|cause| cause.broke(Rule::Writable));
    calls_a_failed_write_invalid breaks "BUN-019": NotTaken(|cause| match cause.broke(Rule::Writable) {
        true => Instead::Kind(RefusalKind::InvalidValue),
        false => Instead::Same,
    });
    leaves_its_temporary_file_when_it_fails breaks "BUN-019": NotSaved(|archive| {
        let _ = fs::write(archive.with_extension("tmp"), "left");
    });
    loads_its_own_bundles_only breaks "RTP-008" as "D4.B1: a registry of the models of this process": NotRemembered;
    warns_of_nothing breaks "CFG-023": Noticed(|notices| notices.warnings.clear());
    warns_of_every_configuration breaks "CFG-023": Noticed(|notices| {
        notices.warnings.push("n_images is deprecated; use n_groups".to_owned());
    });
    works_in_another_order breaks "ORC-025": Noticed(|notices| notices.events.reverse());
    reports_no_training breaks "ORC-025": Noticed(|notices| notices.events.retain(|event| event != "train"));
    writes_decimal_commas breaks "ENV-004": SavedIn(|context, archive| {
        if context.environment().get("LC_ALL").is_some_and(|locale| locale.starts_with("de_DE")) {
            write_with_commas(archive);
        }
    });
    leaves_a_file_in_its_directory breaks "ENV-004": SavedIn(|context, _| {
        let _ = fs::write(context.root().join("bundle.tmp"), "left");
    });
    hides_how_to_install breaks "DSP-002": NotTaken(|cause| {
        Instead::hidden(cause.broke(Rule::TorchInstalled), "PyTorch backend selected")
    });
    runs_without_torch breaks "DSP-002": Started(|context| {
        let mut environment = context.environment().clone();
        environment.remove(WITHOUT_MODULES);
        SessionContext::new(context.root().to_owned(), environment)
    });
}

/// Writes the version of an archive as a locale would. An archive that cannot be read or rewritten stays unchanged.
fn write_with_commas(archive: &Path) {
    if let Ok(mut bundle) = read_bundle(archive) {
        bundle.version = VERSION.replace('.', ",");
        let mut bytes = std::io::Cursor::new(Vec::new());
        if write_bundle(&bundle, &mut bytes).is_ok() {
            let _ = fs::write(archive, bytes.into_inner());
        }
    }
}
