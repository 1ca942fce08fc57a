//! What a wrong tensor has to do with the expected one: rounded, transposed, permuted, of another type, or how far off.

use super::element_difference::{ElementDifference, Place, values};
use crate::torch_files::{Dtype, Numbers, Tensor};

/// The largest tensor that is compared, in bytes.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// The float types, whose values are converted into each other.
const FLOATS: [Dtype; 4] = [Dtype::Float64, Dtype::Float32, Dtype::Float16, Dtype::Bfloat16];

/// How the found tensor comes from the expected one; None if they have equal bytes, types and shapes.
pub(super) fn resemblance(expected: &Tensor, found: &Tensor) -> Option<String> {
    if expected == found {
        return None;
    }
    let derived = derivations(expected).into_iter().find(|(_, derived)| same(derived, found));
    if let Some((how, _)) = derived {
        return Some(format!("the expected values {how}"));
    }
    if expected.data() == found.data() && expected.dtype() == found.dtype() {
        let shapes = (found.shape(), expected.shape());
        return Some(format!("the expected bytes in the shape {:?} in place of {:?}", shapes.0, shapes.1));
    }
    if expected.dtype() == found.dtype() && is_permuted(expected, found) {
        return Some("the expected elements in another order".to_owned());
    }
    (expected.shape() == found.shape()).then(|| elements(expected, found))
}

/// What the tensor is known to be without the other one: a tensor whose elements all fit into a smaller type was probably
/// rounded.
pub(super) fn looks_rounded(found: &Tensor) -> Option<Dtype> {
    let is_wide = matches!(found.dtype(), Dtype::Float64 | Dtype::Float32);
    let zero = values(found).iter().all(|value| *value == 0.0);
    if !is_wide || zero || found.data().len() > MAX_BYTES {
        return None;
    }
    [Dtype::Float16, Dtype::Bfloat16].into_iter().find(|dtype| {
        converted(found, *dtype).and_then(|small| converted(&small, found.dtype())).as_ref() == Some(found)
    })
}

/// Every tensor that is derived from this one in a known way, with the way as the end of `the expected values ...`.
pub(super) fn derivations(tensor: &Tensor) -> Vec<(String, Tensor)> {
    if tensor.data().len() > MAX_BYTES {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut add = |how: String, derived: Option<Tensor>| {
        all.extend(derived.filter(|derived| derived != tensor).map(|derived| (how, derived)));
    };
    for dtype in FLOATS.into_iter().filter(|dtype| *dtype != tensor.dtype()) {
        let other = converted(tensor, dtype);
        if dtype.size() < tensor.dtype().size() {
            let back = other.as_ref().and_then(|other| converted(other, tensor.dtype()));
            add(format!("rounded to {dtype} and back"), back);
            add(format!("rounded to {dtype}"), other);
        } else {
            add(format!("as {dtype}"), other);
        }
    }
    add("transposed".to_owned(), transposed(tensor));
    add("backwards".to_owned(), Tensor::new(tensor.dtype(), tensor.shape().to_vec(), backwards(tensor)));
    add("without the sign of zero".to_owned(), without_zero_signs(tensor));
    all
}

/// Whether both have equal elements; shapes may differ where one was transposed in place.
fn same(derived: &Tensor, found: &Tensor) -> bool {
    derived.dtype() == found.dtype() && derived.data() == found.data()
}

/// The values as elements of another float type, rounded to the nearest; None for any other type.
fn converted(tensor: &Tensor, to: Dtype) -> Option<Tensor> {
    if !FLOATS.contains(&tensor.dtype()) {
        return None;
    }
    let all: Option<Vec<Vec<u8>>> = values(tensor).into_iter().map(|value| to.encode(value)).collect();
    Tensor::new(to, tensor.shape().to_vec(), all?.concat())
}

/// The tensor with its last two dimensions exchanged.
fn transposed(tensor: &Tensor) -> Option<Tensor> {
    let [outer @ .., rows, columns] = tensor.shape() else { return None };
    let (rows, columns, size) = (*rows, *columns, tensor.dtype().size());
    let mut data = Vec::with_capacity(tensor.data().len());
    for matrix in tensor.data().chunks((rows * columns * size).max(1)) {
        for column in 0..columns {
            let of_row =
                |row: usize| matrix.get((row * columns + column) * size..).and_then(|rest| rest.get(..size));
            (0..rows).filter_map(of_row).for_each(|element| data.extend_from_slice(element));
        }
    }
    Tensor::new(tensor.dtype(), [outer, &[columns, rows]].concat(), data)
}

fn backwards(tensor: &Tensor) -> Vec<u8> {
    tensor.data().rchunks(tensor.dtype().size()).flatten().copied().collect()
}

fn without_zero_signs(tensor: &Tensor) -> Option<Tensor> {
    if !FLOATS.contains(&tensor.dtype()) {
        return None;
    }
    let size = tensor.dtype().size();
    let is_zero = values(tensor).into_iter().map(|value| value == 0.0);
    let mut data = tensor.data().to_vec();
    for (element, _) in data.chunks_mut(size).zip(is_zero).filter(|(_, is_zero)| *is_zero) {
        element.fill(0);
    }
    Tensor::new(tensor.dtype(), tensor.shape().to_vec(), data)
}

fn is_permuted(expected: &Tensor, found: &Tensor) -> bool {
    let [left, right] = [expected, found].map(|tensor| {
        let mut elements: Vec<&[u8]> = tensor.data().chunks(tensor.dtype().size()).collect();
        elements.sort_unstable();
        elements
    });
    left == right
}

/// `3 of 9 elements differ, by at most 0.5 at [1, 2]: 1.5 in place of 1.0`.
fn elements(expected: &Tensor, found: &Tensor) -> String {
    let difference = ElementDifference::of(expected, found);
    let ElementDifference { changed, of, largest, first, only_zero_signs, only_nan_bits } = difference;
    let differ = format!("{changed} of {of} elements differ");
    let at = |place: &Place| {
        let index = place_of(place.index, expected);
        format!("at {index:?}: {} in place of {}", place.right, place.left)
    };
    match (&largest, &first) {
        (_, Some(first)) if only_zero_signs => {
            format!("{differ}, only in the sign of zero, first at {:?}", place_of(first.index, expected))
        }
        (_, Some(first)) if only_nan_bits => {
            format!("{differ}, only in the bits of NaN, first at {:?}", place_of(first.index, expected))
        }
        (Some(largest), _) => {
            format!("{differ}, by at most {} {}", largest.distance(), at(largest))
        }
        (None, Some(first)) => format!("{differ}, first {}", at(first)),
        (None, None) => format!("of type {} in place of {}", found.dtype(), expected.dtype()),
    }
}

/// The subscripts of a number.
fn place_of(index: usize, tensor: &Tensor) -> Vec<usize> {
    let is_complex = tensor.dtype().numbers() == Numbers::Complex;
    let mut rest = if is_complex { index / 2 } else { index };
    let mut place: Vec<usize> = tensor
        .shape()
        .iter()
        .rev()
        .map(|side| {
            let side = (*side).max(1);
            let at = rest % side;
            rest /= side;
            at
        })
        .collect();
    place.reverse();
    place
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn floats(shape: &[usize], values: &[f32]) -> Tensor {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::new(Dtype::Float32, shape.to_vec(), bytes).unwrap()
    }

    fn expected() -> Tensor {
        floats(&[2, 3], &[0.1, -0.0, 2.5, 3.3, -4.7, 1e-3])
    }

    #[rstest]
    #[case(converted(&converted(&expected(), Dtype::Float16).unwrap(), Dtype::Float32).unwrap(), "the expected values rounded to float16 and back")]
    #[case(converted(&converted(&expected(), Dtype::Bfloat16).unwrap(), Dtype::Float32).unwrap(), "the expected values rounded to bfloat16 and back")]
    #[case(converted(&expected(), Dtype::Bfloat16).unwrap(), "the expected values rounded to bfloat16")]
    #[case(converted(&expected(), Dtype::Float64).unwrap(), "the expected values as float64")]
    #[case(floats(&[3, 2], &[0.1, 3.3, -0.0, -4.7, 2.5, 1e-3]), "the expected values transposed")]
    #[case(floats(&[2, 3], &[0.1, 3.3, -0.0, -4.7, 2.5, 1e-3]), "the expected values transposed")]
    #[case(floats(&[2, 3], &[1e-3, -4.7, 3.3, 2.5, -0.0, 0.1]), "the expected values backwards")]
    #[case(floats(&[2, 3], &[0.1, 0.0, 2.5, 3.3, -4.7, 1e-3]), "the expected values without the sign of zero")]
    #[case(floats(&[2, 3], &[2.5, -0.0, 0.1, 3.3, -4.7, 1e-3]), "the expected elements in another order")]
    #[case(floats(&[3, 2], &[0.1, -0.0, 2.5, 3.3, -4.7, 1e-3]), "the expected bytes in the shape [3, 2] in place of [2, 3]")]
    #[case(floats(&[2, 3], &[0.1, -0.0, 2.5, 3.5, -4.7, 5.0]), "2 of 6 elements differ, by at most 4.9989")]
    #[case(floats(&[2, 3], &[0.1, -0.0, f32::NAN, 3.3, -4.7, 1e-3]), "1 of 6 elements differ, first at [0, 2]: NaN in place of 2.5")]
    fn a_wrong_tensor_is_described_by_what_became_of_the_expected_one(
        #[case] found: Tensor,
        #[case] said: &str,
    ) {
        let found = resemblance(&expected(), &found).unwrap();
        assert!(found.starts_with(said), "{found}");
    }

    #[test]
    fn equal_tensors_have_no_difference() {
        assert_eq!(resemblance(&expected(), &expected()), None);
    }

    #[test]
    fn the_place_of_the_largest_difference_is_named() {
        let found = floats(&[2, 3], &[0.1, -0.0, 2.5, 3.3, 4.7, 1e-3]);
        let said = resemblance(&expected(), &found).unwrap();
        assert!(said.ends_with("at [1, 1]: 4.699999809265137 in place of -4.699999809265137"), "{said}");
    }

    #[test]
    fn only_signs_of_zero_and_bits_of_nan_are_named_as_such() {
        let zeros = resemblance(&floats(&[2], &[0.0, 1.0]), &floats(&[2], &[-0.0, 1.0])).unwrap();
        assert_eq!(zeros, "1 of 2 elements differ, only in the sign of zero, first at [0]");
        let nan = f32::from_bits(0x7fc0_0001);
        let nans = resemblance(&floats(&[2], &[1.0, f32::NAN]), &floats(&[2], &[1.0, nan])).unwrap();
        assert_eq!(nans, "1 of 2 elements differ, only in the bits of NaN, first at [1]");
    }

    #[test]
    fn values_that_fit_a_smaller_type_look_rounded() {
        assert_eq!(looks_rounded(&expected()), None);
        assert_eq!(looks_rounded(&floats(&[2], &[0.0, 0.0])), None);
        assert_eq!(looks_rounded(&floats(&[2], &[0.5, 1.25])), Some(Dtype::Float16));
    }
}
