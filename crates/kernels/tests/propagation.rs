//! Propagation: every form against its slow twin, bit by bit, whatever runs the tasks.

mod twins;

use twins::*;
use wakesleep_kernels::activity::{Activity, Read};
use wakesleep_kernels::disjoint::Pool;
use wakesleep_kernels::lanes::{Line, floats_mut, lines_for};
use wakesleep_kernels::propagate::{
    Start, add_row_dots, propagate, settle, settle_on_bias, squared_distance, sum_of_values,
};
use wakesleep_kernels::random::{Purpose, Stream};
use wakesleep_kernels::units::{Keep, Kind, Settle};
use wakesleep_kernels::weights::{Direction, Weights};

/// A bias of −0 among others, in padded lines.
fn biases(units: usize, numbers: &mut Numbers) -> (Vec<f32>, Vec<Line>) {
    let mut values: Vec<f32> = (0..units).map(|_| numbers.parameter()).collect();
    if let Some(first) = values.first_mut() {
        *first = -0.0;
    }
    let lines = padded(&values);
    (values, lines)
}

fn padded(values: &[f32]) -> Vec<Line> {
    let mut lines = vec![Line::ZERO; lines_for(values.len())];
    floats_mut(&mut lines)[..values.len()].copy_from_slice(values);
    lines
}

/// Weights for a direction whose `[targets, sources]` matrix is given.
fn weights_for(matrix: &Matrix, direction: Direction) -> Weights {
    let (lower, upper, values) = match direction {
        Direction::Up => (matrix.columns, matrix.rows, matrix.clone()),
        Direction::Down => (matrix.rows, matrix.columns, matrix.transposed()),
    };
    let mut weights = Weights::new(lower, upper).unwrap();
    weights.write(&values.values);
    weights
}

fn inputs(
    pool: &Pool,
    source: &Activity,
    read: Read,
    weights: &Weights,
    direction: Direction,
    start: Start,
    target: &mut Activity,
) {
    propagate(
        pool,
        target,
        source,
        read,
        weights,
        direction,
        start,
        &Settle::INPUTS,
    );
}

fn check_propagation(case: Case, source: &Matrix, forms: &[(&str, Activity, Read)]) {
    let numbers = &mut Numbers(case.seed ^ 1);
    let matrix = Matrix::new(case.upper, case.lower, || numbers.parameter());
    let (bias, bias_lines) = biases(case.upper, numbers);
    let slow = twins::propagate(source, &matrix, &start_at(&bias, case.rows));
    for direction in [Direction::Up, Direction::Down] {
        let weights = weights_for(&matrix, direction);
        for (name, activity, read) in forms {
            each_pool(|pool| {
                let mut target = Activity::new(case.rows, case.upper).unwrap();
                let start = Start::Bias(&bias_lines);
                inputs(
                    pool,
                    activity,
                    *read,
                    &weights,
                    direction,
                    start,
                    &mut target,
                );
                let what = format!("{name} {direction:?}");
                assert_same_bits(&values_of(&target), &slow.values, &what);
                assert_padding_is_zero(&target);
            });
        }
    }
}

#[test]
fn binary_sources_give_the_same_bits_in_every_form() {
    for_cases(120, |case| {
        let source = Matrix::binary(case.rows, case.lower, case.share, &mut Numbers(case.seed));
        let forms = [
            ("ones", with_ones(&source), Read::Lists),
            ("reals", with_reals(&source), Read::Lists),
            ("values", with_values(&source), Read::Values),
        ];
        check_propagation(case, &source, &forms);
    });
}

#[test]
fn real_sources_give_the_same_bits_in_every_form() {
    for_cases(120, |case| {
        let source = Matrix::real(case.rows, case.lower, case.share, &mut Numbers(case.seed));
        let forms = [
            ("reals", with_reals(&source), Read::Lists),
            ("values", with_values(&source), Read::Values),
        ];
        check_propagation(case, &source, &forms);
    });
}

#[test]
fn a_second_connection_goes_on_where_the_first_ended() {
    for_cases(80, |case| {
        let numbers = &mut Numbers(case.seed);
        let others = SIZES[numbers.below(SIZES.len())];
        let first = Matrix::binary(case.rows, case.lower, case.share, numbers);
        let second = Matrix::real(case.rows, others, case.share, numbers);
        let first_weights = Matrix::new(case.upper, case.lower, || numbers.parameter());
        let second_weights = Matrix::new(case.upper, others, || numbers.parameter());
        let (bias, bias_lines) = biases(case.upper, numbers);
        let halfway = twins::propagate(&first, &first_weights, &start_at(&bias, case.rows));
        let slow = twins::propagate(&second, &second_weights, &halfway);
        let up = weights_for(&first_weights, Direction::Up);
        let down = weights_for(&second_weights, Direction::Down);
        for (second, read) in [
            (with_reals(&second), Read::Lists),
            (with_values(&second), Read::Values),
        ] {
            each_pool(|pool| {
                let mut target = Activity::new(case.rows, case.upper).unwrap();
                let start = Start::Bias(&bias_lines);
                inputs(
                    pool,
                    &with_ones(&first),
                    Read::Lists,
                    &up,
                    Direction::Up,
                    start,
                    &mut target,
                );
                inputs(
                    pool,
                    &second,
                    read,
                    &down,
                    Direction::Down,
                    Start::Partial,
                    &mut target,
                );
                assert_same_bits(&values_of(&target), &slow.values, "two connections");
            });
        }
    });
}

#[test]
fn a_row_does_not_depend_on_the_batch_that_it_is_in() {
    let numbers = &mut Numbers(5);
    let source = Matrix::real(100, 129, 0.5, numbers);
    let matrix = Matrix::new(33, 129, || numbers.parameter());
    let (_, bias) = biases(33, numbers);
    let weights = weights_for(&matrix, Direction::Up);
    let batch = |rows: std::ops::Range<usize>| {
        let part = Matrix {
            rows: rows.len(),
            columns: 129,
            values: source.values[rows.start * 129..rows.end * 129].to_vec(),
        };
        let mut target = Activity::new(rows.len(), 33).unwrap();
        let start = Start::Bias(&bias);
        inputs(
            &Pool::SERIAL,
            &with_reals(&part),
            Read::Lists,
            &weights,
            Direction::Up,
            start,
            &mut target,
        );
        bits(&values_of(&target))
    };
    let whole = batch(0..100);
    let parts: Vec<u32> = [0..1, 1..4, 4..50, 50..100]
        .into_iter()
        .flat_map(batch)
        .collect();
    assert_eq!(whole, parts);
}

/// The comparison by bits must be able to fail: another order of adding gives other bits, and so does a start at −0.
#[test]
fn planted_faults_of_propagation_are_seen() {
    let numbers = &mut Numbers(11);
    let source = Matrix::real(9, 128, 0.5, numbers);
    let weights = Matrix::new(33, 128, || numbers.signed(1.0));
    let start = start_at(&[0.5; 33], 9);
    let right = twins::propagate(&source, &weights, &start);
    let reversed = twins::propagate_in_order(&source, &weights, &start, (0..128).rev());
    let halves = twins::propagate_in_order(
        &source,
        &weights,
        &start,
        (0..128).step_by(2).chain((1..128).step_by(2)),
    );
    assert_ne!(bits(&right.values), bits(&reversed.values));
    assert_ne!(bits(&right.values), bits(&halves.values));

    let nothing = Matrix::new(1, 4, || 0.0);
    let kept = Matrix {
        rows: 1,
        columns: 1,
        values: vec![-0.0],
    };
    let positive = Matrix::new(1, 4, || -1.0);
    let without_zero = twins::propagate(&nothing, &positive, &kept);
    assert_ne!(
        bits(&without_zero.values),
        bits(&start_at(&[-0.0], 1).values)
    );
}

#[test]
fn dense_propagation_agrees_with_an_independent_product() {
    for_cases(40, |case| {
        let numbers = &mut Numbers(case.seed);
        let source = Matrix::new(case.rows, case.lower, || numbers.signed(1.0));
        let matrix = Matrix::new(case.upper, case.lower, || numbers.signed(1.0));
        let weights = weights_for(&matrix, Direction::Up);
        let mut target = Activity::new(case.rows, case.upper).unwrap();
        let bias = vec![Line::ZERO; lines_for(case.upper)];
        let start = Start::Bias(&bias);
        inputs(
            &Pool::SERIAL,
            &with_values(&source),
            Read::Values,
            &weights,
            Direction::Up,
            start,
            &mut target,
        );
        let product = multiplied(&source, &matrix);
        let sizes = multiplied(&absolute(&source), &absolute(&matrix));
        for ((fast, other), size) in values_of(&target).iter().zip(&product).zip(&sizes) {
            assert!((fast - other).abs() <= 1e-5 * size, "{fast} is not {other}");
        }
    });
}

fn absolute(matrix: &Matrix) -> Matrix {
    let mut out = matrix.clone();
    out.values.iter_mut().for_each(|x| *x = x.abs());
    out
}

/// `[rows, sources]` times the transposed `[targets, sources]`.
fn multiplied(source: &Matrix, weights: &Matrix) -> Vec<f32> {
    let (m, k, n) = (source.rows, source.columns, weights.rows);
    let mut out = vec![0.0; m * n];
    // SAFETY: the three matrices have these shapes and strides.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            source.values.as_ptr(),
            k as isize,
            1,
            weights.values.as_ptr(),
            1,
            k as isize,
            0.0,
            out.as_mut_ptr(),
            n as isize,
            1,
        );
    }
    out
}

#[test]
fn settling_in_the_same_pass_or_afterwards_is_the_same() {
    for_cases(60, |case| {
        let numbers = &mut Numbers(case.seed);
        let source = Matrix::binary(case.rows, case.lower, case.share, numbers);
        let matrix = Matrix::new(case.upper, case.lower, || numbers.signed(1.0));
        let weights = weights_for(&matrix, Direction::Up);
        let (bias, lines) = biases(case.upper, numbers);
        let stream = Stream::new([9, 0], 4, Purpose::Train, 1, 0);
        let how = Settle {
            kind: Kind::Bernoulli,
            keep: Keep::Means,
            draw: Some(stream),
        };
        let means = bernoulli_means(&twins::propagate(
            &source,
            &matrix,
            &start_at(&bias, case.rows),
        ));
        let ids: Vec<u32> = (0..case.rows as u32).collect();
        let states = bernoulli_states(&means, &ids, stream);
        each_pool(|pool| {
            let source = with_ones(&source);
            let start = Start::Bias(&lines);
            let mut together = Activity::new(case.rows, case.upper).unwrap();
            propagate(
                pool,
                &mut together,
                &source,
                Read::Lists,
                &weights,
                Direction::Up,
                start,
                &how,
            );
            let mut apart = Activity::new(case.rows, case.upper).unwrap();
            inputs(
                pool,
                &source,
                Read::Lists,
                &weights,
                Direction::Up,
                start,
                &mut apart,
            );
            settle(pool, &mut apart, &how);
            for activity in [&together, &apart] {
                assert_same_bits(&values_of(activity), &means.values, "means");
                assert_eq!(lists_of(activity), states);
                assert_padding_is_zero(activity);
            }
        });
    });
}

#[test]
fn units_that_nothing_drives_settle_on_their_bias() {
    for (rows, units) in [(1, 1), (3, 16), (9, 33), (0, 5)] {
        let numbers = &mut Numbers(3);
        let (bias, lines) = biases(units, numbers);
        each_pool(|pool| {
            let mut target = Activity::new(rows, units).unwrap();
            settle_on_bias(pool, &mut target, &lines, &Settle::INPUTS);
            assert_same_bits(&values_of(&target), &start_at(&bias, rows).values, "inputs");
            let keep = Settle {
                keep: Keep::Means,
                ..Settle::INPUTS
            };
            settle_on_bias(pool, &mut target, &lines, &keep);
            assert_same_bits(
                &values_of(&target),
                &bernoulli_means(&start_at(&bias, rows)).values,
                "means",
            );
        });
    }
}

#[test]
fn row_dots_are_sums_in_f64_in_ascending_order() {
    for_cases(60, |case| {
        let numbers = &mut Numbers(case.seed);
        let binary = Matrix::binary(case.rows, case.lower, case.share, numbers);
        let real = Matrix::real(case.rows, case.lower, case.share, numbers);
        let vector: Vec<f32> = (0..case.lower).map(|_| numbers.parameter()).collect();
        let slow = |matrix: &Matrix| -> Vec<u64> {
            let dot = |row: usize| {
                let mut sum = 0.0f64;
                for (unit, &x) in matrix.row(row).iter().enumerate() {
                    sum += f64::from(x) * f64::from(vector[unit]);
                }
                (1.5 + sum).to_bits()
            };
            (0..matrix.rows).map(dot).collect()
        };
        let forms = [
            (with_ones(&binary), Read::Lists, &binary),
            (with_values(&binary), Read::Values, &binary),
            (with_reals(&real), Read::Lists, &real),
            (with_values(&real), Read::Values, &real),
        ];
        for (activity, read, matrix) in forms {
            let mut out = vec![1.5; case.rows];
            add_row_dots(&activity, read, &vector, &mut out);
            let fast: Vec<u64> = out.iter().map(|x| x.to_bits()).collect();
            assert_eq!(fast, slow(matrix));
        }
    });
}

/// From the contract: every fourth unit in f32, then the four sums and the last units in f64.
fn slow_squared_distance(a: &Matrix, b: &Matrix) -> f64 {
    let mut sum = 0.0f64;
    for row in 0..a.rows {
        let (a, b) = (a.row(row), b.row(row));
        let whole = a.len() / 4 * 4;
        let mut of_row = 0.0f64;
        for lane in 0..4 {
            let mut squares = 0.0f32;
            for unit in (lane..whole).step_by(4) {
                let d = a[unit] - b[unit];
                squares += d * d;
            }
            of_row += f64::from(squares);
        }
        for unit in whole..a.len() {
            let d = f64::from(a[unit] - b[unit]);
            of_row += d * d;
        }
        sum += of_row;
    }
    sum
}

#[test]
fn squared_distances_and_sums_keep_their_order() {
    for_cases(60, |case| {
        let numbers = &mut Numbers(case.seed);
        let binary = Matrix::binary(case.rows, case.lower, case.share, numbers);
        let real = Matrix::real(case.rows, case.lower, case.share, numbers);
        let other = Matrix::new(case.rows, case.lower, || numbers.uniform() as f32);
        let b = with_values(&other);
        let forms = [
            (with_ones(&binary), Read::Lists, &binary),
            (with_reals(&real), Read::Lists, &real),
            (with_values(&real), Read::Values, &real),
        ];
        for (a, read, matrix) in forms {
            let fast = squared_distance(&a, read, &b);
            assert_eq!(
                fast.to_bits(),
                slow_squared_distance(matrix, &other).to_bits()
            );
            let plain: f64 = matrix
                .values
                .iter()
                .zip(&other.values)
                .map(|(x, y)| f64::from(x - y).powi(2))
                .sum();
            assert!((fast - plain).abs() <= 1e-5 * plain);
        }
        let mut sum = 0.0f64;
        other.values.iter().for_each(|&x| sum += f64::from(x));
        assert_eq!(sum_of_values(&b).to_bits(), sum.to_bits());
    });
}
