//! Mutants of saves: section B of the contract.

use std::fs;

use super::mutant::mutants;
use crate::{
    bundle::nouns::Bundle,
    torch_files::{ModelState, Tensor},
};

mutants! {
    leaves_an_empty_directory breaks "BUN-001": SavedBeside(|path| {
        let _ = fs::create_dir(path.with_file_name("staging"));
    });
    saves_tensors_flat breaks "BUN-010": Saved(|bundle, _| change_tensors(bundle, |tensor| {
        let elements = tensor.data().len() / tensor.dtype().size();
        Tensor::new(tensor.dtype(), vec![elements], tensor.data().to_vec())
    }));
    saves_no_buffers breaks "BUN-010": Saved(|bundle, _| {
        for model in bundle.models.values_mut() {
            if let ModelState::Network(tensors) = &mut model.state {
                tensors.retain(|name, _| !name.contains("running_") && !name.contains("num_batches"));
            }
        }
    });
    saves_tensors_in_changing_order breaks "BUN-015": Saved(|bundle, saves| {
        for model in bundle.models.values_mut() {
            if let ModelState::Network(tensors) = &mut model.state && saves % 2 == 0 {
                tensors.reverse();
            }
        }
    });
}

/// Replaces each tensor for which `change` returns another one.
fn change_tensors(bundle: &mut Bundle, change: fn(&Tensor) -> Option<Tensor>) {
    for model in bundle.models.values_mut() {
        if let ModelState::Network(tensors) = &mut model.state {
            for tensor in tensors.values_mut() {
                if let Some(changed) = change(tensor) {
                    *tensor = changed;
                }
            }
        }
    }
}
