//! Random bundles, for the tests that read back what was written.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

use bundleproof::{
    bundle::nouns::{Bundle, BundledModel, PYTORCH_BACKEND, Params, VERSION},
    torch_files::{Dtype, ModelState, StateDict, Tensor},
    value::{Map, Value},
};
use num_bigint::BigInt;
use proptest::{collection::vec, prelude::*, sample::select};

/// Any value of a snapshot, including values that a format can lose: both zeros, infinities, the
/// ends of 64 bits, text of every script.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![any::<i64>(), select(vec![0, 255, 256, 65535, 65536, i64::MAX, i64::MIN])]
            .prop_map(Value::Int),
        prop_oneof![
            any::<f64>(),
            select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE])
        ]
        .prop_map(Value::Float),
        vec(any::<u8>(), 0..20).prop_map(|bytes| Value::integer(BigInt::from_signed_bytes_le(&bytes))),
        select(vec![255_usize, 256]).prop_map(|length| Value::BigInt(BigInt::from(7) << (8 * length))),
        vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
        select(vec![255_usize, 256]).prop_map(|length| Value::Bytes(vec![0xe9; length])),
        any::<String>().prop_map(Value::Text),
        "x{250,260}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            vec(inner.clone(), 0..5).prop_map(Value::Tuple),
            vec(hashable(), 0..4).prop_map(Value::set),
            vec((any::<String>(), inner), 0..4).prop_map(|pairs| Value::Map(Map::from_iter(pairs))),
        ]
    })
}

/// Values that Python accepts in a set, without pairs that are equal in Python and differ here.
fn hashable() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::None),
        (2..i64::MAX).prop_map(Value::Int),
        any::<String>().prop_map(Value::Text),
        any::<String>().prop_map(|text| Value::Tuple(vec![Value::Text(text)])),
    ]
}

/// Any tensor of up to four dimensions, including empty tensors and tensors without dimensions.
pub(crate) fn any_tensor() -> impl Strategy<Value = Tensor> {
    let shape = vec(0..4_usize, 0..4);
    (select(Dtype::ALL.to_vec()), shape).prop_flat_map(|(dtype, shape)| {
        let bytes = shape.iter().product::<usize>() * dtype.size();
        // A bool is stored as 0 or 1; every other type has no invalid patterns of bits.
        let byte = if dtype == Dtype::Bool { (0..2_u8).boxed() } else { any::<u8>().boxed() };
        vec(byte, bytes).prop_map(move |data| {
            Tensor::new(dtype, shape.clone(), data).expect("as many bytes as the shape has")
        })
    })
}

/// Any model: a network of a few tensors, or a sentinel.
pub(crate) fn any_state() -> impl Strategy<Value = ModelState> {
    let network = vec(("[a-z]{1,8}(\\.[a-z0-9_]{1,8}){0,3}", any_tensor()), 0..6)
        .prop_map(|tensors| ModelState::Network(StateDict::from_iter(tensors)));
    let sentinel = any::<String>().prop_map(|text| {
        ModelState::Sentinel(Map::from_iter([(ModelState::SENTINEL_KEY.to_owned(), Value::Text(text))]))
    });
    prop_oneof![8 => network, 1 => sentinel]
}

/// Any bundle of one to three models that share their params.
pub(crate) fn any_bundle() -> impl Strategy<Value = Bundle> {
    let models = vec(("[a-z][a-z_]{0,12}", any_state()), 1..4);
    let params = vec(("[a-z_.]{1,16}", any_value()), 0..12);
    (models, params, any::<bool>()).prop_map(|(models, params, tagged)| {
        let params = Params::from_iter(params);
        let bundled = |(name, state)| (name, BundledModel { state, params: params.clone() });
        Bundle {
            version: VERSION.to_owned(),
            backend: tagged.then(|| PYTORCH_BACKEND.to_owned()),
            models: models.into_iter().map(bundled).collect(),
        }
    })
}
