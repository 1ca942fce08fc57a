//! The largest input that is read, as named constants.
//!
//! Limits make memory and time follow the size of the input and not what the input claims. Each is far above what a
//! real bundle or dataset needs.

/// Entries that an archive may list.
pub const MAX_ENTRIES: u64 = 1 << 17;

/// Bytes of one entry's name.
pub const MAX_ENTRY_NAME_BYTES: u64 = 1024;

/// Bytes of one entry's name in a file written by `torch.save`; torch compares no more than these.
pub const MAX_TORCH_NAME_BYTES: u64 = 511;

/// Bytes of an archive's central directory: 16 MiB.
pub const MAX_DIRECTORY_BYTES: u64 = 16 << 20;

/// Bytes before the first entry of an archive, such as the program of one that extracts itself: 64 KiB.
pub const MAX_BYTES_BEFORE: u64 = 64 << 10;

/// Uncompressed bytes of one entry: 8 GiB.
pub const MAX_ENTRY_BYTES: u64 = 8 << 30;

/// Uncompressed bytes of one deflated entry: 2 GiB. A stored entry cannot be larger than its file.
pub const MAX_DEFLATED_BYTES: u64 = 2 << 30;

/// Uncompressed bytes of all entries of an archive together: 32 GiB.
pub const MAX_TOTAL_BYTES: u64 = 32 << 30;

/// Uncompressed bytes that an entry may claim for each compressed byte.
///
/// Deflate itself reaches at most 1032, and a layer of zeros comes close, so a lower limit would refuse real
/// bundles. [`MAX_DEFLATED_BYTES`] is what bounds the memory.
pub const MAX_EXPANSION_RATIO: u64 = 1040;

/// Bytes of one pickle: 64 MiB.
pub const MAX_PICKLE_BYTES: u64 = 64 << 20;

/// Objects that a pickle may push, share or memoize.
pub const MAX_PICKLE_NODES: u64 = 1 << 20;

/// Bytes of one integer in a pickle: about 2,400 decimal digits. Python prints at most 4,300.
pub const MAX_INTEGER_BYTES: u64 = 1024;

/// Objects in a value built from a pickle; a shared object counts once for every place that refers to it. A container
/// takes about 400 bytes, so all of them together need no more memory than [`MAX_VALUE_TEXT_BYTES`] allows.
pub const MAX_VALUE_NODES: u64 = 1 << 17;

/// Bytes of text in a value built from a pickle: 16 MiB. A shared text counts once for every place that refers to it;
/// `bytes` and integers above 64 bits count as text.
pub const MAX_VALUE_TEXT_BYTES: u64 = 16 << 20;

/// Objects and tensors of all models of a file that is described, which are held until they are printed.
pub const MAX_FILE_VALUES: u64 = 1 << 17;

/// Bytes of their text, and of the names of the tensors: 16 MiB.
pub const MAX_FILE_TEXT_BYTES: u64 = 16 << 20;

/// Bytes of a pickle above which no other one is read at the same time, so that models that are read side by side take the
/// memory of one: 256 KiB.
pub const LARGE_PICKLE_BYTES: u64 = 256 << 10;

/// Bytes of a pickle in a deflated file that is read in one pass: 16 MiB. The pickle is kept up to the end.
pub const MAX_STREAMED_PICKLE_BYTES: u64 = 16 << 20;

/// Uncompressed bytes of a deflated file of torch in a bundle that cannot be read in one pass, and is held in memory: 128
/// MiB.
pub const MAX_INFLATED_BYTES: u64 = 128 << 20;

/// Models that are read side by side. More need more memory, and are hardly faster: digests take most of the time.
pub const MAX_SIDE_BY_SIDE: usize = 4;

/// Bytes of one text that is not UTF-8: 1 MiB. It is there for names of files, which have at most a few KiB.
pub const MAX_SURROGATE_TEXT_BYTES: u64 = 1 << 20;

/// Bytes printed for the objects of a value that only their repr describes, and in order to sort the items of its sets: 16
/// MiB. A nested set is printed once per level.
pub const MAX_PRINTED_BYTES: u64 = 16 << 20;

/// Levels of nested containers in a value built from a pickle.
pub const MAX_PICKLE_DEPTH: u64 = 64;

/// Bytes of one JSON text: 4 MiB. A manifest or the params of a model take a few KiB.
pub const MAX_JSON_BYTES: u64 = 4 << 20;

/// Values in one JSON text.
pub const MAX_JSON_NODES: u64 = 1 << 17;

/// Levels of nested containers in a JSON text.
pub const MAX_JSON_DEPTH: u64 = 64;

/// Decimal digits of one integer in a JSON text: Python's own limit.
pub const MAX_JSON_DIGITS: u64 = 4300;

/// Models that a manifest may list.
pub const MAX_MODELS: u64 = 2048;

/// Tensors of one state dict.
pub const MAX_TENSORS: u64 = 1 << 16;

/// Bytes of a tensor's name.
pub const MAX_TENSOR_NAME_BYTES: u64 = 4096;

/// Objects that the outline of a file of torch shows.
pub const MAX_OUTLINE_ITEMS: usize = 1000;

/// Objects of a file of torch that are named because they cannot be read.
pub const MAX_PROBLEMS: u64 = 1 << 10;

/// Keys in the metadata of one tensor; torch writes two.
pub const MAX_METADATA_KEYS: u64 = 16;

/// Dimensions of one tensor: PyTorch's own limit.
pub const MAX_RANK: u64 = 64;

/// Bytes of tensors for each byte of the storages that they view.
///
/// Strides of 0 and shared storages make tensors larger than the file; beyond this ratio they are a bomb.
pub const MAX_VIEW_RATIO: u64 = 64;

/// Bytes of tensors that need a copy for each byte of the storages that they view.
pub const MAX_COPY_RATIO: u64 = 2;

/// Bytes of tensors that are always allowed, regardless of the two ratios: 16 MiB.
pub const MIN_VIEW_BYTES: u64 = 16 << 20;

/// Bytes of the header of an `.npy` array: NumPy's own limit.
pub const MAX_NPY_HEADER_BYTES: usize = 10_000;

/// Bytes of an array in column-major order, which is reordered in memory: 1 GiB.
pub const MAX_COLUMN_MAJOR_BYTES: u64 = 1 << 30;

/// Bytes of the header of a safetensors file: 16 MiB, some 100,000 tensors. Its library accepts 100 MB.
pub const MAX_SAFETENSORS_HEADER_BYTES: u64 = 16 << 20;

/// The longest file that is read as a whole.
pub const MAX_IN_MEMORY_BYTES: u64 = 1 << 20;

/// Bytes of the buffer between a file and its reader. Measured: with 8 KiB, reading a stored entry takes twice as long.
pub const BUFFER_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// `131,072`, or `16 MiB` of a number of bytes.
    fn count(value: u64) -> String {
        let digits = value.to_string();
        let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
        groups.iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
    }

    fn size(bytes: u64) -> String {
        match bytes.trailing_zeros() {
            30.. => format!("{} GiB", bytes >> 30),
            20.. => format!("{} MiB", bytes >> 20),
            _ => count(bytes),
        }
    }

    #[test]
    fn the_security_policy_states_these_limits() {
        let rows = [
            ("entries of an archive", count(MAX_ENTRIES)),
            ("bytes before the first entry of an archive", count(MAX_BYTES_BEFORE)),
            (
                "bytes of an entry's name",
                format!(
                    "{} ({} in a file of `torch.save`)",
                    count(MAX_ENTRY_NAME_BYTES),
                    count(MAX_TORCH_NAME_BYTES)
                ),
            ),
            ("bytes of the central directory", size(MAX_DIRECTORY_BYTES)),
            (
                "bytes of one entry, uncompressed",
                format!("{} ({} deflated)", size(MAX_ENTRY_BYTES), size(MAX_DEFLATED_BYTES)),
            ),
            ("bytes of all entries, uncompressed", size(MAX_TOTAL_BYTES)),
            ("uncompressed bytes per compressed byte", count(MAX_EXPANSION_RATIO)),
            ("bytes of a pickle", size(MAX_PICKLE_BYTES)),
            ("objects that a pickle pushes, shares or memoizes", count(MAX_PICKLE_NODES)),
            ("objects in the value of a pickle", count(MAX_VALUE_NODES)),
            ("text in the value of a pickle", size(MAX_VALUE_TEXT_BYTES)),
            ("objects and tensors that `inspect` shows of a bundle", count(MAX_FILE_VALUES)),
            ("text that `inspect` shows of a bundle", size(MAX_FILE_TEXT_BYTES)),
            ("bytes of one integer of a pickle", count(MAX_INTEGER_BYTES)),
            ("containers inside one another", count(MAX_PICKLE_DEPTH)),
            ("bytes of a JSON text", size(MAX_JSON_BYTES)),
            ("values in a JSON text", count(MAX_JSON_NODES)),
            ("digits of one integer in a JSON text", count(MAX_JSON_DIGITS)),
            ("models of a bundle", count(MAX_MODELS)),
            ("bytes of a deflated model that cannot be read in one pass", size(MAX_INFLATED_BYTES)),
            ("tensors of a state dict", count(MAX_TENSORS)),
            ("bytes of a tensor's name", count(MAX_TENSOR_NAME_BYTES)),
            ("keys in the metadata of a tensor", count(MAX_METADATA_KEYS)),
            ("dimensions of a tensor", count(MAX_RANK)),
            (
                "bytes of tensors per byte of the storages that they view",
                format!("{} ({} are always allowed)", count(MAX_VIEW_RATIO), size(MIN_VIEW_BYTES)),
            ),
            ("bytes of the header of an `.npy` array", count(MAX_NPY_HEADER_BYTES as u64)),
            ("bytes of the header of a safetensors file", size(MAX_SAFETENSORS_HEADER_BYTES)),
        ];
        let policy = include_str!("../../SECURITY.md");
        let stated = rows.map(|(what, limit)| format!("| {what} | {limit} |")).join("\n");
        assert!(
            policy.contains(&format!("|---|---|\n{stated}\n\n")),
            "expected this table in SECURITY.md:\n{stated}"
        );
    }
}
