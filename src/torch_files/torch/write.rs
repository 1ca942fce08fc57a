//! Writes a `model.pth` that `torch.load(weights_only=True)` accepts.

use std::{
    borrow::Cow,
    io::{Seek, Write},
};

use crate::{
    torch_files::{
        Dtype, FormatError, ModelState, StateDict, Tensor,
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
    match state {
        ModelState::Network(tensors) => StoredState::of(tensors).write(writer),
        ModelState::Sentinel(map) => {
            write_archive(&write_value(&Value::Map(map.clone()), Protocol::Two)?, "little", &[], writer)
        }
    }
}

/// A state dict as it is stored: how its pickle describes the tensors, and the storages.
pub(crate) struct StoredState<'t> {
    pub(crate) tensors: Vec<(&'t str, StoredTensor)>,
    pub(crate) storages: Vec<Storage<'t>>,
    /// Whether it is an `OrderedDict`, as torch writes it, or a plain dict.
    pub(crate) is_ordered: bool,
    /// Whether its tensors are parameters, which require gradients where their type allows that.
    pub(crate) has_parameters: bool,
    /// Whether storages have no element type of their own.
    pub(crate) is_untyped: bool,
    /// What `byteorder` contains.
    pub(crate) byte_order: &'static str,
}

/// A tensor in a pickle. Offset and strides count elements, and nothing checks that they are inside of the storage.
pub(crate) struct StoredTensor {
    pub(crate) dtype: Dtype,
    pub(crate) storage: usize,
    pub(crate) offset: i64,
    pub(crate) shape: Vec<i64>,
    pub(crate) strides: Vec<i64>,
}

/// The elements that tensors refer to.
pub(crate) struct Storage<'t> {
    /// How many bytes the pickle says that it has.
    pub(crate) bytes: usize,
    /// The entry; None for a storage without one.
    pub(crate) data: Option<Cow<'t, [u8]>>,
}

impl<'t> StoredState<'t> {
    /// As torch stores it: each tensor has a storage of its own, in which its elements are in their order.
    pub(crate) fn of(tensors: &'t StateDict) -> Self {
        let described = |(storage, (name, tensor)): (usize, (&'t String, &Tensor))| {
            let shape: Vec<i64> = tensor.shape().iter().map(|side| *side as i64).collect();
            let strides = strides(&shape);
            (name.as_str(), StoredTensor { dtype: tensor.dtype(), storage, offset: 0, shape, strides })
        };
        let storage = |tensor: &'t Tensor| Storage {
            bytes: tensor.data().len(),
            data: Some(Cow::Borrowed(tensor.data())),
        };
        Self {
            tensors: tensors.iter().enumerate().map(described).collect(),
            storages: tensors.values().map(storage).collect(),
            is_ordered: true,
            has_parameters: false,
            is_untyped: false,
            byte_order: "little",
        }
    }

    /// Writes the file.
    pub(crate) fn write(&self, writer: impl Write + Seek) -> Result<(), FormatError> {
        let mut pickle = Writer::new(Protocol::Two);
        if self.is_ordered {
            pickle.ordered_dict()
        } else {
            pickle.dict()
        }
        let items = self.tensors.iter().map(|(name, tensor)| (*name, tensor));
        pickle.items(items, |writer, tensor| self.object(writer, tensor));
        write_archive(&pickle.finish()?, self.byte_order, &self.storages, writer)
    }

    /// A tensor, or the parameter that has it.
    fn object(&self, writer: &mut Writer, tensor: &StoredTensor) {
        if !self.has_parameters {
            return self.tensor(writer, tensor);
        }
        writer.global("torch._utils", "_rebuild_parameter");
        writer.tuple(|writer| {
            self.tensor(writer, tensor);
            writer.bool(tensor.dtype.has_gradients());
            writer.ordered_dict();
        });
        writer.reduce();
    }

    /// `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`; for an untyped storage, whose size is in
    /// bytes, `_rebuild_tensor_v3` with the type as a further argument. Newer element types have no class of storages.
    fn tensor(&self, writer: &mut Writer, tensor: &StoredTensor) {
        let class = storage_class(tensor.dtype).filter(|_| !self.is_untyped);
        let bytes = self.storages.get(tensor.storage).map_or(0, |storage| storage.bytes);
        let elements = (bytes / class.map_or(1, |_| tensor.dtype.size())) as i64;
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
                writer.text(&tensor.storage.to_string());
                writer.text("cpu");
                writer.int(elements);
            });
            writer.persistent();
            writer.int(tensor.offset);
            tuple(writer, &tensor.shape);
            tuple(writer, &tensor.strides);
            writer.bool(false);
            writer.ordered_dict();
            if class.is_none() {
                writer.global("torch", tensor.dtype.name());
            }
        });
        writer.reduce();
    }
}

fn write_archive(
    pickle: &[u8],
    byte_order: &str,
    storages: &[Storage<'_>],
    writer: impl Write + Seek,
) -> Result<(), FormatError> {
    let mut archive = ArchiveWriter::new(writer, Placement::Aligned);
    archive.entry("archive/data.pkl", pickle)?;
    archive.entry("archive/byteorder", byte_order.as_bytes())?;
    for (key, storage) in storages.iter().enumerate() {
        if let Some(data) = &storage.data {
            archive.entry(&format!("archive/data/{key}"), data)?;
        }
    }
    archive.entry("archive/version", b"3\n")?;
    archive.finish()?;
    Ok(())
}

/// The strides of a contiguous tensor, in elements. As in torch, a dimension of 0 counts as 1 here.
pub(crate) fn strides(shape: &[i64]) -> Vec<i64> {
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
