//! Sigmoid belief nets of binary units (Neal 1992), a row at a time in f64: `p(s_i = 1 | causes) = σ(x_i)` with the total
//! input `x_i = b_i + Σ_j s_j w_ji`, so `log p(s) = Σ_i s_i x_i − softplus(x_i)`.
//!
//! Given some units of a row (the clamped ones), three answers about the others, the free ones:
//! 1. `posterior`: exact, by a walk over all their states in which each differs from the last in one unit;
//! 2. `gibbs`: sweeps that draw unit after unit or layer after layer, each given all the rest;
//! 3. `mean_field`: the factorial distribution that is best for a lower bound of the log-likelihood (Saul, Jaakkola and
//!    Jordan, "Mean field theory for sigmoid belief networks", 1996).
//!
//! Rows are worked on at the same time, and none depends on another.

use crate::disjoint::{Disjoint, Pool};
use crate::memory::zeroed;
use crate::random::Stream;
use crate::sums::{LogSum, total};
use crate::units::bernoulli::{log_partition_f64 as softplus, mean_f64 as logistic};
use core::ops::Range;

/// More free units than this are not enumerated.
pub const MAX_ENUMERATED: usize = 20;
/// Free units of a layer that one draw may take together.
pub const MAX_DRAWN_TOGETHER: usize = 12;
/// Mean field takes exact expectations over so many free causes of a unit, and bounds them for more.
const MAX_EXACT_CAUSES: usize = 12;
/// Steps of a walk after which total inputs and log-probabilities are computed anew.
const REFRESH: usize = 1024;

/// A net: units in an order in which causes come before their effects.
#[derive(Default)]
pub struct Net {
    biases: Vec<f64>,
    layers: Vec<Range<usize>>,
    /// Of each unit: its causes and effects with the weights that join them, none of them zero.
    causes: Vec<Vec<(usize, f64)>>,
    effects: Vec<Vec<(usize, f64)>>,
}

/// How a sweep of Gibbs sampling moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// Each free unit given all others.
    Units,
    /// All free units of a layer together, given all others; at most `MAX_DRAWN_TOGETHER`.
    Layers,
}

/// A run of sweeps and where its draws are addressed: sweep `first + k` of the stream's update.
#[derive(Clone, Copy)]
pub struct Sweeps {
    pub moves: Moves,
    pub stream: Stream,
    pub first: u32,
    pub count: u32,
    /// Whether states after each sweep are added to the sums.
    pub counted: bool,
}

/// How mean field goes on.
#[derive(Clone, Copy)]
pub struct Ascent {
    pub sweeps: u32,
    /// Whether all units move at once, which may never settle; otherwise in turn.
    pub at_once: bool,
}

/// Mean field is over when no mean moves by more than this.
const SETTLED: f64 = 1e-12;

impl Net {
    /// Layers of so many units each, causes first, with a bias for each unit.
    pub fn new(sizes: &[usize], biases: &[f32]) -> Net {
        let mut layers: Vec<Range<usize>> = Vec::new();
        for size in sizes {
            let first = layers.last().map_or(0, |layer| layer.end);
            layers.push(first..first + size);
        }
        let units = layers.last().map_or(0, |layer| layer.end);
        Net {
            biases: biases[..units]
                .iter()
                .map(|&bias| f64::from(bias))
                .collect(),
            layers,
            causes: vec![Vec::new(); units],
            effects: vec![Vec::new(); units],
        }
    }

    pub fn units(&self) -> usize {
        self.biases.len()
    }

    /// Joins a layer to an effect of it by weights `[units of the cause, units of the effect]`, row-major.
    pub fn join(&mut self, cause: usize, effect: usize, weights: &[f32]) {
        assert!(cause < effect, "causes come before their effects");
        let (causes, effects) = (self.layers[cause].clone(), self.layers[effect].clone());
        for (j, row) in causes.zip(weights.chunks_exact(effects.len().max(1))) {
            for (i, &weight) in effects.clone().zip(row) {
                if weight != 0.0 {
                    self.causes[i].push((j, f64::from(weight)));
                    self.effects[j].push((i, f64::from(weight)));
                }
            }
        }
    }

    fn free(&self, units: Range<usize>, clamped: &[u8]) -> Vec<usize> {
        units.filter(|&unit| clamped[unit] == 0).collect()
    }
}

/// What is there where a unit is on, or nothing.
fn of(on: bool, x: f64) -> f64 {
    if on { x } else { 0.0 }
}

/// The states of one row, with the total inputs that they make.
struct Row<'a> {
    net: &'a Net,
    on: Vec<bool>,
    inputs: Vec<f64>,
}

impl Row<'_> {
    fn new<'a>(net: &'a Net, states: &[f32]) -> Row<'a> {
        let on = states.iter().map(|&state| state > 0.5).collect();
        let mut row = Row {
            net,
            on,
            inputs: Vec::new(),
        };
        row.refresh();
        row
    }

    fn refresh(&mut self) {
        self.inputs.clear();
        self.inputs.extend_from_slice(&self.net.biases);
        for (unit, effects) in self.net.effects.iter().enumerate() {
            if self.on[unit] {
                effects.iter().for_each(|&(i, w)| self.inputs[i] += w);
            }
        }
    }

    fn log_joint(&self) -> f64 {
        let terms = self.on.iter().zip(&self.inputs);
        total(terms.map(|(&on, &x)| of(on, x) - softplus(x)))
    }

    /// `log p(unit on, rest) − log p(unit off, rest)`.
    fn log_odds(&self, unit: usize) -> f64 {
        let changes = self.net.effects[unit].iter().map(|&(i, w)| {
            let off = self.inputs[i] - of(self.on[unit], w);
            of(self.on[i], w) - (softplus(off + w) - softplus(off))
        });
        self.inputs[unit] + total(changes)
    }

    /// What flipping a unit adds to the log-probability.
    fn log_ratio(&self, unit: usize) -> f64 {
        let odds = self.log_odds(unit);
        if self.on[unit] { -odds } else { odds }
    }

    fn flip(&mut self, unit: usize) {
        let sign = if self.on[unit] { -1.0 } else { 1.0 };
        self.on[unit] = !self.on[unit];
        for &(i, w) in &self.net.effects[unit] {
            self.inputs[i] += sign * w;
        }
    }

    /// Writes the log-probability of every state of these units, up to that of the state that the walk starts in, at the
    /// number whose bits say which of them are flipped. They end flipped as the number that is given back says.
    fn walk(&mut self, units: &[usize], logs: &mut [f64]) -> usize {
        let start = self.log_joint();
        logs[0] = 0.0;
        let (mut flipped, mut log) = (0, 0.0);
        for step in 1..logs.len() {
            let bit = step.trailing_zeros() as usize;
            log += self.log_ratio(units[bit]);
            self.flip(units[bit]);
            flipped ^= 1 << bit;
            if step % REFRESH == 0 {
                self.refresh();
                log = self.log_joint() - start;
            }
            logs[flipped] = log;
        }
        flipped
    }

    fn draw_units(&mut self, clamped: &[u8], stream: Stream, row: u32) {
        for (unit, _) in clamped
            .iter()
            .enumerate()
            .filter(|(_, clamped)| **clamped == 0)
        {
            let on = stream.uniform_inside(row, unit as u32) < logistic(self.log_odds(unit));
            if on != self.on[unit] {
                self.flip(unit);
            }
        }
    }

    fn draw_layers(&mut self, clamped: &[u8], stream: Stream, row: u32) {
        let net = self.net;
        for layer in &net.layers {
            let units = net.free(layer.clone(), clamped);
            assert!(
                units.len() <= MAX_DRAWN_TOGETHER,
                "{} units drawn together",
                units.len()
            );
            if units.is_empty() {
                continue;
            }
            let mut logs = vec![0.0; 1 << units.len()];
            let flipped = self.walk(&units, &mut logs);
            let chosen = choose(&logs, stream.uniform_inside(row, units[0] as u32));
            for (bit, &unit) in units.iter().enumerate() {
                if (chosen ^ flipped) >> bit & 1 == 1 {
                    self.flip(unit);
                }
            }
        }
    }
}

/// The place that a uniform number chooses, each in proportion to `e^log`.
fn choose(logs: &[f64], uniform: f64) -> usize {
    let largest = logs
        .iter()
        .fold(f64::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    let weight = |log: &f64| libm::exp(log - largest);
    let mut rest = uniform * total(logs.iter().map(weight));
    for (place, log) in logs.iter().enumerate() {
        rest -= weight(log);
        if rest < 0.0 {
            return place;
        }
    }
    logs.len() - 1
}

/// Sweeps over each row's free units, from `states` on, `[rows, units]`; `sums` of the same shape take the states that are
/// counted.
pub fn gibbs(
    pool: &Pool,
    net: &Net,
    clamped: &[u8],
    sweeps: Sweeps,
    states: &mut [f32],
    sums: &mut [f64],
) {
    let units = net.units().max(1);
    let rows = states.len() / units;
    let (states, sums) = (Disjoint::new(states), Disjoint::new(sums));
    pool.each(rows, &|index| {
        let part = index * units..(index + 1) * units;
        // SAFETY: each row belongs to one task.
        let states = unsafe { states.take(part.clone()) };
        let mut row = Row::new(net, states);
        for sweep in sweeps.first..sweeps.first + sweeps.count {
            let stream = sweeps.stream.at_sweep(sweep);
            row.refresh();
            match sweeps.moves {
                Moves::Units => row.draw_units(clamped, stream, index as u32),
                Moves::Layers => row.draw_layers(clamped, stream, index as u32),
            }
            if sweeps.counted {
                // SAFETY: each row belongs to one task.
                let sums = unsafe { sums.take(part.clone()) };
                let on = sums.iter_mut().zip(&row.on);
                on.for_each(|(sum, &on)| *sum += f64::from(u8::from(on)));
            }
        }
        for (state, &on) in states.iter_mut().zip(&row.on) {
            *state = f32::from(u8::from(on));
        }
    });
}

/// The exact distribution of each row's free units given the clamped ones of `states`, `[rows, units]`: `means` of all
/// units, the log-likelihood of the clamped ones and, where `tables` is not empty, the probability of every state of the
/// free units, whose bits in ascending order are the bits of its number. `None` where memory is out.
pub fn posterior(
    pool: &Pool,
    net: &Net,
    clamped: &[u8],
    states: &[f32],
    means: &mut [f64],
    log_likelihoods: &mut [f64],
    tables: &mut [f64],
) -> Option<()> {
    let free = net.free(0..net.units(), clamped);
    assert!(
        free.len() <= MAX_ENUMERATED,
        "{} units to enumerate",
        free.len()
    );
    let count = 1usize << free.len();
    let units = net.units().max(1);
    let done = core::sync::atomic::AtomicBool::new(true);
    let (means, likelihoods) = (Disjoint::new(means), Disjoint::new(log_likelihoods));
    let wanted = !tables.is_empty();
    let tables = Disjoint::new(tables);
    pool.each(states.len() / units, &|index| {
        let Some(mut logs) = zeroed::<f64>(count, 0.0) else {
            done.store(false, core::sync::atomic::Ordering::Relaxed);
            return;
        };
        let part = index * units..(index + 1) * units;
        let mut row = Row::new(net, &states[part.clone()]);
        for &unit in &free {
            row.on[unit] = false;
        }
        row.refresh();
        let start = row.log_joint();
        row.walk(&free, &mut logs);
        let sum = logs.iter().fold(LogSum::NONE, |mut sum, &log| {
            sum.add(log);
            sum
        });
        // SAFETY: each row belongs to one task.
        let (means, likelihood) = unsafe { (means.take(part), likelihoods.take(index..index + 1)) };
        for (mean, &on) in means.iter_mut().zip(&row.on) {
            *mean = f64::from(u8::from(on));
        }
        free.iter().for_each(|&unit| means[unit] = 0.0);
        for (state, log) in logs.iter_mut().enumerate() {
            *log = libm::exp(*log - sum.log());
            for (bit, &unit) in free.iter().enumerate() {
                if state >> bit & 1 == 1 {
                    means[unit] += *log;
                }
            }
        }
        likelihood[0] = start + sum.log();
        if wanted {
            // SAFETY: each row belongs to one task.
            unsafe { tables.take(index * count..(index + 1) * count) }.copy_from_slice(&logs);
        }
    });
    done.into_inner().then_some(())
}

/// Mean field of each row from `means` on, `[rows, units]`, in which those of clamped units are 0 or 1; `bounds` are lower
/// bounds of the log-likelihood of the clamped units, nats.
pub fn mean_field(
    pool: &Pool,
    net: &Net,
    clamped: &[u8],
    ascent: Ascent,
    means: &mut [f64],
    bounds: &mut [f64],
) {
    let units = net.units().max(1);
    let rows = means.len() / units;
    let (means, bounds) = (Disjoint::new(means), Disjoint::new(bounds));
    pool.each(rows, &|index| {
        let part = index * units..(index + 1) * units;
        // SAFETY: each row belongs to one task.
        let (means, bound) = unsafe { (means.take(part), bounds.take(index..index + 1)) };
        bound[0] = Factorial::new(net, clamped, means).ascend(ascent);
    });
}

/// A factorial distribution of one row, and what bounds the softplus terms of units with many free causes:
/// `E softplus(x) ≤ ξ E x + log(E e^(−ξ x) + E e^((1 − ξ) x))`.
struct Factorial<'a> {
    net: &'a Net,
    free: Vec<usize>,
    means: &'a mut [f64],
    bounded: Vec<bool>,
    xi: Vec<f64>,
    /// The logarithms of the two expectations, where they are bounded.
    logs: Vec<[f64; 2]>,
}

impl Factorial<'_> {
    fn new<'a>(net: &'a Net, clamped: &[u8], means: &'a mut [f64]) -> Factorial<'a> {
        let many = |causes: &Vec<(usize, f64)>| {
            causes.iter().filter(|(j, _)| clamped[*j] == 0).count() > MAX_EXACT_CAUSES
        };
        let mut row = Factorial {
            net,
            free: net.free(0..net.units(), clamped),
            means,
            bounded: net.causes.iter().map(many).collect(),
            xi: vec![0.5; net.units()],
            logs: vec![[0.0; 2]; net.units()],
        };
        row.refresh();
        row
    }

    fn ascend(&mut self, ascent: Ascent) -> f64 {
        for _ in 0..ascent.sweeps {
            self.tighten();
            let mut moved = 0.0f64;
            let mut waiting = Vec::new();
            for place in 0..self.free.len() {
                let unit = self.free[place];
                let mean = self.best_mean(unit);
                moved = moved.max((mean - self.means[unit]).abs());
                if ascent.at_once {
                    waiting.push(mean);
                } else {
                    self.set_mean(unit, mean);
                }
            }
            for (place, &mean) in waiting.iter().enumerate() {
                self.means[self.free[place]] = mean;
            }
            self.refresh();
            if moved < SETTLED {
                break;
            }
        }
        self.bound()
    }

    /// The mean that raises the bound most while all others stay. Where a softplus is bounded, the term `−log` of a linear
    /// function is convex, and its tangent below it is raised instead, so the bound rises too.
    fn best_mean(&self, unit: usize) -> f64 {
        let mean = self.means[unit];
        let effects = self.net.effects[unit].iter().map(|&(i, w)| {
            let slope = if self.bounded[i] {
                self.bounded_slope(i, w, mean)
            } else {
                self.softplus(i, Some((unit, true))) - self.softplus(i, Some((unit, false)))
            };
            self.means[i] * w - slope
        });
        logistic(self.mean_input(unit) + total(effects))
    }

    fn bounded_slope(&self, unit: usize, w: f64, mean: f64) -> f64 {
        let xi = self.xi[unit];
        let [mut off, mut on] = [LogSum::NONE; 2];
        for (log, by) in self.logs[unit].into_iter().zip([-xi * w, (1.0 - xi) * w]) {
            let without = log - log_factor(mean, by);
            off.add(without);
            on.add(without + by);
        }
        let ratio = on.log() - off.log();
        // (on − off) / ((1 − mean) off + mean on), with the larger of the two taken out.
        let (a, b) = if ratio > 0.0 {
            (1.0, libm::exp(-ratio))
        } else {
            (libm::exp(ratio), 1.0)
        };
        xi * w + (a - b) / ((1.0 - mean) * b + mean * a)
    }

    fn set_mean(&mut self, unit: usize, mean: f64) {
        let before = self.means[unit];
        for &(i, w) in &self.net.effects[unit] {
            if !self.bounded[i] {
                continue;
            }
            let xi = self.xi[i];
            for (log, by) in self.logs[i].iter_mut().zip([-xi * w, (1.0 - xi) * w]) {
                *log += log_factor(mean, by) - log_factor(before, by);
            }
        }
        self.means[unit] = mean;
    }

    fn mean_input(&self, unit: usize) -> f64 {
        let causes = self.net.causes[unit].iter();
        self.net.biases[unit] + total(causes.map(|&(j, w)| self.means[j] * w))
    }

    /// Of a bounded unit: the logarithms of `E e^(−ξ x)` and `E e^((1 − ξ) x)`.
    fn expectations(&self, unit: usize, xi: f64) -> [f64; 2] {
        [-xi, 1.0 - xi].map(|power| {
            let causes = self.net.causes[unit].iter();
            let factors = causes.map(|&(j, w)| log_factor(self.means[j], power * w));
            power * self.net.biases[unit] + total(factors)
        })
    }

    fn refresh(&mut self) {
        for unit in 0..self.net.units() {
            if self.bounded[unit] {
                self.logs[unit] = self.expectations(unit, self.xi[unit]);
            }
        }
    }

    /// Makes the bounds of softplus terms as tight as they get: their slope in ξ rises, from at most 0 at ξ = 0 to at least 0
    /// at ξ = 1.
    fn tighten(&mut self) {
        for unit in 0..self.net.units() {
            if !self.bounded[unit] {
                continue;
            }
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..HALVINGS {
                let middle = 0.5 * (low + high);
                if self.slope_in_xi(unit, middle) > 0.0 {
                    high = middle;
                } else {
                    low = middle;
                }
            }
            let xi = 0.5 * (low + high);
            if self.softplus_bound(unit, xi) < self.softplus_bound(unit, self.xi[unit]) {
                self.xi[unit] = xi;
                self.logs[unit] = self.expectations(unit, xi);
            }
        }
    }

    fn slope_in_xi(&self, unit: usize, xi: f64) -> f64 {
        let [a, b] = self.expectations(unit, xi);
        let slopes = [-xi, 1.0 - xi].map(|power| {
            let causes = self.net.causes[unit].iter();
            let terms = causes.map(|&(j, w)| {
                let mean = self.means[j];
                w * mean * libm::exp(power * w - log_factor(mean, power * w))
            });
            -self.net.biases[unit] - total(terms)
        });
        let share = logistic(b - a);
        self.mean_input(unit) + (1.0 - share) * slopes[0] + share * slopes[1]
    }

    fn softplus_bound(&self, unit: usize, xi: f64) -> f64 {
        let [a, b] = self.expectations(unit, xi);
        xi * self.mean_input(unit) + a + softplus(b - a)
    }

    /// `E softplus(x)` of a unit, exactly, with one of its causes known.
    fn softplus(&self, unit: usize, known: Option<(usize, bool)>) -> f64 {
        let mut x = self.net.biases[unit];
        let mut open: Vec<(f64, f64)> = Vec::new();
        for &(j, w) in &self.net.causes[unit] {
            let mean = match known {
                Some((cause, on)) if cause == j => f64::from(u8::from(on)),
                _ => self.means[j],
            };
            if mean > 0.0 && mean < 1.0 {
                open.push((mean, w));
            } else {
                x += mean * w;
            }
        }
        expected_softplus(x, &open)
    }

    /// The lower bound of the log-likelihood, nats.
    fn bound(&self) -> f64 {
        let units = 0..self.net.units();
        let terms = units.map(|unit| {
            let softplus = if self.bounded[unit] {
                self.softplus_bound(unit, self.xi[unit])
            } else {
                self.softplus(unit, None)
            };
            self.means[unit] * self.mean_input(unit) - softplus + entropy(self.means[unit])
        });
        total(terms)
    }
}

/// Halvings of the interval in which ξ is looked for.
const HALVINGS: u32 = 20;

/// `log(1 − mean + mean e^x)`.
fn log_factor(mean: f64, x: f64) -> f64 {
    if x > 0.0 {
        x + libm::log(mean + (1.0 - mean) * libm::exp(-x))
    } else {
        libm::log(1.0 - mean + mean * libm::exp(x))
    }
}

fn expected_softplus(x: f64, open: &[(f64, f64)]) -> f64 {
    match open.split_first() {
        None => softplus(x),
        Some((&(mean, w), rest)) => {
            (1.0 - mean) * expected_softplus(x, rest) + mean * expected_softplus(x + w, rest)
        }
    }
}

/// Of a binary unit, nats.
fn entropy(mean: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * libm::log(p) } else { 0.0 };
    term(mean) + term(1.0 - mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two causes with bias −10, one effect with bias −20, weights 20.
    fn truck_and_earthquake() -> Net {
        let mut net = Net::new(&[2, 1], &[-10.0, -10.0, -20.0]);
        net.join(0, 1, &[20.0, 20.0]);
        net
    }

    #[test]
    fn explaining_away() {
        let net = truck_and_earthquake();
        let (mut means, mut likelihood, mut table) = ([0.0; 3], [0.0], [0.0; 4]);
        let states = [0.0, 0.0, 1.0];
        let done = posterior(
            &Pool::SERIAL,
            &net,
            &[0, 0, 1],
            &states,
            &mut means,
            &mut likelihood,
            &mut table,
        );
        assert!(done.is_some());
        let wanted = [0.000_045_4, 0.499_954_6, 0.499_954_6, 0.000_045_4];
        for (found, wanted) in table.into_iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-7, "{found} {wanted}");
        }
    }

    #[test]
    fn bounded_mean_field_is_below_the_exact_bound_and_rises() {
        // Fourteen causes of one effect: more than are taken exactly.
        let causes = MAX_EXACT_CAUSES + 2;
        let biases: Vec<f32> = (0..=causes).map(|i| i as f32 * 0.1 - 0.8).collect();
        let weights: Vec<f32> = (0..causes).map(|i| i as f32 * 0.3 - 2.0).collect();
        let mut net = Net::new(&[causes, 1], &biases);
        net.join(0, 1, &weights);
        let mut clamped = vec![0u8; causes + 1];
        clamped[causes] = 1;
        let start = || {
            let mut means = vec![0.3; causes + 1];
            means[causes] = 1.0;
            means
        };
        let mut previous = f64::NEG_INFINITY;
        for sweeps in [1, 2, 3, 5, 50] {
            let mut means = start();
            let mut bound = [0.0];
            let ascent = Ascent {
                sweeps,
                at_once: false,
            };
            mean_field(
                &Pool::SERIAL,
                &net,
                &clamped,
                ascent,
                &mut means,
                &mut bound,
            );
            assert!(bound[0] >= previous - 1e-12);
            previous = bound[0];
        }
        let mut states = vec![0.0f32; causes + 1];
        states[causes] = 1.0;
        let (mut means, mut likelihood) = (vec![0.0; causes + 1], [0.0]);
        posterior(
            &Pool::SERIAL,
            &net,
            &clamped,
            &states,
            &mut means,
            &mut likelihood,
            &mut [],
        );
        assert!(previous < likelihood[0] && previous > likelihood[0] - 0.5);
    }
}
