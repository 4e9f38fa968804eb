"use strict";
// The 95 % interval of a ratio of medians, BCa as in harness/measure/bootstrap.py, from the sketches of both series:
// `medians`, quantiles of the resampled medians as text, and `without`, the median without one sample: [value, how many].
// `middle` is the median of what was resampled: samples that were recorded together count as one there.

const RESAMPLES = 10000;
const NORMAL_LEVELS = [-1.959963984540054, 1.959963984540054];

// [low, high]; null for too few samples, or where a median of `before` can be zero.
function ratioInterval(after, before) {
  if (!after.medians || !before.medians) return null;
  const [above, below] = [after, before].map((series) => series.medians.split(" ").map(Number));
  const zero = below.includes(0) || before.without.some(([value]) => value === 0);
  if (zero || before.middle === 0) return null;
  const ratios = new Float64Array(above.length * below.length);
  let at = 0;
  for (const top of above) for (const bottom of below) ratios[at++] = top / bottom;
  ratios.sort();
  const observed = after.middle / before.middle;
  const bias = normalQuantile(clamped(shareBelow(ratios, observed)));
  const acceleration = accelerationOf([
    after.without.map(([value, count]) => [value / before.middle, count]),
    before.without.map(([value, count]) => [after.middle / value, count]),
  ]);
  const ends = NORMAL_LEVELS.map((level) => {
    const shifted = bias + level;
    return quantile(ratios, normalShare(bias + shifted / (1 - acceleration * shifted)));
  });
  return ends.every(Number.isFinite) ? ends : null;
}

// Those that equal it count half.
function shareBelow(sorted, value) {
  let twice = 0;
  for (const each of sorted) twice += (each < value) + (each <= value);
  return twice / 2 / sorted.length;
}

function clamped(share) {
  return Math.min(Math.max(share, 1 / RESAMPLES), 1 - 1 / RESAMPLES);
}

// The jackknife's a; 0 where every value is the same.
function accelerationOf(groups) {
  const influences = groups.flatMap((group) => {
    const n = group.reduce((sum, [, count]) => sum + count, 0);
    const mean = group.reduce((sum, [value, count]) => sum + value * count, 0) / n;
    return group.map(([value, count]) => [((mean - value) * (n - 1)) / n, count]);
  });
  const largest = Math.max(...influences.map(([value]) => Math.abs(value)));
  if (largest === 0 || !Number.isFinite(largest)) return 0;
  let second = 0, third = 0;
  for (const [value, count] of influences) {
    const scaled = value / largest;
    second += count * scaled ** 2;
    third += count * scaled ** 3;
  }
  return third / (6 * second ** 1.5);
}

// Linear between order statistics (Hyndman and Fan 1996, type 7).
function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const low = Math.floor(place), high = Math.ceil(place);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}

// Phi, to 1e-7: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.2.17.
function normalShare(z) {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return z < 0 ? tail : 1 - tail;
}

// The inverse of Phi, by bisection: what it inverts is monotonic, and it runs once for each ratio.
function normalQuantile(share) {
  let low = -6, high = 6;
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
