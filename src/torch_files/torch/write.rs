//! Writes a `model.pth` that `torch.load(weights_only=True)` accepts.

use std::io::{Seek, Write};

use crate::{
    torch_files::{
        FormatError, ModelState, Tensor,
        pickle::{Protocol, Writer, storage_class, write_value},
        zip::writer::{ArchiveWriter, Placement},
    },
    value::Value,
};

/// Writes a state: stored entries under `archive/`, aligned as torch aligns them, with one storage for each tensor.
///
/// The same state gives the same bytes (BUN-015). Tensors keep their order.
///
/// # Errors
/// When the underlying writer fails; `unsupported` for a value of a sentinel that only its repr describes.
pub fn write(state: &ModelState, writer: impl Write + Seek) -> Result<(), FormatError> {
    let mut archive = ArchiveWriter::new(writer, Placement::Aligned);
    let pickle = match state {
        ModelState::Network(tensors) => {
            let mut writer = Writer::new(Protocol::Two);
            writer.ordered_dict();
            writer.items(
                tensors.iter().enumerate().map(|(key, (name, tensor))| (name, (key, tensor))),
                describe,
            );
            writer.finish()?
        }
        ModelState::Sentinel(map) => write_value(&Value::Map(map.clone()), Protocol::Two)?,
    };
    archive.entry("archive/data.pkl", &pickle)?;
    archive.entry("archive/byteorder", b"little")?;
    if let ModelState::Network(tensors) = state {
        for (key, tensor) in tensors.values().enumerate() {
            archive.entry(&format!("archive/data/{key}"), tensor.data())?;
        }
    }
    archive.entry("archive/version", b"3\n")?;
    archive.finish()?;
    Ok(())
}

/// `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`; for an element type without a storage class
/// `_rebuild_tensor_v3` with an untyped storage, whose size is in bytes, and the type as a further argument.
fn describe(writer: &mut Writer, (key, tensor): (usize, &Tensor)) {
    let shape: Vec<i64> = tensor.shape().iter().map(|side| *side as i64).collect();
    let class = storage_class(tensor.dtype());
    let elements = (tensor.data().len() / class.map_or(1, |_| tensor.dtype().size())) as i64;
    let tuple = |writer: &mut Writer, sizes: &[i64]| {
        writer.tuple(|writer| sizes.iter().for_each(|size| writer.int(*size)));
    };
    let function = if class.is_some() { "_rebuild_tensor_v2" } else { "_rebuild_tensor_v3" };
    writer.global("torch._utils", function);
    writer.tuple(|writer| {
        writer.tuple(|writer| {
            writer.text("storage");
            match class {
                Some(class) => writer.global("torch", class),
                None => writer.global("torch.storage", "UntypedStorage"),
            }
            writer.text(&key.to_string());
            writer.text("cpu");
            writer.int(elements);
        });
        writer.persistent();
        writer.int(0);
        tuple(writer, &shape);
        tuple(writer, &strides(&shape));
        writer.bool(false);
        writer.ordered_dict();
        if class.is_none() {
            writer.global("torch", tensor.dtype().name());
        }
    });
    writer.reduce();
}

/// The strides of a contiguous tensor, in elements. As in torch, a dimension of 0 counts as 1 here.
fn strides(shape: &[i64]) -> Vec<i64> {
    let mut stride = 1i64;
    let mut strides: Vec<i64> = Vec::with_capacity(shape.len());
    for side in shape.iter().rev() {
        strides.push(stride);
        stride = stride.saturating_mul((*side).max(1));
    }
    strides.reverse();
    strides
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use super::*;
    use crate::torch_files::{Dtype, StateDict};

    #[test]
    fn the_same_state_gives_the_same_bytes_with_aligned_storages() {
        let tensor = Tensor::new(Dtype::Uint8, vec![4], b"here".to_vec()).unwrap();
        let state =
            ModelState::Network(StateDict::from_iter([("a".into(), tensor.clone()), ("b".into(), tensor)]));
        let bytes = [(); 2].map(|()| {
            let mut file = Cursor::new(Vec::new());
            write(&state, &mut file).unwrap();
            file.into_inner()
        });
        assert_eq!(bytes[0], bytes[1]);
        let places = bytes[0].windows(4).enumerate().filter(|(_, four)| four == b"here");
        assert!(places.map(|(at, _)| at % 64).eq([0, 0]));
    }

    #[test]
    fn strides_count_a_dimension_of_zero_as_one() {
        assert_eq!(strides(&[2, 0, 3]), [3, 3, 1]);
        assert!(strides(&[]).is_empty());
    }
}
