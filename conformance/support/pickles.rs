//! Pickles in the opcodes that `torch.save` writes, piece by piece.

/// A text.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a short text").to_le_bytes();
    [b"X", &length[..], text.as_bytes()].concat()
}

/// A dict of these keys and values.
pub(crate) fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items: Vec<u8> = items.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
    [b"}(", &items[..], b"u"].concat()
}

/// A float32 tensor of the first elements of a storage.
pub(crate) fn tensor(key: &str, storage: u8, elements: u8) -> Vec<u8> {
    let number = |number: u8| vec![b'K', number];
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text(key),
        text("cpu"),
        number(storage),
        b"tQK\0".to_vec(),
        number(elements),
        b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR".to_vec(),
    ]
    .concat()
}

/// A whole pickle of an object.
pub(crate) fn whole(object: &[u8]) -> Vec<u8> {
    [b"\x80\x02", object, b"."].concat()
}

/// The little-endian bytes of a storage of float32.
pub(crate) fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
