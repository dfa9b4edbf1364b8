//! Exact sums against a plain enumeration of both sides, and against what calculus says about them.

mod twins;

use twins::*;
use wakesleep_kernels::disjoint::Pool;
use wakesleep_kernels::exact::{
    Enumerate, Expectations, Group, Machine, expectations, log_partition, states,
};
use wakesleep_kernels::normalisable::{Normalisable, normalisable};
use wakesleep_kernels::units::Kind;

fn bernoulli(units: usize) -> Group {
    Group {
        kind: Kind::Bernoulli,
        units,
    }
}

fn softmax(groups: usize, size: usize) -> Group {
    Group {
        kind: Kind::Softmax { size },
        units: groups * size,
    }
}

struct Model {
    lower: Vec<Group>,
    upper: Vec<Group>,
    weights: Vec<f32>,
    lower_bias: Vec<f32>,
    upper_bias: Vec<f32>,
}

impl Model {
    fn new(lower: &[Group], upper: &[Group], scale: f32, seed: u64) -> Model {
        let numbers = &mut Numbers(seed);
        let mut vector =
            |length: usize| -> Vec<f32> { (0..length).map(|_| numbers.signed(scale)).collect() };
        let (below, above) = (units(lower), units(upper));
        Model {
            lower: lower.to_vec(),
            upper: upper.to_vec(),
            weights: vector(below * above),
            lower_bias: vector(below),
            upper_bias: vector(above),
        }
    }

    fn machine(&self) -> Machine<'_> {
        Machine {
            lower: &self.lower,
            upper: &self.upper,
            weights: &self.weights,
            lower_bias: &self.lower_bias,
            upper_bias: &self.upper_bias,
        }
    }

    /// With the base measures of both states.
    fn minus_energy(&self, v: &[f64], h: &[f64]) -> f64 {
        let mut sum = log_base(&self.lower, v) + log_base(&self.upper, h);
        for (v, b) in v.iter().zip(&self.lower_bias) {
            sum += v * f64::from(*b);
        }
        for (j, h) in h.iter().enumerate() {
            sum += h * f64::from(self.upper_bias[j]);
            for (i, v) in v.iter().enumerate() {
                sum += v * f64::from(self.weights[j * self.lower_bias.len() + i]) * h;
            }
        }
        sum
    }

    /// `log Z` and averages, from every pair of states, with nothing summed in closed form.
    fn enumerated(&self) -> (f64, Expectations) {
        let (below, above) = (all_states(&self.lower), all_states(&self.upper));
        let pairs = || below.iter().flat_map(|v| above.iter().map(move |h| (v, h)));
        let largest = pairs()
            .map(|(v, h)| self.minus_energy(v, h))
            .fold(f64::NEG_INFINITY, f64::max);
        let weight = |v: &[f64], h: &[f64]| libm::exp(self.minus_energy(v, h) - largest);
        let z: f64 = pairs().map(|(v, h)| weight(v, h)).sum();
        let mut averages = Expectations {
            products: vec![0.0; self.weights.len()],
            lower: vec![0.0; self.lower_bias.len()],
            upper: vec![0.0; self.upper_bias.len()],
        };
        for (v, h) in pairs() {
            let p = weight(v, h) / z;
            v.iter()
                .zip(&mut averages.lower)
                .for_each(|(v, sum)| *sum += p * v);
            h.iter()
                .zip(&mut averages.upper)
                .for_each(|(h, sum)| *sum += p * h);
            for (j, h) in h.iter().enumerate() {
                for (i, v) in v.iter().enumerate() {
                    averages.products[j * v_length(self) + i] += p * v * h;
                }
            }
        }
        (largest + libm::log(z), averages)
    }
}

fn v_length(model: &Model) -> usize {
    model.lower_bias.len()
}

fn units(layer: &[Group]) -> usize {
    layer.iter().map(|group| group.units).sum()
}

/// All states of a layer: every row of whole numbers that its units allow.
fn all_states(layer: &[Group]) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = vec![vec![]];
    for group in layer {
        let (blocks, choices): (usize, Vec<Vec<f64>>) = match group.kind {
            Kind::Softmax { size } => {
                let one_hot = |on| {
                    (0..size)
                        .map(|unit| f64::from(u8::from(unit == on)))
                        .collect()
                };
                (group.units / size, (0..size).map(one_hot).collect())
            }
            Kind::Bernoulli => (group.units, vec![vec![0.0], vec![1.0]]),
            Kind::Binomial { copies } | Kind::SteppedSigmoid { copies } => (
                group.units,
                (0..=copies).map(|s| vec![f64::from(s)]).collect(),
            ),
            kind => panic!("{kind:?} has no finite number of states"),
        };
        for _ in 0..blocks {
            let extended = |row: &Vec<f64>| {
                let with = |choice: &Vec<f64>| [&row[..], &choice[..]].concat();
                choices.iter().map(with).collect::<Vec<_>>()
            };
            rows = rows.iter().flat_map(extended).collect();
        }
    }
    rows
}

/// `log m` of a layer's state.
fn log_base(layer: &[Group], state: &[f64]) -> f64 {
    let mut rest = state;
    let mut sum = 0.0;
    for group in layer {
        let (own, after) = rest.split_at(group.units);
        let own: Vec<f32> = own.iter().map(|&s| s as f32).collect();
        sum += group.kind.log_base(&own);
        rest = after;
    }
    sum
}

fn models() -> Vec<Model> {
    let (binary, groups) = (bernoulli(5), softmax(2, 3));
    let counted = |kind, units| Group { kind, units };
    let binomial = counted(Kind::Binomial { copies: 3 }, 3);
    let stepped = counted(Kind::SteppedSigmoid { copies: 4 }, 2);
    let layers: [(&[Group], &[Group]); 13] = [
        (&[binomial], &[binary]),
        (&[binary], &[stepped]),
        (&[stepped], &[binomial]),
        (&[binomial, softmax(1, 3)], &[stepped, bernoulli(1)]),
        (&[groups], &[binomial]),
        (&[binary], &[bernoulli(7)]),
        (&[binary], &[groups]),
        (&[groups], &[binary]),
        (&[groups], &[softmax(1, 4)]),
        (&[bernoulli(4), softmax(1, 3)], &[bernoulli(5)]),
        (
            &[softmax(1, 3), bernoulli(2)],
            &[bernoulli(2), softmax(2, 2)],
        ),
        (&[bernoulli(1)], &[bernoulli(11)]),
        (&[softmax(3, 1)], &[bernoulli(3)]),
    ];
    let scales = [0.1, 1.0, 5.0];
    let all = layers
        .iter()
        .flat_map(|layers| scales.iter().map(move |scale| (layers, *scale)));
    all.enumerate()
        .map(|(seed, ((lower, upper), scale))| Model::new(lower, upper, scale, seed as u64))
        .collect()
}

fn assert_close(fast: &[f64], slow: &[f64]) {
    assert_eq!(fast.len(), slow.len());
    for (fast, slow) in fast.iter().zip(slow) {
        assert!(
            (fast - slow).abs() < 1e-12 * slow.abs().max(1.0),
            "{fast} is not {slow}"
        );
    }
}

#[test]
fn sums_and_averages_are_those_of_all_pairs_of_states() {
    for model in models() {
        let (slow, slow_averages) = model.enumerated();
        for side in [Enumerate::Lower, Enumerate::Upper, Enumerate::Fewer] {
            let log_z = log_partition(&Pool::SERIAL, &model.machine(), side).unwrap();
            assert!(
                (log_z - slow).abs() < 1e-12 * slow.abs().max(1.0),
                "{log_z} is not {slow}"
            );
            let (same, averages) = expectations(&Pool::SERIAL, &model.machine(), side).unwrap();
            assert_eq!(same.to_bits(), log_z.to_bits());
            assert_close(&averages.products, &slow_averages.products);
            assert_close(&averages.lower, &slow_averages.lower);
            assert_close(&averages.upper, &slow_averages.upper);
        }
    }
}

/// The comparison must be able to fail: a bias, a weight or a side confused.
#[test]
fn planted_faults_of_exact_sums_are_seen() {
    let mut model = Model::new(&[bernoulli(5)], &[bernoulli(5)], 1.0, 9);
    let log_z =
        |model: &Model| log_partition(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap();
    let right = log_z(&model);
    let turned = Matrix {
        rows: 5,
        columns: 5,
        values: model.weights.clone(),
    }
    .transposed();
    let straight = std::mem::replace(&mut model.weights, turned.values);
    assert!((log_z(&model) - right).abs() > 1e-6);
    model.weights = straight;
    std::mem::swap(&mut model.lower_bias, &mut model.upper_bias);
    assert!((log_z(&model) - right).abs() > 1e-6);
}

#[test]
fn every_way_of_running_gives_the_same_bits() {
    let model = Model::new(&[bernoulli(9), softmax(1, 3)], &[bernoulli(20)], 0.7, 3);
    let bits = |pool: &Pool| {
        let (log_z, averages) = expectations(pool, &model.machine(), Enumerate::Lower).unwrap();
        let all = [&averages.products, &averages.lower, &averages.upper]
            .map(|x| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        (log_z.to_bits(), all)
    };
    let serial = bits(&Pool::SERIAL);
    each_pool(|pool| assert_eq!(bits(pool), serial));
}

#[test]
fn averages_are_the_slopes_of_log_z() {
    let mut model = Model::new(&[bernoulli(6)], &[bernoulli(3), softmax(1, 3)], 1.0, 14);
    let (_, averages) = expectations(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap();
    let log_z =
        |model: &Model| log_partition(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap();
    for place in [0, 7, 20, 35] {
        let middle = model.weights[place];
        let (above, below) = (middle + 1e-3, middle - 1e-3);
        model.weights[place] = above;
        let high = log_z(&model);
        model.weights[place] = below;
        let low = log_z(&model);
        model.weights[place] = middle;
        let slope = (high - low) / (f64::from(above) - f64::from(below));
        assert!((slope - averages.products[place]).abs() < 1e-6, "{slope}");
    }
}

#[test]
fn without_weights_log_z_is_in_closed_form_however_large_the_summed_side() {
    let mut model = Model::new(&[bernoulli(784)], &[bernoulli(10)], 2.0, 1);
    model.weights.fill(0.0);
    let softplus = |x: &f32| libm::log1p(libm::exp(f64::from(*x)));
    let wanted: f64 = model
        .lower_bias
        .iter()
        .chain(&model.upper_bias)
        .map(softplus)
        .sum();
    let log_z = log_partition(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap();
    assert!((log_z - wanted).abs() < 1e-9, "{log_z} is not {wanted}");
}

#[test]
fn energies_of_thousands_of_nats_do_not_overflow() {
    let mut model = Model::new(&[bernoulli(4)], &[bernoulli(4)], 1.0, 1);
    model.weights.fill(500.0);
    let (log_z, averages) =
        expectations(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap();
    let all = model.minus_energy(&[1.0; 4], &[1.0; 4]);
    assert!((log_z - all).abs() < 1e-9);
    assert_close(&averages.products, &[1.0; 16]);
    model.weights.fill(-500.0);
    let (log_z, averages) =
        expectations(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap();
    assert!(log_z.is_finite() && averages.products.iter().all(|x| x.abs() < 1e-100));
}

#[test]
fn numbers_that_are_not_finite_do_not_look_like_an_answer() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut model = Model::new(&[bernoulli(3)], &[bernoulli(3)], 1.0, 1);
        model.weights[4] = bad;
        let log_z = log_partition(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap();
        assert!(!log_z.is_finite());
    }
}

#[test]
fn what_is_too_large_is_refused_and_the_other_side_taken_where_it_is_not() {
    assert_eq!(states(&[bernoulli(25)]), Some(1 << 25));
    assert_eq!(states(&[bernoulli(26)]), None);
    assert_eq!(states(&[softmax(5, 10)]), Some(100_000));
    assert_eq!(states(&[softmax(8, 10)]), None);
    assert_eq!(states(&[bernoulli(65_535)]), None);
    assert_eq!(states(&[bernoulli(3), softmax(1, 10)]), Some(80));
    assert_eq!(states(&[]), Some(1));
    let model = Model::new(&[bernoulli(30)], &[bernoulli(3)], 1.0, 1);
    let log_z = |side| log_partition(&Pool::SERIAL, &model.machine(), side);
    assert_eq!(log_z(Enumerate::Lower), None);
    assert_eq!(log_z(Enumerate::Fewer), log_z(Enumerate::Upper));
    let model = Model::new(&[bernoulli(30)], &[bernoulli(30)], 1.0, 1);
    assert!(log_partition(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).is_none());
    assert!(expectations(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).is_none());
}

/// Binomial units are copies of binary ones: the same log Z, and each average the sum of those of its copies.
#[test]
fn a_binomial_unit_is_so_many_binary_ones() {
    let binomial = Group {
        kind: Kind::Binomial { copies: 3 },
        units: 2,
    };
    let model = Model::new(&[binomial], &[bernoulli(4)], 1.0, 21);
    let six = |row: &[f32]| row.iter().flat_map(|&x| [x; 3]).collect::<Vec<f32>>();
    let copied = Model {
        lower: vec![bernoulli(6)],
        upper: vec![bernoulli(4)],
        weights: model.weights.chunks(2).flat_map(six).collect(),
        lower_bias: six(&model.lower_bias),
        upper_bias: model.upper_bias.clone(),
    };
    for side in [Enumerate::Lower, Enumerate::Upper] {
        let (z, averages) = expectations(&Pool::SERIAL, &model.machine(), side).unwrap();
        let (copied_z, of_copies) = expectations(&Pool::SERIAL, &copied.machine(), side).unwrap();
        assert!((z - copied_z).abs() < 1e-12);
        let sums: Vec<f64> = of_copies.lower.chunks(3).map(|x| x.iter().sum()).collect();
        assert_close(&averages.lower, &sums);
        assert_close(&averages.upper, &of_copies.upper);
    }
}

/// Sides that are not enumerated may be of any family: log Z is the log of `Σ_h m(h) e^(c h) ∫ m(v) e^(v x) dv`, and
/// its slopes are the averages.
#[test]
fn a_side_of_real_numbers_is_summed_in_closed_form() {
    let kinds = [
        Kind::Gaussian,
        Kind::TruncatedNormal,
        Kind::ReplicatedSoftmax { length: 4 },
    ];
    for kind in kinds {
        let real = Group { kind, units: 3 };
        let mut model = Model::new(&[real], &[bernoulli(4)], 0.8, 30);
        let (log_z, averages) =
            expectations(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap();
        let slow: f64 = all_states(&model.upper)
            .iter()
            .map(|h| {
                let inputs: Vec<f64> = (0..3)
                    .map(|i| {
                        let into = |j: usize| h[j] * f64::from(model.weights[j * 3 + i]);
                        f64::from(model.lower_bias[i]) + (0..4).map(into).sum::<f64>()
                    })
                    .collect();
                let bias = |j: usize| h[j] * f64::from(model.upper_bias[j]);
                let blocks = inputs.chunks(kind.block(3));
                let sum: f64 = blocks.map(|x| kind.block_log_partition(x)).sum();
                libm::exp(sum + (0..4).map(bias).sum::<f64>())
            })
            .sum();
        assert!((log_z - libm::log(slow)).abs() < 1e-12, "{kind:?}");
        for place in 0..12 {
            let slope = slope_of(&mut model, place);
            assert!(
                (slope - averages.products[place]).abs() < 1e-5,
                "{kind:?}: {slope} is not {}",
                averages.products[place]
            );
        }
        assert_eq!(states(&[real]), None);
        assert_eq!(
            log_partition(&Pool::SERIAL, &model.machine(), Enumerate::Lower),
            None
        );
    }
}

/// d log Z / d weight, by a central difference.
fn slope_of(model: &mut Model, place: usize) -> f64 {
    let middle = model.weights[place];
    let mut at = |weight: f32| {
        model.weights[place] = weight;
        log_partition(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap()
    };
    let (above, below) = (middle + 1e-3, middle - 1e-3);
    let slope = (at(above) - at(below)) / (f64::from(above) - f64::from(below));
    model.weights[place] = middle;
    slope
}

fn real(kind: Kind, units: usize) -> Group {
    Group { kind, units }
}

/// Two Gaussian units a side by quadrature over the upper ones, the lower ones in closed form; averages are slopes.
#[test]
fn two_gaussian_layers_have_their_log_z_in_closed_form() {
    let gaussian = real(Kind::Gaussian, 2);
    let mut model = Model::new(&[gaussian], &[gaussian], 0.6, 3);
    let (log_z, averages) =
        expectations(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap();
    let (n, end) = (400, 14.0);
    let step = 2.0 * end / f64::from(n);
    let at = |i: i32| -end + step * f64::from(i);
    let mut sum = 0.0;
    for h in (0..=n).flat_map(|i| (0..=n).map(move |j| [at(i), at(j)])) {
        let input = |i: usize| {
            let into = |j: usize| h[j] * f64::from(model.weights[j * 2 + i]);
            f64::from(model.lower_bias[i]) + into(0) + into(1)
        };
        let own = |j: usize| h[j] * f64::from(model.upper_bias[j]) - 0.5 * h[j] * h[j];
        let below = 0.5 * (input(0) * input(0) + input(1) * input(1));
        sum += libm::exp(own(0) + own(1) + below) * step * step;
    }
    let slow = libm::log(sum * 2.0 * std::f64::consts::PI);
    assert!((log_z - slow).abs() < 1e-9, "{log_z} is not {slow}");
    for place in 0..4 {
        let slope = slope_of(&mut model, place);
        assert!((slope - averages.products[place]).abs() < 1e-4, "{slope}");
    }
    for unit in 0..2 {
        let middle = model.lower_bias[unit];
        let mut at = |bias: f32| {
            model.lower_bias[unit] = bias;
            log_partition(&Pool::SERIAL, &model.machine(), Enumerate::Fewer).unwrap()
        };
        let (above, below) = (middle + 1e-3, middle - 1e-3);
        let slope = (at(above) - at(below)) / (f64::from(above) - f64::from(below));
        model.lower_bias[unit] = middle;
        assert!((slope - averages.lower[unit]).abs() < 1e-4, "{slope}");
    }
    model.weights = vec![1.0, 0.0, 0.0, 0.2];
    let none = log_partition(&Pool::SERIAL, &model.machine(), Enumerate::Fewer);
    assert_eq!(none, Some(f64::INFINITY));
}

#[test]
fn what_cannot_be_normalised_is_found() {
    use Normalisable::{No, Unknown, Yes};
    let (g, t) = (Kind::Gaussian, Kind::TruncatedNormal);
    // `[upper, lower]`; a weight of −2 only matters where states may be negative.
    let cases: [(Kind, Kind, [f32; 4], Normalisable); 14] = [
        (g, g, [0.9, 0.0, 0.0, -0.9], Yes),
        (g, g, [0.9, 0.9, 0.0, 0.0], No),
        (g, g, [1.0, 0.0, 0.0, 0.0], No),
        (g, g, [0.0, 0.0, 0.0, -1.1], No),
        (t, t, [-2.0, 0.4, 0.4, -2.0], Yes),
        (t, t, [1.0, -2.0, 0.0, 0.0], No),
        (t, t, [0.9, 0.9, 0.9, 0.9], Unknown),
        (g, t, [0.8, 0.0, -0.8, 0.0], Yes),
        (g, t, [0.8, 0.0, 0.8, 0.0], Unknown),
        (g, t, [0.8, 0.7, 0.0, 0.0], No),
        // The norm is of a truncated unit's weights: below, that is a column.
        (t, g, [0.8, 0.0, 0.7, 0.0], No),
        (t, g, [0.8, -0.8, 0.0, 0.0], Yes),
        (t, g, [0.8, 0.8, 0.0, 0.0], Unknown),
        (g, Kind::Bernoulli, [50.0, 50.0, 50.0, 50.0], Yes),
    ];
    for (lower, upper, weights, wanted) in cases {
        let mut model = Model::new(&[real(lower, 2)], &[real(upper, 2)], 1.0, 1);
        model.weights = weights.to_vec();
        let found = normalisable(&model.machine());
        assert_eq!(found, wanted, "{lower:?} {upper:?} {weights:?}");
    }
    let mut model = Model::new(&[real(g, 2)], &[real(t, 2)], 0.1, 1);
    assert_eq!(normalisable(&model.machine()), Yes);
    model.weights[3] = f32::NAN;
    assert_ne!(normalisable(&model.machine()), Yes);
    // Labels beside a Gaussian layer do not count, whatever their weights.
    let mut model = Model::new(&[real(g, 2), softmax(1, 2)], &[real(g, 2)], 0.3, 1);
    model.weights[2] = 9.0;
    assert_eq!(normalisable(&model.machine()), Yes);
}
