//! Exact sums over all states of two layers that are joined to each other and not within themselves, in f64.
//!
//! The energy of lower states v and upper states h is `E(v, h) = −b·v − c·h − Σ v_i W_ij h_j`, a probability is
//! `e^−E / Z`. One side is enumerated; given it the units of the other are independent, so they are summed in closed
//! form, whatever their family. The enumerated side is a row of digits: a binary unit is off or on, a binomial or stepped
//! one is 0 to N, a softmax group has one of its units on. Base measures m count: a state's weight is `m(v) m(h) e^−E`.
//!
//! 1. Descend through the digits; each level adds what its digit's unit sends to the total inputs of the other side, so
//!    a state costs about two rows of additions however many units are on.
//! 2. At the bottom, `b·v` and the log-partition of the other side give the state's log-weight.
//! 3. Log-weights are added as `largest, Σ e^(w − largest)`. The first digits are dealt out to tasks; how many tasks there
//!    are depends on the digits alone, and their sums are joined in order.
//! 4. Averages take a second descent, now that log Z is known: each level hands the weighted means of the other side
//!    up, and they are added to the row of the unit that was on.

use crate::disjoint::{Disjoint, Pool};
use crate::normalisable::{gaussian_pair, is_gaussian_pair};
use crate::sums::{LogSum, total};
use crate::units::Kind;
use core::ops::Range;

/// More states than this are not enumerated.
pub const MAX_STATES: u64 = 1 << 25;

/// Tasks are made until there are this many or digits run out.
const TASKS: u64 = 64;

/// Units of one kind within a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub kind: Kind,
    pub units: usize,
}

/// Two layers and what joins them.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    pub lower: &'a [Group],
    pub upper: &'a [Group],
    /// `[upper, lower]`, row-major.
    pub weights: &'a [f32],
    pub lower_bias: &'a [f32],
    pub upper_bias: &'a [f32],
}

/// Which side is enumerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enumerate {
    Lower,
    Upper,
    /// The one with fewer states; the lower one where they have the same number.
    Fewer,
}

/// The model's averages.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectations {
    /// `⟨v_i h_j⟩` as `[upper, lower]`, row-major.
    pub products: Vec<f64>,
    /// `⟨v_i⟩`.
    pub lower: Vec<f64>,
    /// `⟨h_j⟩`.
    pub upper: Vec<f64>,
}

/// How many states a layer has; `None` above `MAX_STATES`, and where a unit has no finite number of them.
pub fn states(layer: &[Group]) -> Option<u64> {
    layer.iter().try_fold(1u64, |states, group| {
        let (count, each) = match (group.kind, group.kind.largest_state()) {
            (Kind::Softmax { size }, _) => (group.units / size.max(1), size as u64),
            (_, Some(largest)) => (group.units, u64::from(largest) + 1),
            (_, None) if group.units == 0 => (0, 1),
            (_, None) => return None,
        };
        // A digit of one state adds none, however many there are.
        let digits = if each == 1 { 0 } else { count };
        (0..digits).try_fold(states, |states, _| {
            let states = states.checked_mul(each)?;
            (states <= MAX_STATES).then_some(states)
        })
    })
}

/// `log Z`, nats; `None` where the side has more states than `MAX_STATES`. Two Gaussian layers need no enumeration; their
/// log Z is infinite where they cannot be normalised.
pub fn log_partition(pool: &Pool, machine: &Machine, side: Enumerate) -> Option<f64> {
    if side == Enumerate::Fewer && is_gaussian_pair(machine) {
        return Some(gaussian_pair(machine).0);
    }
    Some(Problem::new(machine, side)?.log_partition(pool))
}

/// `log Z`, nats, and the averages under the model; `None` where the side has more states than `MAX_STATES`.
pub fn expectations(
    pool: &Pool,
    machine: &Machine,
    side: Enumerate,
) -> Option<(f64, Expectations)> {
    if side == Enumerate::Fewer && is_gaussian_pair(machine) {
        return Some(gaussian_pair(machine));
    }
    let problem = Problem::new(machine, side)?;
    let log_partition = problem.log_partition(pool);
    let sums = problem.sums(log_partition);
    let turned = || transposed(&sums.products, problem.summed_bias.len());
    let expectations = if problem.lower_is_enumerated {
        Expectations {
            products: turned(),
            lower: sums.enumerated,
            upper: sums.summed,
        }
    } else {
        Expectations {
            products: sums.products,
            lower: sums.summed,
            upper: sums.enumerated,
        }
    };
    Some((log_partition, expectations))
}

fn transposed(matrix: &[f64], columns: usize) -> Vec<f64> {
    (0..columns)
        .flat_map(|column| matrix.iter().skip(column).step_by(columns.max(1)).copied())
        .collect()
}

/// What takes one of several states by itself.
#[derive(Clone, Debug)]
enum Digit {
    /// 0, 1, ...: a state's place is its value, and each has its `log m`.
    Unit { unit: usize, log_bases: Vec<f64> },
    /// Exactly one is on.
    OneOf(Range<usize>),
}

impl Digit {
    fn states(&self) -> usize {
        match self {
            Digit::Unit { log_bases, .. } => log_bases.len(),
            Digit::OneOf(units) => units.len(),
        }
    }

    /// The unit that is not zero in a state, and its value.
    fn unit_on(&self, state: usize) -> Option<(usize, f64)> {
        match self {
            Digit::Unit { unit, .. } => (state > 0).then_some((*unit, state as f64)),
            Digit::OneOf(units) => Some((units.start + state, 1.0)),
        }
    }

    fn log_base(&self, state: usize) -> f64 {
        match self {
            Digit::Unit { log_bases, .. } => log_bases[state],
            Digit::OneOf(_) => 0.0,
        }
    }
}

/// The digits of a layer that has a finite number of states.
fn digits(layer: &[Group]) -> Vec<Digit> {
    let mut first = 0;
    let mut digits = Vec::new();
    for group in layer {
        let units = first..first + group.units;
        first = units.end;
        if let Kind::Softmax { size } = group.kind {
            assert!(size > 0 && group.units.is_multiple_of(size));
            digits.extend(
                units
                    .step_by(size)
                    .map(|first| Digit::OneOf(first..first + size)),
            );
            continue;
        }
        let largest = group.kind.largest_state().unwrap_or(0);
        let log_bases: Vec<f64> = (0..=largest)
            .map(|state| group.kind.log_base(&[state as f32]))
            .collect();
        digits.extend(units.map(|unit| Digit::Unit {
            unit,
            log_bases: log_bases.clone(),
        }));
    }
    digits
}

/// Units that depend on each other, given the other side, and their kind.
struct Block {
    kind: Kind,
    units: Range<usize>,
}

fn blocks(layer: &[Group]) -> Vec<Block> {
    let mut start = 0;
    let mut blocks = Vec::new();
    for group in layer {
        let end = start + group.units;
        let size = group.kind.block(group.units).max(1);
        assert!(group.units.is_multiple_of(size));
        blocks.extend((start..end).step_by(size).map(|first| Block {
            kind: group.kind,
            units: first..first + size,
        }));
        start = end;
    }
    blocks
}

/// A machine seen from the side that is enumerated.
struct Problem {
    lower_is_enumerated: bool,
    digits: Vec<Digit>,
    summed_blocks: Vec<Block>,
    bias: Vec<f64>,
    summed_bias: Vec<f64>,
    /// `[enumerated, summed]`.
    weights: Vec<f64>,
}

/// Averages, named as the problem names its sides.
struct Sums {
    products: Vec<f64>,
    enumerated: Vec<f64>,
    summed: Vec<f64>,
}

/// A descent's place: total inputs of the summed side at each level, and `b·v` so far.
struct Levels {
    inputs: Vec<f64>,
    bias: Vec<f64>,
}

impl Problem {
    fn new(machine: &Machine, side: Enumerate) -> Option<Problem> {
        let units = |layer: &[Group]| layer.iter().map(|group| group.units).sum::<usize>();
        let (lower, upper) = (units(machine.lower), units(machine.upper));
        assert!(machine.lower_bias.len() == lower && machine.upper_bias.len() == upper);
        assert!(machine.weights.len() == lower * upper);
        let (below, above) = (states(machine.lower), states(machine.upper));
        let lower_is_enumerated = match side {
            Enumerate::Lower => true,
            Enumerate::Upper => false,
            Enumerate::Fewer => below.unwrap_or(u64::MAX) <= above.unwrap_or(u64::MAX),
        };
        if lower_is_enumerated { below } else { above }?;
        let double = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let (bias_below, bias_above) = (double(machine.lower_bias), double(machine.upper_bias));
        let weights = double(machine.weights);
        Some(if lower_is_enumerated {
            Problem {
                lower_is_enumerated,
                digits: digits(machine.lower),
                summed_blocks: blocks(machine.upper),
                bias: bias_below,
                summed_bias: bias_above,
                weights: transposed(&weights, lower),
            }
        } else {
            Problem {
                lower_is_enumerated,
                digits: digits(machine.upper),
                summed_blocks: blocks(machine.lower),
                bias: bias_above,
                summed_bias: bias_below,
                weights,
            }
        })
    }

    fn log_partition(&self, pool: &Pool) -> f64 {
        let mut dealt = 0;
        let mut tasks = 1u64;
        while tasks < TASKS && dealt < self.digits.len() {
            tasks *= self.digits[dealt].states() as u64;
            dealt += 1;
        }
        let mut parts = vec![LogSum::NONE; tasks as usize];
        let shared = Disjoint::new(&mut parts);
        pool.each(tasks as usize, &|task| {
            let mut levels = self.levels();
            for (depth, state) in self.first_states(dealt, task).into_iter().enumerate() {
                self.enter(&mut levels, depth, state);
            }
            let mut sum = LogSum::NONE;
            self.add_weights(&mut levels, dealt, &mut sum);
            // SAFETY: each task has its own place.
            let own = unsafe { shared.take(task..task + 1) };
            own[0] = sum;
        });
        parts
            .iter()
            .fold(LogSum::NONE, |sum, &part| sum.join(part))
            .log()
    }

    /// The states of the first `dealt` digits in task `task`; the last of them changes fastest.
    fn first_states(&self, dealt: usize, task: usize) -> Vec<usize> {
        let mut rest = task;
        let mut states = vec![0; dealt];
        for (state, digit) in states.iter_mut().zip(&self.digits).rev() {
            *state = rest % digit.states();
            rest /= digit.states();
        }
        states
    }

    fn levels(&self) -> Levels {
        let mut levels = Levels {
            inputs: vec![0.0; (self.digits.len() + 1) * self.summed_bias.len()],
            bias: vec![0.0; self.digits.len() + 1],
        };
        levels.inputs[..self.summed_bias.len()].copy_from_slice(&self.summed_bias);
        levels
    }

    /// Fills the level after `depth`, whose digit is in `state`.
    fn enter(&self, levels: &mut Levels, depth: usize, state: usize) {
        let units = self.summed_bias.len();
        let (above, below) = levels.inputs.split_at_mut((depth + 1) * units);
        let (from, to) = (&above[depth * units..], &mut below[..units]);
        levels.bias[depth + 1] = levels.bias[depth] + self.digits[depth].log_base(state);
        match self.digits[depth].unit_on(state) {
            None => to.copy_from_slice(from),
            Some((unit, value)) => {
                levels.bias[depth + 1] += value * self.bias[unit];
                let weights = &self.weights[unit * units..][..units];
                for ((to, from), weight) in to.iter_mut().zip(from).zip(weights) {
                    *to = from + value * weight;
                }
            }
        }
    }

    /// Adds the weights of all states below a level.
    fn add_weights(&self, levels: &mut Levels, depth: usize, sum: &mut LogSum) {
        if depth == self.digits.len() {
            sum.add(self.log_weight(levels));
            return;
        }
        for state in 0..self.digits[depth].states() {
            self.enter(levels, depth, state);
            self.add_weights(levels, depth + 1, sum);
        }
    }

    /// Of the state at the bottom of a descent.
    fn log_weight(&self, levels: &Levels) -> f64 {
        let bottom = self.digits.len();
        let inputs = &levels.inputs[bottom * self.summed_bias.len()..];
        let summed = self
            .summed_blocks
            .iter()
            .map(|Block { kind, units }| kind.block_log_partition(&inputs[units.clone()]));
        levels.bias[bottom] + total(summed)
    }

    fn sums(&self, log_partition: f64) -> Sums {
        let (enumerated, summed) = (self.bias.len(), self.summed_bias.len());
        let mut sums = Sums {
            products: vec![0.0; enumerated * summed],
            enumerated: vec![0.0; enumerated],
            summed: vec![0.0; summed],
        };
        let mut means = vec![0.0; (self.digits.len() + 1) * summed];
        let mut levels = self.levels();
        self.add_means(&mut levels, 0, log_partition, &mut sums, &mut means);
        sums.summed.copy_from_slice(&means[..summed]);
        sums
    }

    /// Adds what the states below a level contribute to products and enumerated units; leaves their weighted means of
    /// the summed side at the front of `means` and gives their probability.
    fn add_means(
        &self,
        levels: &mut Levels,
        depth: usize,
        log_partition: f64,
        sums: &mut Sums,
        means: &mut [f64],
    ) -> f64 {
        let units = self.summed_bias.len();
        if depth == self.digits.len() {
            let probability = libm::exp(self.log_weight(levels) - log_partition);
            let inputs = &levels.inputs[depth * units..];
            self.weighted_means(inputs, probability, &mut means[..units]);
            return probability;
        }
        let (own, below) = means.split_at_mut(units);
        own.fill(0.0);
        let mut probability = 0.0;
        for state in 0..self.digits[depth].states() {
            self.enter(levels, depth, state);
            let part = self.add_means(levels, depth + 1, log_partition, sums, below);
            probability += part;
            add(own, &below[..units]);
            if let Some((unit, value)) = self.digits[depth].unit_on(state) {
                sums.enumerated[unit] += value * part;
                let products = &mut sums.products[unit * units..][..units];
                for (product, mean) in products.iter_mut().zip(&below[..units]) {
                    *product += value * mean;
                }
            }
        }
        probability
    }

    fn weighted_means(&self, inputs: &[f64], probability: f64, means: &mut [f64]) {
        for Block { kind, units } in &self.summed_blocks {
            let inputs = &inputs[units.clone()];
            kind.block_means(inputs, probability, &mut means[units.clone()]);
        }
    }
}

fn add(to: &mut [f64], from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
