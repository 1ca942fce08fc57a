//! A pickle that no file of `torch.save` is around. It is never taken: only what it asks for is said.

use std::io::Read as _;

use super::{
    file::{TensorFile, TorchFacts},
    findings,
};
use crate::{
    torch_files::{
        FormatError, OtherFormat,
        limits::MAX_PICKLE_BYTES,
        other_format::TELLING_BYTES,
        pickle::{BarePickle, read_bare},
        torch::AskedGlobal,
        zip::FileReader,
    },
    value::Map,
};

pub(super) fn read(mut file: TensorFile) -> Result<TensorFile, FormatError> {
    let mut bytes = Vec::new();
    FileReader::open(&file.file)?.take(MAX_PICKLE_BYTES).read_to_end(&mut bytes)?;
    let BarePickle { globals, called, error } = read_bare(&bytes);
    let first = bytes.get(..TELLING_BYTES).unwrap_or(&bytes);
    if let (Some(_), true, Some(format)) = (&error, globals.is_empty(), OtherFormat::of(first))
        && format != OtherFormat::Pickle
    {
        file.instead = Some(format.name());
        file.findings.push(findings::other_format(file.kind, format));
        return Ok(file);
    }
    let globals: Vec<AskedGlobal> = globals.into_iter().map(AskedGlobal::from).collect();
    let is_called = |index: usize| called.contains(&index);
    file.findings.push(findings::bare_pickle(&globals, &is_called, error.as_ref()));
    file.torch = Some(TorchFacts {
        format: None,
        loads_weights_only: Some(false),
        globals,
        sentinel: None,
        extra: Map::new(),
        contents: None,
    });
    Ok(file)
}
