//! Files of arrays: `.npz`, `.npy` and `.safetensors`.

use sha2::{Digest as _, Sha256};

use super::{
    file::{TensorFile, readable},
    findings,
    kind::{FileKind, first_bytes},
};
use crate::{
    bundle::check::{ProgressFn, TensorDetails, statistics::Tally},
    torch_files::{
        Dtype, FormatError, OtherFormat, StateDict, Tensor,
        arrays::ArrayVisitor,
        npz, safetensors,
        zip::{Archive, FileReader},
    },
    value::Digest,
};

pub(super) fn read_npz(mut file: TensorFile, watch: ProgressFn<'_>) -> Result<TensorFile, FormatError> {
    let mut seen = Seen::new(watch);
    let scanned = Archive::open(&file.file)
        .and_then(Archive::looked_up_by_name)
        .and_then(|mut archive| npz::scan(&mut archive, &mut seen));
    seen.finish(&mut file);
    match readable(scanned)? {
        Ok(others) => others.into_iter().for_each(|name| file.findings.push(findings::no_array(name))),
        Err(error) => findings::refuse(&mut file, &error),
    }
    findings::non_finite(&mut file);
    Ok(file)
}

pub(super) fn read_npy(mut file: TensorFile, watch: ProgressFn<'_>) -> Result<TensorFile, FormatError> {
    let mut seen = Seen::new(watch);
    let reader = FileReader::open(&file.file)?;
    let scanned = npz::scan_array(reader, file.bytes, &mut seen);
    seen.finish(&mut file);
    if let Err(error) = readable(scanned)? {
        findings::refuse(&mut file, &error);
    }
    findings::non_finite(&mut file);
    Ok(file)
}

pub(super) fn read_safetensors(
    mut file: TensorFile,
    watch: ProgressFn<'_>,
) -> Result<TensorFile, FormatError> {
    let mut seen = Seen::new(watch);
    let other = first_bytes(&file.file).and_then(|first| OtherFormat::of(&first));
    if let Some(format) = other.filter(|format| *format != OtherFormat::Safetensors) {
        (file.instead, file.is_whole) = (Some(format.name()), false);
        file.findings.push(findings::other_format(file.kind, format));
        return Ok(file);
    }
    let reader = FileReader::open(&file.file)?;
    let scanned = safetensors::scan(reader, file.bytes, &mut seen);
    seen.finish(&mut file);
    match readable(scanned)? {
        Ok(texts) => file.metadata = texts,
        Err(error) => findings::refuse(&mut file, &error),
    }
    findings::wrapped(&mut file);
    findings::non_finite(&mut file);
    Ok(file)
}

/// The arrays of a file with all of their elements.
pub(super) fn tensors(file: &TensorFile) -> Result<StateDict, FormatError> {
    let mut held = Held::default();
    let reader = FileReader::open(&file.file)?;
    match file.kind {
        FileKind::Npy => npz::scan_array(reader, file.bytes, &mut held)?,
        FileKind::Safetensors => {
            safetensors::scan(reader, file.bytes, &mut held)?;
        }
        FileKind::Npz | FileKind::Torch | FileKind::Bundle | FileKind::Pickle => {
            npz::scan(&mut Archive::new(reader)?.looked_up_by_name()?, &mut held)?;
        }
    }
    let tensor = |(name, dtype, shape, bytes): (String, Dtype, Vec<usize>, Vec<u8>)| {
        Some((name, Tensor::new(dtype, shape, bytes)?))
    };
    Ok(held.0.into_iter().filter_map(tensor).collect())
}

/// Arrays with their elements.
#[derive(Default)]
struct Held(Vec<(String, Dtype, Vec<usize>, Vec<u8>)>);

impl ArrayVisitor for Held {
    fn begin(&mut self, name: String, dtype: Dtype, shape: Vec<usize>) {
        self.0.push((name, dtype, shape, Vec::new()));
    }

    fn elements(&mut self, _dtype: Dtype, bytes: &[u8]) {
        self.0.last_mut().into_iter().for_each(|(.., held)| held.extend_from_slice(bytes));
    }

    fn trailing(&mut self, _bytes: u64) {}

    fn problem(&mut self, _name: String, _error: FormatError) {}
}

/// The arrays so far.
struct Seen<'w> {
    watch: ProgressFn<'w>,
    arrays: Vec<(String, Dtype, Vec<usize>)>,
    /// The bytes behind arrays.
    trailing: Vec<(String, u64)>,
    problems: Vec<(String, FormatError)>,
    /// Digest and statistics of each array.
    sums: Vec<(Sha256, Tally, u64)>,
}

impl<'w> Seen<'w> {
    fn new(watch: ProgressFn<'w>) -> Self {
        Self { watch, arrays: Vec::new(), trailing: Vec::new(), problems: Vec::new(), sums: Vec::new() }
    }

    fn finish(self, file: &mut TensorFile) {
        for ((name, dtype, shape), (digest, tally, bytes)) in self.arrays.into_iter().zip(self.sums) {
            let sha256 = Digest(digest.finalize().into());
            let details = TensorDetails { dtype, shape, bytes, sha256, statistics: tally.statistics() };
            file.tensors.insert(name, details);
        }
        for (name, bytes) in self.trailing {
            file.findings.push(findings::behind_array(name, bytes));
        }
        for (name, error) in self.problems {
            file.is_whole = false;
            file.findings.push(findings::problem(file.kind, &name, &error));
        }
    }
}

impl ArrayVisitor for Seen<'_> {
    fn begin(&mut self, name: String, dtype: Dtype, shape: Vec<usize>) {
        self.arrays.push((name, dtype, shape));
        self.sums.push(Default::default());
    }

    fn elements(&mut self, dtype: Dtype, bytes: &[u8]) {
        if let Some((digest, tally, length)) = self.sums.last_mut() {
            digest.update(bytes);
            tally.add(dtype, bytes);
            *length += bytes.len() as u64;
        }
        (self.watch)(bytes.len() as u64);
    }

    fn trailing(&mut self, bytes: u64) {
        self.trailing.extend(self.arrays.last().map(|(name, ..)| (name.clone(), bytes)));
    }

    fn problem(&mut self, name: String, error: FormatError) {
        self.problems.push((name, error));
    }
}
