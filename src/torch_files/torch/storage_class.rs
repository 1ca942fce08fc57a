//! The classes of storages that only quantized tensors have.

/// Their names in the module `torch`, and bytes of one element.
pub(super) const QUANTIZED_STORAGES: [(&str, u64); 5] = [
    ("QInt32Storage", 4),
    ("QInt8Storage", 1),
    ("QUInt2x4Storage", 1),
    ("QUInt4x2Storage", 1),
    ("QUInt8Storage", 1),
];

/// The numbers that one byte of a storage holds, of those that hold more than one.
const PACKED_NUMBERS: [(&str, usize); 2] = [("QUInt2x4Storage", 4), ("QUInt4x2Storage", 2)];

/// The quantized numbers in an element of such a storage.
pub(super) fn numbers_in_element(name: &str) -> usize {
    PACKED_NUMBERS.iter().find(|(own, _)| *own == name).map_or(1, |(_, numbers)| *numbers)
}

/// Bytes of an element of such a storage.
pub(super) fn quantized_element(module: &str, name: &str) -> Option<u64> {
    let known = QUANTIZED_STORAGES.iter().find(|(own, _)| *own == name);
    known.filter(|_| module == "torch").map(|(_, bytes)| *bytes)
}
