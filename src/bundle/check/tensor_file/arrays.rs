//! Files of arrays: `.npz` and `.safetensors`.

use std::fs::File;

use sha2::{Digest as _, Sha256};

use super::{
    file::{TensorFile, readable},
    findings,
};
use crate::{
    bundle::check::{ProgressFn, TensorDetails, statistics::Tally},
    torch_files::{
        Dtype, FormatError,
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
        Err(error) => file.findings.push(findings::unreadable(file.kind, &error)),
    }
    findings::non_finite(&mut file);
    Ok(file)
}

pub(super) fn read_safetensors(
    mut file: TensorFile,
    watch: ProgressFn<'_>,
) -> Result<TensorFile, FormatError> {
    let mut seen = Seen::new(watch);
    let reader = FileReader::new(File::open(&file.file)?)?;
    let scanned = safetensors::scan(reader, file.bytes, &mut seen);
    seen.finish(&mut file);
    match readable(scanned)? {
        Ok(texts) => file.metadata = texts,
        Err(error) => file.findings.push(findings::unreadable(file.kind, &error)),
    }
    findings::wrapped(&mut file);
    findings::non_finite(&mut file);
    Ok(file)
}

/// The arrays so far.
struct Seen<'w> {
    watch: ProgressFn<'w>,
    arrays: Vec<(String, Dtype, Vec<usize>)>,
    problems: Vec<(String, FormatError)>,
    /// Digest and statistics of each array.
    sums: Vec<(Sha256, Tally, u64)>,
}

impl<'w> Seen<'w> {
    fn new(watch: ProgressFn<'w>) -> Self {
        Self { watch, arrays: Vec::new(), problems: Vec::new(), sums: Vec::new() }
    }

    fn finish(self, file: &mut TensorFile) {
        for ((name, dtype, shape), (digest, tally, bytes)) in self.arrays.into_iter().zip(self.sums) {
            let sha256 = Digest(digest.finalize().into());
            let details = TensorDetails { dtype, shape, bytes, sha256, statistics: tally.statistics() };
            file.tensors.insert(name, details);
        }
        for (name, error) in self.problems {
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

    fn problem(&mut self, name: String, error: FormatError) {
        self.problems.push((name, error));
    }
}
