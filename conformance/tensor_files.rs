//! `check` and `inspect` on files of tensors that are not bundles: of torch, NumPy and safetensors.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/checked_files.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod checked_files;
#[path = "support/forge.rs"]
#[allow(dead_code, reason = "the hostile archives need more of it")]
mod forge;
#[path = "support/pickles.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod pickles;
#[path = "support/program.rs"]
mod program;

use checked_files::{checkpoint, err, folder, found, json, npy, npz, out, run_in, saved};
use forge::{Forge, torch_file};
use pickles::{dict, floats, tensor, text, whole};
use rstest::rstest;

#[test]
fn a_checkpoint_is_described_with_everything_in_it() {
    let place = folder(&[("last.ckpt", checkpoint())]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "last.ckpt"]).code(0));
    assert_eq!(
        text,
        "last.ckpt: conforms: file of torch.save (zip), loads with weights_only=True, 3 tensors\n"
    );
    let text = out(&run_in(place.path(), &["inspect", "last.ckpt"]).code(0));
    for says in [
        "last.ckpt\nfile of torch.save (zip), ",
        "\nloads with weights_only=True\n",
        "\nasks for 4 globals\n  torch._utils._rebuild_tensor_v2\n  torch.FloatStorage\n",
        "\n    epoch: 7\n    state_dict: dict (2)\n      layer.weight: float32 [3]\n      layer.bias: float32 [1]\n",
        "\n    optimizer_states: list (1)\n      0: dict (1)\n        state: dict (1)\n          0: dict (1)\n            step: float32 [2]\n",
        "size: torch.Size([2])",
        r"name: 'a\u{1b}b'",
    ] {
        assert!(text.contains(says), "{says:?} is not in\n{text}");
    }
    let described = json(&run_in(place.path(), &["inspect", "--json", "last.ckpt"]).code(0));
    let tensor = &described["tensors"]["['optimizer_states'][0]['state'][0]['step']"];
    assert_eq!((&tensor["shape"], &tensor["mean"]), (&serde_json::json!([2]), &1.5.into()));
    assert_eq!(tensor["sha256"], bundleproof::value::Digest::of(&floats(&[1.0, 2.0])).to_string());
    assert_eq!((&described["kind"], &described["torch_format"]), (&"torch".into(), &"zip".into()));
    assert_eq!(described["loads_weights_only"], true);
    assert_eq!(described["contents"]["items"][0], serde_json::json!(["epoch", {"value": "7"}]));
    let checked =
        json(&run_in(place.path(), &["check", "--json", "--profile", "torch", "last.ckpt"]).code(0));
    let file = &checked["files"][0];
    assert_eq!((&file["profile"], &file["loads_weights_only"]), (&"torch".into(), &true.into()));
    assert_eq!(file["tensors"], described["tensors"]);
    assert_eq!(file["globals"][1], serde_json::json!({"name": "torch.FloatStorage", "allowed": true}));
}

#[rstest]
#[case::code(
    b"cos\nsystem\nX\x02\0\0\0id\x85R",
    "weights-only: ['x']: the global os.system is not allowed",
    "do not load"
)]
#[case::network(
    b"ctorch.nn.modules.linear\nLinear\n)\x81}b",
    "Linear is not allowed",
    "this is a whole network"
)]
#[case::data(b"cargparse\nNamespace\n)\x81}b", "Namespace is not allowed", "save it as a dict: vars(value)")]
#[case::opcode(
    b"\x8c\x01a",
    "weights-only: byte 2: the pickle has the opcode SHORT_BINUNICODE",
    "without pickle_protocol"
)]
fn what_the_safe_mode_refuses_is_an_error(#[case] object: &[u8], #[case] says: &str, #[case] advice: &str) {
    let object = dict(&[("w", tensor("0", 3, 3)), ("x", object.to_vec())]);
    // The opcode is looked for in a pickle that begins with it.
    let object = if says.contains("byte 2") { b"\x8c\x01a".to_vec() } else { object };
    let text = found("a.pt", saved(&object), 1);
    assert!(text.contains(says) && text.contains(advice), "{text}");
    assert!(text.contains("does not conform: 1 error, "), "{text}");
}

/// A pickle of an object of `pandas.DataFrame` around another object.
fn data_frame(inside: &[u8]) -> Vec<u8> {
    let manager =
        [b"cpandas.core.internals.managers\nBlockManager\n)\x81}X\x01\0\0\0a", inside, b"sb"].concat();
    [b"cpandas.core.frame\nDataFrame\n)\x81}X\x04\0\0\0_mgr".to_vec(), manager, b"sb".to_vec()].concat()
}

#[rstest]
#[case::data(
    data_frame(b"c__builtin__\nslice\nK\0K\x02N\x87R"),
    "['x']: the global pandas.core.frame.DataFrame is not allowed; it is made with \
     pandas.core.internals.managers.BlockManager, builtins.slice, which are not either",
    "save it as a dict: value.to_dict()"
)]
#[case::code_inside(
    data_frame(b"cos\nsystem\nX\x02\0\0\0id\x85R"),
    "it is made with pandas.core.internals.managers.BlockManager, os.system",
    "do not load this file with weights_only=False"
)]
#[case::function_of_python_inside(
    b"c__builtin__\nslice\nc__builtin__\neval\nN\x86R".to_vec(),
    "['x']: the global builtins.slice is not allowed; it is made with builtins.eval, which is not either",
    "do not load this file with weights_only=False"
)]
#[case::twice(
    b"](cdatetime\ndate\n)Rcdatetime\ndate\n)Re".to_vec(),
    "['x'][0]: the global datetime.date is not allowed, here and in 1 more places",
    "value.isoformat()"
)]
#[case::reference(
    b"ctorch.nn.modules.loss\nMSELoss\n".to_vec(),
    "['x']: the global torch.nn.modules.loss.MSELoss is not allowed",
    "it is a class or function and not a network: save its name as text"
)]
#[case::packed(b"ctorch.nn.utils.rnn\nPackedSequence\n)R".to_vec(), "PackedSequence is not allowed", "value.batch_sizes")]
#[case::older_name(b"c__builtin__\nxrange\nK\x02\x85R".to_vec(), "the global builtins.range is not allowed", "list(value)")]
#[case::path(b"cpathlib\nPosixPath\nX\x01\0\0\0a\x85R".to_vec(), "pathlib.PosixPath is not allowed", "str(value)")]
fn an_object_is_one_finding_with_everything_it_is_made_with(
    #[case] object: Vec<u8>,
    #[case] says: &str,
    #[case] advice: &str,
) {
    let text = found("a.pt", saved(&dict(&[("w", tensor("0", 3, 3)), ("x", object)])), 1);
    assert!(text.contains(says) && text.contains(advice), "{text}");
    assert!(text.contains("does not conform: 1 error, 0 warnings"), "{text}");
}

#[test]
fn a_name_that_says_another_kind_is_a_warning() {
    let place = folder(&[
        ("a.pt", safetensors("{}", &[])),
        ("b.safetensors", saved(&dict(&[("w", tensor("0", 3, 3))]))),
        ("c.pkl", saved(&dict(&[("w", tensor("0", 3, 3))]))),
    ]);
    let text = out(
        &run_in(place.path(), &["check", "--profile", "torch", "a.pt", "b.safetensors", "c.pkl"]).code(0)
    );
    let says = "a.pt: warning misnamed: the file is a safetensors file, and its name is that of a file of torch.save; ";
    assert!(text.starts_with(says), "{text}");
    assert!(text.contains("b.safetensors: warning misnamed: the file is a file of torch.save, "), "{text}");
    assert_eq!(text.matches("misnamed").count(), 2, "{text}");
}

#[test]
fn a_key_with_single_quotes_has_double_ones_around() {
    let inner = dict(&[("it's", tensor("0", 3, 3)), ("a'\"", tensor("0", 3, 3))]);
    let place = folder(&[("a.pt", saved(&dict(&[("d", inner), ("n", b"K\x01".to_vec())])))]);
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(0));
    let names: Vec<&String> = described["tensors"].as_object().expect("tensors").keys().collect();
    assert_eq!(names, [r#"['d']["it's"]"#, r#"['d']['a\'"']"#]);
}

#[test]
fn a_file_that_asks_for_code_is_described_and_nothing_of_it_is_executed() {
    let object = dict(&[("w", tensor("0", 3, 3)), ("x", b"cos\nsystem\nX\x05\0\0\0touch\x85R".to_vec())]);
    let place = folder(&[("a.pt", saved(&object))]);
    let assert = run_in(place.path(), &["inspect", "a.pt"]).code(1);
    let text = out(&assert);
    assert!(text.contains("\ndoes not load with weights_only=True\n"), "{text}");
    assert!(text.contains("\n  os.system  not allowed\n"), "{text}");
    assert!(text.contains("\n    w: float32 [3]\n    x: os.system (1)\n      (0): 'touch'\n"), "{text}");
    assert!(
        err(&assert).contains("a.pt: weights-only: ['x']: the global os.system is not allowed"),
        "{}",
        err(&assert)
    );
}

#[test]
fn what_torch_takes_and_this_program_cannot_describe_is_not_called_unsafe() {
    let layout = [&b"ctorch.serialization\n_get_layout\n"[..], &text("torch.sparse_coo"), b"\x85R"].concat();
    let sparse = [
        &b"ctorch._utils\n_rebuild_sparse_tensor\n"[..],
        &layout,
        b"(",
        &tensor("0", 3, 1),
        &tensor("0", 3, 1),
        b"K\x03\x85t\x86R",
    ];
    let text = found("a.pt", saved(&dict(&[("s", sparse.concat()), ("w", tensor("0", 3, 3))])), 0);
    let says =
        "a.pt: warning not-supported: ['s']: not supported: a sparse tensor, which has no dense values; ";
    assert!(text.starts_with(says) && !text.contains("unsafe"), "{text}");
    assert!(text.ends_with("a.pt: conforms with 1 warning: file of torch.save (zip), loads with weights_only=True, 3 tensors\n"), "{text}");
    // Beyond a limit nothing is known.
    let deep = [b"]".repeat(100), b"a".repeat(99)].concat();
    let text = found("a.pt", saved(&deep), 1);
    assert!(text.contains("error not-supported: ") && text.contains("levels of containers"), "{text}");
    assert!(!text.contains("unsafe"), "{text}");
}

/// A state dict of one tensor with other bytes in one place.
fn state_with(old: &[u8], new: &[u8]) -> Vec<u8> {
    let object = dict(&[("w", tensor("0", 3, 3))]);
    let at = object.windows(old.len()).position(|bytes| bytes == old).expect("bytes of the object");
    saved(&[&object[..at], new, &object[at + old.len()..]].concat())
}

#[rstest]
#[case::byte_order(good().with("archive/byteorder", "little\n").zip(), "the byte order \"little\\n\"")]
#[case::alignment(good().with("archive/.storage_alignment", "4x").zip(), "expected a number, found other bytes")]
#[case::no_alignment(good().with("archive/.storage_alignment", "").zip(), "expected a number, found other bytes")]
#[case::identifier(good().with("archive/.data/serialization_id", [0xff]).zip(), "expected UTF-8, found other bytes")]
#[case::persistent_id(saved(b"NQ"), "expected a tuple that begins with 'storage', found NoneType")]
#[case::storage_to_call(saved(b"ctorch\nFloatStorage\n)R"), "expected a function or class to call")]
#[case::another_gradient(state_with(b"\x89", b"K\0"), "expected True or False for requires_grad, found int")]
#[case::gradient_of_integers(
    state_with(
        b"FloatStorage\nX\x01\0\0\0\x30X\x03\0\0\0cpuK\x03tQK\0K\x03\x85K\x01\x85\x89",
        b"IntStorage\nX\x01\0\0\0\x30X\x03\0\0\0cpuK\x03tQK\0K\x03\x85K\x01\x85\x88"
    ),
    "a tensor of int32 cannot require a gradient"
)]
#[case::metadata(state_with(b")RtR", b")R]NatR"), "expected a dict of metadata, found list")]
#[case::list_in_metadata(
    state_with(b")RtR", b")R}X\x04\0\0\0conj]stR"),
    "expected a bool in the metadata of a tensor, found list"
)]
#[case::view_of_a_storage(state_with(b"K\x03tQ", b"K\x03NtQ"), "expected a storage, found persistent object")]
fn what_torch_does_not_load_is_not_said_to_load(#[case] file: Vec<u8>, #[case] says: &str) {
    let text = found("a.pt", file, 1);
    assert!(text.contains(says) && !text.contains("loads with"), "{text}");
}

/// A file with one tensor.
fn good() -> Forge {
    torch_file(whole(&dict(&[("w", tensor("0", 3, 3))])), &[("0", &floats(&[1.0, 2.0, 3.0]))])
}

#[test]
fn a_name_that_torch_cannot_decode_is_an_error() {
    let file = forge::Patched::new(good().with("archive/notes", "").zip());
    let file = file.both(4, forge::Field::NAME, b"archive/note\xff").done();
    let text = found("a.pt", file, 1);
    assert!(text.contains("error unsafe: unsafe entry name: not UTF-8"), "{text}");
}

#[test]
fn a_storage_that_is_marked_as_a_directory_is_an_error() {
    // torch gives memory that nothing was read into.
    let marked = forge::Patched::new(good().zip()).central(2, 38, &[0x10]).done();
    let text = found("a.pt", marked, 1);
    assert!(text.contains("archive/data/0: corrupt entry: marked as a directory"), "{text}");
}

#[test]
fn a_deflated_storage_is_a_warning() {
    let text = found("a.pt", good().deflated().zip(), 0);
    assert!(
        text.contains("a.pt: warning deflated-storage: archive/data/0: the storage is deflated"),
        "{text}"
    );
    assert!(!found("a.pt", good().zip(), 0).contains("deflated"));
}

#[test]
fn what_no_tensor_shows_is_a_warning() {
    let numbers = floats(&[1.0, f32::NAN, f32::INFINITY]);
    let object = dict(&[("a", dict(&[("b", tensor("0", 3, 3))]))]);
    let file =
        torch_file([whole(&object), b"\x80\x02N.".to_vec()].concat(), &[("0", &numbers), ("1", &numbers)]);
    let file = file.with("archive/config.pkl", "\u{80}").with("archive/notes.txt", "text").zip();
    let text = found("a.pt", file, 0);
    for says in [
        "warning further-pickle: 4 bytes follow the end of the pickle",
        "warning further-pickle: archive/config.pkl: a further pickle",
        "warning unread-entry: archive/notes.txt: an entry that torch.save does not write",
        "warning unread-entry: archive/data/1: a storage that nothing in the pickle refers to",
        "warning non-finite: 1 tensor has NaN or infinite elements: ['a']['b'] (1 NaN, 1 infinite)",
        "conforms with 5 warnings",
    ] {
        assert!(text.contains(says), "{says} is not in\n{text}");
    }
}

#[test]
fn a_tensor_outside_of_its_storage_is_damage_and_the_others_are_described() {
    let object = dict(&[("n", b"K\x01".to_vec()), ("a", tensor("0", 3, 9)), ("b", tensor("0", 3, 2))]);
    let place = folder(&[("a.pt", saved(&object))]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.pt"]).code(1));
    assert!(text.contains("a.pt: error damaged: ['a']: offset 0, shape [9]"), "{text}");
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1));
    assert_eq!(described["tensors"]["['b']"]["shape"], serde_json::json!([2]));
    assert_eq!(described["loads_weights_only"], false);
}

#[test]
fn a_damaged_file_is_what_its_name_says() {
    let text = found("a.pt", b"PK\x03\x04 and no more than these few bytes".to_vec(), 1);
    assert!(
        text.contains("a.pt: error damaged: ") && text.contains("a whole file that torch.save wrote"),
        "{text}"
    );
    let text = found("a.npz", b"PK\x03\x04 and no more than these few bytes".to_vec(), 1);
    assert!(text.contains("a whole archive that numpy.savez wrote"), "{text}");
    let text = found("a.safetensors", vec![0xff; 9], 1);
    assert!(
        text.contains("a.safetensors: error not-supported: 18446744073709551615 bytes of the header"),
        "{text}"
    );
}

#[test]
fn arrays_of_numpy_are_described_one_by_one() {
    let file = npz(&[
        ("a.npy", npy("'<f4'", "(2,)", &floats(&[1.5, f32::NAN]))),
        ("o.npy", npy("'|O'", "(1,)", b"\x80\x02cos\nsystem\n.")),
        ("t.npy", npy("'<U1'", "()", &[97, 0, 0, 0])),
    ]);
    let place = folder(&[("a.npz", file)]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.npz"]).code(1));
    assert!(
        text.contains("a.npz: error pickled-array: o: an array of Python objects, which is a pickle"),
        "{text}"
    );
    assert!(
        text.contains("a.npz: warning not-supported: t: not supported: the NumPy type \"<U1\""),
        "{text}"
    );
    assert!(
        text.contains("a.npz: warning non-finite: 1 tensor has NaN or infinite elements: a (1 NaN"),
        "{text}"
    );
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.npz"]).code(1));
    let array = &described["tensors"]["a"];
    assert_eq!(
        (&array["dtype"], &array["shape"], &array["max"]),
        (&"float32".into(), &serde_json::json!([2]), &1.5.into())
    );
    assert_eq!(array["sha256"], bundleproof::value::Digest::of(&floats(&[1.5, f32::NAN])).to_string());
    let text = out(&run_in(place.path(), &["inspect", "--tensors", "a.npz"]).code(1));
    assert!(
        text.starts_with("a.npz\narchive of NumPy arrays (npz), ") && text.contains("\n  a\n    float32 [2]"),
        "{text}"
    );
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn safetensors_are_described_and_their_header_errors_named() {
    let header =
        r#"{"__metadata__":{"format":"pt"},"module.w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let place = folder(&[
        ("a.safetensors", safetensors(header, &floats(&[1.0, 3.0]))),
        ("cut.safetensors", safetensors(header, &floats(&[1.0]))),
    ]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.safetensors"]).code(0));
    assert!(text.contains("warning wrapper-prefix: every tensor name begins with module."), "{text}");
    assert!(text.ends_with("a.safetensors: conforms with 1 warning: safetensors file, 1 tensor\n"), "{text}");
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.safetensors"]).code(0));
    assert_eq!(described["metadata"], serde_json::json!({"format": "pt"}));
    assert_eq!(described["tensors"]["module.w"]["mean"], 2.0);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "cut.safetensors"]).code(1));
    assert!(
        text.contains(
            "error damaged: corrupt entry: the header announces 8 bytes of tensors, and 4 follow it"
        ),
        "{text}"
    );
}

/// A file of the format before PyTorch 1.6 with one tensor in an untyped storage, as torch writes float8.
fn untyped_legacy() -> Vec<u8> {
    let storage = b"(X\x07\0\0\0storagectorch.storage\nUntypedStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x03NtQ";
    let tensor = [
        &b"ctorch._utils\n_rebuild_tensor_v3\n("[..],
        storage,
        b"K\0K\x03\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rctorch\nfloat8_e5m2\ntR",
    ];
    legacy(&dict(&[("a", tensor.concat())]), 3, &[1, 2, 3])
}

/// A file of the format before PyTorch 1.6 with one storage of so many elements.
fn legacy(object: &[u8], elements: u64, storage: &[u8]) -> Vec<u8> {
    [
        &b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."[..],
        b"\x80\x02}X\x0d\0\0\0little_endian\x88s.",
        &whole(object),
        b"\x80\x02]X\x01\0\0\x000a.",
        &elements.to_le_bytes(),
        storage,
    ]
    .concat()
}

#[test]
fn what_torch_writes_and_cannot_read_back_is_refused() {
    let text = found("a.pt", untyped_legacy(), 1);
    assert!(text.contains("error not-supported: torch cannot read this back: "), "{text}");
    assert!(text.contains("; save it again without _use_new_zipfile_serialization=False"), "{text}");
    let place = folder(&[("a.pt", untyped_legacy())]);
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1));
    assert_eq!(described["loads_weights_only"], false);
}

#[rstest]
#[case::stored(good())]
#[case::deflated(good().deflated())]
fn a_wrong_checksum_is_damage_that_torch_does_not_notice(#[case] file: Forge) {
    // The third entry is the storage.
    let bytes = forge::Patched::new(file.zip()).both(2, forge::Field::CRC, &[1, 2, 3, 4]).done();
    let place = folder(&[("a.pt", bytes)]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.pt"]).code(1));
    let says = "a.pt: error damaged: archive/data/0: the bytes do not match their CRC-32; ";
    assert!(text.contains(says), "{text}");
    assert!(
        text.contains("torch loads it and does not notice, and the values are not those that were saved"),
        "{text}"
    );
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1));
    assert_eq!(described["loads_weights_only"], true);
    assert_eq!(described["tensors"]["w"]["shape"], serde_json::json!([3]));
    let text = out(&run_in(place.path(), &["inspect", "a.pt"]).code(1));
    assert!(text.contains("\nloads with weights_only=True\n"), "{text}");
}

#[rstest]
#[case::directory(0, true)]
#[case::entry(0, false)]
#[case::directory_of_a_storage(2, true)]
#[case::storage(2, false)]
fn an_entry_with_two_checksums_is_damaged_by_name_and_torch_loads_it(
    #[case] entry: usize,
    #[case] in_directory: bool,
    #[values(good(), good().deflated())] file: Forge,
) {
    let patched = forge::Patched::new(file.zip());
    let bytes = if in_directory {
        patched.central(entry, 16, &[1, 2, 3, 4])
    } else {
        patched.local(entry, forge::Field::CRC, &[1, 2, 3, 4])
    };
    let place = folder(&[("a.pt", bytes.done())]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.pt"]).code(1));
    let name = ["archive/data.pkl", "archive/byteorder", "archive/data/0"][entry];
    let says =
        format!("a.pt: error damaged: {name}: the directory has another CRC-32 than the entry itself; ");
    assert!(text.contains(&says) && text.contains("does not conform: 1 error, "), "{text}");
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1));
    assert_eq!(described["loads_weights_only"], true);
    assert_eq!(described["tensors"]["w"]["shape"], serde_json::json!([3]));
}

#[test]
fn keys_that_are_tuples_and_shapes_without_elements_are_shown() {
    let key = [b"(".to_vec(), text("encoder"), b"K\x01t".to_vec()].concat();
    let pairs = [b"}".to_vec(), key, b"K\x05s".to_vec()].concat();
    let meta = b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat16\nK\x02K\x03\x86K\x03K\x01\x86\x89tR";
    let place =
        folder(&[("a.pt", saved(&dict(&[("by", pairs), ("m", meta.to_vec()), ("w", tensor("0", 3, 3))])))]);
    let text = out(&run_in(place.path(), &["inspect", "a.pt"]).code(0));
    assert!(text.contains("\n      ('encoder', 1): 5\n"), "{text}");
    assert!(text.contains(" of float16 [2, 3]"), "{text}");
}

#[test]
fn what_add_safe_globals_would_need_is_named_only_for_data() {
    let needed = |object: &[u8]| {
        let place = folder(&[("a.pt", saved(&dict(&[("x", object.to_vec()), ("w", tensor("0", 3, 3))])))]);
        let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1));
        for arguments in [&["inspect", "a.pt"][..], &["check", "--profile", "torch", "a.pt"]] {
            let text = out(&run_in(place.path(), arguments).code(1));
            let named = text.matches("torch.serialization.add_safe_globals([").count();
            assert_eq!(named, usize::from(described.get("safe_globals").is_some()), "{text}");
        }
        described.get("safe_globals").cloned()
    };
    let namespace = b"cargparse\nNamespace\n)\x81}b";
    assert_eq!(needed(namespace), Some(serde_json::json!(["argparse.Namespace"])));
    let twice = [&b"("[..], namespace, b"ccollections\ndeque\n)Rt"].concat();
    assert_eq!(needed(&twice), Some(serde_json::json!(["argparse.Namespace", "collections.deque"])));
    assert_eq!(needed(b"cos\nsystem\nX\x02\0\0\0id\x85R"), None);
    assert_eq!(needed(b"cargparse\nNamespace\n)\x81cos\nsystem\nb"), None);
}

/// A tensor with other bytes in one place, next to another one.
fn with_other(old: &[u8], new: &[u8]) -> Vec<u8> {
    let tensor = tensor("0", 3, 3);
    let at = tensor.windows(old.len()).position(|bytes| bytes == old).expect("bytes of the tensor");
    [&tensor[..at], new, &tensor[at + old.len()..]].concat()
}

#[rstest]
#[case::no_strides(with_other(b"K\x01\x85\x89", b"N\x89"), "float32")]
#[case::empty_strides(with_other(b"K\x01\x85\x89", b")\x89"), "float32")]
#[case::torch_size(with_other(b"K\x03\x85", b"ctorch\nSize\n(K\x03t\x85R"), "float32")]
#[case::metadata_that_are_false(with_other(b")RtR", b")RK\0tR"), "float32")]
#[case::metadata_of_another_type(with_other(b")RtR", b")R}X\x01\0\0\0xK\x05stR"), "float32")]
#[case::bytes(
    with_other(
        b"ctorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x03",
        b"ctorch.storage\nUntypedStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x0c"
    ),
    "uint8"
)]
fn what_torch_takes_although_it_does_not_write_it_is_described(#[case] object: Vec<u8>, #[case] dtype: &str) {
    let place = folder(&[("a.pt", saved(&dict(&[("a", object), ("n", b"N".to_vec())])))]);
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(0));
    assert_eq!(described["loads_weights_only"], true);
    let tensor = &described["tensors"]["['a']"];
    assert_eq!((&tensor["dtype"], &tensor["shape"]), (&dtype.into(), &serde_json::json!([3])));
}

#[test]
fn a_tensor_beyond_a_limit_is_neither_damaged_nor_known_to_load() {
    let sides = [&b"("[..], &b"K\x01".repeat(65), b"t"].concat();
    let other = with_other(b"K\x03\x85K\x01\x85", &[&sides[..], &sides].concat());
    let place = folder(&[("a.pt", saved(&dict(&[("a", other), ("w", tensor("0", 3, 3))])))]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.pt"]).code(1));
    assert!(text.contains("error not-supported: ['a']: 65 dimensions exceed the limit of 64"), "{text}");
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1));
    assert!(described["loads_weights_only"].is_null());
}

#[rstest]
#[case::key(b"}]Ns".to_vec(), "torch.load fails on it: a list is a key of a dict or an item of a set")]
#[case::call(b"ctorch._utils\n_rebuild_sparse_tensor\nN\x85R".to_vec(), "torch.load fails on it: _rebuild_sparse_tensor does not take")]
#[case::argument(b"ctorch\nSize\nK\x01\x85R".to_vec(), "torch.load fails on it: argument 1 of torch.Size must be integers")]
#[case::missing_storage(storage("9", 3), "missing entry \"archive/data/9\"")]
#[case::larger_storage(storage("0", 4), "expected 16 bytes in the storage \"archive/data/0\", found 12")]
fn what_torch_fails_to_make_is_an_error_although_no_tensor_needs_it(
    #[case] object: Vec<u8>,
    #[case] says: &str,
) {
    let all = dict(&[("x", object.clone()), ("w", tensor("0", 3, 3))]);
    // Of two equal keys the last one counts, and torch makes the objects of both.
    let overwritten = dict(&[("w", object), ("w", tensor("0", 3, 3))]);
    for object in [all, overwritten] {
        let text = found("a.pt", saved(&object), 1);
        assert!(text.contains(says) && text.contains("does not conform: 1 error, "), "{text}");
    }
}

/// A storage by itself.
fn storage(key: &str, elements: u8) -> Vec<u8> {
    [
        &b"("[..],
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text(key),
        &text("cpu"),
        &[b'K', elements],
        b"tQ",
    ]
    .concat()
}

#[test]
fn a_cut_file_of_the_older_format_says_how_much_is_missing() {
    let tensor = [&tensor("0", 3, 3)[..]].concat();
    // The older format has a view of the storage in its id as well.
    let at = tensor.windows(4).position(|four| four == b"K\x03tQ").expect("an id");
    let tensor = [&tensor[..at], b"K\x03NtQ", &tensor[at + 4..]].concat();
    let file = legacy(&dict(&[("w", tensor)]), 3, &floats(&[1.0, 2.0, 3.0]));
    assert!(!found("a.pt", file.clone(), 0).contains("error"));
    for missing in [1, 12, 20] {
        let text = found("a.pt", file[..file.len() - missing].to_vec(), 1);
        let says = format!("the file was cut short: {missing} bytes are missing");
        assert!(text.contains(&says), "{text}");
    }
}
