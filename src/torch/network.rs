//! A network of the reference's blueprint as modules of libtorch.

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

/// Pixels along each side for which a network of three levels is made; one more level doubles them.
const SMALLEST_SIDE: usize = 64;
const FEWEST_LEVELS: usize = 3;

/// Groups of patterns, on the device.
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

/// A network with its weights. The variables have the names of the state dict.
pub(crate) struct Network {
    variables: nn::VarStore,
    encoder: Vec<(nn::Conv2D, nn::BatchNorm)>,
    decoder: Vec<nn::Conv2D>,
    head: Head,
    /// What libtorch's module has no variable for: how many batches each norm has seen.
    counters: Vec<(String, i64)>,
    /// The names in the order of the state that it was made from.
    order: Vec<String>,
    channels: usize,
}

/// What makes an object of the last features.
enum Head {
    /// The amplitude alone: the object is real.
    Amplitude(nn::Conv2D),
    /// Amplitude and phase.
    AmplitudeAndPhase(nn::Conv2D, nn::Conv2D),
}

impl Network {
    /// Builds the modules from the shapes of a state and copies its weights into them.
    ///
    /// # Errors
    /// `mismatch` when the state is not one of the blueprint of this role.
    pub(crate) fn of(role: &str, state: &StateDict) -> Result<Self, Refusal> {
        let variables = nn::VarStore::new(Device::Cpu);
        let root = variables.root();
        let convolution = |name: &str| {
            let weight = state.get(&format!("{name}.weight")).map(torch_files::Tensor::shape);
            let Some(&[to, from, 3, 3]) = weight else {
                let message = format!("the {role} has no convolution {name}");
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

    /// `C`: how many patterns it takes at once.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// The variables that training changes, by name.
    pub(crate) fn variables(&self) -> &nn::VarStore {
        &self.variables
    }

    /// Whether patterns of this many channels and pixels along a side are what it is made for.
    ///
    /// # Errors
    /// `mismatch` when they are not.
    pub(crate) fn fits(&self, channels: usize, pixels: usize) -> Result<(), Refusal> {
        let own = SMALLEST_SIDE << self.encoder.len().saturating_sub(FEWEST_LEVELS);
        if channels == self.channels && pixels == own {
            return Ok(());
        }
        let message = format!(
            "the network takes {} channels of {own} x {own} pixels, and was given {channels} of {pixels} x {pixels}",
            self.channels
        );
        Err(Refusal::new(RefusalKind::Mismatch, message).rule(Rule::InputShape))
    }

    /// The exit waves: the object behind each pattern, at the position of the pattern, times the probe;
    /// complex64 `[B, C, N, N]`. In training the norms are those of the batch.
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

    /// Counts a batch that the norms have seen.
    pub(crate) fn count_batch(&mut self) {
        self.counters.iter_mut().for_each(|(_, count)| *count += 1);
    }

    /// The weights, under the names and in the order that they came in.
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
            // Every name is that of a variable or a counter, and the bytes are those of the shape.
            state.extend(tensor.map(|tensor| (name.clone(), tensor)));
        }
        Ok(state)
    }

    fn fill(&mut self, role: &str, state: &StateDict) -> Result<(), Refusal> {
        let mismatch = |what: String| Refusal::new(RefusalKind::Mismatch, format!("the {role} {what}"));
        let mut variables = self.variables.variables();
        for (name, tensor) in state.iter().filter(|(_, tensor)| tensor.dtype() != Dtype::Int64) {
            let Some(variable) = variables.get_mut(name) else {
                return Err(mismatch(format!("has no variable {name}")));
            };
            let shape: Vec<i64> = tensor.shape().iter().map(|length| side(*length)).collect();
            if tensor.dtype() != Dtype::Float32 || variable.size() != shape {
                return Err(mismatch(format!("has {name} otherwise: {:?}", variable.size())));
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
    /// What a call of `forward` is given.
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

/// A complex tensor as the contract's own.
pub(crate) fn complex64(tensor: &Tensor) -> Result<torch_files::Tensor, TchError> {
    let parts = tensor.f_resolve_conj()?.f_contiguous()?.f_view_as_real()?;
    let parts = floats(&parts)?;
    let whole =
        parts.and_then(|parts| torch_files::Tensor::new(Dtype::Complex64, lengths(tensor), parts.data().to_vec()));
    whole.ok_or_else(|| TchError::Shape(format!("no complex64 of the shape {:?}", tensor.size())))
}

/// Each patch moved by its offset, which need not be whole pixels: a ramp over its Fourier transform.
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

/// A tensor of 32-bit floats as the contract's own.
fn floats(tensor: &Tensor) -> Result<Option<torch_files::Tensor>, TchError> {
    let flat = tensor.f_detach()?.f_contiguous()?.f_view([-1])?;
    let mut values = vec![0.0_f32; flat.numel()];
    flat.f_copy_data(&mut values, flat.numel())?;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(torch_files::Tensor::new(Dtype::Float32, lengths(tensor), bytes))
}

/// The shape of a tensor. Lengths of libtorch are never negative.
fn lengths(tensor: &Tensor) -> Vec<usize> {
    tensor.size().iter().map(|length| usize::try_from(*length).unwrap_or_default()).collect()
}

/// The place of a module: `encoder.0.conv` as a path of three names.
fn path<'a>(root: &nn::Path<'a>, name: &str) -> nn::Path<'a> {
    name.split('.').fold(root.clone(), |path, part| path / part)
}

/// A length as libtorch counts. Lengths are those of tensors in memory, which fit.
fn side(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A counter: an int64 of no dimension.
fn whole(tensor: &torch_files::Tensor) -> i64 {
    tensor.data().as_chunks().0.first().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}
