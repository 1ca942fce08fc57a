//! The networks of the reference as modules of libtorch.

use bundleproof::{
    bundle::{
        files::Inputs,
        nouns::{ROLES, Rule},
    },
    harness::contract::{Refusal, RefusalKind},
    torch_files::{self, Dtype, StateDict},
};
use tch::{
    Device, Kind, TchError, Tensor,
    nn::{self, Module as _, ModuleT as _},
};

/// Pixels along each side of the input of a network with three levels; each further level doubles them.
const SMALLEST_SIDE: usize = 64;
const FEWEST_LEVELS: usize = 3;

/// A batch of groups of patterns, on the device.
pub(crate) struct Batch {
    /// Amplitudes, float32 `[B, C, N, N]`.
    pub(crate) x: Tensor,
    /// Offsets in pixels, float32 `[B, C, 1, 2]`: horizontal, vertical.
    pub(crate) positions: Tensor,
    /// The illumination, complex64 `[N, N]`.
    pub(crate) probe: Tensor,
    /// What amplitudes are multiplied with, float32 `[B]`.
    pub(crate) scale: Tensor,
}

/// A network with its weights. The variables are named as in the state dict.
pub(crate) struct Network {
    variables: nn::VarStore,
    encoder: Vec<(nn::Conv2D, nn::BatchNorm)>,
    decoder: Vec<nn::Conv2D>,
    head: Head,
    /// `num_batches_tracked` of each norm, for which libtorch's module has no variable.
    counters: Vec<(String, i64)>,
    /// The tensor names in the order of the original state.
    order: Vec<String>,
    channels: usize,
}

/// The last layers, which turn features into the object.
enum Head {
    /// Amplitude only: the object is real.
    Amplitude(nn::Conv2D),
    /// Amplitude and phase.
    AmplitudeAndPhase(nn::Conv2D, nn::Conv2D),
}

impl Network {
    /// Builds the modules from the shapes of a state and copies its weights into them.
    ///
    /// # Errors
    /// `mismatch` when the state does not have the layout of this role.
    pub(crate) fn of(role: &str, state: &StateDict) -> Result<Self, Refusal> {
        let variables = nn::VarStore::new(Device::Cpu);
        let root = variables.root();
        let convolution = |name: &str| {
            let weight = state.get(&format!("{name}.weight")).map(torch_files::Tensor::shape);
            let Some(&[to, from, 3, 3]) = weight else {
                let message = format!("the {role} lacks the convolution {name}");
                return Err(Refusal::new(RefusalKind::Mismatch, message));
            };
            let config = nn::ConvConfig { padding: 1, ..Default::default() };
            Ok((nn::conv2d(path(&root, name), side(from), side(to), 3, config), from, to))
        };
        let levels = |part: &str, convolution_of: fn(&str, usize) -> String| {
            (0..).take_while(|level| state.contains_key(&(convolution_of(part, *level) + ".weight"))).count()
        };
        let name: fn(&str, usize) -> String = |part, level| format!("{part}.{level}.conv");
        let mut encoder = Vec::new();
        let mut channels = 0;
        for level in 0..levels("encoder", name) {
            let (module, from, to) = convolution(&name("encoder", level))?;
            if level == 0 {
                channels = from;
            }
            let norm = format!("encoder.{level}.norm");
            encoder.push((module, nn::batch_norm2d(path(&root, &norm), side(to), Default::default())));
        }
        let mut decoder = Vec::new();
        for level in 0..levels("decoder", name) {
            decoder.push(convolution(&name("decoder", level))?.0);
        }
        let [autoencoder, _] = ROLES;
        let head = match role == autoencoder {
            true => Head::Amplitude(convolution("head")?.0),
            false => Head::AmplitudeAndPhase(convolution("amplitude")?.0, convolution("phase")?.0),
        };
        let counters = state.iter().filter(|(_, tensor)| tensor.dtype() == Dtype::Int64);
        let counters = counters.map(|(name, tensor)| (name.clone(), whole(tensor))).collect();
        let order = state.keys().cloned().collect();
        let mut network = Self { variables, encoder, decoder, head, counters, order, channels };
        network.fill(role, state)?;
        Ok(network)
    }

    /// `C`: the number of patterns in one group.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// The trainable variables, by name.
    pub(crate) fn variables(&self) -> &nn::VarStore {
        &self.variables
    }

    /// Checks the number of channels and the pixels along a side against the network's.
    ///
    /// # Errors
    /// `mismatch` when they are not.
    pub(crate) fn fits(&self, channels: usize, pixels: usize) -> Result<(), Refusal> {
        let own = SMALLEST_SIDE << self.encoder.len().saturating_sub(FEWEST_LEVELS);
        if channels == self.channels && pixels == own {
            return Ok(());
        }
        let message = format!(
            "expected {} channels of {own} x {own} pixels, found {channels} of {pixels} x {pixels}",
            self.channels
        );
        Err(Refusal::new(RefusalKind::Mismatch, message).rule(Rule::InputShape))
    }

    /// The exit waves: the object at each position times the probe; complex64 `[B, C, N, N]`. In training the norms use
    /// the statistics of the batch.
    pub(crate) fn exit_waves(&self, batch: &Batch, training: bool) -> Result<Tensor, TchError> {
        let mut features = batch.x.f_mul(&batch.scale.f_view([-1, 1, 1, 1])?)?;
        for (convolution, norm) in &self.encoder {
            features = norm.forward_t(&convolution.forward(&features), training);
            features = features.f_relu()?.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)?;
        }
        for convolution in &self.decoder {
            let (height, width) = (features.size()[2] * 2, features.size()[3] * 2);
            features =
                convolution.forward(&features.f_upsample_nearest2d([height, width], None, None)?).f_relu()?;
        }
        let object = match &self.head {
            Head::Amplitude(amplitude) => {
                let amplitude = amplitude.forward(&features).f_softplus()?;
                Tensor::f_complex(&amplitude, &amplitude.f_zeros_like()?)?
            }
            Head::AmplitudeAndPhase(amplitude, phase) => {
                let amplitude = amplitude.forward(&features).f_softplus()?;
                let phase = phase.forward(&features).f_tanh()?.f_mul_scalar(std::f64::consts::PI)?;
                Tensor::f_polar(&amplitude, &phase)?
            }
        };
        translated(&object, &batch.positions)?.f_mul(&batch.probe)
    }

    /// Increments the counters of the norms.
    pub(crate) fn count_batch(&mut self) {
        self.counters.iter_mut().for_each(|(_, count)| *count += 1);
    }

    /// The weights, with the original names and in the original order.
    pub(crate) fn state(&self) -> Result<StateDict, TchError> {
        let variables = self.variables.variables();
        let mut state = StateDict::default();
        for name in &self.order {
            let tensor = match self.counters.iter().find(|(counter, _)| counter == name) {
                Some((_, count)) => {
                    torch_files::Tensor::new(Dtype::Int64, Vec::new(), count.to_le_bytes().to_vec())
                }
                None => match variables.get(name) {
                    Some(variable) => floats(variable)?,
                    None => None,
                },
            };
            // Every name is that of a variable or a counter, and the number of bytes matches the shape.
            state.extend(tensor.map(|tensor| (name.clone(), tensor)));
        }
        Ok(state)
    }

    fn fill(&mut self, role: &str, state: &StateDict) -> Result<(), Refusal> {
        let mismatch = |what: String| Refusal::new(RefusalKind::Mismatch, format!("the {role} {what}"));
        let mut variables = self.variables.variables();
        for (name, tensor) in state.iter().filter(|(_, tensor)| tensor.dtype() != Dtype::Int64) {
            let Some(variable) = variables.get_mut(name) else {
                return Err(mismatch(format!("has an unexpected tensor {name}")));
            };
            let shape: Vec<i64> = tensor.shape().iter().map(|length| side(*length)).collect();
            if tensor.dtype() != Dtype::Float32 || variable.size() != shape {
                return Err(mismatch(format!(
                    "expects {name} as float32 of the shape {:?}",
                    variable.size()
                )));
            }
            let values: Vec<f32> =
                tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            let values = Tensor::from_slice(&values).view(shape.as_slice());
            tch::no_grad(|| variable.copy_(&values));
        }
        Ok(())
    }
}

impl Batch {
    /// The inputs of one call of `forward` as tensors.
    pub(crate) fn of(inputs: &Inputs) -> Result<Self, TchError> {
        let (batch, channels, pixels) = (side(inputs.batch), side(inputs.channels), side(inputs.side));
        let probe: Vec<f32> = inputs.probe.iter().flatten().copied().collect();
        Ok(Self {
            x: Tensor::f_from_slice(&inputs.x)?.f_view([batch, channels, pixels, pixels])?,
            positions: Tensor::f_from_slice(&inputs.positions)?.f_view([batch, channels, 1, 2])?,
            probe: Tensor::f_from_slice(&probe)?.f_view([pixels, pixels, 2])?.f_view_as_complex()?,
            scale: Tensor::f_from_slice(&inputs.scale)?,
        })
    }
}

/// Converts a complex tensor of libtorch.
pub(crate) fn complex64(tensor: &Tensor) -> Result<torch_files::Tensor, TchError> {
    let parts = tensor.f_resolve_conj()?.f_contiguous()?.f_view_as_real()?;
    let parts = floats(&parts)?;
    let whole = parts
        .and_then(|parts| torch_files::Tensor::new(Dtype::Complex64, lengths(tensor), parts.data().to_vec()));
    whole.ok_or_else(|| {
        TchError::Shape(format!("expected complex64 elements of the shape {:?}", tensor.size()))
    })
}

/// Shifts each patch by its offset, which may be a fraction of a pixel: a phase ramp in Fourier space.
fn translated(object: &Tensor, positions: &Tensor) -> Result<Tensor, TchError> {
    let pixels = object.size()[3];
    let frequencies = Tensor::f_fft_fftfreq(pixels, 1.0, (Kind::Float, Device::Cpu))?;
    let offset = |axis: i64| positions.f_select(3, axis)?.f_unsqueeze(3);
    let turns = offset(0)?
        .f_mul(&frequencies.f_view([1, 1, 1, pixels])?)?
        .f_add(&offset(1)?.f_mul(&frequencies.f_view([1, 1, pixels, 1])?)?)?;
    let ramp = Tensor::f_polar(&turns.f_ones_like()?, &turns.f_mul_scalar(-2.0 * std::f64::consts::PI)?)?;
    let (sides, axes): (Option<&[i64]>, &[i64]) = (None, &[2, 3]);
    let spectrum = object.f_fft_fft2(sides, axes, "backward")?;
    spectrum.f_mul(&ramp)?.f_fft_ifft2(sides, axes, "backward")
}

/// Converts a tensor of 32-bit floats of libtorch.
fn floats(tensor: &Tensor) -> Result<Option<torch_files::Tensor>, TchError> {
    let flat = tensor.f_detach()?.f_contiguous()?.f_view([-1])?;
    let mut values = vec![0.0_f32; flat.numel()];
    flat.f_copy_data(&mut values, flat.numel())?;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(torch_files::Tensor::new(Dtype::Float32, lengths(tensor), bytes))
}

/// The shape of a tensor. libtorch never reports negative lengths.
fn lengths(tensor: &Tensor) -> Vec<usize> {
    tensor.size().iter().map(|length| usize::try_from(*length).unwrap_or_default()).collect()
}

/// The path of a module: `encoder.0.conv` has three components.
fn path<'a>(root: &nn::Path<'a>, name: &str) -> nn::Path<'a> {
    name.split('.').fold(root.clone(), |path, part| path / part)
}

/// A length as libtorch's integer. Lengths of tensors in memory always fit.
fn side(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The value of a counter: an int64 tensor without dimensions.
fn whole(tensor: &torch_files::Tensor) -> i64 {
    tensor.data().as_chunks().0.first().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}
