//! Converts an error of a file to a finding: the broken requirement, what was expected, and what to do.

use super::{Finding, instead::instead};
use crate::{
    bundle::files::refusal_facts,
    torch_files::{FormatError, FormatErrorKind as Kind, OtherFormat},
};

/// The part of a bundle in which an error occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Archive,
    Manifest,
    Params,
    Weights,
    Scaling,
    /// `manifest.json`.
    JsonManifest,
    /// The `params.json` of a model.
    JsonParams,
    /// The weights of a model in a bundle with a JSON manifest.
    JsonWeights,
    /// The configuration that a workflow seals into a bundle with a JSON manifest.
    Sealed,
    /// Another JSON entry of such a bundle.
    JsonRecord,
}

/// The finding for an error of a file.
pub(super) fn diagnose(part: Part, error: &FormatError) -> Finding {
    let opcode = error.place.opcode.map(|opcode| format!("{opcode}: ")).unwrap_or_default();
    let Diagnosis(requirement, expected, advice) = by_kind(part, &error.kind);
    let found = Finding::error(requirement, format!("{opcode}{}", error.kind)).at(&error.place);
    Finding { rule: refusal_facts(error).rule, ..found.expected(expected).advice(advice) }
}

/// The package of the modules of PyTorch, whose names a pickle of a whole network begins with.
const NETWORKS: &str = "torch.nn.";

/// What helps a file in a format that torch no longer writes unless it is asked to.
pub(super) const SAVE_AS_ARCHIVE: &str = "save it again without _use_new_zipfile_serialization=False";

/// What is expected of an archive with a password, and what to do with it.
pub(super) const WITHOUT_PASSWORD: &str = "an archive without a password";
pub(super) const REMOVE_PASSWORD: &str = "unpack it with its password, and pack it again without one";

/// The id of the requirement, what was expected, and what to do.
struct Diagnosis(&'static str, &'static str, &'static str);

fn by_kind(part: Part, kind: &Kind) -> Diagnosis {
    match kind {
        Kind::ForeignGlobal { module, .. } if module.starts_with(NETWORKS) && saves_values(part) => {
            Diagnosis(
                "LOD-013",
                "plain values; this is a module or a function of torch, with code that Python would run",
                "do not load this file; ask for one with the name of the module or function as text in its place",
            )
        }
        Kind::ForeignGlobal { module, name }
            if module == "torch.nn.parameter"
                && ["UninitializedParameter", "UninitializedBuffer"].contains(&name.as_str()) =>
        {
            Diagnosis(
                "LOD-013",
                "parameters with values; this is one of a lazy layer, whose size is not known yet",
                "ask for a file that was saved after the network had run once",
            )
        }
        Kind::ForeignGlobal { module, .. } if module.starts_with(NETWORKS) => Diagnosis(
            "LOD-013",
            "the state dict of a network; this is a whole network, with code that Python would run",
            "do not load this file; ask for one that torch.save(network.state_dict(), ...) wrote",
        ),
        Kind::UnsupportedOpcode => Diagnosis(
            "LOD-013",
            "opcodes of plain values and tensors",
            "do not load this file with pickle, dill or torch.load; ask for one that save_torch_bundle wrote",
        ),
        Kind::ForeignGlobal { module, name } if saves_values(part) && instead(module, name).is_some() => {
            Diagnosis(
                "LOD-013",
                "plain values; this is an object of a class that is not supported, and what follows it is not checked",
                instead(module, name).unwrap_or_default(),
            )
        }
        Kind::ForeignGlobal { module, name }
            if module == "collections" && instead(module, name).is_some() =>
        {
            Diagnosis(
                "LOD-013",
                "a dict of tensors; this is an object of a class that is not supported, and what follows it is not checked",
                instead(module, name).unwrap_or_default(),
            )
        }
        Kind::ForeignGlobal { .. } => Diagnosis(
            "LOD-013",
            "plain values, and in model.pth tensors; a global is code that Python would run",
            "do not load this file with pickle, dill or torch.load; ask for one that save_torch_bundle wrote",
        ),
        Kind::PickleBeforeArchive | Kind::TorchScript => Diagnosis(
            "LOD-013",
            "a file that torch.save wrote and that begins with its first entry",
            "do not load this file with torch.load; ask for one that save_torch_bundle wrote",
        ),
        Kind::NotAnArchive(format) | Kind::NotAPickle(format) => {
            // Nothing at all was lost on the way; anything else was never right.
            let Diagnosis(requirement, expected, _) =
                if *format == OtherFormat::Empty { by_damage(part) } else { by_part(part) };
            Diagnosis(requirement, expected, format.advice())
        }
        Kind::CaseTwin(_) | Kind::ReadInPlaceOf(_) | Kind::OutsideDirectory(_) => Diagnosis(
            "LOD-014",
            "entries that every reader finds under the same names",
            "do not extract or load this file; ask for one that save_torch_bundle wrote",
        ),
        Kind::SecondEnd | Kind::UnlistedBytes { .. } | Kind::BytesBefore { .. } => Diagnosis(
            "LOD-015",
            "one archive from the first byte to the last",
            "do not extract or load this file: which archive is read depends on the reader",
        ),
        Kind::Limit { .. } => Diagnosis(
            "LOD-014",
            "a bundle within the limits of this program",
            "do not extract or load it unless it is meant to be this large: it may be sound, and was not checked further",
        ),
        Kind::UnsafeName(_) | Kind::DuplicateEntry | Kind::NotAFile(_) => Diagnosis(
            "LOD-014",
            "regular files with unique names, inside their directory",
            "do not extract this file; ask for one that save_torch_bundle wrote",
        ),
        Kind::ModelName(_) => Diagnosis(
            "BUN-013",
            "a name that is one plain path component",
            "do not extract this file; save it again under other names",
        ),
        Kind::Encrypted => Diagnosis("BUN-002", WITHOUT_PASSWORD, REMOVE_PASSWORD),
        Kind::Compression(_) => Diagnosis(
            "BUN-002",
            "entries that are stored or deflated",
            "rewrite the archive with stored or deflated entries",
        ),
        Kind::MissingEntry(_) => missing_entry(part),
        Kind::AnotherArchive { advice, .. } => {
            let Diagnosis(requirement, expected, _) = missing_entry(part);
            Diagnosis(requirement, expected, advice)
        }
        Kind::UntypedInLegacy => {
            let Diagnosis(requirement, expected, _) = by_part(part);
            Diagnosis(requirement, expected, SAVE_AS_ARCHIVE)
        }
        Kind::MissingField(_) => missing_field(part),
        Kind::TwoManifests(..) => Diagnosis(
            "LOD-041",
            "one manifest: manifest.dill, or manifest.json of a later revision",
            "ask its author which one is right: revisions read different ones, and may find different models",
        ),
        Kind::DuplicateKey(_) => Diagnosis(
            "TMV-010",
            "objects with unique keys",
            "ask its author which value is right: readers of JSON take different ones",
        ),
        Kind::BadArgument(argument) if argument.ends_with('\r') => {
            let Diagnosis(requirement, expected, _) = by_damage(part);
            Diagnosis(requirement, expected, OtherFormat::ConvertedLines.advice())
        }
        Kind::Unexpected { expected: "a tensor", .. } => {
            let Diagnosis(requirement, expected, _) = by_part(part);
            Diagnosis(
                requirement,
                expected,
                "save the weights alone with torch.save(model.state_dict(), ...); of a training checkpoint save what is \
                 under its 'state_dict' or 'model'",
            )
        }
        Kind::Zip(_)
        | Kind::Corrupt(_)
        | Kind::UnknownOpcode(_)
        | Kind::UnsupportedProtocol(_)
        | Kind::Truncated
        | Kind::StackUnderflow
        | Kind::NoMark
        | Kind::NotUtf8
        | Kind::BadArgument(_)
        | Kind::UnknownMemo(_)
        | Kind::TrailingBytes(_) => by_damage(part),
        Kind::Io { .. }
        | Kind::ContainsItself(_)
        | Kind::Unexpected { .. }
        | Kind::InvalidValue { .. }
        | Kind::Json(_)
        | Kind::JsonManifest(_)
        | Kind::Unsupported(_)
        | Kind::TorchFails(_)
        | Kind::Storage(_) => by_part(part),
    }
}

/// Whether a part is a pickle of plain values.
fn saves_values(part: Part) -> bool {
    match part {
        Part::Manifest | Part::Params | Part::Scaling => true,
        Part::Archive
        | Part::Weights
        | Part::JsonManifest
        | Part::JsonParams
        | Part::JsonWeights
        | Part::Sealed
        | Part::JsonRecord => false,
    }
}

/// What helps a bundle with a JSON manifest, whose writer and loaders are of a later revision.
const WRITE_AGAIN: &str = "write the bundle again with the revision that reads JSON manifests";

fn missing_entry(part: Part) -> Diagnosis {
    match part {
        Part::Archive | Part::Manifest | Part::Params | Part::Weights | Part::Scaling => Diagnosis(
            "BUN-002",
            "manifest.dill, and model.pth and params.dill of each model that it lists",
            "save the bundle again: this one is incomplete",
        ),
        Part::JsonManifest | Part::JsonParams | Part::JsonWeights | Part::Sealed | Part::JsonRecord => {
            Diagnosis(
                "TMV-003",
                "manifest.json, and model.pth and params.json of each model that it lists",
                WRITE_AGAIN,
            )
        }
    }
}

fn missing_field(part: Part) -> Diagnosis {
    match part {
        Part::Archive | Part::Manifest | Part::Params | Part::Weights | Part::Scaling => Diagnosis(
            "BUN-003",
            "a dict with models and version",
            "save the bundle again with save_torch_bundle",
        ),
        Part::JsonManifest | Part::JsonParams | Part::JsonWeights | Part::Sealed | Part::JsonRecord => {
            by_part(part)
        }
    }
}

/// The diagnosis for bytes that were changed or lost, whatever their meaning.
fn by_damage(part: Part) -> Diagnosis {
    match part {
        Part::Archive => by_part(part),
        Part::Manifest
        | Part::Params
        | Part::Weights
        | Part::Scaling
        | Part::JsonManifest
        | Part::JsonParams
        | Part::JsonWeights
        | Part::Sealed
        | Part::JsonRecord => Diagnosis(
            "LOD-015",
            "the bytes that the archive announces",
            "copy the file again, or save the bundle again: these bytes were changed or cut off",
        ),
    }
}

/// The diagnosis for a part that is intact and has the wrong content.
fn by_part(part: Part) -> Diagnosis {
    match part {
        Part::Archive => Diagnosis(
            "LOD-015",
            "an undamaged zip archive",
            "copy the file again: it may be cut off or changed; `unzip -t` checks it as well",
        ),
        Part::Manifest => Diagnosis(
            "BUN-003",
            "a dict with models (a list of text), version (text) and backend (text)",
            "save the bundle again with save_torch_bundle",
        ),
        Part::Params => Diagnosis(
            "BUN-007",
            "a dict of plain values with text keys",
            "save the bundle again: loaders cannot restore this configuration",
        ),
        Part::Weights => Diagnosis(
            "BUN-010",
            "the output of torch.save(model.state_dict(), ...)",
            "save the weights again with torch.save(model.state_dict(), ...)",
        ),
        Part::Scaling => Diagnosis(
            "BUN-002",
            "a dict of plain values",
            "remove the entry, or save it again with torch.save",
        ),
        Part::JsonManifest => Diagnosis(
            "TMV-001",
            "a JSON object with models (a list of text), version, manifest_version and backend (text)",
            WRITE_AGAIN,
        ),
        Part::JsonParams => Diagnosis("TMV-008", "a JSON object", WRITE_AGAIN),
        Part::JsonWeights => {
            Diagnosis("TMV-009", "the output of torch.save(model.state_dict(), ...)", WRITE_AGAIN)
        }
        Part::Sealed => Diagnosis("TMV-007", "a dict of plain values that torch.save wrote", WRITE_AGAIN),
        Part::JsonRecord => Diagnosis("TMV-003", "a JSON object", WRITE_AGAIN),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::data(Part::Params, "datetime", "datetime", "save it as text: value.isoformat()")]
    #[case::array_of_numpy(
        Part::Manifest,
        "numpy.core.multiarray",
        "_reconstruct",
        "save the array as a list"
    )]
    #[case::code(Part::Params, "os", "system", "do not load this file")]
    #[case::code_of_a_module_with_data(Part::Params, "types", "CodeType", "do not load this file")]
    #[case::dill(Part::Params, "dill._dill", "_load_type('function')", "do not load this file")]
    #[case::weights(Part::Weights, "datetime", "datetime", "do not load this file")]
    #[case::array(Part::Params, "numpy._core.numeric", "_frombuffer", "save the array as a list")]
    // It calls whatever it is given.
    #[case::array_of_dill(Part::Params, "dill._dill", "_create_array", "do not load this file")]
    #[case::below_a_module(Part::Params, "torch._utils", "torch.os.system", "do not load this file")]
    #[case::below_a_function(
        Part::Params,
        "torch._utils",
        "_rebuild_tensor.__globals__",
        "do not load this file"
    )]
    #[case::below_an_optimizer(Part::Params, "torch.optim.adam", "torch.os.system", "do not load this file")]
    #[case::below_a_date(Part::Params, "datetime", "datetime.sys.modules", "do not load this file")]
    #[case::below_a_lazy_layer(
        Part::Weights,
        "torch.nn.parameter",
        "UninitializedParameter.x",
        "do not load this file"
    )]
    #[case::tensor(Part::Params, "torch._utils", "_rebuild_tensor_v2", "save a tensor as a number")]
    #[case::tensor_in_metadata(
        Part::Scaling,
        "torch._utils",
        "_rebuild_parameter",
        "save a tensor as a number"
    )]
    #[case::class(Part::Params, "dill._dill", "_load_type('int')", "save its name as text")]
    #[case::class_of_numpy(Part::Params, "numpy", "float32", "save its name as text")]
    #[case::function_of_numpy(Part::Params, "numpy", "load", "do not load this file")]
    #[case::ellipsis(Part::Params, "dill._dill", "_eval_repr('Ellipsis')", "save None")]
    #[case::buffer(Part::Params, "_io", "BytesIO", "save what is in it")]
    #[case::file(Part::Params, "_io", "FileIO", "do not load this file")]
    #[case::view_of_a_dict(Part::Params, "dill._dill", "_load_type('MappingProxyType')", "save it as a dict")]
    #[case::scheme(Part::Params, "torch", "per_channel_affine", "save it as text")]
    #[case::memory_format(Part::Params, "torch._utils", "torch.channels_last", "save it as text")]
    #[case::layout(Part::Params, "torch.serialization", "_get_layout", "save it as text")]
    #[case::bytes_of_a_tensor(Part::Params, "torch.storage", "_load_from_bytes", "do not load this file")]
    #[case::module(
        Part::Params,
        "torch.nn.modules.activation",
        "ReLU",
        "do not load this file; ask for one with the name"
    )]
    #[case::lazy(
        Part::Weights,
        "torch.nn.parameter",
        "UninitializedParameter",
        "ask for a file that was saved after"
    )]
    #[case::default_dict(Part::Weights, "collections", "defaultdict", "save it as a dict")]
    #[case::network(
        Part::Weights,
        "torch.nn.modules.linear",
        "Linear",
        "do not load this file; ask for one that torch.save"
    )]
    fn an_object_that_is_data_is_not_called_dangerous(
        #[case] part: Part,
        #[case] module: &str,
        #[case] name: &str,
        #[case] advice: &str,
    ) {
        let kind = Kind::ForeignGlobal { module: module.to_owned(), name: name.to_owned() };
        let Diagnosis(requirement, _, found) = by_kind(part, &kind);
        assert_eq!(requirement, "LOD-013");
        assert!(found.starts_with(advice), "{found}");
    }

    #[rstest]
    #[case::converted_lines(Part::Params, Kind::BadArgument("0\r".to_owned()), "put `*.zip binary`")]
    #[case::damage(Part::Params, Kind::BadArgument("0".to_owned()), "copy the file again")]
    #[case::checkpoint(Part::Weights, Kind::Unexpected { expected: "a tensor", found: "dict".to_owned() }, "save the weights alone")]
    #[case::too_large(Part::Weights, Kind::Limit { what: "tensors", found: 2, limit: 1 }, "do not extract or load it unless it is meant")]
    #[case::moved(Part::Archive, Kind::BytesBefore { bytes: 1, are_an_archive: true }, "do not extract or load this file: which archive")]
    fn the_advice_follows_what_was_found(#[case] part: Part, #[case] kind: Kind, #[case] advice: &str) {
        let Diagnosis(.., found) = by_kind(part, &kind);
        assert!(found.starts_with(advice), "{found}");
    }
}
