//! The layout of the networks: the names, element types and shapes of their tensors.

use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};

use crate::{
    bundle::nouns::{Params, ParamsStore, ROLES, Rule, Weights},
    harness::contract::{Refusal, RefusalKind},
    torch_files::{Dtype, StateDict, Tensor},
    value::Value,
};

/// The architecture that is built. Params of before the key was introduced have none, and mean this one.
const ARCHITECTURE: &str = "cnn";

/// The largest supported `gridsize` and `n_filters_scale`. Both enter sizes as
/// factors, and both arrive from archives.
const MAX_FACTOR: i64 = 64;

/// Filters of the outermost layer at `n_filters_scale = 1`.
const BASE_FILTERS: usize = 4;

/// The element types and shapes of one network's tensors, by name.
///
/// It allocates no weights, so a strict load needs neither initial weights nor torch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkLayout {
    role: String,
    tensors: IndexMap<String, (Dtype, Vec<usize>)>,
}

impl NetworkLayout {
    /// The layout of a role's network for the params of the process: `N`, `gridsize` and
    /// `n_filters_scale`.
    ///
    /// # Errors
    /// `unsupported` for an unknown role or another architecture (LOD-043), `missing_field` and `invalid_value` for
    /// params without a possible network.
    pub fn of(role: &str, store: &ParamsStore) -> Result<Self, Refusal> {
        Self::from_params(role, &store.snapshot())
    }

    fn from_params(role: &str, params: &Params) -> Result<Self, Refusal> {
        built_architecture(params)?;
        let depth = match params.get("N") {
            Some(Value::Int(64)) => 3,
            Some(Value::Int(128)) => 4,
            Some(Value::Int(256)) => 5,
            other => return Err(no_network("N", "64, 128 or 256", other)),
        };
        let channels = factor(params, "gridsize")?.pow(2);
        let outermost = BASE_FILTERS * factor(params, "n_filters_scale")?;
        let filters: Vec<usize> = (0..depth).map(|level| outermost << level).collect();

        let mut layout = Self { role: role.to_owned(), tensors: IndexMap::new() };
        let mut width = channels;
        for (level, &next) in filters.iter().enumerate() {
            layout.convolution(&format!("encoder.{level}.conv"), width, next);
            layout.normalization(&format!("encoder.{level}.norm"), next);
            width = next;
        }
        let upward = filters.iter().rev().skip(1).chain(filters.first());
        for (level, &next) in upward.enumerate() {
            layout.convolution(&format!("decoder.{level}.conv"), width, next);
            width = next;
        }
        let [autoencoder, diffraction_to_obj] = ROLES;
        if role == autoencoder {
            layout.convolution("head", width, channels);
        } else if role == diffraction_to_obj {
            layout.convolution("amplitude", width, channels);
            layout.convolution("phase", width, channels);
        } else {
            let message = format!("unknown network {role:?}; expected one of {}", ROLES.join(", "));
            return Err(Refusal::new(RefusalKind::Unsupported, message).rule(Rule::KnownRole).field(role));
        }
        Ok(layout)
    }

    /// The initial state of the network. The same seed gives the same weights.
    pub fn fresh(&self, seed: u64) -> StateDict {
        let fill = |(name, (dtype, shape)): (&String, &(Dtype, Vec<usize>))| {
            let elements: usize = shape.iter().product();
            let data: Vec<u8> = match dtype {
                Dtype::Int64 => vec![0; elements * dtype.size()],
                _ if name.ends_with("norm.weight") || name.ends_with("running_var") => {
                    1.0_f32.to_le_bytes().repeat(elements)
                }
                _ if name.ends_with("norm.bias") || name.ends_with("running_mean") => {
                    vec![0; elements * dtype.size()]
                }
                _ => Noise::new(seed, &self.role, name).take(elements).flat_map(f32::to_le_bytes).collect(),
            };
            Some((name.clone(), Tensor::new(*dtype, shape.clone(), data)?))
        };
        // The bytes were made to fit the shape, so no tensor is dropped.
        self.tensors.iter().filter_map(fill).collect()
    }

    /// Loads a saved state into a network with this layout (LOD-008).
    ///
    /// # Errors
    /// `mismatch` when strict and a tensor is missing, unexpected, or has another shape or element type; the
    /// message names every such tensor, up to a few, and the facts the first.
    pub fn load(&self, state: &StateDict, weights: Weights, fresh_seed: u64) -> Result<StateDict, Refusal> {
        match weights {
            Weights::Ignored => Ok(self.fresh(fresh_seed)),
            Weights::WhatFits => {
                let mut network = self.fresh(fresh_seed);
                for (name, own) in &mut network {
                    if let Some(saved) = state.get(name).filter(|saved| self.fits(name, saved)) {
                        *own = saved.clone();
                    }
                }
                Ok(network)
            }
            Weights::Strict => {
                let problems = self.problems(state);
                if problems.is_empty() {
                    return Ok(self
                        .tensors
                        .keys()
                        .filter_map(|name| state.get_key_value(name))
                        .map(owned)
                        .collect());
                }
                let shown = problems.iter().take(MAX_NAMED).map(|problem| problem.text.as_str());
                let shown = shown.collect::<Vec<_>>().join("; ");
                let more = problems.len().saturating_sub(MAX_NAMED);
                let rest = if more == 0 { String::new() } else { format!("; and {more} more") };
                let message =
                    format!("the saved weights do not match the network {}: {shown}{rest}", self.role);
                let refusal = Refusal::new(RefusalKind::Mismatch, message);
                Err(match problems.first() {
                    Some(first) => refusal.rule(first.rule).field(first.tensor),
                    None => refusal,
                })
            }
        }
    }

    fn problems<'s>(&'s self, state: &'s StateDict) -> Vec<Problem<'s>> {
        let wanted = self.tensors.iter().filter_map(|(name, (dtype, shape))| match state.get(name) {
            None => Some(Problem::new(name, Rule::NoMissingTensor, format!("missing tensor {name}"))),
            Some(saved) if !self.fits(name, saved) => {
                let (found, sides) = (saved.dtype(), saved.shape());
                let rule = if found == *dtype { Rule::TensorShape } else { Rule::TensorType };
                let text = format!("{name}: expected {dtype} {shape:?}, found {found} {sides:?}");
                Some(Problem::new(name, rule, text))
            }
            Some(_) => None,
        });
        let extra = state.keys().filter(|name| !self.tensors.contains_key(*name));
        let extra =
            extra.map(|name| Problem::new(name, Rule::NoExtraTensor, format!("unexpected tensor {name:?}")));
        wanted.chain(extra).collect()
    }

    fn fits(&self, name: &str, saved: &Tensor) -> bool {
        let own = self.tensors.get(name);
        own.is_some_and(|(dtype, shape)| *dtype == saved.dtype() && shape == saved.shape())
    }

    fn convolution(&mut self, name: &str, from: usize, to: usize) {
        self.tensors.insert(format!("{name}.weight"), (Dtype::Float32, vec![to, from, 3, 3]));
        self.tensors.insert(format!("{name}.bias"), (Dtype::Float32, vec![to]));
    }

    fn normalization(&mut self, name: &str, width: usize) {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            self.tensors.insert(format!("{name}.{part}"), (Dtype::Float32, vec![width]));
        }
        self.tensors.insert(format!("{name}.num_batches_tracked"), (Dtype::Int64, Vec::new()));
    }
}

/// The number of tensors that a refusal names before it counts the rest.
const MAX_NAMED: usize = 5;

/// The mismatch of one tensor.
struct Problem<'s> {
    tensor: &'s str,
    rule: Rule,
    /// The message for people.
    text: String,
}

impl<'s> Problem<'s> {
    fn new(tensor: &'s str, rule: Rule, text: String) -> Self {
        Self { tensor, rule, text }
    }
}

fn owned((name, tensor): (&String, &Tensor)) -> (String, Tensor) {
    (name.clone(), tensor.clone())
}

fn factor(params: &Params, key: &str) -> Result<usize, Refusal> {
    match params.get(key) {
        Some(Value::Int(value @ 1..=MAX_FACTOR)) => Ok(usize::try_from(*value).unwrap_or(1)),
        other => Err(no_network(key, &format!("an int from 1 to {MAX_FACTOR}"), other)),
    }
}

/// Refuses params of another architecture: its network is never replaced by one that can be built (LOD-043).
fn built_architecture(params: &Params) -> Result<(), Refusal> {
    match params.get("architecture") {
        None => Ok(()),
        Some(Value::Text(architecture)) if architecture == ARCHITECTURE => Ok(()),
        Some(other) => {
            let found = other.to_string();
            let message =
                format!("unsupported architecture {found}; this implementation builds {ARCHITECTURE:?}");
            let refusal = Refusal::new(RefusalKind::Unsupported, message).rule(Rule::KnownArchitecture);
            Err(refusal.field("architecture").found(found))
        }
    }
}

fn no_network(key: &str, expected: &str, found: Option<&Value>) -> Refusal {
    let refusal = match found {
        None => Refusal::new(RefusalKind::MissingField, format!("cannot build a network: missing {key}")),
        Some(value) => {
            let message = format!("cannot build a network: {key}: expected {expected}, found {value}");
            Refusal::new(RefusalKind::InvalidValue, message).found(value.to_string())
        }
    };
    refusal.rule(Rule::NetworkParams).field(key)
}

/// Weights in -0.5..0.5 that depend only on the seed, the role and the name of the tensor.
struct Noise(u64);

impl Noise {
    fn new(seed: u64, role: &str, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(role);
        hash.update([0]);
        hash.update(name);
        let digest: [u8; 32] = hash.finalize().into();
        Self(digest.iter().take(8).fold(0, |state, byte| state << 8 | u64::from(*byte)))
    }
}

impl Iterator for Noise {
    type Item = f32;

    /// One step of SplitMix64, whose upper 24 bits fill the mantissa of a binary32 exactly. Its last shift is left
    /// out: it changes none of them.
    fn next(&mut self) -> Option<f32> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some((mixed >> 40) as f32 / (1_u32 << 24) as f32 - 0.5)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn params(n: i64, gridsize: i64, n_filters_scale: i64) -> Params {
        let values = [("N", n), ("gridsize", gridsize), ("n_filters_scale", n_filters_scale)];
        values.into_iter().map(|(key, value)| (key.to_owned(), Value::Int(value))).collect()
    }

    fn network(role: &str) -> NetworkLayout {
        NetworkLayout::from_params(role, &params(64, 2, 3)).unwrap()
    }

    fn floats(tensor: &Tensor) -> Vec<f32> {
        tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    #[test]
    fn widths_double_inward_and_halve_outward() {
        let network = network(ROLES[0]);
        let widths = |name: &str| {
            network.tensors.get(&format!("{name}.weight")).map(|(_, shape)| (shape[1], shape[0]))
        };
        for (name, between) in [
            ("encoder.0.conv", (4, 12)),
            ("encoder.1.conv", (12, 24)),
            ("encoder.2.conv", (24, 48)),
            ("decoder.0.conv", (48, 24)),
            ("decoder.1.conv", (24, 12)),
            ("decoder.2.conv", (12, 12)),
            ("head", (12, 4)),
        ] {
            assert_eq!(widths(name), Some(between), "{name}");
        }
        assert_eq!((widths("encoder.3.conv"), widths("decoder.3.conv"), widths("phase")), (None, None, None));
    }

    #[test]
    fn a_factor_is_accepted_up_to_its_limit() {
        for (gridsize, scale) in [(64, 1), (1, 64)] {
            assert!(NetworkLayout::from_params(ROLES[0], &params(64, gridsize, scale)).is_ok());
        }
        for (gridsize, scale) in [(65, 1), (1, 65), (0, 1), (1, 0)] {
            let refusal = NetworkLayout::from_params(ROLES[0], &params(64, gridsize, scale)).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::InvalidValue, "{refusal:?}");
        }
    }

    #[test]
    fn a_fresh_network_has_random_weights_and_neutral_norms() {
        let fresh = network(ROLES[0]).fresh(7);
        let only = |name: &str, value: f32| floats(&fresh[name]).iter().all(|found| *found == value);
        assert!(only("encoder.0.norm.weight", 1.0) && only("encoder.0.norm.running_var", 1.0));
        assert!(only("encoder.0.norm.bias", 0.0) && only("encoder.0.norm.running_mean", 0.0));
        assert_eq!(fresh["encoder.0.norm.num_batches_tracked"].data(), [0; 8]);
        let weights = floats(&fresh["encoder.0.conv.weight"]);
        assert!(weights.iter().all(|weight| (-0.5..0.5).contains(weight)));
        assert!(weights.iter().any(|weight| *weight < -0.4) && weights.iter().any(|weight| *weight > 0.4));
    }

    /// Values from a Python program that follows the definition of SplitMix64.
    #[rstest]
    #[case(7, "autoencoder", "head.weight", [8_459_104, 5_956_286, 8_644_860])]
    #[case(8, "autoencoder", "head.weight", [10_607_595, 1_332_826, 14_130_975])]
    #[case(7, "diffraction_to_obj", "head.weight", [10_373_826, 14_498_410, 12_126_592])]
    #[case(7, "autoencoder", "head.bias", [14_625_734, 3_570_820, 4_224_553])]
    fn random_weights_are_the_same_on_every_platform(
        #[case] seed: u64,
        #[case] role: &str,
        #[case] name: &str,
        #[case] steps: [u32; 3],
    ) {
        let expected = steps.map(|step| step as f32 / 16_777_216.0 - 0.5);
        assert!(Noise::new(seed, role, name).take(3).eq(expected));
    }

    #[test]
    fn a_refusal_names_five_tensors_and_counts_the_rest() {
        let network = network(ROLES[0]);
        for without in [5, 7] {
            let mut state = network.fresh(0);
            let missing: Vec<String> = state.drain(..without).map(|(name, _)| name).collect();
            let refusal = network.load(&state, Weights::Strict, 0).unwrap_err();
            assert!(
                refusal.facts.broke(Rule::NoMissingTensor) && refusal.facts.about(&missing[0]),
                "{refusal:?}"
            );
            let named = missing.iter().filter(|name| refusal.message.contains(*name));
            assert!(named.eq(&missing[..MAX_NAMED]), "{}", refusal.message);
            let rest = missing.iter().fold(refusal.message, |message, name| message.replace(name, ""));
            assert_eq!(rest.contains('2'), without == 7, "{rest}");
        }
    }

    #[test]
    fn each_role_has_its_own_outputs_and_other_roles_are_refused() {
        let outputs = |role: &str| {
            let tensors = network(role).tensors;
            ["head", "amplitude", "phase"].map(|name| tensors.contains_key(&format!("{name}.weight")))
        };
        assert_eq!(ROLES.map(outputs), [[true, false, false], [false, true, true]]);
        let refusal = NetworkLayout::from_params("other", &params(64, 2, 3)).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unsupported, "{refusal:?}");
    }

    #[rstest]
    #[case::shape(Dtype::Float32, vec![2, 2], Rule::TensorShape, "float32 [2, 2]")]
    #[case::element_type(Dtype::Int32, vec![4], Rule::TensorType, "int32 [4]")]
    fn a_tensor_of_another_shape_or_type_does_not_fit(
        #[case] dtype: Dtype,
        #[case] shape: Vec<usize>,
        #[case] rule: Rule,
        #[case] found: &str,
    ) {
        let network = network(ROLES[0]);
        let mut state = network.fresh(1);
        state.insert("head.bias".to_owned(), Tensor::new(dtype, shape, vec![1; 16]).unwrap());
        let refusal = network.load(&state, Weights::Strict, 2).unwrap_err();
        assert!(refusal.facts.broke(rule) && refusal.facts.about("head.bias"), "{refusal:?}");
        for part in ["head.bias", found, "float32 [4]"] {
            assert!(refusal.message.contains(part), "{}", refusal.message);
        }
        let mut expected = network.fresh(1);
        expected.insert("head.bias".to_owned(), network.fresh(2)["head.bias"].clone());
        assert_eq!(network.load(&state, Weights::WhatFits, 2), Ok(expected));
    }
}
