//! `.safetensors`: a header in JSON with the types, shapes and places of all tensors, and their bytes.
//!
//! The header is read and checked by the library of the format. Here the file is read from front to back, so that memory
//! does not grow with it.

use std::{collections::BTreeMap, io::Read};

use ::safetensors::{
    Dtype as TheirDtype,
    tensor::{Metadata, TensorInfo},
};

use super::{
    Dtype, FormatError, FormatErrorKind as Kind,
    arrays::{ArrayVisitor, Whole, bytes_of, count},
    error::{excerpt, within},
    limits::{BUFFER_BYTES, MAX_SAFETENSORS_HEADER_BYTES},
};

/// Bytes of the number that every file begins with, the length of its header.
const LENGTH_BYTES: u64 = 8;

/// Passes on the tensors of a file of `length` bytes in the order in which they are stored, and returns the texts that
/// its header has besides.
///
/// # Errors
/// `malformed` for a broken header and for a file of another length than it announces; `unsafe` for a header above the
/// limits.
pub(crate) fn scan(
    mut reader: impl Read,
    length: u64,
    to: &mut dyn ArrayVisitor,
) -> Result<BTreeMap<String, String>, FormatError> {
    let mut first = [0; LENGTH_BYTES as usize];
    reader.read_exact(&mut first).map_err(|_| broken("the file ends before its header"))?;
    let header = u64::from_le_bytes(first);
    within("bytes of the header", header, MAX_SAFETENSORS_HEADER_BYTES)?;
    let mut json = Vec::new();
    reader.by_ref().take(header).read_to_end(&mut json)?;
    if json.len() as u64 != header {
        return Err(broken(&format!("the header has {header} bytes, of which {} are here", json.len())));
    }
    let metadata: Metadata = serde_json::from_slice(&json)
        .map_err(|error| broken(&format!("invalid header: {}", excerpt(&error.to_string()))))?;
    let (here, announced) = (length.saturating_sub(LENGTH_BYTES + header), metadata.data_len() as u64);
    if here != announced {
        return Err(broken(&format!(
            "the header announces {announced} bytes of tensors, and {here} follow it"
        )));
    }
    let names = metadata.offset_keys();
    count(names.len())?;
    for name in names {
        let Some(TensorInfo { dtype, shape, data_offsets: (start, end) }) = metadata.info(&name) else {
            continue;
        };
        let bytes = (end - start) as u64;
        let Some((dtype, shape)) = as_torch_loads(*dtype, shape) else {
            to.problem(name, Kind::Unsupported(format!("a tensor of {dtype:?} {shape:?}")).into());
            pass(&mut reader, bytes, &mut |_| {})?;
            continue;
        };
        if bytes_of(dtype, &shape)? != bytes {
            return Err(broken("a tensor has another length than its shape"));
        }
        to.begin(name, dtype, shape);
        let mut whole = Whole::new(dtype, false);
        pass(&mut reader, bytes, &mut |piece| whole.take(piece, to))?;
    }
    let texts = metadata.metadata().iter().flatten();
    Ok(texts.map(|(key, text)| (key.clone(), text.clone())).collect())
}

fn broken(what: &str) -> FormatError {
    Kind::Corrupt(what.to_owned()).into()
}

/// Reads the next bytes piece by piece.
fn pass(reader: &mut impl Read, bytes: u64, take: &mut dyn FnMut(&[u8])) -> Result<(), FormatError> {
    let mut rest = bytes;
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX).min(BUFFER_BYTES)];
    while rest > 0 {
        let wanted = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..wanted).unwrap_or_default();
        reader.read_exact(piece)?;
        take(piece);
        rest -= wanted as u64;
    }
    Ok(())
}

/// The element type and the shape of the tensor of torch; `None` if torch has none.
fn as_torch_loads(dtype: TheirDtype, shape: &[usize]) -> Option<(Dtype, Vec<usize>)> {
    if dtype != TheirDtype::F4 {
        return Some((dtype_of(dtype)?, shape.to_vec()));
    }
    // An element of torch is two of these numbers, next to one another in the last dimension.
    let (last, outer) = shape.split_last()?;
    let pairs = last.is_multiple_of(2).then_some(last / 2)?;
    Some((Dtype::Float4E2m1fnX2, [outer, &[pairs]].concat()))
}

/// The element type of torch; `None` for packed ones, of which an element has no bytes of its own.
fn dtype_of(dtype: TheirDtype) -> Option<Dtype> {
    Some(match dtype {
        TheirDtype::BOOL => Dtype::Bool,
        TheirDtype::U8 => Dtype::Uint8,
        TheirDtype::I8 => Dtype::Int8,
        TheirDtype::F8_E5M2 => Dtype::Float8E5m2,
        TheirDtype::F8_E4M3 => Dtype::Float8E4m3fn,
        TheirDtype::F8_E8M0 => Dtype::Float8E8m0fnu,
        TheirDtype::F8_E4M3FNUZ => Dtype::Float8E4m3fnuz,
        TheirDtype::F8_E5M2FNUZ => Dtype::Float8E5m2fnuz,
        TheirDtype::I16 => Dtype::Int16,
        TheirDtype::U16 => Dtype::Uint16,
        TheirDtype::F16 => Dtype::Float16,
        TheirDtype::BF16 => Dtype::Bfloat16,
        TheirDtype::I32 => Dtype::Int32,
        TheirDtype::U32 => Dtype::Uint32,
        TheirDtype::F32 => Dtype::Float32,
        TheirDtype::C64 => Dtype::Complex64,
        TheirDtype::F64 => Dtype::Float64,
        TheirDtype::I64 => Dtype::Int64,
        TheirDtype::U64 => Dtype::Uint64,
        // Those of four and six bits, and what a later version of the format adds.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::torch_files::arrays::recorded::Recorded;

    fn scanned(header: &str, data: &[u8]) -> Result<(Recorded, BTreeMap<String, String>), FormatError> {
        let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat();
        let mut recorded = Recorded::default();
        let texts = scan(file.as_slice(), file.len() as u64, &mut recorded)?;
        Ok((recorded, texts))
    }

    #[test]
    fn tensors_are_passed_on_in_the_order_of_their_bytes() {
        let header = r#"{"__metadata__":{"format":"pt"},
            "b":{"dtype":"I16","shape":[2],"data_offsets":[0,4]},
            "a":{"dtype":"F32","shape":[],"data_offsets":[4,8]},
            "e":{"dtype":"U8","shape":[0,3],"data_offsets":[8,8]}}"#;
        let (recorded, texts) = scanned(header, &[1, 0, 2, 0, 0, 0, 128, 63]).unwrap();
        let expected = [
            ("b".to_owned(), Dtype::Int16, vec![2], vec![1, 0, 2, 0]),
            ("a".to_owned(), Dtype::Float32, vec![], vec![0, 0, 128, 63]),
            ("e".to_owned(), Dtype::Uint8, vec![0, 3], vec![]),
        ];
        assert_eq!(recorded.arrays, expected);
        assert_eq!(texts, BTreeMap::from([("format".to_owned(), "pt".to_owned())]));
    }

    #[test]
    fn a_packed_tensor_is_named_and_the_next_one_is_read() {
        for (dtype, shape) in [("F6_E2M3", "[4, 2]"), ("F4", "[4, 3]")] {
            let header = format!(
                r#"{{"p":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,6]}},
                "a":{{"dtype":"U8","shape":[1],"data_offsets":[6,7]}}}}"#
            );
            let (recorded, _) = scanned(&header, &[9, 9, 9, 9, 9, 9, 7]).unwrap();
            let problem = format!("unsupported: a tensor of {dtype} {shape}");
            assert_eq!(recorded.problems, [("p".to_owned(), problem)]);
            assert_eq!(recorded.arrays[0].3, [7]);
        }
    }

    #[test]
    fn two_numbers_of_four_bits_are_one_element_as_in_torch() {
        let header = r#"{"a":{"dtype":"F4","shape":[2,4],"data_offsets":[0,4]},
            "b":{"dtype":"F4","shape":[3,0],"data_offsets":[4,4]}}"#;
        let (recorded, _) = scanned(header, &[1, 2, 3, 4]).unwrap();
        let expected = [
            ("a".to_owned(), Dtype::Float4E2m1fnX2, vec![2, 2], vec![1, 2, 3, 4]),
            ("b".to_owned(), Dtype::Float4E2m1fnX2, vec![3, 0], vec![]),
        ];
        assert_eq!(recorded.arrays, expected);
    }

    #[rstest]
    #[case::no_json("{", &[], "invalid header: EOF")]
    #[case::gap(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, &[0, 0], "invalid header: invalid offset for tensor `a`")]
    #[case::shape(r#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,2]}}"#, &[0, 0], "invalid header: ")]
    #[case::unknown_type(r#"{"a":{"dtype":"X9","shape":[2],"data_offsets":[0,2]}}"#, &[0, 0], "invalid header: unknown variant")]
    #[case::cut(r#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#, &[0, 0], "announces 3 bytes of tensors, and 2 follow")]
    #[case::longer(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, &[0, 0], "announces 1 bytes of tensors, and 2 follow")]
    fn a_wrong_header_is_named(#[case] header: &str, #[case] data: &[u8], #[case] says: &str) {
        let error = scanned(header, data).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn the_header_is_bounded_before_it_is_read() {
        let file = [&(MAX_SAFETENSORS_HEADER_BYTES + 1).to_le_bytes()[..], b"{}"].concat();
        let error = scan(file.as_slice(), file.len() as u64, &mut Recorded::default()).unwrap_err();
        assert!(matches!(error.kind, Kind::Limit { what: "bytes of the header", .. }));
        let short = scan(&b"\x07\0"[..], 2, &mut Recorded::default()).unwrap_err().to_string();
        assert!(short.contains("ends before its header"), "{short}");
        let cut = [&9u64.to_le_bytes()[..], b"{}"].concat();
        let cut = scan(cut.as_slice(), cut.len() as u64, &mut Recorded::default()).unwrap_err().to_string();
        assert!(cut.contains("the header has 9 bytes, of which 2 are here"), "{cut}");
    }
}
