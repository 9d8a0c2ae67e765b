//! Means and quantiles.

/// The mean of `values`, when there are any.
pub(crate) fn mean(values: impl Iterator<Item = f32>) -> Option<f32> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + f64::from(value), count + 1.0));
    (count > 0.0).then(|| (sum / count) as f32)
}

/// The quantile of sorted `values` at `fraction`, linear between neighbours.
pub(crate) fn quantile(values: &[f64], fraction: f64) -> f64 {
    let place = fraction * (values.len() - 1) as f64;
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    below + (above - below) * place.fract()
}
