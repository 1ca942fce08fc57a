//! Comparison with two independent readers: `deser-pickle` for pickles, `pytorch-reader` for state dicts.
//!
//! They were written by other people from other sources, so they are unlikely to share a mistake of ours.
//! They are compared and do not decide: for each of their known mistakes there is a test that explains
//! it, and that fails when they fix it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/deser_value.rs"]
mod deser_value;
#[allow(dead_code, reason = "the hostile archives need more of it")]
#[path = "support/forge.rs"]
mod forge;
#[allow(dead_code, reason = "random bundles need more of it")]
mod support;
#[path = "support/tensor_files.rs"]
mod tensor_files;

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use bundleproof::{
    bundle::{files::refusal_facts, nouns::Rule},
    harness::contract::Facts,
    torch_files::{
        FormatError, FormatErrorKind as Kind, ModelState,
        limits::MAX_ENTRY_BYTES,
        pickle::{self, Allow, Protocol, write_value},
        torch,
        zip::Archive,
    },
    value::{Map, Value},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{RngSeed, TestRunner},
};
use rstest::rstest;
use tensor_files::{
    Found, OF_PYTORCH_READER, any_view, damaged, file_of, from_pytorch_reader, from_us, pytorch_values,
    reduced, tensor, written,
};

fn ours(pickle: &[u8]) -> Result<Value, FormatError> {
    let graph = pickle::read(pickle, Allow::VALUES)?;
    graph.to_value(graph.root())
}

/// The facts of our reader's refusal of a state dict.
fn refused(file: &[u8]) -> Facts {
    refusal_facts(&torch::read(Cursor::new(file)).expect_err("a refusal"))
}

/// A list nested this many levels deep.
fn levels(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.first().map_or(0, levels),
        _ => 0,
    }
}

/// All bundles of the fixtures by name, including the broken ones.
fn bundles() -> Vec<(String, PathBuf)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles");
    let mut found = Vec::new();
    for folder in [fixtures.join("broken"), fixtures] {
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let archive = entry.path().join("wts.h5.zip");
            if archive.is_file() {
                found.push((entry.file_name().into_string().expect("a plain name"), archive));
            }
        }
    }
    assert!(found.len() >= 22, "only {} bundles were found", found.len());
    found
}

/// The entries of a bundle whose names end so; `None` when the file is not an archive.
fn entries(archive: &Path, end: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = Archive::open(archive).ok()?;
    let names: Vec<String> = archive.names().filter(|name| name.ends_with(end)).map(str::to_owned).collect();
    let read = |name: String| {
        let bytes = archive.read(&name, MAX_ENTRY_BYTES).expect("an entry");
        (name, bytes)
    };
    Some(names.into_iter().map(read).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deser_pickle_reads_any_value_that_we_write(value in support::any_value()) {
        for protocol in [Protocol::Two, Protocol::Four] {
            let pickle = write_value(&value, protocol).expect("a plain value");
            let theirs = deser_value::read(&pickle);
            prop_assert_eq!(theirs.as_ref(), Ok(&value), "{:?}", protocol);
        }
    }

    #[test]
    fn pytorch_reader_finds_any_tensors_that_we_write(state in support::any_state()) {
        // It supports neither complex numbers nor untyped storages, and refuses a file with one.
        let ModelState::Network(mut tensors) = state else { return Ok(()) };
        tensors.retain(|_, tensor| OF_PYTORCH_READER.iter().any(|(_, dtype)| *dtype == tensor.dtype()));
        let file = written(&ModelState::Network(tensors));
        prop_assert_eq!(from_pytorch_reader(&file), from_us(&file));
    }

    #[test]
    fn pytorch_reader_finds_the_elements_of_any_view((pickle, storage) in any_view()) {
        let file = file_of(&pickle, &storage);
        let ours = from_us(&file);
        prop_assert!(ours.is_ok(), "{:?}", ours);
        prop_assert_eq!(from_pytorch_reader(&file), ours);
    }

    #[test]
    fn pytorch_reader_finds_any_sentinel_that_we_write(value in support::any_value()) {
        let sentinel = Map::from_iter([(ModelState::SENTINEL_KEY.to_owned(), value)]);
        let file = written(&ModelState::Sentinel(sentinel.clone()));
        prop_assert_eq!(pytorch_values(&file), Ok(reduced(&Value::Map(sentinel))));
    }
}

/// Runs a comparison on this many random inputs, which are the same in every run. It returns whether both readers
/// accepted the input, which must hold for at least one in twenty.
fn compare_damaged<S: Strategy>(
    cases: u32,
    input: S,
    compare: impl Fn(S::Value) -> Result<bool, TestCaseError>,
) {
    let config = ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    };
    let read = Cell::new(0);
    let run = TestRunner::new(config).run(&input, |input| {
        read.set(read.get() + u32::from(compare(input)?));
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(read.get() >= cases / 20, "both read only {} of {cases}", read.get());
}

#[test]
fn what_deser_pickle_and_we_read_of_a_damaged_pickle_is_the_same() {
    // Opcodes that change the value more often than they break the pickle.
    let opcodes = b"N\x88]})\x8f012(aseu\x85\x86tlqhX".to_vec();
    let byte = prop_oneof![1 => any::<u8>(), 2 => select(opcodes)];
    let damage = vec((any::<Index>(), byte, 0..3_u8), 1..3);
    let protocol = select(vec![Protocol::Two, Protocol::Four]);
    compare_damaged(4000, (support::any_value(), protocol, damage), |(value, protocol, damage)| {
        let mut pickle = write_value(&value, protocol).expect("a plain value");
        for (at, byte, kind) in damage {
            let at = at.index(pickle.len());
            match kind {
                0 => pickle[at] = byte,
                1 => pickle.insert(at, byte),
                _ => drop(pickle.remove(at)),
            }
        }
        let (Ok(ours), Ok(theirs)) = (ours(&pickle), deser_value::read(&pickle)) else { return Ok(false) };
        prop_assert_eq!(ours, theirs, "{}", pickle.escape_ascii());
        Ok(true)
    });
}

#[test]
fn what_pytorch_reader_and_we_read_of_a_damaged_state_dict_is_the_same() {
    compare_damaged(1000, (support::any_state(), any::<Index>(), 0..8_u8), |(state, at, bit)| {
        let mut file = written(&state);
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        let (Ok(ours), Ok(theirs)) = (from_us(&file), from_pytorch_reader(&file)) else { return Ok(false) };
        prop_assert_eq!(ours, theirs, "byte {}", at);
        Ok(true)
    });
}

#[test]
fn deser_pickle_and_we_agree_on_every_pickle_of_the_fixtures() {
    let mut agreed = 0;
    for (bundle, archive) in bundles() {
        let Some(entries) = entries(&archive, ".dill") else {
            assert_eq!(bundle, "truncated");
            continue;
        };
        for (entry, pickle) in entries {
            let (ours, theirs) = (ours(&pickle), deser_value::read(&pickle));
            if bundle == "reduce_in_params" && entry != "manifest.dill" {
                let foreign = Kind::ForeignGlobal { module: "builtins".into(), name: "eval".into() };
                assert_eq!(ours.expect_err("a call of eval").kind, foreign);
                let theirs = theirs.expect("deser-pickle refuses no global");
                let path = theirs.as_map().and_then(|map| map.get("train_data_file_path"));
                assert_eq!(path, Some(&Value::from("open('executed', 'w').close()")));
                continue;
            }
            assert_eq!(Ok(ours.expect("a value")), theirs, "{entry} of {bundle}");
            agreed += 1;
        }
    }
    assert!(agreed >= 60, "only {agreed} pickles were compared");
}

#[test]
fn pytorch_reader_and_we_agree_on_every_state_of_the_fixtures() {
    let mut agreed = 0;
    for (bundle, archive) in bundles() {
        let Some(entries) = entries(&archive, "/model.pth") else {
            assert_eq!(bundle, "truncated");
            continue;
        };
        for (entry, file) in entries {
            let (ours, theirs) = (from_us(&file), from_pytorch_reader(&file));
            match bundle.as_str() {
                "dtypes" => {
                    let refusal = theirs.expect_err("there are complex numbers");
                    assert!(refusal.contains("unsupported Python type 'torch.Complex"), "{refusal}");
                    assert_eq!(ours.expect("tensors").len(), 34);
                }
                "sentinel" | "odd_sentinels" => {
                    // It finds no tensors in a sentinel; its values are the same.
                    assert_eq!(theirs, Ok(Found::new()));
                    let state = torch::read(Cursor::new(&file)).expect("a state");
                    let ModelState::Sentinel(values) = state else { panic!("{entry} of {bundle}") };
                    assert_eq!(pytorch_values(&file), Ok(reduced(&Value::Map(values))));
                }
                "reduce_in_weights" if entry == "autoencoder/model.pth" => {
                    let facts = refused(&file);
                    assert!(facts.broke(Rule::ForeignGlobal), "{facts:?}");
                    assert_eq!(facts.found.as_deref(), Some("__builtin__.eval"));
                    assert!(!theirs.expect("pytorch-reader refuses no global").is_empty());
                }
                _ => {
                    assert_eq!(ours, theirs, "{entry} of {bundle}");
                    assert!(!ours.expect("tensors").is_empty(), "{entry} of {bundle}");
                    agreed += 1;
                }
            }
        }
    }
    assert!(agreed >= 35, "only {agreed} states were compared");
}

#[rstest]
#[case::a_dict_under_two_keys(
    b"}(\x8c\x01a}\x94\x8c\x01kNs\x8c\x01bh\0u.",
    "{'a': {'k': None}, 'b': {'k': None}}"
)]
#[case::beyond_64_bits(b"\x8a\x09\0\0\0\0\0\0\0\x80\0.", "9223372036854775808")]
#[case::beyond_64_bits_below_zero(b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\xff.", "-9223372036854775809")]
#[case::beyond_128_bits(
    b"\x8a\x11\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01.",
    "680564733841876926926749214863536422911"
)]
#[case::a_key_that_is_there_again(b"}(\x8c\x01aK\x01\x8c\x01bK\x02\x8c\x01aK\x03u.", "{'a': 3, 'b': 2}")]
fn deser_pickle_and_we_agree_where_readers_often_fail(#[case] pickle: &[u8], #[case] value: &str) {
    assert_eq!(ours(pickle).expect("a value").to_string(), value);
    assert_eq!(deser_value::read(pickle).expect("a value").to_string(), value);
}

/// In Python these are calls of forbidden functions; the bytes do not contain their results.
#[rstest]
#[case::a_call(b"cos\nsystem\n(S'id'\ntR.", "'id'")]
#[case::a_function_itself(b"cos\nsystem\n.", "'os.system'")]
fn deser_pickle_takes_an_unknown_call_for_its_argument(#[case] pickle: &[u8], #[case] theirs: &str) {
    let foreign = Kind::ForeignGlobal { module: "os".to_owned(), name: "system".to_owned() };
    assert_eq!(ours(pickle).expect_err("a foreign global").kind, foreign);
    assert_eq!(deser_value::read(pickle).expect("a value").to_string(), theirs);
}

/// Python's result is the path and the number, not the arguments from which they are made.
#[rstest]
#[case::path(b"cpathlib\nPosixPath\n(S'a'\nS'b'\ntR.", "Path('a/b')", "('a', 'b')")]
#[case::scalar(
    b"cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(Vu1\nI00\nI01\ntRC\x01\x07tR.",
    "7",
    "(('u1', False, True), b'\\x07')"
)]
fn deser_pickle_takes_paths_and_numpy_scalars_for_their_arguments(
    #[case] pickle: &[u8],
    #[case] value: &str,
    #[case] theirs: &str,
) {
    assert_eq!(ours(pickle).expect("a value").to_string(), value);
    assert_eq!(deser_value::read(pickle).expect("a value").to_string(), theirs);
}

/// `nn.Module.state_dict` of a module without tensors is such a dict: `_metadata` is an attribute of it, and
/// Python finds no items.
#[test]
fn deser_pickle_takes_the_attributes_of_an_empty_ordered_dict_for_its_items() {
    let pickle = |items: &str| format!("ccollections\nOrderedDict\n)R{items}}}V_metadata\nNsb.");
    let (empty, full) = (pickle(""), pickle("Va\nK\x01s"));
    assert_eq!(ours(empty.as_bytes()).expect("a dict").to_string(), "{}");
    assert_eq!(deser_value::read(empty.as_bytes()).expect("a dict").to_string(), "{'_metadata': None}");
    assert_eq!(deser_value::read(full.as_bytes()), Ok(ours(full.as_bytes()).expect("a dict")));
}

/// A container that contains itself has no finite value, so every returned value is wrong.
#[test]
fn deser_pickle_ends_a_list_that_contains_itself_with_none() {
    let pickle = b"]q\0h\0a.";
    assert_eq!(ours(pickle).expect_err("no end").kind, Kind::ContainsItself("list"));
    assert_eq!(deser_value::read(pickle).expect("a value").to_string(), "[None]");
}

/// An entry is exactly one pickle. Bytes after it are a second pickle, damage, or hidden data.
#[test]
fn deser_pickle_passes_over_what_follows_the_end_inside_a_frame() {
    let pickle = b"\x80\x04\x95\x03\0\0\0\0\0\0\0N.N";
    assert_eq!(ours(pickle).expect_err("more bytes").kind, Kind::TrailingBytes(1));
    assert_eq!(deser_value::read(pickle), Ok(Value::None));
}

/// Python 3 refuses it as well unless an encoding is given; as bytes it would have another type.
#[test]
fn deser_pickle_takes_text_of_python_2_that_is_not_ascii_for_bytes() {
    let pickle = b"U\x01\xff.";
    let refusal = ours(pickle).expect_err("no text").kind;
    assert!(matches!(&refusal, Kind::Unsupported(what) if what.starts_with("text of Python 2")), "{refusal}");
    assert_eq!(deser_value::read(pickle), Ok(Value::Bytes(vec![0xff])));
}

/// Deep trees are processed by recursion, at the latest when they are dropped, which overflows the stack.
#[test]
fn deser_pickle_reads_more_levels_than_a_value_may_have() {
    let deep = |levels: usize| [vec![b']'; levels], vec![b'a'; levels - 1], vec![b'.']].concat();
    assert_eq!(deser_value::read(&deep(64)), Ok(ours(&deep(64)).expect("64 levels")));
    let refusal = ours(&deep(65)).expect_err("65 levels").kind;
    assert!(matches!(refusal, Kind::Limit { what: "levels of containers", .. }), "{refusal}");
    assert_eq!(deser_value::read(&deep(65)).map(|value| levels(&value)), Ok(65));
}

/// The bytes of each tensor.
fn bytes_of(found: Result<Found, String>) -> BTreeMap<String, Vec<u8>> {
    found.expect("tensors").into_iter().map(|(name, (_, _, bytes))| (name, bytes)).collect()
}

/// In Python an attribute of a dict is not an item: `state._metadata` does not change `state["_metadata"]`.
#[test]
fn pytorch_reader_loses_a_tensor_that_is_named_as_an_attribute_of_the_dict() {
    let pickle = format!("ccollections\nOrderedDict\n)RV_metadata\n{}s}}V_metadata\nNsb.", tensor("Byte", 1));
    let file = file_of(&pickle, &[7]);
    assert_eq!(bytes_of(from_us(&file)), BTreeMap::from([("_metadata".to_owned(), vec![7])]));
    assert_eq!(bytes_of(from_pytorch_reader(&file)), BTreeMap::new());
}

/// `x.conj().imag` is saved so: torch negates the elements when they are read, and these are not negated.
#[test]
fn pytorch_reader_does_not_negate_a_lazily_negated_view() {
    let plain = tensor("Char", 1);
    let lazy = plain.replace("I00\nNtR", "I00\nN}Vneg\nI01\nstR");
    let file = file_of(&format!("}}Va\n{lazy}s."), &[7]);
    let facts = refused(&file);
    assert!(facts.broke(Rule::Unsupported) && facts.about("['a']"), "{facts:?}");
    assert_eq!(bytes_of(from_pytorch_reader(&file)), BTreeMap::from([("a".to_owned(), vec![7])]));
}

/// Of two tensors with one name one is lost; which one depends on the order of a hash map.
#[test]
fn pytorch_reader_gives_a_nested_dict_the_names_of_flat_ones() {
    let file = file_of(&format!("}}(Va\n}}Vb\n{0}sVa.b\n{0}u.", tensor("Byte", 1)), &[7]);
    let facts = refused(&file);
    assert!(facts.broke(Rule::Unexpected) && facts.about("['a']"), "{facts:?}");
    assert_eq!(facts.found.as_deref(), Some("dict"));
    assert_eq!(bytes_of(from_pytorch_reader(&file)), BTreeMap::from([("a.b".to_owned(), vec![7])]));
}

/// Tensors are compared by their bytes, and torch returns them unchanged from the file.
#[test]
fn pytorch_reader_makes_ones_of_all_other_bytes_of_a_bool() {
    let file = file_of(&format!("}}Va\n{}s.", tensor("Bool", 3)), &[0, 1, 2]);
    assert_eq!(bytes_of(from_us(&file))["a"], [0, 1, 2]);
    assert_eq!(bytes_of(from_pytorch_reader(&file))["a"], [0, 1, 1]);
}

/// A file with inconsistent parts was changed after it was written. Of two types torch takes the first for both.
#[rstest]
#[case::a_storage_longer_than_announced(
    file_of(&format!("}}Va\n{}s.", tensor("Byte", 1)), &[7, 8]),
    Rule::Storage
)]
#[case::a_storage_of_two_types(
    file_of(&format!("}}(Va\n{}Vb\n{}u.", tensor("Byte", 1), tensor("Char", 1)), &[7]),
    Rule::Unsupported
)]
#[case::bytes_without_their_checksum_where_only_a_part_is_viewed(
    damaged(file_of(&format!("}}Va\n{}s.", tensor("Byte", 9).replace("I9\nt(", "I1\nt(")), b"123456789")),
    Rule::Corrupt
)]
fn pytorch_reader_takes_storages_that_do_not_fit(#[case] file: Vec<u8>, #[case] rule: Rule) {
    let facts = refused(&file);
    assert!(facts.broke(rule), "{facts:?}");
    assert!(!from_pytorch_reader(&file).expect("tensors").is_empty());
}

/// The memo of a pickle holds references to objects, not copies.
#[test]
fn pytorch_reader_finds_a_dict_under_two_keys_empty_under_the_second() {
    let file = file_of("}(V_sentinel\n}q\0Vk\nNsVb\nh\0u.", &[]);
    let state = torch::read(Cursor::new(&file)).expect("a state");
    let ModelState::Sentinel(ours) = state else { panic!("a sentinel") };
    let Ok(Value::Map(theirs)) = pytorch_values(&file) else { panic!("a dict") };
    let inner = Value::Map(Map::from_iter([("k".to_owned(), Value::None)]));
    assert_eq!((&ours["_sentinel"], &ours["b"]), (&inner, &inner));
    assert_eq!((&theirs["_sentinel"], &theirs["b"]), (&inner, &Value::Map(Map::new())));
}

/// PyTorch saves and loads complex tensors, which ptychographic reconstructions need.
#[rstest]
fn pytorch_reader_has_no_complex_numbers(
    #[values(("ComplexFloat", 8), ("ComplexDouble", 16))] kind: (&str, usize),
) {
    let file = file_of(&format!("}}Va\n{}s.", tensor(kind.0, 1)), &vec![7; kind.1]);
    assert_eq!(bytes_of(from_us(&file))["a"], vec![7; kind.1]);
    let refusal = from_pytorch_reader(&file).expect_err("no complex numbers");
    assert!(refusal.contains(&format!("'torch.{}Storage'", kind.0)), "{refusal}");
}
