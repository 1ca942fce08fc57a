//! The flat params map, and the store that models the one global copy of it.

use std::{
    collections::BTreeSet,
    ops::{Deref, DerefMut},
};

use serde::{Deserialize, Serialize};

use crate::value::{Map, Value, json_value};

/// The observable configuration that all parts of a process share.
pub const PARAMS: &str = "params";

/// A flat configuration: the keys of all configuration fields and of the defaults, some with dots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Params(
    #[serde(deserialize_with = "json_value::map")]
    #[cfg_attr(test, schemars(with = "json_value::Spelled"))]
    pub Map,
);

impl Params {
    /// The 40 values of a new process before any configuration is bridged (PRM-001).
    ///
    /// They differ from the defaults of the configuration types on purpose (`N` is 128 here and 64 there), so a missing
    /// bridge is visible.
    pub fn defaults() -> Self {
        Self(DEFAULTS.iter().map(|(key, value)| ((*key).to_owned(), value.value())).collect())
    }
}

impl Deref for Params {
    type Target = Map;

    fn deref(&self) -> &Map {
        &self.0
    }
}

impl DerefMut for Params {
    fn deref_mut(&mut self) -> &mut Map {
        &mut self.0
    }
}

impl FromIterator<(String, Value)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// The configuration that all parts of a process share: `params.cfg` of the original system.
///
/// The original system has one such map for each process. Here each run of a case owns one, so cases can run in
/// parallel without seeing each other's values.
#[derive(Clone, Debug)]
pub struct ParamsStore {
    params: Params,
    /// The keys whose values came from an archive and were not set since.
    archived: BTreeSet<String>,
}

impl ParamsStore {
    /// The store of a new process.
    pub fn new() -> Self {
        Self { params: Params::defaults(), archived: BTreeSet::new() }
    }

    /// A copy of all values.
    pub fn snapshot(&self) -> Params {
        self.params.clone()
    }

    /// Overwrites these values. Other keys survive.
    pub fn update(&mut self, values: impl IntoIterator<Item = (String, Value)>) {
        for (key, value) in values {
            self.archived.remove(&key);
            self.params.insert(key, value);
        }
    }

    /// As [`ParamsStore::update`], for values from an archive.
    pub fn update_from_archive(&mut self, values: impl IntoIterator<Item = (String, Value)>) {
        for (key, value) in values {
            self.archived.insert(key.clone());
            self.params.insert(key, value);
        }
    }

    /// Keeps only the keys for which the predicate holds.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.params.retain(|key, _| keep(key));
    }

    /// One value.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.params.get(key)
    }

    /// One value, unless it came from an archive: a value that this process set itself (BUN-008).
    pub fn get_own(&self, key: &str) -> Option<&Value> {
        self.params.get(key).filter(|_| !self.archived.contains(key))
    }
}

impl Default for ParamsStore {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Value`] that can be a constant.
enum Plain {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'static str),
}

impl Plain {
    fn value(&self) -> Value {
        match *self {
            Self::None => Value::None,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Float(value),
            Self::Text(value) => Value::from(value),
        }
    }
}

const DEFAULTS: [(&str, Plain); 40] = {
    use super::params::Plain::{Bool, Float, Int, None, Text};
    [
        ("N", Int(128)),
        ("offset", Int(4)),
        ("gridsize", Int(2)),
        ("outer_offset_train", None),
        ("outer_offset_test", None),
        ("batch_size", Int(16)),
        ("nepochs", Int(60)),
        ("n_filters_scale", Int(2)),
        ("output_prefix", Text("outputs")),
        ("big_gridsize", Int(10)),
        ("max_position_jitter", Int(10)),
        ("sim_jitter_scale", Float(0.0)),
        ("default_probe_scale", Float(0.7)),
        ("mae_weight", Float(0.0)),
        ("nll_weight", Float(1.0)),
        ("tv_weight", Float(0.0)),
        ("realspace_mae_weight", Float(0.0)),
        ("realspace_weight", Float(0.0)),
        ("nphotons", Float(1e9)),
        ("nimgs_train", Int(9)),
        ("nimgs_test", Int(3)),
        ("data_source", Text("generic")),
        ("probe.trainable", Bool(false)),
        ("intensity_scale.trainable", Bool(false)),
        ("positions.provided", Bool(false)),
        ("object.big", Bool(true)),
        ("probe.big", Bool(false)),
        ("probe_scale", Float(10.0)),
        ("set_phi", Bool(false)),
        ("probe.mask", Bool(true)),
        ("pad_object", Bool(true)),
        ("model_type", Text("pinn")),
        ("label", Text("")),
        ("size", Int(392)),
        ("amp_activation", Text("sigmoid")),
        ("h5_path", Text("wts.h5")),
        ("npseed", Int(42)),
        ("debug", Bool(true)),
        ("gaussian_smoothing_sigma", Float(0.0)),
        ("use_xla_translate", Bool(true)),
    ]
};
