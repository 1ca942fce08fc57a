//! State dicts as `pytorch-reader` and our own reader read them, and some unusual ones.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

use std::{collections::BTreeMap, io::Cursor};

use bundleproof::{
    torch_files::{Dtype, ModelState, torch},
    value::{Map, Value},
};
use proptest::{collection::vec, prelude::*, sample::select};
use pytorch_reader::{DType, PickleValue, PytorchReader};

use crate::forge::torch_file;

/// Element type, shape and bytes of each tensor by its name.
pub(crate) type Found = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// The tensors that our reader finds; none in a sentinel.
pub(crate) fn from_us(file: &[u8]) -> Result<Found, String> {
    let state = torch::read(Cursor::new(file)).map_err(|refusal| refusal.to_string())?;
    let ModelState::Network(tensors) = state else { return Ok(Found::new()) };
    let facts = |tensor: &bundleproof::torch_files::Tensor| {
        (tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec())
    };
    Ok(tensors.iter().map(|(name, tensor)| (name.clone(), facts(tensor))).collect())
}

/// The element types whose tensors `pytorch-reader` finds in a file of torch.
pub(crate) const OF_PYTORCH_READER: [(DType, Dtype); 10] = [
    (DType::F64, Dtype::Float64),
    (DType::F32, Dtype::Float32),
    (DType::F16, Dtype::Float16),
    (DType::BF16, Dtype::Bfloat16),
    (DType::I64, Dtype::Int64),
    (DType::I32, Dtype::Int32),
    (DType::I16, Dtype::Int16),
    (DType::I8, Dtype::Int8),
    (DType::U8, Dtype::Uint8),
    (DType::Bool, Dtype::Bool),
];

/// The tensors that `pytorch-reader` finds.
pub(crate) fn from_pytorch_reader(file: &[u8]) -> Result<Found, String> {
    let reader = PytorchReader::from_bytes(file.to_vec(), None).map_err(|refusal| refusal.to_string())?;
    let mut found = Found::new();
    for (name, tensor) in reader.into_tensors() {
        let of_type = |(theirs, _): &&(DType, Dtype)| *theirs == tensor.dtype();
        let (_, dtype) = *OF_PYTORCH_READER
            .iter()
            .find(of_type)
            .ok_or_else(|| format!("{:?} is not in the table", tensor.dtype()))?;
        let bytes = tensor.read().map_err(|refusal| refusal.to_string())?;
        found.insert(name, (dtype, tensor.shape().to_vec(), bytes));
    }
    Ok(found)
}

/// The values that `pytorch-reader` finds in a file; what it does not represent is the name of its type in a tuple.
pub(crate) fn pytorch_values(file: &[u8]) -> Result<Value, String> {
    // It reads values from a path only.
    let place = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    std::fs::write(place.path(), file).map_err(|error| error.to_string())?;
    let values = PytorchReader::read_pickle_data(place.path(), None);
    values.map(value_of).map_err(|refusal| refusal.to_string())
}

fn value_of(value: PickleValue) -> Value {
    match value {
        PickleValue::None => Value::None,
        PickleValue::Bool(value) => Value::Bool(value),
        PickleValue::Int(value) => Value::Int(value),
        PickleValue::Float(value) => Value::Float(value),
        PickleValue::String(text) => Value::Text(text),
        PickleValue::Bytes(bytes) => Value::Bytes(bytes),
        PickleValue::List(items) => Value::List(items.into_iter().map(value_of).collect()),
        PickleValue::Dict(map) => {
            Value::Map(map.into_iter().map(|(key, value)| (key, value_of(value))).collect::<Map>())
        }
        PickleValue::Unsupported(what) => unsupported(&what),
    }
}

fn unsupported(what: &str) -> Value {
    Value::Tuple(vec![Value::from(what)])
}

/// A value without what `pytorch-reader` does not tell apart: its sequences are all lists, and it represents
/// neither an integer beyond 64 bits nor the calls that stand for bytes before protocol 3.
pub(crate) fn reduced(value: &Value) -> Value {
    match value {
        Value::BigInt(_) => unsupported("int"),
        Value::Bytes(_) => unsupported("_codecs.encode"),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
            Value::List(items.iter().map(reduced).collect())
        }
        Value::Map(map) => {
            Value::Map(map.iter().map(|(key, value)| (key.clone(), reduced(value))).collect::<Map>())
        }
        plain => plain.clone(),
    }
}

/// The pickle of a tensor that is all of storage `0`: so many elements of `torch.<kind>Storage`.
pub(crate) fn tensor(kind: &str, elements: usize) -> String {
    view(kind, elements, 0, &format!("I{elements}\n"), "I1\n")
}

/// The same with this offset, shape and strides, each side an opcode.
fn view(kind: &str, elements: usize, offset: usize, shape: &str, strides: &str) -> String {
    let storage = format!("(Vstorage\nctorch\n{kind}Storage\nV0\nVcpu\nI{elements}\ntQ");
    format!("ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n({shape}t({strides}tI00\nNtR")
}

/// The pickle of a state of one tensor, with any strides that stay inside its storage, and the storage.
pub(crate) fn any_view() -> impl Strategy<Value = (String, Vec<u8>)> {
    let kind = select(vec![("Double", 8), ("Float", 4), ("BFloat16", 2), ("Short", 2), ("Char", 1)]);
    let sides = vec((0..5_usize, 0..9_usize), 0..4);
    (kind, sides, 0..5_usize, 0..5_usize).prop_flat_map(|((kind, size), sides, offset, more)| {
        let last: usize = sides.iter().map(|(side, stride)| side.saturating_sub(1) * stride).sum();
        let elements = offset + last + 1 + more;
        let shape: String = sides.iter().map(|(side, _)| format!("I{side}\n")).collect();
        let strides: String = sides.iter().map(|(_, stride)| format!("I{stride}\n")).collect();
        let pickle = format!("}}Va\n{}s.", view(kind, elements, offset, &shape, &strides));
        vec(any::<u8>(), elements * size).prop_map(move |storage| (pickle.clone(), storage))
    })
}

/// A file with this pickle, and these bytes as storage `0`.
pub(crate) fn file_of(pickle: &str, storage: &[u8]) -> Vec<u8> {
    torch_file(pickle, &[("0", storage)]).zip()
}

/// The file with another last byte of its storage, which is `123456789`.
pub(crate) fn damaged(mut file: Vec<u8>) -> Vec<u8> {
    let at = file.windows(9).position(|window| window == b"123456789").expect("the storage");
    file[at + 8] = b'0';
    file
}

/// What we write for a state.
pub(crate) fn written(state: &ModelState) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    torch::write(state, &mut file).expect("a state can be written to memory");
    file.into_inner()
}
