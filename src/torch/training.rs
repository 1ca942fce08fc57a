//! Training that minimizes the difference between the computed and the measured diffraction.

use bundleproof::bundle::{files::Dataset, nouns::TrainingConfig};
use tch::{
    Kind, Reduction, TchError, Tensor,
    nn::{self, OptimizerConfig as _},
};

use crate::network::{Batch, Network};

/// Adam's learning rate, dimensionless.
const LEARNING_RATE: f64 = 0.01;

/// Trains each network with Adam on all of the data, in the order of the data. Returns the mean loss of each epoch: the
/// mean squared difference of amplitudes, in units of their root mean square.
pub(crate) fn train(
    networks: Vec<&mut Network>,
    data: &Dataset,
    training: &TrainingConfig,
) -> Result<Vec<f64>, TchError> {
    let epochs = usize::try_from(training.nepochs).unwrap_or_default();
    let mut losses = vec![0.0; epochs];
    let count = networks.len().max(1) as f64;
    for network in networks {
        let batches =
            batches(network.channels(), data, usize::try_from(training.batch_size).unwrap_or(1).max(1))?;
        let mut optimizer = nn::Adam::default().build(network.variables(), LEARNING_RATE)?;
        for mean in &mut losses {
            for batch in &batches {
                let loss = loss(network, batch)?;
                optimizer.backward_step(&loss);
                network.count_batch();
                *mean += loss.f_double_value(&[])? / (batches.len() as f64 * count);
            }
        }
    }
    Ok(losses)
}

/// Measured patterns have the zero frequency in the middle of the image.
fn loss(network: &Network, batch: &Batch) -> Result<Tensor, TchError> {
    let sides: Option<&[i64]> = None;
    let seen = network
        .exit_waves(batch, true)?
        .f_fft_fft2(sides, [2, 3].as_slice(), "ortho")?
        .f_fft_fftshift([2, 3].as_slice())?
        .f_abs()?;
    seen.f_mse_loss(&batch.x.f_mul(&batch.scale.f_view([-1, 1, 1, 1])?)?, Reduction::Mean)
}

/// Groups the patterns by the network's number of channels, and the groups into batches. An incomplete last group is
/// dropped.
fn batches(channels: usize, data: &Dataset, size: usize) -> Result<Vec<Batch>, TchError> {
    let (length, pixels) = (|value: usize| i64::try_from(value).unwrap_or(i64::MAX), data.pattern_side);
    let groups = data.positions() / channels.max(1);
    let used = groups * channels;
    let patterns = data.diffraction.get(..used * pixels * pixels).unwrap_or_default();
    let shape = [length(groups), length(channels), length(pixels), length(pixels)];
    let x = Tensor::f_from_slice(patterns)?.f_view(shape)?;
    let scale = x.f_square()?.f_mean(Kind::Float)?.f_rsqrt()?.f_expand([length(groups)], false)?;

    let coordinates: Vec<f32> =
        data.xcoords.iter().zip(&data.ycoords).take(used).flat_map(|(x, y)| [*x as f32, *y as f32]).collect();
    let positions = Tensor::f_from_slice(&coordinates)?.f_view([length(groups), length(channels), 1, 2])?;
    let middle = positions.f_mean_dim([1].as_slice(), true, Kind::Float)?;
    let positions = positions.f_sub(&middle)?;

    let [rows, columns] = data.probe_shape.map(length);
    let parts: Vec<f32> = data.probe.iter().flatten().copied().collect();
    let probe = Tensor::f_from_slice(&parts)?.f_view([rows, columns, 2])?.f_view_as_complex()?;
    let strength = probe.f_abs()?.f_square()?.f_mean(Kind::Float)?.f_sqrt()?;
    let probe = probe.f_div(&strength)?;

    let part = |tensor: &Tensor, at: i64, count: i64| tensor.f_narrow(0, at, count);
    let mut batches = Vec::new();
    for at in (0..groups).step_by(size) {
        let (at, count) = (length(at), length(size.min(groups - at)));
        batches.push(Batch {
            x: part(&x, at, count)?,
            positions: part(&positions, at, count)?,
            scale: part(&scale, at, count)?,
            probe: probe.shallow_clone(),
        });
    }
    Ok(batches)
}
