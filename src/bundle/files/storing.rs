//! Weights stored in other ways than our writer stores them: some that torch reads to the same values, and some that
//! point outside of their storages.

use std::{borrow::Cow, io::Cursor};

use serde::Deserialize;

use crate::torch_files::{
    Dtype, FormatError, StateDict,
    torch::{
        view::View,
        write::{Storage, StoredState, StoredTensor, strides},
    },
};

/// Each side of a tensor that is far larger than its storage: 2^20.
const HUGE_SIDE: i64 = 1 << 20;

/// A way to store the tensors of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storing {
    /// The first index varies fastest, with strides that say so. The same values.
    ColumnMajor,
    /// All tensors of an element type are in one storage, one after the other. The same values.
    SharedStorages,
    /// A plain dict in place of an `OrderedDict`. The same values.
    PlainDict,
    /// Each tensor is a parameter. The same values.
    Parameters,
    /// Storages are bytes, and each tensor has its element type. The same values.
    UntypedStorages,
    /// The most significant byte of each number comes first. The same values.
    BigEndian,
    /// The first tensor begins one element later, so that its last element is outside of its storage.
    PastTheEnd,
    /// The first tensor begins before its storage.
    NegativeOffset,
    /// The first tensor has its elements backwards, with a negative stride.
    NegativeStride,
    /// The first tensor has 2^40 elements, all of which are the first element of its storage.
    Expanded,
    /// The storage of the first tensor is missing.
    MissingStorage,
}

impl Storing {
    /// The `model.pth` of these tensors, and the name of the tensor that it is about: the first with elements, if only one
    /// is stored otherwise. `None` if there is no such tensor.
    pub(super) fn store(self, tensors: &StateDict) -> Result<Option<(Vec<u8>, String)>, FormatError> {
        let found = tensors.values().position(|tensor| !tensor.data().is_empty());
        let Some((at, (name, _))) = found.and_then(|at| Some((at, tensors.get_index(at)?))) else {
            return Ok(None);
        };
        let mut state = StoredState::of(tensors);
        match self {
            Self::ColumnMajor => column_major(tensors, &mut state),
            Self::SharedStorages => share(tensors, &mut state),
            Self::PlainDict => state.is_ordered = false,
            Self::Parameters => state.has_parameters = true,
            Self::UntypedStorages => state.is_untyped = true,
            Self::BigEndian => big_endian(tensors, &mut state),
            Self::PastTheEnd => change(&mut state, at, |stored| stored.offset = 1),
            Self::NegativeOffset => change(&mut state, at, |stored| stored.offset = -1),
            Self::NegativeStride => change(&mut state, at, |stored| {
                // The stride of a single element does not matter, so there are two.
                let side = stored.shape.pop().unwrap_or_default().max(2);
                stored.shape.push(side);
                stored.strides.pop();
                stored.strides.push(-1);
                stored.offset = side - 1;
            }),
            Self::Expanded => change(&mut state, at, |stored| {
                stored.shape = vec![HUGE_SIDE; 2];
                stored.strides = vec![0; 2];
            }),
            Self::MissingStorage => {
                if let Some(storage) = state.storages.get_mut(at) {
                    storage.data = None;
                }
            }
        }
        let mut file = Cursor::new(Vec::new());
        state.write(&mut file)?;
        Ok(Some((file.into_inner(), name.clone())))
    }
}

fn change(state: &mut StoredState<'_>, at: usize, change: impl FnOnce(&mut StoredTensor)) {
    if let Some((_, stored)) = state.tensors.get_mut(at) {
        change(stored);
    }
}

fn column_major(tensors: &StateDict, state: &mut StoredState<'_>) {
    let each = tensors.values().zip(&mut state.tensors).zip(&mut state.storages);
    for ((tensor, (_, stored)), storage) in each.filter(|((tensor, _), _)| !tensor.data().is_empty()) {
        let reversed = |sizes: &[i64]| sizes.iter().rev().map(|size| *size as usize).collect::<Vec<_>>();
        let (size, elements) = (tensor.dtype().size(), tensor.data().len() / tensor.dtype().size());
        let view = View::new(0, reversed(&stored.shape), reversed(&stored.strides), elements);
        // The view has the elements that there are, so it is inside of them.
        let Some(data) = view.ok().and_then(|view| view.copy(tensor.data(), size)) else { continue };
        storage.data = Some(Cow::Owned(data));
        stored.shape.reverse();
        stored.strides = strides(&stored.shape);
        stored.shape.reverse();
        stored.strides.reverse();
    }
}

fn share(tensors: &StateDict, state: &mut StoredState<'_>) {
    let mut shared: Vec<(Dtype, Vec<u8>)> = Vec::new();
    for (tensor, (_, stored)) in tensors.values().zip(&mut state.tensors) {
        let known = shared.iter().position(|(dtype, _)| *dtype == tensor.dtype());
        stored.storage = known.unwrap_or(shared.len());
        if known.is_none() {
            shared.push((tensor.dtype(), Vec::new()));
        }
        if let Some((_, bytes)) = shared.get_mut(stored.storage) {
            stored.offset = (bytes.len() / tensor.dtype().size()) as i64;
            bytes.extend_from_slice(tensor.data());
        }
    }
    let storage =
        |(_, bytes): (Dtype, Vec<u8>)| Storage { bytes: bytes.len(), data: Some(Cow::Owned(bytes)) };
    state.storages = shared.into_iter().map(storage).collect();
}

fn big_endian(tensors: &StateDict, state: &mut StoredState<'_>) {
    for (tensor, storage) in tensors.values().zip(&mut state.storages) {
        let numbers = tensor.data().chunks(tensor.dtype().part().max(1));
        storage.data = Some(Cow::Owned(numbers.flat_map(|number| number.iter().rev().copied()).collect()));
    }
    state.byte_order = "big";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::torch_files::{FormatErrorKind as Kind, ModelState, Tensor, torch};

    fn tensors() -> StateDict {
        let matrix = Tensor::new(Dtype::Float32, vec![2, 3], (0..24).collect::<Vec<u8>>()).unwrap();
        let number = Tensor::new(Dtype::Int64, vec![], vec![9; 8]).unwrap();
        let complex = Tensor::new(Dtype::Complex64, vec![3, 1, 2], (100..148).collect::<Vec<u8>>()).unwrap();
        let row = Tensor::new(Dtype::Float32, vec![2], vec![7; 8]).unwrap();
        let all = [("matrix", matrix), ("number", number), ("complex", complex), ("row", row)];
        all.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
    }

    fn stored(how: Storing) -> Vec<u8> {
        let (bytes, name) = how.store(&tensors()).unwrap().unwrap();
        assert_eq!(name, "matrix");
        bytes
    }

    #[rstest]
    fn the_values_are_the_same(
        #[values(
            Storing::ColumnMajor,
            Storing::SharedStorages,
            Storing::PlainDict,
            Storing::Parameters,
            Storing::UntypedStorages,
            Storing::BigEndian
        )]
        how: Storing,
    ) {
        let bytes = stored(how);
        assert_eq!(torch::read(Cursor::new(&bytes)).unwrap(), ModelState::Network(tensors()));
        let mut plain = Cursor::new(Vec::new());
        torch::write(&ModelState::Network(tensors()), &mut plain).unwrap();
        assert_ne!(bytes, plain.into_inner());
    }

    #[rstest]
    #[case::past_the_end(Storing::PastTheEnd, |kind: &Kind| matches!(kind, Kind::Storage(_)))]
    #[case::negative_offset(Storing::NegativeOffset, |kind: &Kind| matches!(kind, Kind::Storage(_) | Kind::Unexpected { .. }))]
    #[case::negative_stride(Storing::NegativeStride, |kind: &Kind| matches!(kind, Kind::Storage(_) | Kind::Unexpected { .. }))]
    #[case::expanded(Storing::Expanded, |kind: &Kind| matches!(kind, Kind::Limit { .. }))]
    #[case::missing_storage(Storing::MissingStorage, |kind: &Kind| matches!(kind, Kind::MissingEntry(_)))]
    fn a_tensor_outside_of_its_storage_is_refused(#[case] how: Storing, #[case] is: fn(&Kind) -> bool) {
        let error = torch::read(Cursor::new(stored(how))).unwrap_err();
        assert!(is(&error.kind), "{error:?}");
    }

    #[test]
    fn without_a_tensor_nothing_is_stored() {
        assert!(Storing::PlainDict.store(&StateDict::new()).unwrap().is_none());
    }
}
