//! Properties that hold for any input.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

mod support;

use std::io::Cursor;

use bundleproof::{
    bundle::{
        files::{BundleReader, read_bundle, write_bundle},
        nouns::{Bridged, Bundle, Configuration, Params, ParamsStore, TrainingConfig, legacy_params},
    },
    value::{Map, Value},
};
use proptest::{option, prelude::*, sample::select};

/// A training configuration with any value in fields of every type.
fn any_config() -> impl Strategy<Value = Configuration> {
    let model = (
        select(vec![64_i64, 128, 256]),
        1..5_i64,
        any::<bool>(),
        option::of(any::<f64>()),
        select(vec!["pinn", "supervised"]),
    );
    let training =
        (any::<i64>(), any::<f64>(), option::of(any::<i64>()), option::of(any::<String>()), any::<bool>());
    (model, training).prop_map(
        |((n, gridsize, big, diameter, kind), (epochs, photons, seed, output, oversampling))| {
            let or_none = |value: Option<Value>| value.unwrap_or(Value::None);
            let model = Map::from_iter([
                ("N".to_owned(), Value::Int(n)),
                ("gridsize".to_owned(), Value::Int(gridsize)),
                ("object_big".to_owned(), Value::Bool(big)),
                ("probe_mask_diameter".to_owned(), or_none(diameter.map(Value::Float))),
                ("model_type".to_owned(), Value::from(kind)),
            ]);
            let values = Map::from_iter([
                ("model".to_owned(), Value::Map(model)),
                ("nepochs".to_owned(), Value::Int(epochs)),
                ("nphotons".to_owned(), Value::Float(photons)),
                ("subsample_seed".to_owned(), or_none(seed.map(Value::Int))),
                ("output_dir".to_owned(), or_none(output.map(Value::Text))),
                ("enable_oversampling".to_owned(), Value::Bool(oversampling)),
            ]);
            Configuration::Training(
                TrainingConfig::from_values(&values).expect("every value is of its field's type"),
            )
        },
    )
}

fn bytes(bundle: &Bundle) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    write_bundle(bundle, &mut file).expect("a bundle can be written to memory");
    file.into_inner()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bundle_survives_a_round_trip(bundle in support::any_bundle()) {
        let file = bytes(&bundle);
        let read = BundleReader::new(Cursor::new(&file)).and_then(|mut reader| reader.read());
        prop_assert_eq!(read.as_ref(), Ok(&bundle));
    }

    #[test]
    fn the_same_bundle_gives_the_same_bytes(bundle in support::any_bundle()) {
        prop_assert_eq!(bytes(&bundle), bytes(&bundle.clone()));
    }

    #[test]
    fn a_truncated_bundle_is_refused(bundle in support::any_bundle(), at in any::<prop::sample::Index>()) {
        let file = bytes(&bundle);
        let cut = &file[..at.index(file.len())];
        let read = BundleReader::new(Cursor::new(cut)).and_then(|mut reader| reader.read());
        prop_assert!(read.is_err(), "a bundle of {} bytes was read from its first {}", file.len(), cut.len());
    }

    #[test]
    fn any_configuration_survives_a_round_trip_through_its_snapshot(config in any_config()) {
        let flat = legacy_params::flatten(&config);
        let mut models = indexmap::IndexMap::new();
        let state = bundleproof::torch_files::ModelState::Network(indexmap::IndexMap::new());
        models.insert("m".to_owned(), bundleproof::bundle::nouns::BundledModel { state, params: flat.clone() });
        let bundle = Bundle { version: "2.0-pytorch".to_owned(), backend: None, models };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("wts.h5.zip");
        std::fs::write(&path, bytes(&bundle)).expect("a file");
        let read = read_bundle(&path).expect("a bundle");
        prop_assert_eq!(read.agreed_params(), Some(&flat));
    }

    #[test]
    fn the_bridge_writes_specified_fields_and_keeps_all_others(config in any_config(), old in any::<i64>()) {
        let mut store = ParamsStore::new();
        let mine = Value::Int(old);
        store.update([("mine".to_owned(), mine.clone()), ("subsample_seed".to_owned(), mine.clone())]);
        legacy_params::update_legacy_dict(&mut store, &config, Bridged::WhatIsSaid);
        let after: Params = store.snapshot();
        for (key, value) in legacy_params::flatten(&config).iter() {
            if *value != Value::None {
                prop_assert_eq!(after.get(key), Some(value), "{}", key);
            } else if key == "subsample_seed" {
                prop_assert_eq!(after.get(key), Some(&mine));
            }
        }
        prop_assert_eq!(after.get("mine"), Some(&mine));
        prop_assert_eq!(after.get("offset"), Some(&Value::Int(4)));
    }
}
