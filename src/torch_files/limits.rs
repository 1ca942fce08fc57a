//! How much of an untrusted file is looked at before it is refused, in named constants.
//!
//! A limit is there so that memory and time follow the size of the input and not what the input
//! claims. Each is far above what a real bundle or dataset needs.

/// Entries that an archive may list.
pub const MAX_ENTRIES: u64 = 4096;

/// Bytes of one entry's name.
pub const MAX_ENTRY_NAME_BYTES: u64 = 1024;

/// Bytes of one entry's name in a file of `torch.save`; torch looks at no more of them.
pub const MAX_TORCH_NAME_BYTES: u64 = 511;

/// Bytes of an archive's central directory.
pub const MAX_DIRECTORY_BYTES: u64 = 4 << 20;

/// Uncompressed bytes of one entry: 8 GiB.
pub const MAX_ENTRY_BYTES: u64 = 8 << 30;

/// Uncompressed bytes of one deflated entry: 2 GiB. A stored one is no larger than its file anyway.
pub const MAX_DEFLATED_BYTES: u64 = 2 << 30;

/// Uncompressed bytes of all entries of an archive together: 32 GiB.
pub const MAX_TOTAL_BYTES: u64 = 32 << 30;

/// Uncompressed bytes that an entry may claim for each compressed byte.
///
/// Deflate itself ends at 1032, and a layer of zeros comes close to that, so that a lower limit would
/// refuse real bundles. What bounds the memory is [`MAX_DEFLATED_BYTES`].
pub const MAX_EXPANSION_RATIO: u64 = 1040;

/// Bytes of one pickle: 64 MiB.
pub const MAX_PICKLE_BYTES: u64 = 64 << 20;

/// Objects that a pickle may push, share or remember.
pub const MAX_PICKLE_NODES: u64 = 1 << 20;

/// Bytes of one integer of a pickle, which is some 2,400 digits; Python prints no more than 4,300.
pub const MAX_INTEGER_BYTES: u64 = 1024;

/// Objects in a value taken from a pickle, each shared object counted where it comes back. A container takes
/// some 400 bytes, so that all of them together take no more memory than text may.
pub const MAX_VALUE_NODES: u64 = 1 << 17;

/// Bytes of text in a value taken from a pickle, each shared text counted where it comes back: 64 MiB. Bytes
/// and integers beyond 64 bits count as text.
pub const MAX_VALUE_TEXT_BYTES: u64 = 64 << 20;

/// Bytes that the sets in a value may print, to sort their items: 16 MiB. A set inside another one is printed again.
pub const MAX_PRINTED_BYTES: u64 = 16 << 20;

/// Containers inside one another in a value taken from a pickle.
pub const MAX_PICKLE_DEPTH: u64 = 64;

/// Models that a manifest may list; each has two entries.
pub const MAX_MODELS: u64 = MAX_ENTRIES / 2;

/// Tensors of one state dict.
pub const MAX_TENSORS: u64 = 1 << 16;

/// Bytes of a tensor's name.
pub const MAX_TENSOR_NAME_BYTES: u64 = 4096;

/// Dimensions of one tensor, which is PyTorch's own limit.
pub const MAX_RANK: u64 = 64;

/// Bytes of tensors for each byte of the storages that they view.
///
/// A stride of 0 and shared storages make tensors larger than the file; more than this makes them a bomb.
pub const MAX_VIEW_RATIO: u64 = 64;

/// Bytes of tensors that had to be copied for each byte of the storages that they view.
pub const MAX_COPY_RATIO: u64 = 2;

/// Bytes of tensors that are always allowed, whatever the two ratios say: 16 MiB.
pub const MIN_VIEW_BYTES: u64 = 16 << 20;

/// Bytes of the header of an `.npy` array, which is NumPy's own limit.
pub const MAX_NPY_HEADER_BYTES: usize = 10_000;

/// Bytes of the buffer between a file and its reader; with 8 KiB a stored entry takes twice as long.
pub const BUFFER_BYTES: usize = 256 << 10;
