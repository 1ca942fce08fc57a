//! Manifests and params that break the contract, and pickles that execute code.

use bundleproof::{
    bundle::nouns::Rule,
    torch_files::pickle::{Protocol, write_value},
    value::{Map, Value},
};

use crate::{
    Row,
    forge::{Forge, good_params, manifest_of, torch_file},
    traps::TRAPS,
};

const BOTH: [&str; 2] = ["autoencoder", "diffraction_to_obj"];

pub(crate) fn rows() -> Vec<Row> {
    [manifests(), params(), snapshots(), executing(), bombs()].into_iter().flatten().collect()
}

fn manifests() -> Vec<Row> {
    let with = |change: fn(&mut Map)| {
        let mut manifest = manifest_of(&BOTH);
        change(&mut manifest);
        Forge::good().manifest(&Value::Map(manifest)).zip()
    };
    let models = |names: &[&str]| Forge::good().manifest(&Value::Map(manifest_of(names))).zip();
    let pickle = |bytes: &[u8]| Forge::good().with("manifest.dill", bytes).zip();
    let tensorflow = Map::from_iter([
        ("models".to_owned(), Value::List(BOTH.map(Value::from).to_vec())),
        ("version".to_owned(), Value::from("1.0")),
    ]);
    let tensorflow =
        Forge::good().manifest(&Value::Map(tensorflow)).with("autoencoder/model.keras", "keras").zip();
    let named = |model: &str| models(&[BOTH[0], BOTH[1], model]);
    vec![
        Row::unreadable(
            "no_manifest",
            Forge::good().without("manifest.dill").zip(),
            "BUN-002",
            Rule::MissingEntry,
            &["manifest.dill"],
        ),
        Row::unreadable(
            "a_manifest_that_is_a_list",
            Forge::good().manifest(&Value::List(vec![])).zip(),
            "BUN-003",
            Rule::Unexpected,
            &["manifest.dill", "list"],
        ),
        Row::unreadable(
            "a_manifest_without_models",
            with(|manifest| drop(manifest.shift_remove("models"))),
            "BUN-003",
            Rule::MissingField,
            &["manifest.dill", "models"],
        ),
        Row::unreadable(
            "a_manifest_without_version",
            with(|manifest| drop(manifest.shift_remove("version"))),
            "BUN-003",
            Rule::MissingField,
            &["manifest.dill", "version"],
        ),
        Row::unreadable(
            "models_that_are_a_text",
            with(|manifest| drop(manifest.insert("models".into(), "autoencoder".into()))),
            "BUN-003",
            Rule::Unexpected,
            &["['models']", "str"],
        ),
        Row::unreadable(
            "a_model_that_is_a_number",
            with(|manifest| drop(manifest.insert("models".into(), Value::List(vec![Value::Int(1)])))),
            "BUN-003",
            Rule::Unexpected,
            &["['models']", "int"],
        ),
        Row::unreadable(
            "a_version_that_is_a_number",
            with(|manifest| drop(manifest.insert("version".into(), Value::Float(2.0)))),
            "BUN-003",
            Rule::Unexpected,
            &["['version']", "float"],
        ),
        Row::unreadable(
            "a_backend_that_is_none",
            with(|manifest| drop(manifest.insert("backend".into(), Value::None))),
            "BUN-003",
            Rule::Unexpected,
            &["['backend']", "NoneType"],
        ),
        Row::unreadable(
            "a_model_twice",
            models(&[BOTH[0], BOTH[1], BOTH[0]]),
            "BUN-003",
            Rule::Unexpected,
            &["['models']", "autoencoder"],
        ),
        Row::unreadable(
            "a_model_name_that_leads_up",
            named("../escaped"),
            "BUN-013",
            Rule::ModelName,
            &["../escaped"],
        ),
        Row::unreadable("a_model_name_with_a_separator", named("a/b"), "BUN-013", Rule::ModelName, &["a/b"]),
        Row::unreadable("an_empty_model_name", named(""), "BUN-013", Rule::ModelName, &["\"\""]),
        Row::unreadable(
            "a_model_name_with_a_line_feed",
            named("a\nb"),
            "BUN-013",
            Rule::ModelName,
            &["a\\nb"],
        ),
        Row::readable("no_models", models(&[]), "BUN-005", Rule::BothRoles, &BOTH),
        Row::readable("one_role", models(&[BOTH[1]]), "BUN-005", Rule::BothRoles, &["autoencoder"]),
        Row::readable(
            "another_version",
            with(|manifest| drop(manifest.insert("version".into(), "3.0-pytorch".into()))),
            "LOD-009",
            Rule::OwnArchive,
            &["3.0-pytorch"],
        ),
        Row::readable(
            "another_backend",
            with(|manifest| drop(manifest.insert("backend".into(), "jax".into()))),
            "LOD-009",
            Rule::OwnArchive,
            &["jax"],
        ),
        Row::readable("a_tensorflow_bundle", tensorflow, "LOD-009", Rule::OwnArchive, &["1.0"]),
        Row::unreadable(
            "bytes_behind_a_pickle",
            pickle(b"}.}."),
            "LOD-015",
            Rule::TrailingBytes,
            &["manifest.dill byte 1", "STOP", "2"],
        ),
        Row::unreadable(
            "a_pickle_that_ends_early",
            pickle(b"\x80\x04}\x94(\x8c\x06mod"),
            "LOD-015",
            Rule::Truncated,
            &["byte 5", "SHORT_BINUNICODE"],
        ),
        Row::unreadable(
            "a_byte_that_is_no_opcode",
            pickle(b"}\xff."),
            "LOD-015",
            Rule::UnknownOpcode,
            &["byte 1", "0xff"],
        ),
        Row::unreadable(
            "a_future_protocol",
            pickle(b"\x80\x06}."),
            "LOD-015",
            Rule::UnsupportedProtocol,
            &["PROTO", "6"],
        ),
        Row::unreadable("an_empty_pickle", pickle(b""), "LOD-015", Rule::Truncated, &["byte 0"]),
        Row::unreadable(
            "text_that_is_not_utf8",
            pickle(b"}\x8c\x01\xffNs."),
            "LOD-015",
            Rule::NotUtf8,
            &["byte 1", "SHORT_BINUNICODE"],
        ),
        Row::unreadable(
            "a_pickle_that_takes_from_nothing",
            pickle(b"a."),
            "LOD-015",
            Rule::StackUnderflow,
            &["APPEND"],
        ),
        Row::unreadable(
            "an_extension_code",
            pickle(b"\x80\x02\x82\x01."),
            "LOD-013",
            Rule::UnsupportedOpcode,
            &["EXT1"],
        ),
    ]
}

fn params() -> Vec<Row> {
    let without = |keys: &'static [&'static str]| {
        Forge::good().params(|params| params.retain(|key, _| !keys.contains(&key.as_str()))).zip()
    };
    let with = |key: &'static str, value: Value| {
        Forge::good().params(|params| drop(params.insert(key.to_owned(), value))).zip()
    };
    let row = |name: &str, key: &'static str, value: Value, breaks: &'static str, rule: Rule| {
        let says = value.to_string();
        Row::readable(name, with(key, value), breaks, rule, &[key, &says])
    };
    vec![
        Row::readable("no_n", without(&["N"]), "LOD-003", Rule::RequiredFields, &["N"]),
        Row::readable("no_gridsize", without(&["gridsize"]), "LOD-003", Rule::RequiredFields, &["gridsize"]),
        Row::readable(
            "neither",
            without(&["N", "gridsize"]),
            "LOD-003",
            Rule::RequiredFields,
            &["N", "gridsize"],
        ),
        row("n_that_is_text", "N", Value::from("64"), "LOD-010", Rule::PositiveInt),
        row("n_that_is_a_float", "N", Value::Float(64.0), "LOD-010", Rule::PositiveInt),
        row("n_that_is_true", "N", Value::Bool(true), "LOD-010", Rule::PositiveInt),
        row("gridsize_0", "gridsize", Value::Int(0), "LOD-010", Rule::PositiveInt),
        row("gridsize_below_0", "gridsize", Value::Int(-1), "LOD-010", Rule::PositiveInt),
        row("gridsize_none", "gridsize", Value::None, "LOD-010", Rule::PositiveInt),
        row(
            "gridsize_beyond_64_bits",
            "gridsize",
            Value::integer(i128::MAX.into()),
            "LOD-010",
            Rule::PositiveInt,
        ),
        Row::readable("no_version", without(&["_version"]), "BUN-007", Rule::ArchivedVersion, &["_version"]),
        row(
            "another_version_in_the_params",
            "_version",
            Value::from("1.0"),
            "BUN-007",
            Rule::ArchivedVersion,
        ),
        Row::readable(
            "no_scale",
            without(&["intensity_scale"]),
            "LOD-042",
            Rule::ArchivedScale,
            &["intensity_scale"],
        ),
        row("a_scale_that_is_text", "intensity_scale", Value::from("1.0"), "LOD-042", Rule::ArchivedScale),
    ]
}

fn snapshots() -> Vec<Row> {
    let pickled = |change: fn(&mut Map)| {
        let mut params = good_params();
        change(&mut params);
        Forge::good()
            .params_pickle(write_value(&Value::Map(params.0), Protocol::Four).expect("plain values"))
            .zip()
    };
    let path_pickle = b"}(VN\nI64\nVgridsize\nI1\nVintensity_scale\nF1.0\nV_version\nV2.0-pytorch\nVmodel_path\ncpathlib\nPosixPath\n(V/\nVa\ntRu.";
    let both = Forge::good()
        .with("autoencoder/params.dill", &path_pickle[..])
        .with("diffraction_to_obj/params.dill", &path_pickle[..]);
    vec![
        Row::readable(
            "snapshots_that_disagree",
            pickled(|params| drop(params.insert("gridsize".into(), Value::Int(2)))),
            "LOD-011",
            Rule::AgreeingParams,
            &["gridsize", "2", "1"],
        ),
        Row::readable(
            "snapshots_of_which_one_has_more",
            pickled(|params| drop(params.insert("more".into(), Value::None))),
            "LOD-011",
            Rule::AgreeingParams,
            &["more", "None"],
        ),
        Row::unreadable(
            "no_params",
            Forge::good().without("autoencoder/params.dill").zip(),
            "BUN-002",
            Rule::MissingEntry,
            &["autoencoder/params.dill"],
        ),
        Row::unreadable(
            "params_that_are_a_list",
            Forge::good().params_pickle(&b"]."[..]).zip(),
            "BUN-007",
            Rule::Unexpected,
            &["autoencoder/params.dill", "list"],
        ),
        Row::unreadable(
            "a_key_that_is_a_number",
            Forge::good().params_pickle(&b"}K\x01Ns."[..]).zip(),
            "BUN-007",
            Rule::Unexpected,
            &["autoencoder/params.dill", "int"],
        ),
        Row::unreadable(
            "params_that_contain_themselves",
            Forge::good().params_pickle(&b"}q\0Va\nh\0s."[..]).zip(),
            "BUN-007",
            Rule::ContainsItself,
            &["['a']"],
        ),
        Row::unreadable(
            "a_persistent_id_in_params",
            Forge::good().params_pickle(&b"}Va\nVb\nQs."[..]).zip(),
            "LOD-013",
            Rule::UnsupportedOpcode,
            &["BINPERSID"],
        ),
        Row::readable("a_path_object", both.zip(), "BUN-007", Rule::PlainValues, &["model_path"]),
    ]
}

/// Each way to execute code, in the params of a model; and the simplest way in every other pickle.
fn executing() -> Vec<Row> {
    let mut rows = Vec::new();
    for trap in TRAPS {
        let archive = Forge::good().params_pickle(trap.pickle).zip();
        let says = ["autoencoder/params.dill byte", trap.opcode, trap.global];
        rows.push(Row::unreadable(
            &format!("execution_by_{}", trap.name),
            archive,
            "LOD-013",
            Rule::ForeignGlobal,
            &says,
        ));
        let archive = Forge::good().weights(torch_file(trap.pickle, &[]).zip()).zip();
        let says = ["autoencoder/model.pth!archive/data.pkl byte", trap.opcode, trap.global];
        rows.push(Row::unreadable(
            &format!("execution_in_weights_by_{}", trap.name),
            archive,
            "LOD-013",
            Rule::ForeignGlobal,
            &says,
        ));
    }
    let simple = b"cos\nsystem\n(S'touch executed'\ntR.";
    let in_params = |pickle: &[u8]| Forge::good().params_pickle(pickle).zip();
    let scaling = torch_file(&simple[..], &[]).zip();
    let metadata = b"ccollections\nOrderedDict\n)R}V_metadata\ncos\nsystem\n(S'touch executed'\ntRsb.";
    let torch = b"\x80\x02}Va\nctorch.storage\n_load_from_bytes\nC\x04junk\x85Rs.";
    let numpy = b"\x80\x02}Va\ncnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87Rs.";
    rows.extend([
        Row::unreadable(
            "execution_in_the_manifest",
            Forge::good().with("manifest.dill", &simple[..]).zip(),
            "LOD-013",
            Rule::ForeignGlobal,
            &["manifest.dill byte 0", "os.system"],
        ),
        Row::readable(
            "execution_in_the_scaling_metadata",
            Forge::good().with("torch_scaling_metadata.pt", scaling).zip(),
            "LOD-013",
            Rule::ForeignGlobal,
            &["torch_scaling_metadata.pt!archive/data.pkl byte 0", "os.system"],
        ),
        Row::unreadable(
            "execution_in_the_metadata_of_a_state_dict",
            Forge::good().weights(torch_file(&metadata[..], &[]).zip()).zip(),
            "LOD-013",
            Rule::ForeignGlobal,
            &["os.system"],
        ),
        Row::unreadable(
            "a_pickle_inside_a_pickle",
            in_params(torch),
            "LOD-013",
            Rule::ForeignGlobal,
            &["torch.storage._load_from_bytes"],
        ),
        Row::unreadable(
            "a_numpy_array",
            in_params(numpy),
            "LOD-013",
            Rule::ForeignGlobal,
            &["numpy._core.multiarray._reconstruct"],
        ),
        Row::unreadable(
            "a_tensor_in_params",
            in_params(b"\x80\x02}Va\nctorch._utils\n_rebuild_tensor_v2\n(tRs."),
            "LOD-013",
            Rule::ForeignGlobal,
            &["torch._utils._rebuild_tensor_v2"],
        ),
        Row::unreadable(
            "a_class_of_the_writer",
            in_params(b"\x80\x04\x8c\x10ptycho.tf_helper\x8c\x05Model\x93."),
            "LOD-013",
            Rule::ForeignGlobal,
            &["ptycho.tf_helper.Model"],
        ),
    ]);
    rows
}

/// Small pickles that expand to large values.
fn bombs() -> Vec<Row> {
    let in_params = |pickle: Vec<u8>| Forge::good().deflated().params_pickle(pickle).zip();
    // Each level contains the one below it ten times.
    let mut shared = b"}Va\n]q\0".to_vec();
    for level in 0..9u8 {
        shared.extend(b"0(");
        shared.extend([b'h', level].repeat(10));
        shared.extend([b'l', b'q', level + 1]);
    }
    shared.extend(b"s.");
    let deep = [b"}Va\n".to_vec(), vec![b']'; 300_000], vec![b'a'; 299_999], b"s.".to_vec()].concat();
    let wide = [b"}Va\n(".to_vec(), vec![b'N'; 2_000_000], b"ls.".to_vec()].concat();
    let memo = [b"}".to_vec(), b"q\0".repeat(2_000_000), b".".to_vec()].concat();
    let long = [&b"}Va\n\x8b"[..], &5000u32.to_le_bytes(), &[1; 5000], b"s."].concat();
    let digits = [b"}Va\nL".to_vec(), vec![b'9'; 100_000], b"L\ns.".to_vec()].concat();
    let text = [&b"}Va\n(X\0\0\x10\0"[..], &[b'x'; 1 << 20], b"q\0", &b"h\0".repeat(100), b"ls."].concat();
    vec![
        Row::unreadable(
            "lists_that_share_lists",
            in_params(shared),
            "LOD-014",
            Rule::Limit,
            &["objects in a value"],
        ),
        Row::unreadable(
            "lists_three_hundred_thousand_deep",
            in_params(deep),
            "LOD-014",
            Rule::Limit,
            &["levels of containers"],
        ),
        Row::unreadable(
            "two_million_objects",
            in_params(wide),
            "LOD-014",
            Rule::Limit,
            &["objects in a pickle"],
        ),
        Row::unreadable(
            "two_million_memos",
            in_params(memo),
            "LOD-014",
            Rule::Limit,
            &["objects in a pickle"],
        ),
        Row::unreadable(
            "an_integer_of_five_thousand_bytes",
            in_params(long),
            "LOD-014",
            Rule::Limit,
            &["bytes of an integer"],
        ),
        Row::unreadable(
            "an_integer_of_a_hundred_thousand_digits",
            in_params(digits),
            "LOD-014",
            Rule::Limit,
            &["digits of an integer"],
        ),
        Row::unreadable(
            "a_text_a_hundred_times",
            in_params(text),
            "LOD-014",
            Rule::Limit,
            &["bytes of text"],
        ),
    ]
}
