//! Unit types that are not binary: log-partitions, means, variances and base measures against summation and quadrature
//! written apart, draws against their distributions, and what happens far out.

mod twins;

use twins::*;
use wakesleep_kernels::activity::{Activity, Lists, Read};
use wakesleep_kernels::disjoint::Pool;
use wakesleep_kernels::propagate::{add_log_bases, settle};
use wakesleep_kernels::random::{Purpose, Stream};
use wakesleep_kernels::units::{Keep, Kind, Noise, Settle, relu, truncated_normal};

const RELUS: [Kind; 3] = [
    Kind::Relu { noise: Noise::None },
    Kind::Relu { noise: Noise::Unit },
    Kind::Relu {
        noise: Noise::Sigmoid,
    },
];
const COUNTED: [Kind; 6] = [
    Kind::Binomial { copies: 2 },
    Kind::Binomial { copies: 7 },
    Kind::Binomial { copies: 1000 },
    Kind::SteppedSigmoid { copies: 1 },
    Kind::SteppedSigmoid { copies: 6 },
    Kind::SteppedSigmoid { copies: 100 },
];
const CONTINUOUS: [Kind; 2] = [Kind::TruncatedNormal, Kind::Gaussian];

fn every_kind() -> Vec<Kind> {
    let counts = Kind::ReplicatedSoftmax { length: 9 };
    let all = RELUS.into_iter().chain(COUNTED).chain(CONTINUOUS);
    all.chain([counts]).collect()
}

fn stream(update: u32) -> Stream {
    Stream::new([17, 4], update, Purpose::Sample, 2, 1)
}

fn settled(pool: &Pool, inputs: &Matrix, kind: Kind, keep: Keep, draw: Option<Stream>) -> Activity {
    let mut activity = with_values(inputs);
    activity.reserve_states().unwrap();
    settle(pool, &mut activity, &Settle { kind, keep, draw });
    assert_padding_is_zero(&activity);
    activity
}

/// The same row of inputs many times.
fn rows_of(row: &[f32], rows: usize) -> Matrix {
    Matrix {
        rows,
        columns: row.len(),
        values: row.repeat(rows),
    }
}

fn states_at(kind: Kind, x: f32, rows: usize, update: u32) -> Vec<f64> {
    // Seventeen units, so that a line and a part of one are seen; all have the same input.
    let inputs = rows_of(&[x; 17], rows.div_ceil(17));
    let drawn = settled(
        &Pool::SERIAL,
        &inputs,
        kind,
        Keep::States,
        Some(stream(update)),
    );
    values_of(&drawn)
        .into_iter()
        .take(rows)
        .map(f64::from)
        .collect()
}

// ---- Twins ----

fn add_logs(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY {
        return high;
    }
    high + libm::log1p(libm::exp(low - high))
}

/// `log m(s)` for every state, by adding one copy after the other.
fn log_bases(kind: Kind) -> Vec<f64> {
    let (copies, step): (u32, fn(u32) -> f64) = match kind {
        Kind::Binomial { copies } => (copies, |_| 0.0),
        Kind::SteppedSigmoid { copies } => (copies, |k| 0.5 - f64::from(k)),
        _ => panic!("{kind:?} is not counted"),
    };
    let mut logs = vec![f64::NEG_INFINITY; copies as usize + 1];
    logs[0] = 0.0;
    for k in 1..=copies {
        for s in (1..=k as usize).rev() {
            logs[s] = add_logs(logs[s], logs[s - 1] + step(k));
        }
    }
    logs
}

/// Log-partition, mean and variance.
struct Moments {
    log_sum: f64,
    mean: f64,
    variance: f64,
}

fn moments(points: &[(f64, f64)]) -> Moments {
    let largest = points.iter().fold(f64::NEG_INFINITY, |a, p| a.max(p.1));
    let sum = |f: &dyn Fn(f64) -> f64| -> f64 {
        points
            .iter()
            .map(|p| f(p.0) * libm::exp(p.1 - largest))
            .sum()
    };
    let z = sum(&|_| 1.0);
    let mean = sum(&|s| s) / z;
    Moments {
        log_sum: largest + libm::log(z),
        mean,
        variance: sum(&|s| (s - mean) * (s - mean)) / z,
    }
}

/// By summation over states, or by Simpson's rule over a window that holds all but 1e-18 of the mass.
fn slow(kind: Kind, x: f64) -> Moments {
    let (start, end) = match kind {
        Kind::Gaussian => (x - 13.0, x + 13.0),
        Kind::TruncatedNormal if x < -3.0 => (0.0, 45.0 / -x),
        Kind::TruncatedNormal => ((x - 13.0).max(0.0), x.max(0.0) + 13.0),
        _ => {
            let bases = log_bases(kind);
            let points = bases.iter().enumerate();
            let points: Vec<_> = points
                .map(|(s, base)| (s as f64, base + x * s as f64))
                .collect();
            return moments(&points);
        }
    };
    let n = 20_000;
    let step = (end - start) / n as f64;
    let points: Vec<_> = (0..=n)
        .map(|i| {
            let s = start + step * i as f64;
            let weight = match i {
                0 => 1.0,
                i if i == n => 1.0,
                i if i % 2 == 1 => 4.0,
                _ => 2.0,
            };
            (s, x * s - 0.5 * s * s + libm::log(weight * step / 3.0))
        })
        .collect();
    moments(&points)
}

const INPUTS: [f64; 15] = [
    -80.0, -30.0, -8.0, -5.5, -4.9, -3.0, -1.0, -0.25, 0.0, 0.5, 2.0, 5.0, 12.0, 30.0, 80.0,
];

fn assert_near(fast: f64, slow: f64, tolerance: f64, what: &str) {
    let error = (fast - slow).abs() / slow.abs().max(1.0);
    assert!(error <= tolerance, "{what}: {fast} is not {slow}");
}

// ---- Moments ----

#[test]
fn log_partitions_means_and_variances_are_those_of_summation_and_quadrature() {
    for kind in COUNTED.into_iter().chain(CONTINUOUS) {
        for x in INPUTS {
            let exact = slow(kind, x);
            let mean = |x: f64| {
                let mut mean = [0.0];
                kind.block_means(&[x], 1.0, &mut mean);
                mean[0]
            };
            let what = format!("{kind:?} at {x}");
            assert_near(kind.block_log_partition(&[x]), exact.log_sum, 1e-10, &what);
            assert_near(mean(x), exact.mean, 1e-9, &what);
            let h = 1e-4;
            let slope = (mean(x + h) - mean(x - h)) / (2.0 * h);
            // The difference is off by h² times the mean's third derivative, which is below N².
            assert_near(slope, exact.variance, 1e-5, &what);
            let difference =
                kind.block_log_partition(&[x + h]) - kind.block_log_partition(&[x - h]);
            assert_near(difference / (2.0 * h), mean(x), 1e-6, &what);
        }
    }
}

#[test]
fn base_measures_are_those_of_copies_added_one_by_one() {
    for kind in COUNTED {
        for (s, slow) in log_bases(kind).into_iter().enumerate() {
            assert_near(
                kind.log_base(&[s as f32]),
                slow,
                1e-11,
                &format!("{kind:?}"),
            );
        }
    }
    assert_eq!(Kind::Gaussian.log_base(&[3.0, -1.0]), -5.0);
    // 5! / (2! 0! 3!) = 10.
    let counts = Kind::ReplicatedSoftmax { length: 0 };
    assert_near(
        counts.log_base(&[2.0, 0.0, 3.0]),
        libm::log(10.0),
        1e-14,
        "counts",
    );
}

#[test]
fn settled_means_are_those_of_f64() {
    let grid: Vec<f32> = (-3200..=3200).map(|i| i as f32 / 40.0).collect();
    for kind in RELUS.into_iter().chain(COUNTED).chain(CONTINUOUS) {
        let means = settled(&Pool::SERIAL, &rows_of(&grid, 1), kind, Keep::Means, None);
        for (&x, mean) in grid.iter().zip(values_of(&means)) {
            let mut exact = [0.0];
            kind.block_means(&[f64::from(x)], 1.0, &mut exact);
            let what = format!("{kind:?} at {x}");
            // A stepped sigmoid adds up to N terms, each rounded to 2^-24 of the sum.
            let tolerance = match kind {
                Kind::SteppedSigmoid { .. } => 2e-6,
                Kind::Relu { .. } => relu::MAX_MEAN_ERROR,
                _ => 3e-7,
            };
            assert_near(f64::from(mean), exact[0], tolerance, &what);
        }
    }
}

/// Units that are nearly never on must not leave subnormal numbers, which are slow wherever they are multiplied.
#[test]
fn means_of_rectified_units_are_far_from_subnormal() {
    let grid: Vec<f32> = (0..=20_000).map(|i| -i as f32 / 1000.0).collect();
    for noise in [Noise::Unit, Noise::Sigmoid] {
        let kind = Kind::Relu { noise };
        let means = settled(&Pool::SERIAL, &rows_of(&grid, 1), kind, Keep::Means, None);
        for (&x, mean) in grid.iter().zip(values_of(&means)) {
            assert!(mean == 0.0 || mean > 1e-23, "{noise:?} at {x}: {mean:e}");
        }
    }
}

/// Means of noisy rectified units by quadrature over the noise.
#[test]
fn means_of_rectified_units_are_those_of_quadrature() {
    for noise in [Noise::Unit, Noise::Sigmoid] {
        for x in INPUTS {
            let d = match noise {
                Noise::Unit => 1.0,
                _ => (1.0 / (1.0 + libm::exp(-x))).sqrt(),
            };
            // Where x + d n is positive: Simpson's rule from there on.
            let start = (-x / d).max(-12.0);
            let (n, end) = (20_000, start.abs() + 12.0);
            let step = (end - start) / f64::from(n);
            let term = |i: i32| {
                let z = start + step * f64::from(i);
                let weight = if i == 0 || i == n {
                    1.0
                } else {
                    f64::from(2 + 2 * (i % 2))
                };
                weight * (x + d * z) * libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt()
            };
            let slow = if start > 37.0 {
                0.0
            } else {
                (0..=n).map(term).sum::<f64>() * step / 3.0
            };
            assert_near(
                relu::mean(x, noise),
                slow,
                1e-9,
                &format!("{noise:?} at {x}"),
            );
        }
    }
}

#[test]
fn a_stepped_sigmoid_of_100_copies_is_near_softplus() {
    let grid: Vec<f32> = (-800..=800).map(|i| i as f32 / 100.0).collect();
    let kind = Kind::SteppedSigmoid { copies: 100 };
    let means = values_of(&settled(
        &Pool::SERIAL,
        &rows_of(&grid, 1),
        kind,
        Keep::Means,
        None,
    ));
    let worst = grid.iter().zip(means).fold(0.0f64, |worst, (&x, mean)| {
        worst.max((f64::from(mean) - libm::log1p(libm::exp(f64::from(x)))).abs())
    });
    assert!(worst <= 0.011, "{worst}");
    assert!(worst > 0.001, "the two are not the same function: {worst}");
}

#[test]
fn rectified_units_without_noise_scale_exactly_by_powers_of_two() {
    let numbers = &mut Numbers(5);
    let inputs = Matrix::new(9, 33, || numbers.signed(6.0));
    for (keep, draw) in [(Keep::Means, None), (Keep::States, Some(stream(1)))] {
        let at = |scale: f32| {
            let mut scaled = inputs.clone();
            scaled.values.iter_mut().for_each(|x| *x *= scale);
            values_of(&settled(&Pool::SERIAL, &scaled, RELUS[0], keep, draw))
        };
        let one = at(1.0);
        assert!(one.contains(&0.0) && one.iter().any(|&x| x > 0.0));
        for scale in [0.125, 0.5, 2.0, 1024.0] {
            let scaled: Vec<f32> = one.iter().map(|x| x * scale).collect();
            assert_same_bits(&at(scale), &scaled, "scaled");
        }
    }
}

// ---- Draws ----

#[test]
fn counted_draws_have_their_probabilities() {
    const ROWS: usize = 40_000;
    for (update, kind) in COUNTED.into_iter().enumerate() {
        for x in [-3.0f32, -0.7, 0.0, 1.3, 4.0] {
            let bases = log_bases(kind);
            let chances = |shift: f64| -> Vec<f64> {
                let x = f64::from(x) + shift;
                let z = slow(kind, x).log_sum;
                let p = bases.iter().enumerate();
                p.map(|(s, base)| libm::exp(base + x * s as f64 - z))
                    .collect()
            };
            let mut counts = vec![0u64; bases.len()];
            for s in states_at(kind, x, ROWS, update as u32) {
                counts[s as usize] += 1;
            }
            let z = |p: &[f64]| {
                let (counts, p) = pooled(&counts, p, ROWS as f64);
                if counts.len() < 2 {
                    0.0
                } else {
                    chi_square_z(&counts, &p)
                }
            };
            let found = z(&chances(0.0));
            assert!(found < 5.0, "{kind:?} at {x}: {found}");
            if x.abs() < 1.0 {
                let fault = z(&chances(0.1));
                assert!(fault > 5.0, "{kind:?} at {x}, shifted: {fault}");
            }
        }
    }
}

/// States whose expected number is below 10 are counted together, or with the last of the others.
fn pooled(counts: &[u64], p: &[f64], rows: f64) -> (Vec<u64>, Vec<f64>) {
    let (mut many, mut chances, mut rest) = (Vec::new(), Vec::new(), (0, 0.0));
    for (&count, &p) in counts.iter().zip(p) {
        if rows * p < 10.0 {
            rest = (rest.0 + count, rest.1 + p);
        } else {
            many.push(count);
            chances.push(p);
        }
    }
    if rows * rest.1 >= 10.0 {
        many.push(rest.0);
        chances.push(rest.1);
    } else if let (Some(count), Some(p)) = (many.last_mut(), chances.last_mut()) {
        *count += rest.0;
        *p += rest.1;
    }
    (many, chances)
}

fn phi(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Kolmogorov's and Smirnov's √n D. Above 2.5 lies less than one sample in 100,000.
fn kolmogorov(mut states: Vec<f64>, below: impl Fn(f64) -> f64) -> f64 {
    states.sort_by(f64::total_cmp);
    let n = states.len() as f64;
    // Where an atom lies at zero, only the end of its run counts.
    let last = |place: usize| states.get(place + 1) != Some(&states[place]);
    let distance = (0..states.len())
        .filter(|&place| last(place))
        .fold(0.0f64, |worst, place| {
            worst.max((below(states[place]) - (place + 1) as f64 / n).abs())
        });
    n.sqrt() * distance
}

#[test]
fn continuous_draws_have_their_distributions() {
    const ROWS: usize = 40_000;
    let relu = |noise| Kind::Relu { noise };
    let kinds = [
        Kind::Gaussian,
        Kind::TruncatedNormal,
        relu(Noise::Unit),
        relu(Noise::Sigmoid),
    ];
    for (update, kind) in kinds.into_iter().enumerate() {
        for x in [-12.0f32, -4.0, -1.0, 0.0, 0.8, 6.0] {
            let below = |s: f64, shift: f64| {
                let x = f64::from(x) + shift;
                match kind {
                    Kind::Relu {
                        noise: Noise::Sigmoid,
                    } => phi((s - x) * (1.0 + libm::exp(-x)).sqrt()),
                    // 1 − Q(s − x) / Q(−x), which stays exact in the tail.
                    Kind::TruncatedNormal => 1.0 - phi(x - s) / phi(x),
                    _ => phi(s - x),
                }
            };
            let states = states_at(kind, x, ROWS, 50 + update as u32);
            let found = kolmogorov(states.clone(), |s| below(s, 0.0));
            assert!(found < 2.5, "{kind:?} at {x}: {found}");
            if x.abs() < 1.0 {
                let fault = kolmogorov(states, |s| below(s, 0.06));
                assert!(fault > 2.5, "{kind:?} at {x}, shifted: {fault}");
            }
        }
    }
}

/// All pairs of signs of neighbours in a line and across rows: 4 cells each.
#[test]
fn normal_draws_of_neighbours_are_independent() {
    let inputs = rows_of(&[0.0; 32], 4000);
    let draw = Some(stream(77));
    let drawn = settled(&Pool::SERIAL, &inputs, Kind::Gaussian, Keep::States, draw);
    let values = values_of(&drawn);
    for distance in [1, 4, 16, 32] {
        let mut counts = [0u64; 4];
        for i in 0..values.len() - distance {
            let sign = |x: f32| usize::from(x > 0.0);
            counts[2 * sign(values[i]) + sign(values[i + distance])] += 1;
        }
        let z = chi_square_z(&counts, &[0.25; 4]);
        assert!(z < 5.0, "{distance}: {z}");
    }
}

#[test]
fn truncated_draws_invert_the_distribution_function() {
    for x in [-9.0, -6.0, -5.0 - 1e-9, -5.0 + 1e-9, -2.0, 0.0, 3.0] {
        for uniform in [1e-9, 0.01, 0.3, 0.7, 0.999, 1.0 - 1e-9] {
            let s = truncated_normal::sample(x, uniform);
            let found = phi(x - s) / phi(x);
            // The inverse normal is good to 1e-7 of its value, and here up to 7 deviations out.
            assert_near(found, uniform, 5e-6, &format!("{x}, {uniform}"));
            assert!(s >= 0.0);
        }
    }
}

#[test]
fn counts_of_words_are_multinomial() {
    const ROWS: usize = 3000;
    let row = [0.3f32, -1.0, 0.0, 2.0, -4.0];
    let mut activity = with_values(&rows_of(&row, ROWS));
    activity.reserve_states().unwrap();
    let lengths: Vec<u32> = (0..ROWS as u32).map(|row| row % 40).collect();
    activity.set_lengths(&lengths).unwrap();
    let how = Settle {
        kind: Kind::ReplicatedSoftmax { length: 0 },
        keep: Keep::Means,
        draw: Some(stream(9)),
    };
    settle(&Pool::SERIAL, &mut activity, &how);
    let sum: f64 = row.iter().map(|&x| libm::exp(f64::from(x))).sum();
    let p: Vec<f64> = row.iter().map(|&x| libm::exp(f64::from(x)) / sum).collect();
    let mut counts = [0u64; 5];
    let mut squares = 0.0;
    for (place, &length) in lengths.iter().enumerate() {
        let states = activity.plane_row(place, Read::Lists);
        assert_eq!(states.iter().sum::<f32>(), length as f32);
        for unit in 0..5 {
            counts[unit] += states[unit] as u64;
            let mean = f64::from(length) * p[unit];
            assert_near(f64::from(activity.row(place)[unit]), mean, 1e-6, "mean");
        }
        squares += (f64::from(states[3]) - f64::from(length) * p[3]).powi(2);
    }
    let z = chi_square_z(&counts, &p);
    assert!(z < 5.0, "{z}");
    // The variance of a count, D p (1 − p): off by no more than 5 √(2 / rows) of it.
    let draws: f64 = lengths.iter().map(|&d| f64::from(d)).sum();
    let variance = squares / (draws * p[3] * (1.0 - p[3]));
    assert!(
        (variance - 1.0).abs() < 5.0 * (2.0 / ROWS as f64).sqrt() * 1.3,
        "{variance}"
    );
}

// ---- Forms, far ends, lost numbers ----

#[test]
fn states_are_the_same_however_they_are_kept_listed_or_run() {
    for_cases(60, |case| {
        let numbers = &mut Numbers(case.seed);
        let inputs = Matrix::new(case.rows, case.lower, || match numbers.below(16) {
            0 => numbers.signed(90.0),
            1 => 0.0,
            _ => numbers.signed(4.0),
        });
        for kind in every_kind() {
            if case.lower == 0 && matches!(kind, Kind::ReplicatedSoftmax { .. }) {
                continue;
            }
            let draw = Some(stream(case.seed as u32));
            let kept = settled(&Pool::SERIAL, &inputs, kind, Keep::States, draw);
            let states = values_of(&kept);
            let means = settled(&Pool::SERIAL, &inputs, kind, Keep::Means, None);
            each_pool(|pool| {
                for keep in [Keep::Means, Keep::Inputs, Keep::States] {
                    let mut drawn = settled(pool, &inputs, kind, keep, draw);
                    let values = match keep {
                        Keep::Means => values_of(&means),
                        Keep::Inputs => inputs.values.clone(),
                        Keep::States => states.clone(),
                    };
                    assert_same_bits(&values_of(&drawn), &values, &format!("{kind:?} {keep:?}"));
                    for row in 0..case.rows {
                        let own = &states[row * case.lower..][..case.lower];
                        assert_same_bits(drawn.plane_row(row, Read::Lists), own, "plane");
                        if drawn.lists() == Lists::Reals {
                            let mut listed = vec![0.0; case.lower];
                            for (&unit, &x) in drawn.list(row).iter().zip(drawn.reals(row)) {
                                assert!(x != 0.0);
                                listed[usize::from(unit)] = x;
                            }
                            assert_eq!(listed, own);
                        }
                    }
                    drawn.spread_lists(pool);
                    assert_eq!(values_of(&drawn), states);
                }
            });
        }
    });
}

#[test]
fn far_ends_are_finite_and_lost_numbers_stay_lost() {
    let ends = [-1e30f32, -300.0, -80.0, -30.0, 30.0, 80.0, 300.0];
    for kind in every_kind() {
        for keep in [Keep::Means, Keep::States] {
            let finite = settled(
                &Pool::SERIAL,
                &rows_of(&ends, 40),
                kind,
                keep,
                Some(stream(3)),
            );
            let found = values_of(&finite);
            let good = |x: &f32| x.is_finite() && (kind == Kind::Gaussian || *x >= 0.0);
            assert!(found.iter().all(good), "{kind:?} {keep:?}: {found:?}");
            for lost in [f32::NAN, -f32::NAN] {
                let inputs = rows_of(&[0.5, lost, -2.0], 3);
                let found = settled(&Pool::SERIAL, &inputs, kind, keep, Some(stream(3)));
                for row in 0..3 {
                    assert!(found.row(row)[1].is_nan(), "{kind:?} {keep:?}");
                    let states = found.plane_row(row, Read::Lists);
                    assert!(states[1].is_nan(), "{kind:?} {keep:?}");
                    let listed = found.lists() == Lists::Dense || found.list(row).contains(&1);
                    assert!(listed, "{kind:?}");
                }
            }
        }
        let family = !matches!(kind, Kind::Relu { .. });
        for x in [-80.0, -30.0, 30.0, 80.0] {
            assert_eq!(kind.block_log_partition(&[x]).is_finite(), family);
        }
        assert!(kind.block_log_partition(&[f64::NAN]).is_nan());
    }
}

#[test]
fn base_measures_are_added_row_by_row_in_every_form() {
    let numbers = &mut Numbers(12);
    let inputs = Matrix::new(5, 19, || numbers.signed(3.0));
    for kind in COUNTED.into_iter().chain(CONTINUOUS) {
        let drawn = settled(&Pool::SERIAL, &inputs, kind, Keep::Means, Some(stream(4)));
        let mut out = vec![1.0; 5];
        add_log_bases(&drawn, Read::Lists, kind, &mut out);
        for (row, out) in out.into_iter().enumerate() {
            let slow: f64 = drawn
                .plane_row(row, Read::Lists)
                .iter()
                .map(|&s| kind.log_base(&[s]))
                .sum();
            assert_near(out, 1.0 + slow, 1e-12, "row");
        }
    }
}

#[test]
#[should_panic(expected = "states that are not binary need room")]
fn states_without_room_are_refused() {
    let how = Settle {
        kind: Kind::Gaussian,
        keep: Keep::Means,
        draw: Some(stream(1)),
    };
    let mut activity = with_values(&rows_of(&[0.0], 1));
    settle(&Pool::SERIAL, &mut activity, &how);
}
