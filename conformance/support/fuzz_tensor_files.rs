//! What must hold of any file of tensors: of `torch.save` in both formats, of NumPy and of safetensors.

#![allow(clippy::expect_used, reason = "a body stops where something does not hold")]

use std::io::{Cursor, Write as _};

use bundleproof::{
    bundle::check::{FileKind, TensorFile, tensor_file},
    torch_files::{ModelState, limits, torch},
    value::Digest,
};

/// Bytes of the longest text of a finding.
const MAX_TEXT_BYTES: usize = 8 << 10;

/// The kinds by the first byte of an input; a bundle in the place of a file of torch is read as one.
const KINDS: [FileKind; 4] = [FileKind::Torch, FileKind::Npz, FileKind::Safetensors, FileKind::Bundle];

/// A file is described, whatever it is given as: with findings that can be read, tensors that have the bytes of their
/// shape, and twice the same. What the reader of state dicts takes is described as it was read. Returns whether nothing
/// is wrong with it.
///
/// The first byte says what the rest is given as.
pub(crate) fn tensor_file(input: &[u8]) -> bool {
    let Some((how, bytes)) = input.split_first() else { return false };
    let kind = KINDS[usize::from(*how) % KINDS.len()];
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("a temporary file can be written to");
    let read = || tensor_file::read(file.path(), kind, &|_| {}).expect("the file is there");
    let first = read();
    is_readable(&first);
    let again = read();
    assert_eq!(first.findings.shown, again.findings.shown, "other findings");
    assert_eq!(first.tensors, again.tensors, "other tensors");
    // What a file is must be found for any bytes.
    let _ = FileKind::of(file.path());
    if matches!(kind, FileKind::Torch | FileKind::Bundle)
        && let Ok(ModelState::Network(tensors)) = torch::read(Cursor::new(bytes))
    {
        let described =
            first.tensors.iter().map(|(name, own)| (name, own.dtype, own.shape.as_slice(), &own.sha256));
        let digests: Vec<Digest> = tensors.values().map(|tensor| Digest::of(tensor.data())).collect();
        let expected = tensors
            .iter()
            .zip(&digests)
            .map(|((name, tensor), sha256)| (name, tensor.dtype(), tensor.shape(), sha256));
        assert!(described.eq(expected), "described otherwise than it is read: {:?}", first.tensors);
    }
    first.conforms()
}

fn is_readable(file: &TensorFile) {
    for finding in &file.findings.shown {
        assert!(!finding.found.trim().is_empty() && !finding.expected.trim().is_empty(), "{finding:?}");
        let texts = [Some(&finding.found), Some(&finding.expected), finding.subscript.as_ref()];
        assert!(texts.into_iter().flatten().all(|text| text.len() <= MAX_TEXT_BYTES), "{finding:?}");
    }
    for (name, tensor) in &file.tensors {
        let elements = tensor.shape.iter().try_fold(1_u64, |all, length| all.checked_mul(*length as u64));
        let bytes = elements.and_then(|elements| elements.checked_mul(tensor.dtype.size() as u64));
        assert_eq!(bytes, Some(tensor.bytes), "{name:?}: {tensor:?}");
    }
    let bytes: u64 = file.tensors.values().map(|tensor| tensor.bytes).sum();
    let bound = file.bytes.saturating_mul(limits::MAX_VIEW_RATIO).max(limits::MIN_VIEW_BYTES);
    // A deflated entry is larger than its file by a bounded factor of its own.
    assert!(
        bytes <= bound.saturating_mul(limits::MAX_EXPANSION_RATIO),
        "{bytes} bytes out of {}",
        file.bytes
    );
}
