//! Mutants of workflows, the dispatcher and datasets: sections D and F of the contract.

use super::mutant::mutants;
use crate::{
    harness::contract::{Refusal, RefusalKind},
    torch_files::zip::Archive,
};

mutants! {
    takes_amplitudes_for_intensities breaks "NPZ-006" as "DATA-001": Ran(|workflow| {
        workflow.intensity_scale = workflow.intensity_scale.map(f64::sqrt);
    });
    returns_the_last_loss_only breaks "ORC-015": Ran(|workflow| drop(workflow.train_loss.drain(..workflow.train_loss.len().saturating_sub(1))));
    returns_losses_that_are_not_finite breaks "ORC-015": Ran(|workflow| workflow.train_loss.fill(f64::NAN));
    asks_for_scaling_metadata breaks "DSP-006" as "both revisions: only workflows add it": NotDispatchedTo(|archive| {
        let entries = Archive::open(archive).ok()?;
        let missing = entries.entry("torch_scaling_metadata.pt").is_none();
        missing.then(|| Refusal::new(RefusalKind::MissingField, "missing scaling metadata"))
    });
}
