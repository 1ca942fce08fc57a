//! The networks, as far as saving and loading them needs: which tensors there are, and of what shape.

use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};

use crate::contract::{
    Dtype, Params, ParamsStore, ROLES, Refusal, RefusalKind, StateDict, Tensor, Value, Weights,
};

/// The largest `gridsize` and `n_filters_scale` that a network is laid out for. Both enter sizes as
/// factors, and both arrive from archives.
const MAX_FACTOR: i64 = 64;

/// Filters of the outermost layer at `n_filters_scale = 1`.
const BASE_FILTERS: usize = 4;

/// The tensors of one network, by name: what has to be there, and its element type and shape.
///
/// Nothing is allocated for it, so that a strict load needs neither weights nor torch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    role: String,
    tensors: IndexMap<String, (Dtype, Vec<usize>)>,
}

impl Blueprint {
    /// Lays out the network of a role from the params of the process: `N`, `gridsize` and
    /// `n_filters_scale`.
    ///
    /// # Errors
    /// `unsupported` for a role that no network is known for, `missing_field` and `invalid_value` for
    /// params that no network can be laid out from.
    pub fn of(role: &str, store: &ParamsStore) -> Result<Self, Refusal> {
        Self::from_params(role, &store.snapshot())
    }

    fn from_params(role: &str, params: &Params) -> Result<Self, Refusal> {
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
            layout.normalisation(&format!("encoder.{level}.norm"), next);
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
            let message =
                format!("no network is known under the name {role:?}; known are {}", ROLES.join(", "));
            return Err(Refusal::new(RefusalKind::Unsupported, message));
        }
        Ok(layout)
    }

    /// A network as it is before training; the same seed gives the same weights.
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
        // The bytes are made to the shape just above, so that no tensor is left out.
        self.tensors.iter().filter_map(fill).collect()
    }

    /// Puts a saved state into a network of this layout (LOD-06).
    ///
    /// # Errors
    /// `mismatch` when strict and a tensor is missing, extra, or of another shape or element type; the
    /// message names every such tensor, up to a few.
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
                let shown = problems.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join("; ");
                let more = problems.len().saturating_sub(MAX_NAMED);
                let rest = if more == 0 { String::new() } else { format!("; and {more} more") };
                let message =
                    format!("the saved weights do not fit the network {}: {shown}{rest}", self.role);
                Err(Refusal::new(RefusalKind::Mismatch, message))
            }
        }
    }

    fn problems(&self, state: &StateDict) -> Vec<String> {
        let wanted = self.tensors.iter().filter_map(|(name, (dtype, shape))| match state.get(name) {
            None => Some(format!("{name} is missing")),
            Some(saved) if !self.fits(name, saved) => {
                let (found, sides) = (saved.dtype(), saved.shape());
                Some(format!("{name} is {found} {sides:?}, the network has {dtype} {shape:?}"))
            }
            Some(_) => None,
        });
        let extra = state.keys().filter(|name| !self.tensors.contains_key(*name));
        wanted.chain(extra.map(|name| format!("{name:?} is not in the network"))).collect()
    }

    fn fits(&self, name: &str, saved: &Tensor) -> bool {
        let own = self.tensors.get(name);
        own.is_some_and(|(dtype, shape)| *dtype == saved.dtype() && shape == saved.shape())
    }

    fn convolution(&mut self, name: &str, from: usize, to: usize) {
        self.tensors.insert(format!("{name}.weight"), (Dtype::Float32, vec![to, from, 3, 3]));
        self.tensors.insert(format!("{name}.bias"), (Dtype::Float32, vec![to]));
    }

    fn normalisation(&mut self, name: &str, width: usize) {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            self.tensors.insert(format!("{name}.{part}"), (Dtype::Float32, vec![width]));
        }
        self.tensors.insert(format!("{name}.num_batches_tracked"), (Dtype::Int64, Vec::new()));
    }
}

/// How many tensors a refusal names before it counts the rest.
const MAX_NAMED: usize = 5;

fn owned((name, tensor): (&String, &Tensor)) -> (String, Tensor) {
    (name.clone(), tensor.clone())
}

fn factor(params: &Params, key: &str) -> Result<usize, Refusal> {
    match params.get(key) {
        Some(Value::Int(value @ 1..=MAX_FACTOR)) => Ok(usize::try_from(*value).unwrap_or(1)),
        other => Err(no_network(key, &format!("an int from 1 to {MAX_FACTOR}"), other)),
    }
}

fn no_network(key: &str, expected: &str, found: Option<&Value>) -> Refusal {
    match found {
        None => Refusal::new(RefusalKind::MissingField, format!("no network can be built without {key}")),
        Some(value) => {
            let message = format!("no network can be built: {key} must be {expected}, not {value}");
            Refusal::new(RefusalKind::InvalidValue, message)
        }
    }
}

/// Weights in -0.5..0.5 that depend on the seed, the role and the tensor's name alone.
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

    /// One step of SplitMix64; its upper 24 bits fill the mantissa of a binary32 exactly.
    fn next(&mut self) -> Option<f32> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        Some((mixed >> 40) as f32 / (1_u32 << 24) as f32 - 0.5)
    }
}
