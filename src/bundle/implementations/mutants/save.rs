//! Mutants of saves: section B of the contract.

use std::{
    fs,
    io::{Cursor, Write as _},
    path::Path,
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::mutant::mutants;
use crate::{
    bundle::nouns::{Bundle, ROLES, Rule, VERSION_KEY, params_entry},
    torch_files::{Dtype, ModelState, Tensor, zip::Archive},
    value::Value,
};

mutants! {
    leaves_a_temporary_file breaks "BUN-001": SavedBeside(|archive| {
        let _ = fs::write(archive.with_extension("tmp"), "left");
    });
    saves_the_params_of_one_model breaks "BUN-002": SavedBeside(|archive| without_entry(archive, &params_entry(ROLES[1])));
    lists_models_backwards breaks "BUN-003": Saved(|bundle, _| bundle.models.reverse());
    writes_another_version breaks "BUN-003": Saved(|bundle, _| bundle.version = "2.0".to_owned());
    saves_nothing_as_a_bundle breaks "BUN-006": SavedAnyway(|cause| cause.broke(Rule::AnyModel));
    saves_no_scale breaks "BUN-007": Saved(|bundle, _| forget(bundle, "intensity_scale"));
    saves_no_version breaks "BUN-007": Saved(|bundle, _| forget(bundle, VERSION_KEY));
    saves_fields_under_their_own_names breaks "BUN-007": Saved(|bundle, _| {
        for model in bundle.models.values_mut() {
            if let Some(big) = model.params.shift_remove("object.big") {
                model.params.insert("object_big".to_owned(), big);
            }
        }
    });
    saves_numbers_as_text breaks "BUN-007": Saved(|bundle, _| {
        for model in bundle.models.values_mut() {
            if let Some(photons) = model.params.get_mut("nphotons") {
                *photons = Value::Text(photons.to_string());
            }
        }
    });
    saves_path_objects breaks "CFG-015" as "main and refactor: an inference configuration": Saved(|bundle, _| {
        for model in bundle.models.values_mut() {
            if let Some(Value::Text(path)) = model.params.shift_remove("model_path") {
                model.params.insert("model_path".to_owned(), Value::Path(path));
            }
        }
    });
    saves_in_half_precision breaks "BUN-010": Saved(|bundle, _| change_tensors(bundle, |tensor| {
        let halves = |bytes: &[u8; 4]| half::f16::from_f32(f32::from_le_bytes(*bytes)).to_le_bytes();
        let data: Vec<u8> = tensor.data().as_chunks().0.iter().flat_map(halves).collect();
        Tensor::new(Dtype::Float16, tensor.shape().to_vec(), data).filter(|_| tensor.dtype() == Dtype::Float32)
    }));
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
    saves_the_networks_in_each_others_place breaks "BUN-010": Saved(|bundle, _| {
        if let [Some(a), Some(b)] = bundle.models.get_disjoint_mut(ROLES) {
            std::mem::swap(&mut a.state, &mut b.state);
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

fn forget(bundle: &mut Bundle, key: &str) {
    for model in bundle.models.values_mut() {
        model.params.shift_remove(key);
    }
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

/// Rewrites an archive without one of its entries. On an error the archive stays unchanged.
fn without_entry(archive: &Path, entry: &str) {
    let write = || {
        let mut from = Archive::open(archive)?;
        let names: Vec<String> = from.names().filter(|name| *name != entry).map(str::to_owned).collect();
        let mut to = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for name in names {
            to.start_file(&name, options).map_err(std::io::Error::from)?;
            to.write_all(&from.read(&name, u64::MAX)?)?;
        }
        fs::write(archive, to.finish().map_err(std::io::Error::from)?.into_inner())?;
        Ok::<(), crate::torch_files::FormatError>(())
    };
    let _ = write();
}
