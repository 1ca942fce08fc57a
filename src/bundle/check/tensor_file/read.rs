//! Reads a file that is not a bundle, whichever kind it is.

use std::path::Path;

use super::{arrays, file::TensorFile, findings, kind::FileKind, pickle, torch};
use crate::{bundle::check::ProgressFn, torch_files::FormatError};

/// Reads a file that is not a bundle. Everything that is wrong with its bytes is a finding.
///
/// # Errors
/// When the file is missing or cannot be read.
pub fn read(path: &Path, kind: FileKind, watch: ProgressFn<'_>) -> Result<TensorFile, FormatError> {
    let read = || {
        let file = TensorFile::new(path, kind)?;
        let read = match kind {
            FileKind::Torch | FileKind::Bundle => torch::read(file, watch),
            FileKind::Npz => arrays::read_npz(file, watch),
            FileKind::Npy => arrays::read_npy(file, watch),
            FileKind::Pickle => pickle::read(file),
            FileKind::Safetensors => arrays::read_safetensors(file, watch),
        };
        read.map(misnamed)
    };
    read().map_err(|error: FormatError| error.in_file(path))
}

/// Adds that the name of a file says something else than its content. Files of torch have the names of pickles as well.
fn misnamed(mut file: TensorFile) -> TensorFile {
    let by_name = FileKind::by_name(&file.file)
        .filter(|by_name| *by_name != file.kind && ![FileKind::Bundle, FileKind::Pickle].contains(by_name));
    if let (Some(by_name), None) = (by_name, file.instead)
        && file.kind != FileKind::Pickle
    {
        file.findings.push(findings::misnamed(file.kind, by_name));
    }
    file
}
