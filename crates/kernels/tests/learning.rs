//! Statistics and updates: every form against its slow twin, bit by bit, whatever runs the tasks.

mod twins;

use twins::*;
use wakesleep_kernels::activity::{Activity, Read};
use wakesleep_kernels::disjoint::Pool;
use wakesleep_kernels::lanes::{Line, floats, floats_mut, lines_for};
use wakesleep_kernels::random::{Purpose, Stream};
use wakesleep_kernels::statistics::{
    self, Biases, Learner, Rule, Step, add_column_sums, learn_bias, step_bias,
};
use wakesleep_kernels::weights::Weights;

const STEP: Step = Step::with_momentum(0.1, 0.9, 0.0002);

/// What two phases saw, and the parameters before the update.
struct Batch {
    v0: Matrix,
    h0: Matrix,
    v1: Matrix,
    h1: Matrix,
    weights: Matrix,
    velocity: Matrix,
}

impl Batch {
    fn new(case: Case, lower: impl Fn(&mut Numbers) -> Matrix) -> Batch {
        let numbers = &mut Numbers(case.seed);
        let Case {
            lower: units,
            upper,
            rows,
            ..
        } = case;
        Batch {
            v0: lower(numbers),
            v1: lower(numbers),
            h0: Matrix::new(rows, upper, || numbers.uniform() as f32),
            h1: Matrix::new(rows, upper, || numbers.uniform() as f32),
            weights: Matrix::new(upper, units, || numbers.parameter()),
            velocity: Matrix::new(upper, units, || flushed(numbers.parameter())),
        }
    }

    fn phases(&self) -> (Phase<'_>, Phase<'_>) {
        let positive = Phase {
            lower: &self.v0,
            upper: &self.h0,
        };
        let negative = Phase {
            lower: &self.v1,
            upper: &self.h1,
        };
        (positive, negative)
    }

    /// Weights and velocities after the slow twin's update.
    fn slow(&self) -> (Vec<f32>, Vec<f32>) {
        let (mut weights, mut velocity) =
            (self.weights.values.clone(), self.velocity.values.clone());
        let (positive, negative) = self.phases();
        let rows = self.v0.rows;
        if rows > 0 {
            let sums = statistic(&positive, &negative, 0..rows);
            step(&mut weights, &mut velocity, &sums.values, rows, STEP);
        }
        (weights, velocity)
    }

    fn weights(&self) -> Weights {
        let mut weights = Weights::new(self.weights.columns, self.weights.rows).unwrap();
        weights.write(&self.weights.values);
        weights
    }

    fn learner(&self, capacity: usize) -> Learner {
        let mut learner = Learner::new(self.weights.columns, self.weights.rows, capacity).unwrap();
        learner.write_velocity(&self.velocity.values);
        learner
    }
}

type Form = (Activity, Read);

fn learn(
    batch: &Batch,
    pool: &Pool,
    learner: &mut Learner,
    weights: &mut Weights,
    forms: [&Form; 2],
) -> bool {
    let (h0, h1) = (with_values(&batch.h0), with_values(&batch.h1));
    let [(v0, read0), (v1, read1)] = forms;
    let positive = statistics::Phase {
        lower: v0,
        read: *read0,
        upper: &h0,
    };
    let negative = statistics::Phase {
        lower: v1,
        read: *read1,
        upper: &h1,
    };
    learner
        .learn(pool, weights, positive, negative, STEP)
        .unwrap()
}

fn matrix_of(weights: &Weights) -> Vec<f32> {
    let mut values = vec![0.0; weights.lower() * weights.upper()];
    weights.read(&mut values);
    values
}

/// Both layouts hold the same numbers, and padding is +0 in both.
fn assert_layouts_agree(weights: &Weights) {
    let turned = weights.transposed().unwrap();
    let (forward, backward) = (matrix_of(weights), matrix_of(&turned));
    for j in 0..weights.upper() {
        for i in 0..weights.lower() {
            let (a, b) = (
                forward[j * weights.lower() + i],
                backward[i * weights.upper() + j],
            );
            assert!(
                a.to_bits() == b.to_bits(),
                "weight {j}, {i}: {a} forward, {b} backward"
            );
        }
    }
    for weights in [weights, &turned] {
        for (panel, lines) in weights.forward().chunks(weights.lower().max(1)).enumerate() {
            let present = (weights.upper() - panel * 16).min(16);
            for line in lines {
                assert!(line.floats()[present..].iter().all(|x| x.to_bits() == 0));
            }
        }
    }
}

fn check_learning(batch: &Batch, positive: &[Form], negative: &[Form]) {
    let rows = batch.v0.rows;
    let (slow_weights, slow_velocity) = batch.slow();
    for (p, v0) in positive.iter().enumerate() {
        for (n, v1) in negative.iter().enumerate() {
            each_pool(|pool| {
                let (mut weights, mut learner) = (batch.weights(), batch.learner(rows + 3 * p));
                assert!(learn(batch, pool, &mut learner, &mut weights, [v0, v1]));
                let what = format!("forms {p} and {n}");
                assert_same_bits(&matrix_of(&weights), &slow_weights, &what);
                let mut velocity = vec![0.0; slow_velocity.len()];
                learner.read_velocity(&mut velocity);
                assert_same_bits(&velocity, &slow_velocity, &what);
                assert_layouts_agree(&weights);
            });
        }
    }
}

fn forms_of_binary(matrix: &Matrix) -> [Form; 3] {
    [
        (with_ones(matrix), Read::Lists),
        (with_reals(matrix), Read::Lists),
        (with_values(matrix), Read::Values),
    ]
}

fn forms_of_real(matrix: &Matrix) -> [Form; 2] {
    [
        (with_reals(matrix), Read::Lists),
        (with_values(matrix), Read::Values),
    ]
}

#[test]
fn binary_phases_give_the_same_bits_in_all_nine_pairs_of_forms() {
    for_cases(80, |case| {
        let lower =
            |numbers: &mut Numbers| Matrix::binary(case.rows, case.lower, case.share, numbers);
        let batch = Batch::new(case, lower);
        check_learning(
            &batch,
            &forms_of_binary(&batch.v0),
            &forms_of_binary(&batch.v1),
        );
    });
}

#[test]
fn real_phases_give_the_same_bits_in_every_form() {
    for_cases(80, |case| {
        let lower =
            |numbers: &mut Numbers| Matrix::real(case.rows, case.lower, case.share, numbers);
        let batch = Batch::new(case, lower);
        check_learning(&batch, &forms_of_real(&batch.v0), &forms_of_real(&batch.v1));
    });
}

/// Data are states, the reconstruction is probabilities: the lists of the one must not be mistaken for its values.
#[test]
fn states_in_one_phase_and_probabilities_in_the_other() {
    for_cases(80, |case| {
        let lower =
            |numbers: &mut Numbers| Matrix::binary(case.rows, case.lower, case.share, numbers);
        let mut batch = Batch::new(case, lower);
        let numbers = &mut Numbers(case.seed ^ 7);
        batch.v1 = Matrix::new(case.rows, case.lower, || numbers.uniform() as f32);
        check_learning(
            &batch,
            &forms_of_binary(&batch.v0),
            &forms_of_real(&batch.v1),
        );
        std::mem::swap(&mut batch.v0, &mut batch.v1);
        check_learning(
            &batch,
            &forms_of_real(&batch.v0),
            &forms_of_binary(&batch.v1),
        );
    });
}

/// A negative phase without rows is one of zeros: what gradients of networks are.
#[test]
fn one_phase_alone_gives_the_same_bits_in_every_form() {
    for_cases(80, |case| {
        let binary = case.seed.is_multiple_of(2);
        let mut batch = Batch::new(case, |numbers| {
            if binary {
                Matrix::binary(case.rows, case.lower, case.share, numbers)
            } else {
                Matrix::real(case.rows, case.lower, case.share, numbers)
            }
        });
        batch.v1.values.fill(0.0);
        let (slow_weights, slow_velocity) = batch.slow();
        let forms: Vec<Form> = if binary {
            forms_of_binary(&batch.v0).into()
        } else {
            forms_of_real(&batch.v0).into()
        };
        let h0 = with_values(&batch.h0);
        let none = |units| Activity::new(0, units).unwrap();
        let (no_lower, no_upper) = (none(case.lower), none(case.upper));
        for (lower, read) in &forms {
            each_pool(|pool| {
                let (mut weights, mut learner) = (batch.weights(), batch.learner(case.rows));
                let positive = statistics::Phase {
                    lower,
                    read: *read,
                    upper: &h0,
                };
                let negative = statistics::Phase {
                    lower: &no_lower,
                    read: Read::Values,
                    upper: &no_upper,
                };
                let finite = learner.learn(pool, &mut weights, positive, negative, STEP);
                assert!(finite.unwrap());
                assert_same_bits(&matrix_of(&weights), &slow_weights, "weights");
                let mut velocity = vec![0.0; slow_velocity.len()];
                learner.read_velocity(&mut velocity);
                assert_same_bits(&velocity, &slow_velocity, "velocity");
                assert_layouts_agree(&weights);
            });
        }
    });
}

#[test]
fn a_learner_can_be_used_again_with_fewer_rows_and_other_forms() {
    let numbers = &mut Numbers(21);
    let case = |rows, seed| Case {
        lower: 33,
        upper: 47,
        rows,
        share: 0.2,
        seed,
    };
    let mut learner = Learner::new(33, 47, 100).unwrap();
    let mut weights = Weights::new(33, 47).unwrap();
    let (mut slow_weights, mut slow_velocity) = (vec![0.0; 33 * 47], vec![0.0; 33 * 47]);
    // Rows, and which form each phase takes: ones (0), reals (1), values (2).
    let rounds = [
        (100, 0, 2),
        (7, 2, 0),
        (64, 0, 0),
        (100, 0, 2),
        (1, 1, 1),
        (0, 0, 0),
        (99, 1, 0),
        (100, 2, 2),
        (98, 2, 0),
    ];
    for (rows, p, n) in rounds {
        let batch = Batch::new(case(rows, numbers.word()), |numbers| {
            Matrix::binary(rows, 33, 0.2, numbers)
        });
        let forms = [
            &forms_of_binary(&batch.v0)[p],
            &forms_of_binary(&batch.v1)[n],
        ];
        assert!(learn(
            &batch,
            &Pool::SERIAL,
            &mut learner,
            &mut weights,
            forms
        ));
        let (positive, negative) = batch.phases();
        if rows > 0 {
            let sums = statistic(&positive, &negative, 0..rows);
            step(
                &mut slow_weights,
                &mut slow_velocity,
                &sums.values,
                rows,
                STEP,
            );
        }
        assert_same_bits(&matrix_of(&weights), &slow_weights, "round after round");
    }
}

#[test]
fn a_given_gradient_takes_the_same_step() {
    for_cases(60, |case| {
        let lower =
            |numbers: &mut Numbers| Matrix::real(case.rows, case.lower, case.share, numbers);
        let batch = Batch::new(
            Case {
                rows: case.rows.max(1),
                ..case
            },
            |numbers| {
                let mut matrix = lower(numbers);
                matrix.rows = case.rows.max(1);
                matrix.values.resize(matrix.rows * matrix.columns, 1.0);
                matrix
            },
        );
        let rows = batch.v0.rows;
        let (positive, negative) = batch.phases();
        let sums = statistic(&positive, &negative, 0..rows);
        let gradient: Vec<f32> = sums
            .values
            .iter()
            .map(|s| s * (1.0 / rows as f32))
            .collect();
        let (slow_weights, slow_velocity) = batch.slow();
        each_pool(|pool| {
            let (mut weights, mut learner) = (batch.weights(), batch.learner(0));
            assert!(learner.step(pool, &mut weights, &gradient, STEP).unwrap());
            assert_same_bits(&matrix_of(&weights), &slow_weights, "weights");
            let mut velocity = vec![0.0; slow_velocity.len()];
            learner.read_velocity(&mut velocity);
            assert_same_bits(&velocity, &slow_velocity, "velocity");
            assert_layouts_agree(&weights);
        });
    });
}

/// The comparison must be able to fail: cases in reverse order, a subnormal that is not flushed, one phase first.
#[test]
fn planted_faults_of_learning_are_seen() {
    let case = Case {
        lower: 33,
        upper: 17,
        rows: 100,
        share: 0.5,
        seed: 3,
    };
    let batch = Batch::new(case, |numbers| Matrix::real(100, 33, 0.5, numbers));
    let (positive, negative) = batch.phases();
    let right = statistic(&positive, &negative, 0..100);
    let reversed = statistic(&positive, &negative, (0..100).rev());
    assert_ne!(bits(&right.values), bits(&reversed.values));
    let nothing = Matrix::new(100, 33, || 0.0);
    let empty = Phase {
        lower: &nothing,
        upper: &batch.h1,
    };
    let (first, second) = (
        statistic(&positive, &empty, 0..100),
        statistic(&empty, &negative, 0..100),
    );
    let apart: Vec<f32> = first
        .values
        .iter()
        .zip(&second.values)
        .map(|(a, b)| a + b)
        .collect();
    assert_ne!(bits(&right.values), bits(&apart));
}

#[test]
fn subnormal_velocities_are_flushed_and_the_smallest_normal_one_is_not() {
    let halve = Step::with_momentum(1.0, 0.5, 0.0);
    let least = f32::MIN_POSITIVE;
    let before = [
        2.0 * least,
        least,
        -least,
        -2.0 * least,
        f32::from_bits(3),
        -0.0,
    ];
    let after = [least, 0.0, 0.0, -least, 0.0, 0.0];
    let mut learner = Learner::new(6, 1, 1).unwrap();
    learner.write_velocity(&before);
    let mut weights = Weights::new(6, 1).unwrap();
    assert!(
        learner
            .step(&Pool::SERIAL, &mut weights, &[0.0; 6], halve)
            .unwrap()
    );
    let mut velocity = [0.0; 6];
    learner.read_velocity(&mut velocity);
    assert_eq!(bits(&velocity), bits(&after));
    let kept: Vec<f32> = before.iter().map(|v| 0.5 * v).collect();
    assert_ne!(
        bits(&kept),
        bits(&after),
        "without flushing the result would be another"
    );
}

#[test]
fn a_weight_that_is_not_finite_is_reported_wherever_it_is() {
    let numbers = &mut Numbers(2);
    let (lower, upper, rows) = (33, 47, 8);
    let batch = |numbers: &mut Numbers| {
        let case = Case {
            lower,
            upper,
            rows,
            share: 0.3,
            seed: numbers.word(),
        };
        Batch::new(case, |numbers| Matrix::binary(rows, lower, 0.3, numbers))
    };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for place in [0, lower - 1, 20 * lower + 16, lower * upper - 1] {
            let mut batch = batch(numbers);
            batch.weights.values[place] = bad;
            for form in 0..3 {
                let forms = [
                    &forms_of_binary(&batch.v0)[form],
                    &forms_of_binary(&batch.v1)[form],
                ];
                each_pool(|pool| {
                    let (mut weights, mut learner) = (batch.weights(), batch.learner(rows));
                    assert!(
                        !learn(&batch, pool, &mut learner, &mut weights, forms),
                        "{bad} at {place}"
                    );
                    let mut learner = batch.learner(0);
                    let gradient = vec![0.0; lower * upper];
                    let outcome = learner.step(pool, &mut batch.weights(), &gradient, STEP);
                    assert_eq!(outcome, Some(false));
                });
            }
        }
    }
    let mut batch = batch(numbers);
    batch.velocity.values[5] = f32::MAX;
    batch.weights.values[5] = f32::MAX;
    let forms = [
        &forms_of_binary(&batch.v0)[0],
        &forms_of_binary(&batch.v1)[0],
    ];
    let (mut weights, mut learner) = (batch.weights(), batch.learner(rows));
    assert!(
        !learn(&batch, &Pool::SERIAL, &mut learner, &mut weights, forms),
        "a sum that overflows"
    );
}

// ---- Biases ----

fn padded(values: &[f32]) -> Vec<Line> {
    let mut lines = vec![Line::ZERO; lines_for(values.len())];
    floats_mut(&mut lines)[..values.len()].copy_from_slice(values);
    lines
}

fn biases_of<'a>(bias: &'a mut [Line], velocity: &'a mut [Line]) -> Biases<'a> {
    Biases {
        bias,
        velocity,
        square: &mut [],
    }
}

fn check_bias(a: &Matrix, b: &Matrix, forms: [&[Form]; 2], numbers: &mut Numbers) {
    let (units, rows) = (a.columns, a.rows);
    let bias: Vec<f32> = (0..units).map(|_| numbers.parameter()).collect();
    let velocity: Vec<f32> = (0..units).map(|_| flushed(numbers.parameter())).collect();
    let by = Step { cost: 0.0, ..STEP };
    let (mut slow, mut slow_velocity) = (bias.clone(), velocity.clone());
    if rows > 0 {
        step(
            &mut slow,
            &mut slow_velocity,
            &bias_statistic(a, b),
            rows,
            by,
        );
    }
    for (a, read_a) in forms[0] {
        for (b, read_b) in forms[1] {
            let (mut fast, mut fast_velocity) = (padded(&bias), padded(&velocity));
            assert!(learn_bias(
                biases_of(&mut fast, &mut fast_velocity),
                (a, *read_a),
                (b, *read_b),
                by
            ));
            assert_same_bits(floats(&fast), floats(&padded(&slow)), "bias");
            assert_same_bits(
                floats(&fast_velocity),
                floats(&padded(&slow_velocity)),
                "velocity",
            );
        }
    }
}

#[test]
fn biases_learn_the_same_in_every_pair_of_forms() {
    for_cases(120, |case| {
        let numbers = &mut Numbers(case.seed);
        let mut binary = || Matrix::binary(case.rows, case.lower, case.share, numbers);
        let (a, b) = (binary(), binary());
        check_bias(
            &a,
            &b,
            [&forms_of_binary(&a), &forms_of_binary(&b)],
            numbers,
        );
        let real = Matrix::real(case.rows, case.lower, case.share, numbers);
        check_bias(
            &a,
            &real,
            [&forms_of_binary(&a), &forms_of_real(&real)],
            numbers,
        );
        check_bias(
            &real,
            &b,
            [&forms_of_real(&real), &forms_of_binary(&b)],
            numbers,
        );
    });
}

#[test]
fn a_given_bias_gradient_takes_the_same_step() {
    for units in SIZES {
        let numbers = &mut Numbers(units as u64);
        let mut vector = || -> Vec<f32> { (0..units).map(|_| numbers.parameter()).collect() };
        let (bias, gradient) = (vector(), vector());
        let (mut slow, mut slow_velocity) = (bias.clone(), vec![0.25; units]);
        let by = Step { cost: 0.0, ..STEP };
        step(&mut slow, &mut slow_velocity, &gradient, 1, by);
        let (mut fast, mut fast_velocity) = (padded(&bias), padded(&vec![0.25; units]));
        assert!(step_bias(
            biases_of(&mut fast, &mut fast_velocity),
            &gradient,
            by
        ));
        assert_same_bits(floats(&fast), floats(&padded(&slow)), "bias");
        assert_same_bits(
            floats(&fast_velocity),
            floats(&padded(&slow_velocity)),
            "velocity",
        );
    }
}

#[test]
fn a_bias_that_is_not_finite_is_reported() {
    for bad in [f32::NAN, f32::INFINITY] {
        for place in [0, 16, 32] {
            let mut values = [0.0; 33];
            values[place] = bad;
            let (mut bias, mut velocity) = (padded(&values), padded(&[0.0; 33]));
            assert!(!step_bias(
                biases_of(&mut bias, &mut velocity),
                &[0.0; 33],
                STEP
            ));
            let matrix = Matrix::new(2, 33, || 0.5);
            let seen = (&with_values(&matrix), Read::Values);
            assert!(!learn_bias(
                biases_of(&mut padded(&values), &mut velocity),
                seen,
                seen,
                STEP
            ));
        }
    }
}

// ---- Options ----

/// A phase whose further rows, up to `cases`, are zero, and whose upper units are multiplied by what a row counts.
fn padded_phase(lower: &Matrix, upper: &Matrix, weights: &[f32], cases: usize) -> [Matrix; 2] {
    let rows = |matrix: &Matrix, factor: &dyn Fn(usize) -> Option<f32>| {
        let mut out = Matrix::new(cases, matrix.columns, || 0.0);
        for row in 0..matrix.rows {
            for column in 0..matrix.columns {
                let x = matrix.at(row, column);
                out.values[row * matrix.columns + column] = factor(row).map_or(x, |f| x * f);
            }
        }
        out
    };
    let weight = |row: usize| match weights {
        [] => None,
        [all] => Some(*all),
        each => Some(each[row]),
    };
    [rows(lower, &|_| None), rows(upper, &weight)]
}

/// Phases of different lengths, with and without weights of rows, and corrections of rank one: every form gives the bits
/// of the slow twin over padded phases.
#[test]
fn phases_of_different_lengths_rows_that_count_differently_and_corrections() {
    let numbers = &mut Numbers(77);
    let (lower, upper) = (35, 50);
    for (n0, n1, weighed) in [
        (20, 9, false),
        (9, 20, false),
        (20, 9, true),
        (1, 30, true),
        (16, 16, true),
    ] {
        let cases = n0.max(n1);
        let mut uniform = |rows, columns| Matrix::new(rows, columns, || numbers.uniform() as f32);
        let (h0, h1) = (uniform(n0, upper), uniform(n1, upper));
        let (a, b) = (uniform(1, lower).values, uniform(1, upper).values);
        let w0: Vec<f32> = if weighed {
            uniform(1, n0).values
        } else {
            vec![]
        };
        let w1 = if weighed {
            vec![n0 as f32 / n1 as f32]
        } else {
            vec![]
        };
        for binary in [true, false] {
            let mut visible = |rows| {
                if binary {
                    Matrix::binary(rows, lower, 0.3, numbers)
                } else {
                    Matrix::real(rows, lower, 0.3, numbers)
                }
            };
            let (v0, v1) = (visible(n0), visible(n1));
            let [p0, q0] = padded_phase(&v0, &h0, &w0, cases);
            let [p1, q1] = padded_phase(&v1, &h1, &w1, cases);
            let positive = Phase {
                lower: &p0,
                upper: &q0,
            };
            let negative = Phase {
                lower: &p1,
                upper: &q1,
            };
            let mut sums = statistic(&positive, &negative, 0..cases).values;
            for (place, sum) in sums.iter_mut().enumerate() {
                let correction = b[place / lower] * a[place % lower];
                *sum += correction;
            }
            let (mut slow, mut velocity) = (vec![0.0; lower * upper], vec![0.0; lower * upper]);
            step(&mut slow, &mut velocity, &sums, n0, STEP);
            let forms = |matrix: &Matrix| -> Vec<Form> {
                if binary {
                    forms_of_binary(matrix).into()
                } else {
                    forms_of_real(matrix).into()
                }
            };
            for (v0, read0) in forms(&v0) {
                for (v1, read1) in forms(&v1) {
                    each_pool(|pool| {
                        let (mut h0, mut h1) = (with_values(&h0), with_values(&h1));
                        h0.weigh_rows(&w0).unwrap();
                        h1.weigh_rows(&w1).unwrap();
                        let mut learner = Learner::new(lower, upper, cases + 2).unwrap();
                        learner.correct(&a, &b).unwrap();
                        let mut weights = Weights::new(lower, upper).unwrap();
                        let positive = statistics::Phase {
                            lower: &v0,
                            read: read0,
                            upper: &h0,
                        };
                        let negative = statistics::Phase {
                            lower: &v1,
                            read: read1,
                            upper: &h1,
                        };
                        let finite = learner.learn(pool, &mut weights, positive, negative, STEP);
                        assert_eq!(finite, Some(true));
                        assert_same_bits(&matrix_of(&weights), &slow, "weights");
                        assert_layouts_agree(&weights);
                    });
                }
            }
        }
    }
}

/// Nesterov's momentum and Adam against the formulas of their papers in f64, over twenty steps.
#[test]
fn rules_follow_their_formulas() {
    let numbers = &mut Numbers(5);
    let (lower, upper) = (18, 17);
    let start: Vec<f32> = (0..lower * upper).map(|_| numbers.parameter()).collect();
    let gradients: Vec<Vec<f32>> = (0..20)
        .map(|_| (0..lower * upper).map(|_| numbers.parameter()).collect())
        .collect();
    let (rate, cost) = (0.05, 0.01);
    for adam in [false, true] {
        let mut weights = Weights::new(lower, upper).unwrap();
        weights.write(&start);
        let mut learner = Learner::new(lower, upper, 0).unwrap();
        let mut exact: Vec<[f64; 3]> = start.iter().map(|&w| [f64::from(w), 0.0, 0.0]).collect();
        for (t, gradient) in gradients.iter().enumerate() {
            let decay = |decay: f64| 1.0 - decay.powi(t as i32 + 1);
            let rule = if adam {
                Rule::Adam {
                    first_decay: 0.9,
                    second_decay: 0.99,
                    epsilon: 1e-6,
                    first_correction: (1.0 / decay(0.9)) as f32,
                    second_correction: (1.0 / decay(0.99)) as f32,
                }
            } else {
                Rule::Momentum {
                    momentum: 0.8,
                    nesterov: true,
                }
            };
            let step = Step {
                rate: rate as f32,
                rule,
                cost: cost as f32,
                lasso: 0.0,
            };
            assert_eq!(
                learner.step(&Pool::SERIAL, &mut weights, gradient, step),
                Some(true)
            );
            for ([w, m, s], &g) in exact.iter_mut().zip(gradient) {
                let g = f64::from(g) - cost * *w;
                if adam {
                    *m = 0.9 * *m + 0.1 * g;
                    *s = 0.99 * *s + 0.01 * g * g;
                    *w += rate * (*m / decay(0.9)) / ((*s / decay(0.99)).sqrt() + 1e-6);
                } else {
                    *m = 0.8 * *m + rate * g;
                    *w += 0.8 * *m + rate * g;
                }
            }
        }
        let worst = matrix_of(&weights)
            .iter()
            .zip(&exact)
            .map(|(&w, [e, ..])| (f64::from(w) - e).abs() / e.abs().max(1.0))
            .fold(0.0, f64::max);
        assert!(worst < 1e-5, "adam {adam}: {worst}");
    }
}

#[test]
fn an_l1_cost_pulls_every_weight_towards_zero_by_the_same() {
    let mut weights = Weights::new(4, 1).unwrap();
    weights.write(&[0.5, -0.5, 0.0, -2.0]);
    let mut learner = Learner::new(4, 1, 0).unwrap();
    let step = Step {
        lasso: 0.25,
        ..Step::with_momentum(0.5, 0.0, 0.0)
    };
    let finite = learner.step(&Pool::SERIAL, &mut weights, &[0.0; 4], step);
    assert_eq!(finite, Some(true));
    assert_eq!(matrix_of(&weights), [0.375, -0.375, 0.0, -1.875]);
}

#[test]
fn limited_norms_are_at_most_the_limit_and_others_stay() {
    let numbers = &mut Numbers(6);
    let (lower, upper) = (37, 21);
    let start: Vec<f32> = (0..lower * upper)
        .map(|place| numbers.parameter() * (place / lower) as f32)
        .collect();
    let norm = |row: &[f32]| {
        row.iter()
            .map(|&w| f64::from(w).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let mut shortened = 0;
    each_pool(|pool| {
        let mut weights = Weights::new(lower, upper).unwrap();
        weights.write(&start);
        weights.limit_norms(pool, 3.0);
        assert_layouts_agree(&weights);
        for (new, old) in matrix_of(&weights).chunks(lower).zip(start.chunks(lower)) {
            if norm(old) <= 3.0 {
                assert_same_bits(new, old, "a short row");
            } else {
                assert!((norm(new) - 3.0).abs() < 1e-5);
                let ratio = norm(new) / norm(old);
                let along = new
                    .iter()
                    .zip(old)
                    .all(|(&n, &o)| (f64::from(n) - ratio * f64::from(o)).abs() < 1e-5);
                assert!(along);
                shortened += 1;
            }
        }
    });
    assert!(shortened > 0);
}

/// A dropped unit is off in values and lists, the same units wherever the same stream is used, about the wanted share.
#[test]
fn dropped_units_are_off_everywhere_and_the_same_for_the_same_stream() {
    let (rows, units) = (200, 75);
    let stream = Stream::new([8, 1], 3, Purpose::Train, 1, 0);
    let all = Matrix::new(rows, units, || 1.0);
    let mask = Matrix::new(rows, units, || 0.0);
    let mut mask = mask.values;
    for (place, stays) in mask.iter_mut().enumerate() {
        let uniform = stream.uniform((place / units) as u32, (place % units) as u32);
        *stays = f32::from(uniform < 0.7);
    }
    let share = mask.iter().sum::<f32>() / mask.len() as f32;
    let bar = 5.0 * (0.7f32 * 0.3 / mask.len() as f32).sqrt();
    assert!((share - 0.7).abs() < bar, "{share}");
    let some = Matrix::binary(rows, units, 0.2, &mut Numbers(3));
    each_pool(|pool| {
        for on in [&all, &some] {
            for (read, mut activity) in [
                (Read::Lists, with_ones(on)),
                (Read::Lists, with_reals(on)),
                (Read::Values, with_reals(on)),
                (Read::Values, with_values(on)),
            ] {
                activity.drop_units(pool, 0.7, stream);
                let mut room = vec![Line::ZERO; activity.lines()];
                let masks = mask.chunks(units).zip(on.values.chunks(units));
                for (row, (mask, on)) in masks.enumerate() {
                    let left: Vec<f32> = mask.iter().zip(on).map(|(mask, on)| mask * on).collect();
                    let seen = floats(activity.row_lines(row, read, &mut room));
                    assert_same_bits(&seen[..units], &left, "what stays");
                    if read == Read::Lists {
                        let listed: Vec<usize> =
                            activity.list(row).iter().map(|&u| u.into()).collect();
                        let stays: Vec<usize> = (0..units).filter(|&u| left[u] == 1.0).collect();
                        assert_eq!(listed, stays);
                    }
                }
            }
        }
    });
}

#[test]
fn column_sums_weigh_rows_and_factors() {
    let numbers = &mut Numbers(9);
    let matrix = Matrix::binary(11, 20, 0.4, numbers);
    let mut uniform =
        |count: usize| -> Vec<f32> { (0..count).map(|_| numbers.uniform() as f32).collect() };
    let (weights, factors) = (uniform(11), uniform(11));
    for (mut activity, read) in forms_of_binary(&matrix) {
        activity.weigh_rows(&weights).unwrap();
        let mut sums = padded(&[0.0; 20]);
        add_column_sums(&activity, read, Some(&factors), &mut sums);
        for unit in 0..20 {
            let mut exact = 0.0f32;
            for row in 0..11 {
                let factor = factors[row] * weights[row];
                exact += matrix.at(row, unit) * factor;
            }
            assert_eq!(floats(&sums)[unit].to_bits(), exact.to_bits());
        }
    }
}
