//! Exact sums over the states of a Boltzmann machine, in f64: some units are free, the others are given row by row.
//!
//! A descent decides the free units one after the other and carries the total inputs of those that are left, so that a state
//! costs about two additions whatever the graph. States are dealt to tasks by rows or, where these are few, by the first
//! free units; what each task finds is put together in the order of tasks, so that threads do not change the bits.

use super::Field;
use crate::disjoint::{Disjoint, Pool};
use crate::sums::LogSum;
use core::ops::Range;

/// The most units that are summed over.
pub const MAX_FREE: usize = 25;

/// Tasks, at most; part of the order of summation.
const TASKS: usize = 16;

/// Averages over rows, and over the free units' distribution given each.
pub struct Averages {
    /// By unit: `Σ_row share ⟨s_i⟩`.
    pub units: Vec<f64>,
    /// By pair: `Σ_row share ⟨s_i s_j⟩`.
    pub pairs: Vec<f64>,
}

/// Which units are summed over, with the weights between them.
pub struct Problem<'a> {
    field: &'a Field,
    /// Places of the free units, in ascending order of units.
    free: Vec<usize>,
    /// `[free, free]`, symmetric.
    weights: Vec<f64>,
}

/// Some rows of the problem, with the first free units set to the bits of `first`.
struct Task {
    rows: Range<usize>,
    dealt: usize,
    first: usize,
}

/// Where a descent stands: for every depth the inputs of the units that are left.
struct Descent<'a> {
    problem: &'a Problem<'a>,
    inputs: Vec<f64>,
}

impl Problem<'_> {
    /// Sums over the units that `is_free`, by unit; at most `MAX_FREE`.
    pub fn new<'a>(field: &'a Field, is_free: &[u8]) -> Problem<'a> {
        assert!(is_free.len() == field.units());
        let free: Vec<usize> = (0..field.units())
            .filter(|&unit| is_free[unit] != 0)
            .map(|unit| field.places[unit] as usize)
            .collect();
        assert!(free.len() <= MAX_FREE);
        let n = free.len();
        let index = |place: u32| free.iter().position(|&free| free == place as usize);
        let mut weights = vec![0.0; n * n];
        if n > 0 {
            for (&[a, b], &w) in field.pairs.iter().zip(&field.pair_weights) {
                if let (Some(a), Some(b)) = (index(a), index(b)) {
                    weights[a * n + b] = f64::from(w);
                    weights[b * n + a] = f64::from(w);
                }
            }
        }
        Problem {
            field,
            free,
            weights,
        }
    }

    /// `log Σ e^−E` over the free units given each of `rows`, `[rows, units]`, where those of the free units are not read.
    pub fn log_sums(&self, pool: &Pool, rows: &[f32], out: &mut [f64]) {
        let tasks = self.tasks(out.len());
        let mut parts = vec![LogSum::NONE; tasks.iter().map(|task| task.rows.len()).sum()];
        let starts = starts_of(&tasks);
        let shared = Disjoint::new(&mut parts);
        pool.each(tasks.len(), &|number| {
            let task = &tasks[number];
            let mut descent = self.descent();
            // SAFETY: each task has its own places.
            let own = unsafe { shared.take(starts[number]..starts[number] + task.rows.len()) };
            for (row, sum) in task.rows.clone().zip(own) {
                let log = descent.begin(&self.row(rows, row), task);
                descent.add_weights(task.dealt, log, sum);
            }
        });
        let mut sums = vec![LogSum::NONE; out.len()];
        for (task, &start) in tasks.iter().zip(&starts) {
            for (place, row) in task.rows.clone().enumerate() {
                sums[row] = sums[row].join(parts[start + place]);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = sum.log();
        }
    }

    /// Averages over rows that count `shares`, whose `log_sums` are known.
    pub fn averages(
        &self,
        pool: &Pool,
        rows: &[f32],
        shares: &[f64],
        log_sums: &[f64],
    ) -> Averages {
        let (units, pairs) = (self.field.units(), self.field.pairs());
        let tasks = self.tasks(shares.len());
        let mut parts = vec![0.0; tasks.len() * (units + pairs)];
        let shared = Disjoint::new(&mut parts);
        pool.each(tasks.len(), &|number| {
            let length = units + pairs;
            // SAFETY: each task has its own part.
            let own = unsafe { shared.take(number * length..(number + 1) * length) };
            let (units, pairs) = own.split_at_mut(units);
            let mut sums = Sums::of(self.free.len());
            for row in tasks[number].rows.clone() {
                sums.clear();
                let states = self.row(rows, row);
                let total = self.add_row(&states, &tasks[number], log_sums[row], &mut sums);
                self.add_averages(&states, shares[row], total, &sums, units, pairs);
            }
        });
        let mut averages = Averages {
            units: vec![0.0; units],
            pairs: vec![0.0; pairs],
        };
        for part in parts.chunks_exact((units + pairs).max(1)) {
            for (sum, term) in averages.units.iter_mut().zip(&part[..units]) {
                *sum += term;
            }
            for (sum, term) in averages.pairs.iter_mut().zip(&part[units..]) {
                *sum += term;
            }
        }
        averages
    }

    /// Adds one row's averages of free units to `sums`; gives the probability of the task's states.
    fn add_row(&self, states: &[f64], task: &Task, log_sum: f64, sums: &mut Sums) -> f64 {
        let mut descent = self.descent();
        let log = descent.begin(states, task);
        let n = self.free.len();
        let total = descent.add_means(task.dealt, log - log_sum, sums);
        // The units that the task has set are on in all of its states, or in none.
        for unit in (0..task.dealt)
            .rev()
            .filter(|unit| task.first >> unit & 1 == 1)
        {
            for other in unit + 1..n {
                sums.products[unit * n + other] += sums.means[task.dealt * n + other];
            }
            sums.means[task.dealt * n + unit] += total;
        }
        sums.means
            .copy_within(task.dealt * n..(task.dealt + 1) * n, 0);
        total
    }

    /// Adds `share` times a row's averages, by unit and by pair.
    fn add_averages(
        &self,
        states: &[f64],
        share: f64,
        total: f64,
        sums: &Sums,
        units: &mut [f64],
        pairs: &mut [f64],
    ) {
        let n = self.free.len();
        let mut index = vec![usize::MAX; states.len()];
        let mut means: Vec<f64> = states.iter().map(|state| state * total).collect();
        for (k, &place) in self.free.iter().enumerate() {
            index[place] = k;
            means[place] = sums.means[k];
        }
        for (&unit, mean) in self.field.order.iter().zip(&means) {
            units[unit as usize] += share * mean;
        }
        for (out, &[a, b]) in pairs.iter_mut().zip(&self.field.pairs) {
            let (a, b) = (a as usize, b as usize);
            let product = match (index[a], index[b]) {
                (usize::MAX, _) => states[a] * means[b],
                (_, usize::MAX) => means[a] * states[b],
                (i, j) => sums.products[i.min(j) * n + i.max(j)],
            };
            *out += share * product;
        }
    }

    /// One row by place, with the free units at 0.
    fn row(&self, rows: &[f32], row: usize) -> Vec<f64> {
        let units = self.field.units();
        let row = &rows[row * units..(row + 1) * units];
        let order = self.field.order.iter();
        let mut states: Vec<f64> = order.map(|&unit| f64::from(row[unit as usize])).collect();
        for &place in &self.free {
            states[place] = 0.0;
        }
        states
    }

    /// Rows are dealt out where there are enough of them, and otherwise the first free units' states too.
    fn tasks(&self, rows: usize) -> Vec<Task> {
        if rows >= TASKS {
            let each = rows.div_ceil(TASKS);
            let block = |first| Task {
                rows: first..rows.min(first + each),
                dealt: 0,
                first: 0,
            };
            return (0..rows).step_by(each).map(block).collect();
        }
        let dealt = self.free.len().min(TASKS.ilog2() as usize);
        let parts = (0..rows).flat_map(|row| (0..1 << dealt).map(move |first| (row, first)));
        parts
            .map(|(row, first)| Task {
                rows: row..row + 1,
                dealt,
                first,
            })
            .collect()
    }

    fn descent(&self) -> Descent<'_> {
        let n = self.free.len();
        Descent {
            problem: self,
            inputs: vec![0.0; (n + 1) * n],
        }
    }
}

/// Where each task's places start among those of all tasks.
fn starts_of(tasks: &[Task]) -> Vec<usize> {
    let mut next = 0;
    let starts = tasks.iter().map(|task| {
        let start = next;
        next += task.rows.len();
        start
    });
    starts.collect()
}

/// What a descent adds up: `means[depth]` of the units that are left at that depth, and products of pairs of free units.
struct Sums {
    means: Vec<f64>,
    products: Vec<f64>,
}

impl Sums {
    fn of(free: usize) -> Sums {
        Sums {
            means: vec![0.0; (free + 1) * free],
            products: vec![0.0; free * free],
        }
    }

    fn clear(&mut self) {
        self.means.fill(0.0);
        self.products.fill(0.0);
    }
}

impl Descent<'_> {
    /// Sets the inputs given a row and the units that the task has set; gives the log-weight so far.
    fn begin(&mut self, states: &[f64], task: &Task) -> f64 {
        let Problem { field, free, .. } = self.problem;
        let mut log = 0.0;
        for (&bias, state) in field.bias.iter().zip(states) {
            log += f64::from(bias) * state;
        }
        for (&[a, b], &w) in field.pairs.iter().zip(&field.pair_weights) {
            log += f64::from(w) * states[a as usize] * states[b as usize];
        }
        for (input, &place) in self.inputs.iter_mut().zip(free) {
            let own = field.range(place);
            *input = f64::from(field.bias[place]);
            for (&neighbour, &w) in field.neighbours[own.clone()]
                .iter()
                .zip(&field.weights[own])
            {
                *input += f64::from(w) * states[neighbour as usize];
            }
        }
        for depth in 0..task.dealt {
            log += self.enter(depth, task.first >> depth & 1 == 1);
        }
        log
    }

    /// Decides unit `depth`, which fills the level below it; gives what that adds to the log-weight.
    #[inline(always)]
    fn enter(&mut self, depth: usize, on: bool) -> f64 {
        let n = self.problem.free.len();
        let (above, below) = self.inputs.split_at_mut((depth + 1) * n);
        let from = &above[depth * n..];
        let to = &mut below[..n];
        if !on {
            to[depth + 1..].copy_from_slice(&from[depth + 1..]);
            return 0.0;
        }
        let weights = &self.problem.weights[depth * n..][..n];
        for k in depth + 1..n {
            to[k] = from[k] + weights[k];
        }
        from[depth]
    }

    /// Adds the weights of all states below a depth.
    fn add_weights(&mut self, depth: usize, log: f64, sum: &mut LogSum) {
        if depth == self.problem.free.len() {
            sum.add(log);
            return;
        }
        for on in [false, true] {
            let more = self.enter(depth, on);
            self.add_weights(depth + 1, log + more, sum);
        }
    }

    /// Adds what the states below a depth contribute to products; leaves the means of the units that are left in
    /// `means[depth]` and gives the states' probability.
    fn add_means(&mut self, depth: usize, log: f64, sums: &mut Sums) -> f64 {
        let n = self.problem.free.len();
        if depth == n {
            return libm::exp(log);
        }
        sums.means[depth * n..(depth + 1) * n].fill(0.0);
        let mut total = 0.0;
        for on in [false, true] {
            let more = self.enter(depth, on);
            let part = self.add_means(depth + 1, log + more, sums);
            total += part;
            if on {
                sums.means[depth * n + depth] = part;
            }
            for k in depth + 1..n {
                let below = sums.means[(depth + 1) * n + k];
                sums.means[depth * n + k] += below;
                if on {
                    sums.products[depth * n + k] += below;
                }
            }
        }
        total
    }
}
