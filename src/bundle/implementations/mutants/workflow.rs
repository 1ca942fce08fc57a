//! Mutants of workflows, the dispatcher and datasets: sections D and F of the contract.

use std::fs;

use super::cause::Instead;
use super::mutant::mutants;
use crate::torch_files::zip::Archive;
use crate::{
    bundle::{
        nouns::{ParamsStore, Rule, legacy_params},
        operations::{request::ConfigRequest, response::TensorDescription},
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{Dtype, Tensor},
    value::Value,
};

mutants! {
    invents_an_amplitude breaks "ORC-009": Ran(|workflow| {
        let image = Tensor::new(Dtype::Float32, vec![1, 1], vec![0; 4]);
        workflow.amplitude = image.as_ref().map(TensorDescription::from);
    });
    stays_bridged_when_it_fails breaks "ORC-010" as "main": Failed(bridge);
    leaves_half_an_archive_when_it_fails breaks "ORC-005": FailedBeside(|archive| {
        if let Some(folder) = archive.parent() {
            let _ = fs::create_dir_all(folder).and_then(|()| fs::write(archive, "PK"));
        }
    });
    takes_amplitudes_for_intensities breaks "NPZ-006" as "DATA-001": Ran(|workflow| {
        workflow.intensity_scale = workflow.intensity_scale.map(f64::sqrt);
    });
    returns_the_last_loss_only breaks "ORC-015": Ran(|workflow| drop(workflow.train_loss.drain(..workflow.train_loss.len().saturating_sub(1))));
    returns_losses_that_are_not_finite breaks "ORC-015": Ran(|workflow| workflow.train_loss.fill(f64::NAN));
    dispatches_any_backend breaks "DSP-001": Dispatched(|config| {
        config.values.insert("backend".to_owned(), Value::from("pytorch"));
    });
    stays_bridged_when_it_refuses breaks "DSP-005" as "main": NotDispatched(bridge);
    answers_the_autoencoder breaks "DSP-004": LoadedOne(|request| {
        request.model.get_or_insert_with(|| "autoencoder".to_owned());
    });
    answers_another_model_than_was_asked_for breaks "DSP-004": LoadedOne(|request| request.model = None);
    asks_for_scaling_metadata breaks "DSP-006" as "both revisions: only workflows add it": NotDispatchedTo(|archive| {
        let entries = Archive::open(archive).ok()?;
        let missing = entries.entry("torch_scaling_metadata.pt").is_none();
        missing.then(|| Refusal::new(RefusalKind::MissingField, "missing scaling metadata"))
    });
    hides_which_models_there_are breaks "DSP-004": RefusedOne(|cause| Instead::hidden(cause.kind == RefusalKind::MissingField, "no such model"));
    bridges_the_inference_configuration breaks "DSP-004": LoadedOneInto(bridge);
    dispatcher_leaves_params_when_it_refuses breaks "LOD-007" as "main: 54 to 57 keys": RefusedOneInto(bridge);
    inference_loader_leaves_params_when_it_refuses breaks "LOD-007" as "main: 54 to 57 keys": RefusedInference(|params| {
        params.update([("nepochs".to_owned(), Value::Int(-1))]);
    });
    swaps_the_coordinates breaks "NPZ-001": Read(|data| {
        let [x, y] = ["xcoords", "ycoords"].map(|name| data.arrays.get(name).cloned());
        data.arrays.extend(y.map(|y| ("xcoords".to_owned(), y)).into_iter().chain(x.map(|x| ("ycoords".to_owned(), x))));
    });
    counts_no_positions breaks "NPZ-001": Read(|data| data.positions = 0);
    goes_on_without_an_array breaks "NPZ-002": ReadAnyway(|cause| cause.kind == RefusalKind::MissingField);
    hides_which_array_is_missing breaks "NPZ-002": NotRead(|cause| {
        Instead::hidden(cause.kind == RefusalKind::MissingField, "the dataset is incomplete")
    });
    takes_oblong_patterns breaks "NPZ-003": ReadAnyway(|cause| cause.broke(Rule::SquarePatterns));
    takes_coordinates_of_two_lengths breaks "NPZ-003": ReadAnyway(|cause| cause.broke(Rule::EqualLengths));
    takes_a_probe_of_modes breaks "NPZ-003": ReadAnyway(|cause| cause.broke_in(Rule::Dimensions, "probeGuess"));
    takes_fewer_patterns_than_positions breaks "NPZ-004" as "main: 7 patterns for 20 positions": ReadAnyway(|cause| cause.broke(Rule::PatternForEachPosition));
}

/// Bridges a configuration; one that cannot be constructed is bridged without its backend.
fn bridge(params: &mut ParamsStore, request: &ConfigRequest) {
    let mut request = request.clone();
    request.values.shift_remove("backend");
    if let Ok(config) = request.construct() {
        params.update(legacy_params::flatten(&config).0);
    }
}
