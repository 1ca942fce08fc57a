//! From a refusal of the format layer to a finding: which requirement it is about, and what to do.

use super::Finding;
use crate::{
    bundle::files::refusal_facts,
    torch_files::{FormatError, FormatErrorKind as Kind},
};

/// The part of a bundle that was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Archive,
    Manifest,
    Params,
    Weights,
    Scaling,
}

/// The finding that a refusal is.
pub(super) fn refused(part: Part, error: &FormatError) -> Finding {
    let opcode = error.place.opcode.map(|opcode| format!("{opcode}: ")).unwrap_or_default();
    let (requirement, expected, advice) = about(part, &error.kind);
    let found = Finding::error(requirement, format!("{opcode}{}", error.kind)).at(&error.place);
    Finding { rule: refusal_facts(error).rule, ..found.expected(expected).advice(advice) }
}

fn about(part: Part, kind: &Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::ForeignGlobal { .. } => (
            "LOD-013",
            "plain values, and in model.pth tensors; a global is code that Python would run",
            "do not load this file with pickle, dill or torch.load; ask for one that save_torch_bundle wrote",
        ),
        Kind::PickleBeforeArchive | Kind::TorchScript => (
            "LOD-013",
            "a file that torch.save wrote and that begins with its first entry",
            "do not load this file with torch.load; ask for one that save_torch_bundle wrote",
        ),
        Kind::CaseTwin(_) | Kind::ReadInPlaceOf(_) | Kind::OutsideDirectory(_) => (
            "LOD-014",
            "entries of which every reader takes the same ones",
            "do not extract or load this file; ask for one that save_torch_bundle wrote",
        ),
        Kind::SecondEnd | Kind::UnlistedBytes { .. } => (
            "LOD-015",
            "one archive from the first byte to the last",
            "do not extract or load this file: which archive is read depends on the reader",
        ),
        Kind::Limit { .. } | Kind::UnsafeName(_) | Kind::DuplicateEntry | Kind::NotAFile(_) => (
            "LOD-014",
            "plain files, each once, below their directory and within the limits",
            "do not extract this file; ask for one that save_torch_bundle wrote",
        ),
        Kind::ModelName(_) => (
            "BUN-013",
            "a name that is one plain path component",
            "do not extract this file; save it again under other names",
        ),
        Kind::Encrypted | Kind::Compression(_) => {
            ("BUN-002", "entries that are stored or deflated", "write the archive again without it")
        }
        Kind::MissingEntry(_) => (
            "BUN-002",
            "manifest.dill, and model.pth and params.dill of each model that it lists",
            "save the bundle again: this one is incomplete",
        ),
        Kind::MissingField(_) => {
            ("BUN-003", "a dict with models and version", "save the bundle again with save_torch_bundle")
        }
        _ => match part {
            Part::Archive => (
                "LOD-015",
                "an undamaged zip archive",
                "copy the file again: it may be cut off or changed; `unzip -t` looks at it too",
            ),
            _ if is_damage(kind) => (
                "LOD-015",
                "the bytes that the archive announces",
                "copy the file again, or save the bundle again: these bytes were changed or cut off",
            ),
            Part::Manifest => (
                "BUN-003",
                "a dict with models (a list of text), version (text) and backend (text)",
                "save the bundle again with save_torch_bundle",
            ),
            Part::Params => (
                "BUN-007",
                "a dict of plain values under text keys",
                "save the bundle again: loaders cannot restore this configuration",
            ),
            Part::Weights => (
                "BUN-010",
                "what torch.save makes of model.state_dict()",
                "save the weights again with torch.save(model.state_dict(), ...)",
            ),
            Part::Scaling => {
                ("BUN-002", "a dict of plain values", "remove the entry, or write it again with torch.save")
            }
        },
    }
}

/// Whether bytes are not what they announce, whatever they are about.
fn is_damage(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Zip(_)
            | Kind::Corrupt(_)
            | Kind::UnknownOpcode(_)
            | Kind::UnsupportedOpcode
            | Kind::UnsupportedProtocol(_)
            | Kind::Truncated
            | Kind::StackUnderflow
            | Kind::NoMark
            | Kind::NotUtf8
            | Kind::BadArgument(_)
            | Kind::UnknownMemo(_)
            | Kind::TrailingBytes(_)
    )
}
