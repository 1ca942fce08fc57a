//! Mutants of the execution of networks.

use super::cause::Instead;
use super::mutant::mutants;
use crate::{
    bundle::operations::response::{Output, TensorDescription},
    harness::contract::RefusalKind,
    torch_files::Dtype,
    value::{Digest, Value},
};

mutants! {
    gives_real_output breaks "EXE-001": Gave(|given| given.output.dtype = Dtype::Float32);
    drops_the_batch breaks "EXE-001": Gave(|given| drop(given.output.shape.drain(..1)));
    gives_the_same_for_any_input breaks "EXE-001": Gave(|given| given.output.digest = Digest::of(b""));
    answers_losses_that_do_not_fall breaks "EXE-002": Ran(|workflow| workflow.train_loss.reverse());
    goes_on_from_the_last_training breaks "EXE-002": RanAgain(|config| {
        if let Some(Value::Int(epochs)) = config.values.get_mut("nepochs") {
            *epochs *= 2;
        }
    });
    ignores_the_seed breaks "EXE-002": Configured(|config| {
        config.values.insert("subsample_seed".to_owned(), Value::Int(1));
    });
    gives_other_output_after_a_load breaks "EXE-003": GaveLoaded(|given| {
        given.output.digest = Digest::of(given.output.digest.to_string().as_bytes());
    });
    takes_inputs_of_any_shape breaks "EXE-004": GaveAnyway(|cause| {
        (cause.kind == RefusalKind::Mismatch).then(|| Output { output: nothing() })
    });
    hides_which_shape_it_takes breaks "EXE-005": NotGiven(|cause| Instead::hidden(cause.kind == RefusalKind::Mismatch, "the inputs do not fit"));
}

fn nothing() -> TensorDescription {
    TensorDescription { dtype: Dtype::Complex64, shape: vec![0], digest: Digest::of(b"") }
}
