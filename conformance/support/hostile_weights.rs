//! Weights that are not a valid state dict, or that reach outside of their storages.

use bundleproof::bundle::nouns::Rule;

use crate::{
    Row,
    forge::{Field, Forge, Patched, torch_file},
};

/// The entry of the weights that are wrong.
const ENTRY: &str = "autoencoder/model.pth";

/// The pickle of a tensor over the storage `0`: its class, elements, offset, shape and strides.
fn tensor(class: &str, elements: u64, offset: &str, shape: &str, strides: &str) -> String {
    let storage = format!("(Vstorage\nctorch\n{class}\nV0\nVcpu\nI{elements}\ntQ");
    format!("ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n({shape}t({strides}tI00\nNtR")
}

fn state(tensor: &str) -> String {
    format!("}}Vw\n{tensor}s.")
}

fn floats(offset: &str, shape: &str, strides: &str) -> String {
    state(&tensor("FloatStorage", 2, offset, shape, strides))
}

fn bundle(file: impl Into<Vec<u8>>) -> Vec<u8> {
    Forge::good().weights(file).zip()
}

pub(crate) fn rows() -> Vec<Row> {
    [files(), states(), tensors()].into_iter().flatten().collect()
}

/// Files that `torch.save` does not write.
fn files() -> Vec<Row> {
    let good = || torch_file(floats("0", "I2\n", "I1\n"), &[("0", &[0; 8])]);
    let legacy = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
    let changed = {
        let patched = Patched::new(good().zip());
        let at = patched.data(2);
        patched.flipped(at).done()
    };
    let between = {
        // Padding of an inner entry: only the checksum of the outer archive covers it.
        let patched = Patched::new(Forge::good().zip());
        let at = patched.data(1) + 56;
        patched.flipped(at).done()
    };
    let inner = |name: &str| {
        let plain = "x".repeat(name.len());
        Patched::new(good().with(&plain, "more").zip()).both(4, Field::NAME, name.as_bytes()).done()
    };
    let row = |name: &str, file: Vec<u8>, breaks: &'static str, rule: Rule, says: &str| {
        Row::unreadable(name, bundle(file), breaks, rule, &[ENTRY, says])
    };
    vec![
        Row::unreadable(
            "no_weights",
            Forge::good().without(ENTRY).zip(),
            "BUN-002",
            Rule::MissingEntry,
            &[ENTRY],
        ),
        row("weights_that_are_empty", Vec::new(), "LOD-015", Rule::Zip, "found an empty file"),
        row(
            "weights_that_are_text",
            b"no weights here, but some text".to_vec(),
            "BUN-010",
            Rule::Zip,
            "found text",
        ),
        row(
            "weights_in_the_legacy_format_that_end_early",
            legacy.to_vec(),
            "LOD-015",
            Rule::Truncated,
            "model.pth",
        ),
        row(
            "weights_without_a_pickle",
            good().without("archive/data.pkl").zip(),
            "BUN-002",
            Rule::MissingEntry,
            "data.pkl",
        ),
        row(
            "weights_with_two_pickles",
            good().with("other/data.pkl", "}.").zip(),
            "LOD-015",
            Rule::Zip,
            "other/data.pkl",
        ),
        row(
            "weights_in_big_middle_order",
            good().with("archive/byteorder", "middle").zip(),
            "BUN-010",
            Rule::Unsupported,
            "middle",
        ),
        row("weights_with_a_changed_element", changed, "LOD-015", Rule::Corrupt, "archive/data/0"),
        Row::unreadable("a_changed_byte_between_the_weights", between, "LOD-015", Rule::Corrupt, &[ENTRY]),
        row("weights_with_an_escaping_entry", inner("../escaped"), "LOD-014", Rule::UnsafeName, "../escaped"),
        row(
            "weights_with_a_repeated_entry",
            inner("archive/version"),
            "LOD-014",
            Rule::DuplicateEntry,
            "archive/version",
        ),
        row(
            "weights_cut_in_half",
            {
                let whole = good().zip();
                whole[..whole.len() / 2].to_vec()
            },
            "LOD-015",
            Rule::Zip,
            "central directory",
        ),
    ]
}

/// Pickles of other objects than a dict of tensors.
fn states() -> Vec<Row> {
    let row = |name: &str, pickle: &str, breaks: &'static str, rule: Rule, says: &[&str]| {
        let says = [&[ENTRY], says].concat();
        Row::unreadable(name, bundle(torch_file(pickle, &[("0", &[0; 8])]).zip()), breaks, rule, &says)
    };
    let twice = format!(
        "}}(Vv\n{}Vw\n{}u.",
        tensor("FloatStorage", 2, "0", "I2\n", "I1\n"),
        tensor("DoubleStorage", 1, "0", "I1\n", "I1\n")
    );
    let many: String = (0..70_000)
        .map(|n| {
            format!(
                "V{n}\n{}",
                if n == 0 {
                    tensor("FloatStorage", 2, "0", "I2\n", "I1\n") + "p0\n"
                } else {
                    "g0\n".to_owned()
                }
            )
        })
        .collect();
    let long = format!("}}V{}\n{}s.", "w".repeat(5000), tensor("FloatStorage", 2, "0", "I2\n", "I1\n"));
    vec![
        row("a_state_that_is_a_list", "].", "BUN-010", Rule::Unexpected, &["list"]),
        row("a_tensor_that_is_a_number", "}Vw\nI1\ns.", "BUN-010", Rule::Unexpected, &["['w']", "1"]),
        row("a_tensor_name_that_is_a_number", "}I1\nNs.", "BUN-010", Rule::Unexpected, &["1"]),
        row(
            "a_storage_that_is_none",
            "}Vw\nctorch._utils\n_rebuild_tensor\n(NI0\n))tRs.",
            "BUN-010",
            Rule::Unexpected,
            &["['w']", "NoneType"],
        ),
        row(
            "an_unknown_storage_class",
            &state(&tensor("QInt8Storage", 2, "0", "I2\n", "I1\n")),
            "LOD-013",
            Rule::ForeignGlobal,
            &["torch.QInt8Storage"],
        ),
        row(
            "a_function_that_no_state_dict_needs",
            "}Vw\nctorch\nload\n(Vf\ntRs.",
            "LOD-013",
            Rule::ForeignGlobal,
            &["torch.load"],
        ),
        row("a_storage_of_two_types", &twice, "BUN-010", Rule::Unsupported, &["['w']", "\"0\""]),
        row("seventy_thousand_tensors", &format!("}}({many}u."), "LOD-014", Rule::Limit, &["70000 tensors"]),
        row(
            "a_tensor_name_of_five_thousand_bytes",
            &long,
            "LOD-014",
            Rule::Limit,
            &["5000 bytes of tensor name"],
        ),
    ]
}

/// Tensors that reach outside of their storages.
fn tensors() -> Vec<Row> {
    let row = |name: &str, pickle: String, breaks: &'static str, rule: Rule, says: &[&str]| {
        let says = [&[ENTRY], says].concat();
        Row::unreadable(name, bundle(torch_file(pickle, &[("0", &[0; 8])]).zip()), breaks, rule, &says)
    };
    let largest = usize::MAX.to_string();
    let missing = bundle(torch_file(floats("0", "I2\n", "I1\n"), &[]).zip());
    let dimensions = "I1\n".repeat(65);
    vec![
        row("a_tensor_past_its_storage", floats("1", "I2\n", "I1\n"), "BUN-010", Rule::Storage, &["['w']"]),
        row(
            "a_tensor_before_its_storage",
            floats("-1", "I2\n", "I1\n"),
            "BUN-010",
            Rule::Unexpected,
            &["['w']", "-1"],
        ),
        row("a_stride_below_0", floats("1", "I2\n", "I-1\n"), "BUN-010", Rule::Unexpected, &["['w']", "-1"]),
        row(
            "a_stride_that_overflows",
            floats("0", "I2\nI2\n", &format!("L{largest}L\nL{largest}L\n")),
            "BUN-010",
            Rule::Unexpected,
            &["['w']"],
        ),
        row(
            "a_shape_that_overflows",
            floats("0", &"I4294967296\n".repeat(4), &"I0\n".repeat(4)),
            "BUN-010",
            Rule::Storage,
            &["['w']"],
        ),
        row(
            "a_stride_of_0_that_expands",
            floats("0", "I1073741824\nI2\n", "I0\nI1\n"),
            "LOD-014",
            Rule::Limit,
            &["bytes of tensors"],
        ),
        row(
            "another_number_of_strides",
            floats("0", "I2\n", "I1\nI1\n"),
            "BUN-010",
            Rule::Storage,
            &["['w']"],
        ),
        row(
            "sixty_five_dimensions",
            floats("0", &dimensions, &dimensions),
            "LOD-014",
            Rule::Limit,
            &["65 dimensions"],
        ),
        row(
            "a_storage_that_is_smaller",
            state(&tensor("FloatStorage", 3, "0", "I2\n", "I1\n")),
            "BUN-010",
            Rule::Storage,
            &["archive/data/0", "8"],
        ),
        row(
            "a_storage_that_is_larger",
            state(&tensor("FloatStorage", 1, "0", "I1\n", "I1\n")),
            "BUN-010",
            Rule::Storage,
            &["archive/data/0", "8"],
        ),
        row(
            "a_storage_that_cannot_be_counted",
            state(&tensor("DoubleStorage", u64::MAX / 2, "0", "I1\n", "I1\n")),
            "BUN-010",
            Rule::Storage,
            &["['w']", "9223372036854775807"],
        ),
        Row::unreadable(
            "a_storage_that_is_not_there",
            missing,
            "BUN-002",
            Rule::MissingEntry,
            &["archive/data/0"],
        ),
        row(
            "a_conjugated_view",
            floats("0", "I2\n", "I1\n").replace("NtRs.", "N}Vconj\nI01\nstRs."),
            "BUN-010",
            Rule::Storage,
            &["['w']", "conj"],
        ),
    ]
}
