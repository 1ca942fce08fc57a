//! What is wrong or odd with a file that is not a bundle. The rules have names in place of ids of requirements.

use std::collections::BTreeMap;

use super::{
    archive_kind::{Inside, OtherArchive},
    file::{TensorFile, TorchFacts},
    kind::FileKind,
};
use crate::{
    bundle::{
        check::{
            Finding, Findings,
            diagnose::{REMOVE_PASSWORD, SAVE_AS_ARCHIVE, WITHOUT_PASSWORD},
            finder::{self, is_from_finder},
            instead::{instead, instead_of_network},
            network_rules::{opcode_text, refused_opcode, wrapped_names},
            rules::listed,
        },
        files::refusal_kind,
    },
    harness::contract::RefusalKind,
    torch_files::{
        FormatError, FormatErrorKind as Kind, OtherFormat, npy,
        torch::{AskedGlobal, UnsafeObject},
    },
};

/// The number of entries that get a finding each before the rest is counted.
const MAX_NAMED: usize = 20;

/// What to do about a global that is not known to be data.
const IMPORTS: &str = "do not load this file with weights_only=False: Python imports the global and may call it; ask its author for \
                       plain values and tensors";

/// The globals that only help to make an object of another one.
const HELPERS: [(&str, &str); 15] = [
    ("builtins", "dict"),
    ("builtins", "list"),
    ("builtins", "object"),
    ("builtins", "slice"),
    ("builtins", "tuple"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("collections", "defaultdict"),
    ("copyreg", "_reconstructor"),
    ("typing", "Any"),
];

/// A global that the safe mode of torch does not take, and that no object of the file is made with.
pub(super) fn unsafe_global(global: &AskedGlobal) -> Finding {
    let AskedGlobal { module, name, .. } = global;
    let advice = instead(module, name).or_else(|| instead_of_network(module, false)).unwrap_or(IMPORTS);
    not_allowed(global, "", advice)
}

/// An object that the safe mode of torch does not take, with everything that it is made with.
pub(super) fn unsafe_object(global: &AskedGlobal, object: &UnsafeObject, globals: &[AskedGlobal]) -> Finding {
    let AskedGlobal { module, name, .. } = global;
    let inside: Vec<&AskedGlobal> = object.inside.iter().filter_map(|index| globals.get(*index)).collect();
    let names: Vec<String> =
        inside.iter().map(|global| format!("{}.{}", global.module, global.name)).collect();
    let mut more = String::new();
    if object.places > 1 {
        more.push_str(&format!(", here and in {} more places", object.places - 1));
    }
    if !names.is_empty() {
        let names = listed(names.iter().map(String::as_str));
        more.push_str(&format!(
            "; it is made with {names}, which {} not either",
            if inside.len() == 1 { "is" } else { "are" }
        ));
    }
    let known = if object.is_reference { None } else { instead(module, name) };
    let known = known.or_else(|| instead_of_network(module, object.is_reference));
    // Whatever else is inside is to be looked at first.
    let is_plain = inside.iter().all(|helper| is_helper(helper, module));
    let mut finding = not_allowed(global, &more, known.filter(|_| is_plain).unwrap_or(IMPORTS));
    finding.subscript = Some(object.subscript.clone()).filter(|place| !place.is_empty());
    finding
}

impl TorchFacts {
    /// The globals that `torch.serialization.add_safe_globals` would have to be given for the file to load with
    /// `weights_only=True`; none if any of them is not known to make data.
    pub fn safe_globals(&self) -> Vec<&AskedGlobal> {
        safe_globals(&self.globals)
    }
}

fn safe_globals(globals: &[AskedGlobal]) -> Vec<&AskedGlobal> {
    let needed: Vec<&AskedGlobal> = globals.iter().filter(|global| !global.is_safe).collect();
    let is_data = |global: &&AskedGlobal| {
        let AskedGlobal { module, name, .. } = global;
        instead(module, name).is_some() || HELPERS.contains(&(module.as_str(), name.as_str()))
    };
    if needed.iter().all(is_data) { needed } else { Vec::new() }
}

/// How to load a file with globals that the safe mode of torch does not take and that are known to make data.
pub(super) fn to_load(globals: &[AskedGlobal]) -> Option<String> {
    let needed = safe_globals(globals);
    let names: Vec<String> =
        needed.iter().map(|AskedGlobal { module, name, .. }| format!("{module}.{name}")).collect();
    let add = |names| format!("or load it after torch.serialization.add_safe_globals([{names}])");
    (!names.is_empty()).then(|| add(names.join(", ")))
}

/// Whether a global is part of how objects of a module are made.
fn is_helper(global: &AskedGlobal, module: &str) -> bool {
    HELPERS.contains(&(global.module.as_str(), global.name.as_str()))
        || package(module).is_some_and(|own| package(&global.module) == Some(own))
}

/// The package that a module is part of; none for the functions of Python itself, which do anything.
fn package(module: &str) -> Option<&str> {
    let dots =
        |count: usize| module.match_indices('.').nth(count).map_or(module, |(at, _)| module.split_at(at).0);
    match dots(0) {
        "builtins" => None,
        // These have functions that load files and run code in other places.
        "numpy" | "torch" => Some(dots(1)),
        first => Some(first),
    }
}

fn not_allowed(AskedGlobal { module, name, .. }: &AskedGlobal, more: &str, advice: &str) -> Finding {
    Finding::error("weights-only", format!("the global {module}.{name} is not allowed{more}"))
        .expected("globals that torch.load(weights_only=True) takes")
        .advice(advice)
}

/// A file whose name says that it is of another kind.
pub(super) fn misnamed(kind: FileKind, by_name: FileKind) -> Finding {
    Finding::warning(
        "misnamed",
        format!("the file is {}, and its name is that of {}", noun(kind), noun(by_name)),
    )
    .expected("a name that says what the file is")
    .advice("rename it: a loader that goes by the name refuses it")
}

fn noun(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Torch => "a file of torch.save",
        FileKind::Bundle => "a bundle",
        FileKind::Npz => "an archive of NumPy arrays (npz)",
        FileKind::Npy => "an array of NumPy (npy)",
        FileKind::Pickle => "a pickle",
        FileKind::Safetensors => "a safetensors file",
    }
}

/// An opcode that the safe mode of torch lacks.
pub(super) fn unsafe_opcode((offset, name): (u64, &'static str)) -> Finding {
    let mut finding = refused_opcode(Finding::error("weights-only", opcode_text(name)));
    finding.offset = Some(offset);
    finding
}

/// Whether the file is more than this program reads, which says nothing about it.
pub(super) fn is_unsupported(kind: &Kind) -> bool {
    // What torch cannot read back either is known not to load.
    *kind != Kind::UntypedInLegacy
        && (matches!(kind, Kind::Limit { .. }) || refusal_kind(kind) == RefusalKind::Unsupported)
}

/// Adds why a file cannot be read to its end, and keeps what it is instead.
pub(super) fn refuse(file: &mut TensorFile, error: &FormatError) {
    if let (Kind::NotAnArchive(format), None) = (&error.kind, &error.place.entry) {
        file.instead = Some(format.name());
    }
    file.is_whole = false;
    file.findings.push(unreadable(file.kind, error));
}

/// The finding about a file that cannot be read to its end.
fn unreadable(kind: FileKind, error: &FormatError) -> Finding {
    let finding = |rule: &'static str| {
        let opcode = error.place.opcode.map(|opcode| format!("{opcode}: ")).unwrap_or_default();
        Finding::error(rule, format!("{opcode}{}", error.kind)).at(&error.place)
    };
    if error.kind == Kind::Encrypted {
        return finding("not-supported").expected(WITHOUT_PASSWORD).advice(REMOVE_PASSWORD);
    }
    if is_unsupported(&error.kind) {
        return finding("not-supported")
            .expected("a file within the limits of this program")
            .advice("nothing is said about the file: it may be sound, and was not checked");
    }
    if error.kind == Kind::UntypedInLegacy {
        return finding("not-supported").expected("a file that torch.load reads").advice(SAVE_AS_ARCHIVE);
    }
    if let Kind::NotAnArchive(format) | Kind::NotAPickle(format) = &error.kind {
        return finding("other-format").expected(intact(kind)).advice(format.advice());
    }
    if let Kind::BytesBefore { .. } = error.kind {
        return finding("damaged")
            .expected("one archive from the first byte to the last")
            .advice("save it again, to a new file: which archive is read depends on the reader");
    }
    let is_in_the_way =
        |entry: &str| matches!(error.kind, Kind::OutsideDirectory(_)) && is_from_finder(entry);
    if error.place.entry.as_deref().is_some_and(is_in_the_way) {
        return finding("unsafe")
            .expected("a file that every reader understands alike")
            .advice(finder::ADVICE);
    }
    match refusal_kind(&error.kind) {
        RefusalKind::Unsafe => finding("unsafe")
            .expected("a file that every reader understands alike")
            .advice("do not load this file; ask its author for one with tensors and plain values alone"),
        RefusalKind::NotFound
        | RefusalKind::Io
        | RefusalKind::Internal
        | RefusalKind::Malformed
        | RefusalKind::MissingField
        | RefusalKind::InvalidValue
        | RefusalKind::Unsupported
        | RefusalKind::NotImplemented
        | RefusalKind::Mismatch => finding("damaged")
            .expected(intact(kind))
            .advice("copy the file again, or save it again: these bytes were changed or cut off"),
    }
}

/// A file of another format in the place of a whole one.
pub(super) fn other_format(kind: FileKind, format: OtherFormat) -> Finding {
    Finding::error("other-format", format!("found {}", format.name()))
        .expected(intact(kind))
        .advice(format.advice())
}

/// An archive of another kind in the place of a file of torch.
pub(super) fn other_archive(other: OtherArchive, inside: Inside) -> Finding {
    let inside = if inside.has_storages() { format!(" ({inside})") } else { String::new() };
    Finding::error("other-format", format!("found {}{inside}", other.name))
        .expected(intact(FileKind::Torch))
        .advice(other.advice)
}

/// A TorchScript archive, by the entry that makes it one.
pub(super) fn torch_script(other: OtherArchive, inside: Inside, error: &FormatError) -> Finding {
    Finding::error("unsafe", format!("the entry makes the file {} ({inside})", other.name))
        .at(&error.place)
        .expected("a state dict, which holds no code")
        .advice(other.advice)
}

/// The content of a file of torch in a directory.
pub(super) fn unpacked(what: &str) -> Finding {
    Finding::error("other-format", format!("found {what}")).expected("one file").advice(
        "pack it with its directory, without compression: `cd DIR/.. && zip -0 -D -r NAME.pt DIR`, with the name of the \
         directory alone",
    )
}

/// A pickle by itself, with the globals that it asks for. What it calls comes first.
pub(super) fn bare_pickle(
    globals: &[AskedGlobal],
    is_called: &dyn Fn(usize) -> bool,
    error: Option<&FormatError>,
) -> Finding {
    let foreign = |is_wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
        let all = globals.iter().enumerate().filter(|(index, global)| !global.is_safe && is_wanted(*index));
        all.map(|(_, AskedGlobal { module, name, .. })| format!("{module}.{name}")).collect()
    };
    let (called, asked) = (foreign(is_called), foreign(&|_| true));
    let (verb, names) = if called.is_empty() { ("asks for", &asked) } else { ("calls", &called) };
    let mut found = match (names.is_empty(), globals.is_empty(), error) {
        (false, _, _) => format!("a pickle that {verb} {}", listed(names.iter().map(String::as_str))),
        (true, false, _) => "a pickle of objects that torch.save writes".to_owned(),
        (true, true, None) => "a pickle of plain values".to_owned(),
        (true, true, Some(_)) => "a pickle".to_owned(),
    };
    if let Some(error) = error {
        found.push_str(&format!("; it cannot be read to its end: {}", error.kind));
    }
    let advice = if names.is_empty() && error.is_none() {
        "ask its author for a file that torch.save wrote, or for safetensors: pickles by themselves are not described"
    } else {
        "do not unpickle it: Python imports what it asks for and may call it; ask its author for a file that torch.save \
         wrote, or for safetensors"
    };
    Finding::error("pickle", found)
        .expected("a file of tensors in a format that executes nothing")
        .advice(advice)
}

/// An entry whose bytes are not those that were saved.
pub(super) fn changed(entry: &str) -> Finding {
    Finding::error("damaged", "the bytes do not match their CRC-32")
        .expected(intact(FileKind::Torch))
        .advice(
            "copy the file again: torch loads it and does not notice, and the values are not those that were saved",
        )
        .in_entry(entry)
}

/// An entry with two checksums, of which one is wrong.
pub(super) fn two_checksums(entry: &str) -> Finding {
    Finding::error("damaged", "the directory has another CRC-32 than the entry itself")
        .expected(intact(FileKind::Torch))
        .advice(
            "copy the file again: torch loads it and looks at neither, and other readers refuse it or take its values for \
             changed",
        )
        .in_entry(entry)
}

fn intact(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Torch | FileKind::Bundle => "a whole file that torch.save wrote",
        FileKind::Npz => "a whole archive that numpy.savez wrote",
        FileKind::Npy => "a whole array that numpy.save wrote",
        FileKind::Pickle => "a whole pickle",
        FileKind::Safetensors => "a whole safetensors file",
    }
}

/// The finding about one tensor, or another object, of a file that can be read besides.
pub(super) fn problem(kind: FileKind, place: &str, error: &FormatError) -> Finding {
    let mut finding = if error.kind == Kind::Unsupported(npy::OBJECTS.to_owned()) {
        Finding::error("pickled-array", npy::OBJECTS).expected("arrays of numbers").advice(
            "do not load it with allow_pickle=True, which executes what is in it; ask for plain arrays",
        )
    } else if let Kind::Unsupported(what) = &error.kind {
        Finding::warning("not-supported", format!("not supported: {what}"))
            .expected("dense tensors of numbers")
            .advice("load it to look at it: it is not described and was not checked")
    } else if let Kind::Limit { .. } = &error.kind {
        Finding::error("not-supported", error.kind.to_string())
            .expected("a tensor within the limits of this program")
            .advice("nothing is said about the tensor: it may be sound, and was not checked")
    } else if let Kind::TorchFails(_) = &error.kind {
        Finding::error("not-supported", error.kind.to_string())
            .expected("a file that torch.load reads")
            .advice("ask its author for a file that torch.save wrote")
    } else {
        Finding::error("damaged", error.kind.to_string())
            .expected(intact(kind))
            .advice("copy the file again, or save it again: its tensors do not fit their bytes")
    };
    finding.subscript = Some(place.to_owned()).filter(|place| !place.is_empty());
    finding
}

/// Bytes after the pickle of a file.
pub(super) fn trailing(bytes: u64) -> Finding {
    Finding::warning("further-pickle", format!("{bytes} bytes follow the end of the pickle"))
        .expected("one pickle")
        .advice("torch.load does not read them; do not unpickle them")
}

/// Bytes behind an array of NumPy.
pub(super) fn behind_array(name: String, bytes: u64) -> Finding {
    let what = if bytes == 1 { "1 byte follows" } else { &format!("{bytes} bytes follow") };
    let mut finding = Finding::warning("trailing-bytes", format!("{what} the array"))
        .expected("the bytes of its elements alone")
        .advice("numpy.load does not read them; ask the author of the file about them");
    finding.subscript = Some(name).filter(|name| !name.is_empty());
    finding
}

/// An entry that torch does not read.
pub(super) fn unread(name: &str, is_pickle: bool) -> Finding {
    let finding = if is_pickle {
        Finding::warning("further-pickle", "a further pickle, which torch.load does not read")
            .advice("do not unpickle it; ask the author of the file about it")
    } else {
        Finding::warning("unread-entry", "an entry that torch.save does not write")
            .advice("torch.load does not read it; ask the author of the file about it")
    };
    let finding = finding
        .expected("data.pkl, version, byteorder, data/<key> and other entries of torch.save")
        .in_entry(name);
    if is_pickle { finding } else { finder::explained(finding) }
}

/// A storage that is deflated.
pub(super) fn deflated(name: &str) -> Finding {
    Finding::warning("deflated-storage", "the storage is deflated")
        .expected("stored entries, as torch.save writes them")
        .advice("torch.load(mmap=True) takes the deflated bytes for numbers, without an error: save the file again")
        .in_entry(name)
}

/// A storage that the pickle does not refer to.
pub(super) fn unreferenced(name: &str) -> Finding {
    Finding::warning("unread-entry", "a storage that nothing in the pickle refers to")
        .expected("the storages of the tensors")
        .advice("torch.load does not read it; save the file again to lose it")
        .in_entry(name)
}

/// An entry of an archive of arrays that is not an array.
pub(super) fn no_array(name: String) -> Finding {
    let finding = Finding::warning("unread-entry", "an entry that is not an array")
        .expected("arrays in the format of numpy.save")
        .advice("numpy.load gives its bytes as they are; ask the author of the file about it");
    finder::explained(finding.in_entry(name))
}

/// Adds the first findings, and counts the others of the same kind.
pub(super) fn counted(found: impl Iterator<Item = Finding>, findings: &mut Findings) {
    let (mut last, mut more) = (None, 0_usize);
    for (index, finding) in found.enumerate() {
        if index < MAX_NAMED {
            findings.push(finding);
        } else {
            (last, more) = (Some(finding), more + 1);
        }
    }
    findings.extend(last.map(|last| Finding {
        entry: None,
        found: format!("{more} more like the ones before"),
        ..last
    }));
}

/// A finding of a bundle under the name of its rule.
pub(super) fn named(rule: &'static str, finding: Finding) -> Finding {
    Finding { requirement: rule, ..finding }
}

/// Tensors of one dict whose names all begin with what a wrapper puts before them.
pub(super) fn wrapped(file: &mut TensorFile) {
    let mut dicts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in file.tensors.keys() {
        // A quote inside a key is escaped, so this begins the last one.
        let (dict, key) = match name.rfind("['") {
            Some(at) if name.ends_with("']") => name.split_at(at),
            Some(_) | None => ("", name.as_str()),
        };
        dicts.entry(dict).or_default().push(key.strip_prefix("['").unwrap_or(key));
    }
    let found: Vec<Finding> = dicts
        .into_iter()
        .filter_map(|(dict, keys)| {
            let mut finding = named("wrapper-prefix", wrapped_names(|| keys.iter().copied())?);
            finding.subscript = Some(dict.to_owned()).filter(|dict| !dict.is_empty());
            Some(finding)
        })
        .collect();
    file.findings.extend(found);
}

/// Tensors with NaN or infinite elements.
pub(super) fn non_finite(file: &mut TensorFile) {
    let odd = file.tensors.iter().filter_map(|(name, details)| {
        let (nan, infinite) = (details.statistics.nan, details.statistics.infinite);
        (nan + infinite > 0).then(|| format!("{name} ({nan} NaN, {infinite} infinite)"))
    });
    let odd: Vec<String> = odd.collect();
    if odd.is_empty() {
        return;
    }
    let tensors = if odd.len() == 1 { "1 tensor has" } else { &format!("{} tensors have", odd.len()) };
    let found = format!("{tensors} NaN or infinite elements: {}", listed(odd.iter().map(String::as_str)));
    let finding = Finding::warning("non-finite", found)
        .expected("finite numbers")
        .advice("look for where they come from: what is computed from them is NaN or infinite as well");
    file.findings.push(finding);
}
