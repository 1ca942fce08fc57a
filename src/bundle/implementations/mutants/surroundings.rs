//! Mutants that go wrong with their surroundings: processes, files that cannot be written, the environment, and what is
//! reported besides results.

use std::{fs, path::Path};

use super::mutant::mutants;
use crate::{
    bundle::{
        files::{read_bundle, write_bundle},
        nouns::VERSION,
    },
    harness::contract::{SessionContext, WITHOUT_MODULES},
};

mutants! {
    loads_its_own_bundles_only breaks "RTP-008" as "D4.B1: a registry of the models of this process": NotRemembered;
    warns_of_nothing breaks "CFG-023": Noticed(|notices| notices.warnings.clear());
    warns_of_every_configuration breaks "CFG-023": Noticed(|notices| {
        notices.warnings.push("n_images is deprecated; use n_groups".to_owned());
    });
    works_in_another_order breaks "ORC-025": Noticed(|notices| notices.events.reverse());
    reports_no_training breaks "ORC-025": Noticed(|notices| notices.events.retain(|event| event != "train"));
    reports_events_of_earlier_workflows breaks "ORC-025": NoticedAfter(|notices, earlier| {
        notices.events.splice(..0, earlier.events.iter().cloned());
    });
    writes_decimal_commas breaks "ENV-004": SavedIn(|context, archive| {
        if context.environment().get("LC_ALL").is_some_and(|locale| locale.starts_with("de_DE")) {
            write_with_commas(archive);
        }
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
