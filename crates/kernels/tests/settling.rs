//! Unit types: means, states and log-partitions against their slow twins, and draws against their probabilities.

mod twins;

use twins::*;
use wakesleep_kernels::activity::Activity;
use wakesleep_kernels::disjoint::Pool;
use wakesleep_kernels::logistic::{single, softplus};
use wakesleep_kernels::propagate::{add_log_partitions, settle};
use wakesleep_kernels::random::{Purpose, Stream};
use wakesleep_kernels::units::{Keep, Kind, Settle};
use wakesleep_kernels::weights::Weights;

fn stream(update: u32) -> Stream {
    Stream::new([17, 4], update, Purpose::Sample, 2, 1)
}

fn settled(pool: &Pool, inputs: &Matrix, how: &Settle) -> Activity {
    let mut activity = with_values(inputs);
    settle(pool, &mut activity, how);
    assert_padding_is_zero(&activity);
    activity
}

/// Every way of keeping, with and without a draw, against the means and states of the twins.
fn check_settling(kind: Kind, inputs: &Matrix, means: &Matrix, states: &[Vec<u16>], draw: Stream) {
    let spread = spread(states, inputs.columns);
    for (keep, values) in [
        (Keep::Inputs, inputs),
        (Keep::Means, means),
        (Keep::States, &spread),
    ] {
        each_pool(|pool| {
            let drawn = settled(
                pool,
                inputs,
                &Settle {
                    kind,
                    keep,
                    draw: Some(draw),
                },
            );
            assert_same_bits(&values_of(&drawn), &values.values, &format!("{keep:?}"));
            assert_eq!(lists_of(&drawn), states);
            if keep != Keep::States {
                let undrawn = settled(
                    pool,
                    inputs,
                    &Settle {
                        kind,
                        keep,
                        draw: None,
                    },
                );
                assert_same_bits(
                    &values_of(&undrawn),
                    &values.values,
                    &format!("{keep:?}, no draw"),
                );
            }
        });
    }
}

fn some_inputs(rows: usize, units: usize, numbers: &mut Numbers) -> Matrix {
    Matrix::new(rows, units, || match numbers.below(16) {
        0 => numbers.signed(200.0),
        1 => 0.0,
        _ => numbers.signed(4.0),
    })
}

#[test]
fn binary_units_settle_as_their_twin() {
    for_cases(120, |case| {
        let inputs = some_inputs(case.rows, case.lower, &mut Numbers(case.seed));
        let means = bernoulli_means(&inputs);
        let draw = stream(case.seed as u32);
        let ids: Vec<u32> = (0..case.rows as u32).collect();
        let states = bernoulli_states(&means, &ids, draw);
        check_settling(Kind::Bernoulli, &inputs, &means, &states, draw);
    });
}

#[test]
fn softmax_groups_settle_as_their_twin() {
    for_cases(120, |case| {
        let numbers = &mut Numbers(case.seed);
        let size = 1 + numbers.below(17);
        let units = case.lower / size * size;
        let inputs = some_inputs(case.rows, units, numbers);
        let means = softmax_means(&inputs, size);
        let draw = stream(case.seed as u32);
        let states = softmax_states(&means, size, draw);
        check_settling(Kind::Softmax { size }, &inputs, &means, &states, draw);
    });
}

/// The comparison must be able to fail: draws that are addressed by another row or group, or by another update.
#[test]
fn planted_faults_of_draws_are_seen() {
    let numbers = &mut Numbers(8);
    let means = bernoulli_means(&some_inputs(9, 33, numbers));
    let ids: Vec<u32> = (0..9).collect();
    let shifted: Vec<u32> = (1..10).collect();
    let right = bernoulli_states(&means, &ids, stream(5));
    assert_ne!(right, bernoulli_states(&means, &shifted, stream(5)));
    assert_ne!(right, bernoulli_states(&means, &ids, stream(6)));
    let means = softmax_means(&some_inputs(9, 33, numbers), 11);
    assert_ne!(
        softmax_states(&means, 11, stream(5)),
        softmax_states(&means, 11, stream(6))
    );
}

#[test]
#[should_panic(expected = "states are drawn from a stream")]
fn states_without_a_stream_are_refused() {
    let how = Settle {
        kind: Kind::Bernoulli,
        keep: Keep::States,
        draw: None,
    };
    settled(&Pool::SERIAL, &Matrix::new(1, 1, || 0.0), &how);
}

// ---- Log-partitions ----

/// In f64, the sum ascending; a binary unit's term is rounded to f32.
fn slow_log_partition(kind: Kind, inputs: &[f32]) -> f64 {
    let mut sum = 0.0f64;
    match kind {
        Kind::Bernoulli => inputs
            .iter()
            .for_each(|&x| sum += f64::from(single(softplus, x))),
        Kind::Softmax { size } => {
            for group in inputs.chunks(size) {
                let largest = group
                    .iter()
                    .fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
                let mut of_group = 0.0f64;
                for &x in group {
                    of_group += libm::exp(f64::from(x) - f64::from(largest));
                }
                sum += f64::from(largest) + libm::log(of_group);
            }
        }
        _ => panic!("the tests of {kind:?} are in units.rs"),
    }
    sum
}

/// Straight from the definition, without any care for range.
fn plain_log_partition(kind: Kind, inputs: &[f32]) -> f64 {
    let e = |x: &f32| libm::exp(f64::from(*x));
    match kind {
        Kind::Bernoulli => inputs.iter().map(|x| libm::log1p(e(x))).sum(),
        Kind::Softmax { size } => inputs
            .chunks(size)
            .map(|x| libm::log(x.iter().map(e).sum()))
            .sum(),
        _ => panic!("the tests of {kind:?} are in units.rs"),
    }
}

#[test]
fn log_partitions_match_their_twin_and_their_definition() {
    for_cases(120, |case| {
        let numbers = &mut Numbers(case.seed);
        let size = 1 + numbers.below(5);
        let units = case.lower / size * size;
        let inputs = some_inputs(case.rows, units, numbers);
        let lower = 3;
        let matrix = Matrix::new(units, lower, || numbers.signed(1.0));
        let mut weights = Weights::new(lower, units).unwrap();
        weights.write(&matrix.values);
        for kind in [Kind::Bernoulli, Kind::Softmax { size }] {
            let activity = with_values(&inputs);
            for extra in [None, Some(0), Some(2)] {
                let mut driven = inputs.clone();
                if let Some(unit) = extra {
                    for (place, x) in driven.values.iter_mut().enumerate() {
                        *x += matrix.at(place % units, unit);
                    }
                }
                let slow: Vec<u64> = (0..case.rows)
                    .map(|row| (2.5 + slow_log_partition(kind, driven.row(row))).to_bits())
                    .collect();
                each_pool(|pool| {
                    let mut out = vec![2.5; case.rows];
                    add_log_partitions(
                        pool,
                        &activity,
                        kind,
                        extra.map(|unit| (&weights, unit)),
                        &mut out,
                    );
                    assert_eq!(out.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), slow);
                });
            }
            for row in 0..case.rows {
                let (fast, plain) = (
                    kind.log_partition(inputs.row(row)),
                    plain_log_partition(kind, inputs.row(row)),
                );
                assert!(
                    (fast - plain).abs() <= 1e-6 * plain.abs().max(1.0),
                    "{fast} is not {plain}"
                );
            }
        }
    });
}

// ---- Draws against their probabilities ----

/// 40 units with logits from −3 to 3, 20,000 rows each: two cells a unit, so the z of each χ² is of one degree of
/// freedom and the sum over units of 40.
#[test]
fn binary_draws_have_their_probabilities() {
    const ROWS: usize = 20_000;
    const UNITS: usize = 40;
    let logit = |unit: usize| 6.0 * unit as f32 / (UNITS - 1) as f32 - 3.0;
    let inputs = Matrix::new(1, UNITS, || 0.0);
    let row: Vec<f32> = (0..UNITS).map(logit).collect();
    let inputs = Matrix {
        rows: ROWS,
        values: row.repeat(ROWS),
        ..inputs
    };
    let how = Settle {
        kind: Kind::Bernoulli,
        keep: Keep::States,
        draw: Some(stream(1)),
    };
    let drawn = settled(&Pool::SERIAL, &inputs, &how);
    let mut on = [0u64; UNITS];
    for row in 0..ROWS {
        drawn
            .list(row)
            .iter()
            .for_each(|&unit| on[usize::from(unit)] += 1);
    }
    let z = |shift: f64| {
        let chi: f64 = (0..UNITS)
            .map(|unit| {
                let p = 1.0 / (1.0 + libm::exp(-(f64::from(logit(unit)) + shift)));
                let (n, count) = (ROWS as f64, on[unit] as f64);
                (count - n * p).powi(2) / (n * p * (1.0 - p))
            })
            .sum();
        (chi - UNITS as f64) / (2.0 * UNITS as f64).sqrt()
    };
    assert!(z(0.0) < 5.0, "{}", z(0.0));
    assert!(
        z(0.03) > 5.0,
        "a shift of 0.03 in all logits must be seen: {}",
        z(0.03)
    );
}

/// Neighbours in a row must be independent: all 16 states of four units, 40,000 rows.
#[test]
fn binary_draws_of_neighbours_are_independent() {
    const ROWS: usize = 40_000;
    let row = [-1.0f32, 0.5, 0.0, 1.0];
    let inputs = Matrix {
        rows: ROWS,
        columns: 4,
        values: row.repeat(ROWS),
    };
    let how = Settle {
        kind: Kind::Bernoulli,
        keep: Keep::Means,
        draw: Some(stream(2)),
    };
    let drawn = settled(&Pool::SERIAL, &inputs, &how);
    let mut counts = [0u64; 16];
    for row in 0..ROWS {
        counts[drawn
            .list(row)
            .iter()
            .map(|unit| 1usize << unit)
            .sum::<usize>()] += 1;
    }
    let probabilities: Vec<f64> = (0..16usize)
        .map(|state| {
            let factor = |unit: usize| {
                let p = 1.0 / (1.0 + libm::exp(-f64::from(row[unit])));
                if state >> unit & 1 == 1 { p } else { 1.0 - p }
            };
            (0..4).map(factor).product()
        })
        .collect();
    let z = chi_square_z(&counts, &probabilities);
    assert!(z < 5.0, "{z}");
}

/// Three groups of five, 20,000 rows: the joint table of the first two groups and the single one of the third.
#[test]
fn softmax_draws_have_their_probabilities() {
    const ROWS: usize = 20_000;
    const SIZE: usize = 5;
    let row: Vec<f32> = (0..3 * SIZE)
        .map(|unit| (unit % SIZE) as f32 * 0.4 - (unit / SIZE) as f32 * 0.2)
        .collect();
    let inputs = Matrix {
        rows: ROWS,
        columns: 3 * SIZE,
        values: row.repeat(ROWS),
    };
    let how = Settle {
        kind: Kind::Softmax { size: SIZE },
        keep: Keep::Means,
        draw: Some(stream(3)),
    };
    let drawn = settled(&Pool::SERIAL, &inputs, &how);
    let p = |group: usize, unit: usize| {
        let x = &row[group * SIZE..][..SIZE];
        let sum: f64 = x.iter().map(|&x| libm::exp(f64::from(x))).sum();
        libm::exp(f64::from(x[unit])) / sum
    };
    let (mut pairs, mut thirds) = ([0u64; SIZE * SIZE], [0u64; SIZE]);
    for row in 0..ROWS {
        let [a, b, c] = drawn.list(row) else {
            panic!("one unit of each group is on")
        };
        pairs[usize::from(*a) * SIZE + usize::from(*b) - SIZE] += 1;
        thirds[usize::from(*c) - 2 * SIZE] += 1;
    }
    let joint: Vec<f64> = (0..SIZE * SIZE)
        .map(|k| p(0, k / SIZE) * p(1, k % SIZE))
        .collect();
    let third: Vec<f64> = (0..SIZE).map(|k| p(2, k)).collect();
    for (counts, probabilities) in [(&pairs[..], &joint), (&thirds[..], &third)] {
        let z = chi_square_z(counts, probabilities);
        assert!(z < 5.0, "{z}");
    }
    let swapped: Vec<f64> = third.iter().rev().copied().collect();
    assert!(
        chi_square_z(&thirds, &swapped) > 5.0,
        "other probabilities must be seen"
    );
}
