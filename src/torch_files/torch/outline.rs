//! The outline of a state dict: its tensors, and the location of their elements.

use std::ops::Range;

use indexmap::IndexMap;

use super::{lazy::Lazy, view::View};
use crate::{
    torch_files::{
        Dtype, FormatError,
        error::within,
        limits::{MAX_COPY_RATIO, MAX_VIEW_RATIO, MIN_VIEW_BYTES},
    },
    value::Map,
};

type Result<T> = std::result::Result<T, FormatError>;

/// The content of a `model.pth` without the elements of its tensors (BUN-010).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// A network: its tensors, and the storages that they view.
    Network(NetworkOutline),
    /// The complete sentinel dictionary.
    Sentinel(Map),
}

/// The tensors of a network and their storages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkOutline {
    /// The tensors by name, in registration order.
    pub tensors: IndexMap<String, TensorOutline>,
    /// The storages, in the order in which tensors first refer to them.
    pub storages: Vec<StorageOutline>,
    /// What modules saved in addition to tensors (`get_extra_state`), by name.
    pub extra: Map,
    /// The offset in its pickle, in bytes, and the name of the first opcode that `torch.load(weights_only=True)` lacks.
    pub beyond: Option<(u64, &'static str)>,
    /// Whether the elements are stored with the most significant byte first.
    pub(super) big_endian: bool,
}

/// One tensor: a view of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorOutline {
    /// The element type, which is also that of the storage.
    pub dtype: Dtype,
    /// The index of the storage in [`NetworkOutline::storages`].
    pub storage: usize,
    /// What torch does with the stored elements when it reads them.
    pub lazy: Lazy,
    pub(crate) view: View,
}

/// One storage: consecutive elements in one entry of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageOutline {
    /// The entry with the bytes; in a file of the format before PyTorch 1.6, which has no entries, the storage's key.
    pub entry: String,
    /// The element type.
    pub dtype: Dtype,
    /// The number of bytes.
    pub bytes: u64,
}

impl TensorOutline {
    /// The length of each dimension, in elements.
    pub fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.view.elements()
    }

    /// Bytes of all elements, without gaps.
    pub fn bytes(&self) -> u64 {
        (self.view.elements() as u64).saturating_mul(self.dtype.size() as u64)
    }

    /// The range of the storage, in elements, whose bytes are those of the tensor.
    pub(crate) fn row(&self) -> Option<Range<usize>> {
        self.view.row().filter(|_| self.lazy == Lazy::default())
    }

    /// The bytes of the elements without gaps, from those of the whole storage.
    pub(crate) fn copy(&self, storage: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = self.view.copy(storage, self.dtype.size())?;
        self.lazy.apply(self.dtype, &mut bytes);
        Some(bytes)
    }
}

impl StorageOutline {
    /// The number of whole elements.
    pub(super) fn elements(&self) -> usize {
        usize::try_from(self.bytes / self.dtype.size() as u64).unwrap_or(usize::MAX)
    }
}

impl NetworkOutline {
    /// Refuses tensors with many more bytes than the storages that they view, before any tensor is allocated.
    pub(super) fn bounded(&self) -> Result<()> {
        let sum = |bytes: &mut dyn Iterator<Item = u64>| bytes.fold(0, u64::saturating_add);
        let storages = sum(&mut self.storages.iter().map(|storage| storage.bytes));
        let allowed = |ratio| storages.saturating_mul(ratio).max(MIN_VIEW_BYTES);
        let copied = |tensor: &&TensorOutline| !self.is_whole(tensor);
        let all = sum(&mut self.tensors.values().map(TensorOutline::bytes));
        within("bytes of tensors", all, allowed(MAX_VIEW_RATIO))?;
        let copies = sum(&mut self.tensors.values().filter(copied).map(TensorOutline::bytes));
        Ok(within("bytes of copied tensors", copies, allowed(MAX_COPY_RATIO))?)
    }

    /// Whether a tensor covers its whole storage in storage order.
    pub(crate) fn is_whole(&self, tensor: &TensorOutline) -> bool {
        let storage = self.storages.get(tensor.storage);
        storage.is_some_and(|storage| {
            tensor.bytes() == storage.bytes && tensor.row() == Some(0..tensor.elements())
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::torch_files::FormatErrorKind as Kind;

    #[test]
    fn a_tensor_counts_its_view_and_a_storage_its_whole_elements() {
        let view = View::new(1, vec![3, 2], vec![2, 1], 100).unwrap();
        let tensor = TensorOutline { dtype: Dtype::Int16, storage: 0, lazy: Lazy::default(), view };
        assert_eq!((tensor.elements(), tensor.bytes()), (6, 12));
        let storage = StorageOutline { entry: String::new(), dtype: Dtype::Int16, bytes: 201 };
        assert_eq!(storage.elements(), 100);
    }

    #[test]
    fn copies_are_bounded_more_tightly_than_whole_views() {
        let network = |whole: usize, copies: usize| {
            let elements = 20 << 20;
            let view = |offset| View::new(offset, vec![elements - offset], vec![1], elements).unwrap();
            let tensor = |n: usize, offset| {
                let (lazy, view) = (Lazy::default(), view(offset));
                (n.to_string(), TensorOutline { dtype: Dtype::Uint8, storage: 0, lazy, view })
            };
            let bytes = elements as u64;
            let storage = StorageOutline { entry: String::new(), dtype: Dtype::Uint8, bytes };
            NetworkOutline {
                tensors: (0..whole + copies).map(|n| tensor(n, usize::from(n < copies))).collect(),
                storages: vec![storage],
                ..Default::default()
            }
            .bounded()
        };
        assert!(network(64, 0).is_ok() && network(0, 2).is_ok());
        assert!(matches!(network(65, 0).unwrap_err().kind, Kind::Limit { what: "bytes of tensors", .. }));
        assert!(matches!(
            network(0, 3).unwrap_err().kind,
            Kind::Limit { what: "bytes of copied tensors", .. }
        ));
    }
}
