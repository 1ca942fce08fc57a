//! A file of `torch.save` by itself, checked against what `torch.load(weights_only=True)` takes.

use std::collections::HashSet;

use super::{
    archive_kind::OtherArchive,
    file::{TensorFile, TorchFacts, readable},
    findings,
};
use crate::{
    bundle::check::{Finding, Findings, ProgressFn, StateDetails, network_rules::unseen},
    torch_files::{
        FormatError, FormatErrorKind as Kind,
        torch::{AskedGlobal, Outline, TorchContent, TorchFile, UnsafeObject, scan_file, torch_refuses},
        zip::FileReader,
    },
    value::Map,
};

/// What a directory is that was made from a file.
const UNPACKED: &str = "a directory with the content of a file of torch.save that was unpacked";

pub(super) fn read(mut file: TensorFile, watch: ProgressFn<'_>) -> Result<TensorFile, FormatError> {
    if file.file.is_dir() {
        (file.instead, file.is_whole) = (Some(UNPACKED), false);
        file.findings.push(findings::unpacked(UNPACKED));
        return Ok(file);
    }
    let reader = FileReader::open(&file.file)?;
    let (mut format, mut globals, mut contents) = (None, Vec::new(), None);
    let (mut changed, mut two_checksums, mut is_known) = (Vec::new(), Vec::new(), true);
    let state = StateDetails::of(
        |elements| {
            let scanned = scan_file(reader, elements);
            let TorchFile { beyond, content, .. } = scanned;
            let objects = content.as_ref().map_or(&[][..], |(_, content)| content.unsafe_objects.as_slice());
            asked(&scanned.globals, objects, beyond, &mut file.findings);
            (format, globals) = (Some(scanned.format), scanned.globals);
            let (outline, content) = content?;
            odd(&content, &mut file);
            is_known = !content.problems.iter().any(|(_, error)| matches!(error.kind, Kind::Limit { .. }));
            (contents, changed, two_checksums) = (content.root, content.changed, content.two_checksums);
            if let Outline::Network(network) = &outline {
                let finding = unseen(network);
                file.findings.extend(finding.map(|finding| findings::named("unseen-storage", finding)));
            }
            Ok(outline)
        },
        watch,
    );
    let (mut sentinel, mut extra) = (None, Map::new());
    match readable(state)? {
        Err(error) => {
            // What the pickle asks for is refused wherever the rest is broken.
            let is_refused = torch_refuses(&error, &mut FileReader::open(&file.file)?);
            is_known = file.findings.errors > 0 || is_refused && !findings::is_unsupported(&error.kind);
            refuse(&error, &mut file);
        }
        Ok(StateDetails::Network { tensors, extra: own }) => (file.tensors, extra) = (tensors, own),
        Ok(StateDetails::Sentinel(values)) => sentinel = Some(values),
    }
    findings::wrapped(&mut file);
    findings::non_finite(&mut file);
    let loads_weights_only = is_known.then_some(file.findings.errors == 0);
    // Only now: torch does not notice it.
    findings::counted(changed.iter().map(|name| findings::changed(name)), &mut file.findings);
    findings::counted(two_checksums.iter().map(|name| findings::two_checksums(name)), &mut file.findings);
    let format = format.filter(|_| file.instead.is_none());
    file.torch = Some(TorchFacts { format, loads_weights_only, globals, sentinel, extra, contents });
    Ok(file)
}

/// Adds why a file cannot be read to its end; an archive of another kind is sound.
fn refuse(error: &FormatError, file: &mut TensorFile) {
    let other = if let Kind::MissingEntry(_) = error.kind {
        OtherArchive::of(&file.file)
    } else if error.kind == Kind::TorchScript {
        // Some entries make it one only by their own name.
        OtherArchive::of(&file.file).filter(|(other, _)| other.is_torch_script())
    } else {
        None
    };
    let Some((other, inside)) = other else { return findings::refuse(file, error) };
    (file.instead, file.is_whole) = (Some(other.name), false);
    file.findings.push(if error.kind == Kind::TorchScript {
        findings::torch_script(other, inside, error)
    } else {
        findings::other_archive(other, inside)
    });
}

/// What the safe mode of torch does not take.
fn asked(
    globals: &[AskedGlobal],
    objects: &[(usize, UnsafeObject)],
    beyond: Option<(u64, &'static str)>,
    findings: &mut Findings,
) {
    // An opcode is missing whatever globals are added. It is said once for all objects.
    let mut to_load = if beyond.is_none() { findings::to_load(globals) } else { None };
    let mut with_advice = |mut finding: Finding| {
        finding.advice.extend(to_load.take().map(|to_load| format!("; {to_load}")));
        finding
    };
    let mut named: HashSet<usize> = HashSet::new();
    for (index, object) in objects {
        named.insert(*index);
        named.extend(&object.inside);
        let global = globals.get(*index);
        findings.extend(global.map(|global| with_advice(findings::unsafe_object(global, object, globals))));
    }
    for (index, global) in globals.iter().enumerate() {
        if !global.is_safe && !named.contains(&index) {
            findings.push(with_advice(findings::unsafe_global(global)));
        }
    }
    findings.extend(beyond.map(findings::unsafe_opcode));
}

/// What is in the file and what torch does not read, or this program does not.
fn odd(content: &TorchContent, file: &mut TensorFile) {
    for (place, error) in &content.problems {
        file.is_whole = false;
        file.findings.push(findings::problem(file.kind, place, error));
    }
    if content.trailing > 0 {
        file.findings.push(findings::trailing(content.trailing));
    }
    let unread = content.unread.iter().map(|(name, is_pickle)| findings::unread(name, *is_pickle));
    let unreferenced = content.unreferenced.iter().map(|name| findings::unreferenced(name));
    let deflated = content.deflated.iter().map(|name| findings::deflated(name));
    findings::counted(unread, &mut file.findings);
    findings::counted(deflated, &mut file.findings);
    findings::counted(unreferenced, &mut file.findings);
}
