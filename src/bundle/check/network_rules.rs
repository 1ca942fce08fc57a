//! What a loader would miss or carry along although every tensor of a network can be read.

use std::ops::Range;

use super::Finding;
use crate::torch_files::torch::{NetworkOutline, TensorOutline};

/// What wrappers of a model put into the names of what they wrap, and how to save without it.
const WRAPPERS: [(&str, &str); 4] = [
    ("_orig_mod.", "save model._orig_mod.state_dict(), the model before torch.compile"),
    (DATA_PARALLEL, "save model.module.state_dict(), the model inside DataParallel"),
    ("_fsdp_wrapped_module.", "save the full state dict of the model that FSDP has sharded"),
    ("_checkpoint_wrapped_module.", "save the model before checkpoint_wrapper"),
];

/// Also what networks call a part of themselves, so only at the beginning of every name it is a wrapper.
const DATA_PARALLEL: &str = "module.";

/// The least bytes of storages that no tensor shows, and how many times more than what they show, of which a finding is
/// made.
const MIN_UNSEEN_BYTES: u64 = 64 << 10;
const MIN_UNSEEN_RATIO: u64 = 4;

/// The findings about one network (BUN-010).
pub(super) fn network(network: &NetworkOutline, entry: &str) -> Vec<Finding> {
    let opcode =
        network.beyond.map(|(_, name)| refused_opcode(Finding::warning("BUN-010", opcode_text(name))));
    let findings = opcode.into_iter().chain(wrapped(network)).chain(unseen(network));
    findings.map(|finding| finding.in_entry(entry)).collect()
}

/// The text of a finding about an opcode that the safe mode of torch lacks.
pub(super) fn opcode_text(name: &str) -> String {
    format!("the pickle has the opcode {name}")
}

/// The finding about such an opcode, with what was expected and what to do.
pub(super) fn refused_opcode(finding: Finding) -> Finding {
    finding
        .expected("opcodes of protocol 2, the only ones that torch.load(weights_only=True) has")
        .advice("save it again with torch.save, without pickle_protocol")
}

fn wrapped(network: &NetworkOutline) -> Option<Finding> {
    wrapped_names(|| network.tensors.keys().map(String::as_str))
}

/// The finding about these names, if all of them begin with what wrappers put before them, or if some have it inside.
pub(super) fn wrapped_names<'n, I: Iterator<Item = &'n str>>(names: impl Fn() -> I) -> Option<Finding> {
    let first = names().next()?;
    let mut around_all = 0;
    let mut advice = Vec::new();
    let begins =
        |name: &str, at: usize, prefix: &str| name.get(at..).is_some_and(|rest| rest.starts_with(prefix));
    while let Some((prefix, own)) =
        WRAPPERS.into_iter().find(|(prefix, _)| names().all(|name| begins(name, around_all, prefix)))
    {
        around_all += prefix.len();
        advice.push(own);
    }
    let found = if around_all > 0 {
        format!("every tensor name begins with {}", first.get(..around_all)?)
    } else {
        let is_in =
            |name: &str, prefix: &str| begins(name, 0, prefix) || name.contains(&format!(".{prefix}"));
        let inside = |prefix: &str| names().filter(|name| is_in(name, prefix)).count();
        let mut others = WRAPPERS.into_iter().filter(|(prefix, _)| *prefix != DATA_PARALLEL);
        let (count, prefix, own) = others
            .find_map(|(prefix, own)| Some((inside(prefix), prefix, own)).filter(|(count, ..)| *count > 0))?;
        advice.push(own);
        let verb = if count == 1 { "name contains" } else { "names contain" };
        format!("{count} tensor {verb} {prefix}")
    };
    let finding = Finding::warning("BUN-010", found)
        .expected("the names of the network's own parameters")
        .advice(format!(
            "{}: a loader that is not strict finds none of them and keeps its random weights",
            advice.join("; ")
        ));
    Some(finding)
}

/// Storages that are saved whole although tensors show little of them.
pub(super) fn unseen(network: &NetworkOutline) -> Option<Finding> {
    let mut shown: Vec<Vec<Range<u64>>> = vec![Vec::new(); network.storages.len()];
    for tensor in network.tensors.values() {
        if let Some(ranges) = shown.get_mut(tensor.storage) {
            ranges.push(reach(tensor));
        }
    }
    let unseen = |(storage, ranges): (u64, Vec<Range<u64>>)| storage.saturating_sub(covered(ranges));
    let storages = network.storages.iter().map(|storage| storage.bytes);
    let all = storages.clone().fold(0, u64::saturating_add);
    let unseen = storages.zip(shown).map(unseen).fold(0, u64::saturating_add);
    let shown = all.saturating_sub(unseen);
    if unseen < MIN_UNSEEN_BYTES || unseen / MIN_UNSEEN_RATIO < shown {
        return None;
    }
    let found = format!("the storages have {all} bytes, of which the tensors show {shown}");
    let finding = Finding::warning("BUN-010", found)
        .expected("storages that are as large as their tensors")
        .advice("save tensor.clone() of a slice: torch.save writes the whole storage behind it, whatever it holds");
    Some(finding)
}

/// The bytes of its storage from the first to the last that a tensor shows.
fn reach(tensor: &TensorOutline) -> Range<u64> {
    let size = tensor.dtype.size() as u64;
    let elements = tensor.view.reach();
    elements.start as u64 * size..elements.end as u64 * size
}

/// The number of bytes in at least one of the ranges.
fn covered(mut ranges: Vec<Range<u64>>) -> u64 {
    ranges.sort_unstable_by_key(|range| range.start);
    let (mut sum, mut end) = (0, 0);
    for range in ranges {
        sum += range.end.saturating_sub(range.start.max(end));
        end = end.max(range.end);
    }
    sum
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use rstest::rstest;

    use super::*;
    use crate::torch_files::{
        Dtype, ModelState, StateDict, Tensor,
        torch::{Outline, Storages, scan, write},
        zip::writer::{ArchiveWriter, Placement},
    };

    fn outline(file: Cursor<Vec<u8>>) -> NetworkOutline {
        let (Outline::Network(network), _) = scan(file, &mut Storages::default()).unwrap() else {
            unreachable!()
        };
        network
    }

    fn named(names: &[&str]) -> NetworkOutline {
        let tensor = || Tensor::new(Dtype::Float32, vec![1], vec![0; 4]).unwrap();
        let tensors: StateDict = names.iter().map(|name| ((*name).to_owned(), tensor())).collect();
        let mut file = Cursor::new(Vec::new());
        write(&ModelState::Network(tensors), &mut file).unwrap();
        outline(file)
    }

    #[rstest]
    #[case::compiled(&["_orig_mod.a", "_orig_mod.b"], Some("every tensor name begins with _orig_mod."))]
    #[case::parallel(&["module.a", "module.b"], Some("every tensor name begins with module."))]
    #[case::both(&["module._orig_mod.a", "module._orig_mod.b"], Some("every tensor name begins with module._orig_mod."))]
    #[case::sharded(&["_fsdp_wrapped_module.a"], Some("every tensor name begins with _fsdp_wrapped_module."))]
    #[case::compiled_part(&["a._orig_mod.b", "c"], Some("1 tensor name contains _orig_mod."))]
    #[case::sharded_parts(&["a._fsdp_wrapped_module.b", "_fsdp_wrapped_module.c", "d"], Some("2 tensor names contain _fsdp_wrapped_module."))]
    #[case::checkpointed_part(&["a._checkpoint_wrapped_module.b", "d"], Some("1 tensor name contains _checkpoint_wrapped_module."))]
    #[case::one_part(&["module.a", "b"], None)]
    #[case::part_of_its_own(&["a.module.b"], None)]
    #[case::end_of_a_word(&["my_orig_mod.a", "b"], None)]
    #[case::another_word(&["modules.a"], None)]
    fn the_prefix_of_a_wrapper_is_found_when_every_name_has_it(
        #[case] names: &[&str],
        #[case] found: Option<&str>,
    ) {
        let findings = network(&named(names), "m/model.pth");
        assert_eq!(findings.first().map(|finding| finding.found.as_str()), found);
        assert!(findings.iter().all(|finding| finding.entry.as_deref() == Some("m/model.pth")));
    }

    /// A network of byte tensors with these offsets, shapes and strides in one storage of this size.
    fn slices(bytes: usize, tensors: &[(usize, &str, &str)]) -> NetworkOutline {
        let item = |(n, (offset, shape, strides)): (usize, &(usize, &str, &str))| {
            let storage = format!("(Vstorage\nctorch\nByteStorage\nV0\nVcpu\nI{bytes}\ntQ");
            format!(
                "V{n}\nctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n({shape}t({strides}tI00\nNtR"
            )
        };
        let items: String = tensors.iter().enumerate().map(item).collect();
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        archive.entry("m/data.pkl", format!("}}({items}u.").as_bytes()).unwrap();
        archive.entry("m/data/0", &vec![0; bytes]).unwrap();
        archive.entry("m/version", b"3").unwrap();
        outline(archive.finish().unwrap())
    }

    #[test]
    fn weights_that_the_safe_mode_of_torch_refuses_are_found() {
        let found = |of: &NetworkOutline| network(of, "m").into_iter().map(|finding| finding.found).next();
        assert_eq!(
            found(&slices(4, &[(0, "I4\n", "I1\n")])),
            Some("the pickle has the opcode UNICODE".to_owned())
        );
        assert_eq!(found(&named(&["a"])), None);
    }

    #[test]
    fn storages_that_tensors_hardly_show_are_found() {
        let found = |bytes, tensors: &[_]| unseen(&slices(bytes, tensors)).map(|finding| finding.found);
        let mib = 1 << 20;
        let said = "the storages have 1048576 bytes, of which the tensors show 20".to_owned();
        assert_eq!(
            found(mib, &[(0, "I10\n", "I1\n"), (99, "I10\n", "I1\n"), (5, "I5\n", "I1\n")]),
            Some(said)
        );
        assert_eq!(found(mib, &[(0, "I1048576\n", "I1\n"), (7, "I3\n", "I1\n")]), None);
        assert_eq!(found(mib, &[(0, "I2\n", "I1048575\n")]), None, "a view that reaches over all of it");
        assert_eq!(found(60_000, &[(0, "I10\n", "I1\n")]), None, "little is lost");
        assert_eq!(found(mib, &[(9, "I0\n", "I1\n")]).map(|found| found.contains("show 0")), Some(true));
    }
}
