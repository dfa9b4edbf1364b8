//! Boltzmann machines over any graph of binary units: Gibbs sampling by colours, mean field and pair statistics.
//!
//! `E(s) = −Σ b_i s_i − Σ_(pairs) w_ij s_i s_j`. Units carry a colour; no two that are joined share one, so that all units of
//! a colour may be drawn at the same time. A unit's *place* is its number in the order of colours, then of units. State,
//! biases and neighbours are kept by place, so that a colour is a range.
//!
//! **What a sweep computes.** Place after place, `x = bias + Σ w · s` over the neighbours in ascending order of units, each
//! product and sum rounded to f32, starting from `bias + 0`; then `p = σ(β x)`; then the unit is on where its uniform number
//! is below p, or (mean field) takes `damping · old + (1 − damping) · p`. The draw's address (random.rs) has the place for
//! its unit and the chain for its row: four places share a block, which serves four places of one chain, or of four
//! chains in four lanes, without a word left over.
//!
//! **Two layouts, the same bits.** With *quads*, four chains stand side by side in the lanes and a task takes a quad through
//! all sweeps: nothing waits. With *rows*, a chain is a row of floats; lanes are four places of one colour, whose neighbours
//! are gathered, and tasks take parts of a colour. Terms that pad a gathered sum are `0 · s`, which change no sum that
//! started at +0.

pub mod exact;

use crate::disjoint::{Disjoint, Pool};
use crate::lanes::{F32x4, LINE, Line, U32x4};
use crate::logistic::logistic;
use crate::memory::zeroed;
use crate::random::Stream;
use core::ops::Range;

/// Chains in a quad, and places in a gathered group.
const FOUR: usize = 4;

/// Neighbours to be visited (about 2 ns each) below which a part of a colour is not worth a task of its own: handing out
/// less than 50 µs costs more than it gains where cores are busy. Tests have smaller machines.
const LEAST_WORK: usize = if cfg!(test) { 4000 } else { 20_000 };

/// Pairs whose statistics one task sums.
const PAIRS: usize = 4096;

/// No pair: what pads a gathered group.
const NONE: u32 = u32::MAX;

/// The structure of a machine, with its parameters.
pub struct Field {
    /// The unit of each place, and the place of each unit.
    order: Vec<u32>,
    places: Vec<u32>,
    /// The first place of each colour, and the end.
    colours: Vec<u32>,
    /// By place.
    bias: Vec<f32>,
    /// The places that each pair joins, and its weight.
    pairs: Vec<[u32; 2]>,
    pair_weights: Vec<f32>,
    /// Of each place, where its neighbours start; with the end.
    starts: Vec<u32>,
    neighbours: Vec<u32>,
    /// The pair that each neighbour belongs to, and its weight.
    entries: Vec<u32>,
    weights: Vec<f32>,
    groups: Groups,
}

/// Neighbours of four places side by side; empty until chains in rows need them.
#[derive(Default)]
struct Groups {
    /// Of each group, where its terms start; with the end.
    starts: Vec<u32>,
    /// Whether the four places exist and share a colour.
    whole: Vec<bool>,
    neighbours: Vec<[u32; FOUR]>,
    entries: Vec<[u32; FOUR]>,
    weights: Vec<F32x4>,
}

impl Field {
    /// A machine whose pairs of units are `pairs` (two words each) with a colour for each unit; all parameters zero. Units
    /// that are joined must differ in colour, and colours are `0..` without gaps. `None` where memory is out.
    pub fn new(colours: &[u32], pairs: &[u32]) -> Option<Field> {
        let units = colours.len();
        let count = colours.iter().max().map_or(0, |&last| last as usize + 1);
        let mut firsts = vec![0u32; count + 1];
        for &colour in colours {
            firsts[colour as usize + 1] += 1;
        }
        for colour in 0..count {
            assert!(firsts[colour + 1] > 0, "colour {colour} has no unit");
            firsts[colour + 1] += firsts[colour];
        }
        let (mut order, mut places) = (zeroed(units, 0u32)?, zeroed(units, 0u32)?);
        let mut ends = firsts.clone();
        for (unit, &colour) in colours.iter().enumerate() {
            let place = &mut ends[colour as usize];
            order[*place as usize] = unit as u32;
            places[unit] = *place;
            *place += 1;
        }
        let mut joined = Vec::new();
        joined.try_reserve_exact(pairs.len() / 2).ok()?;
        for pair in pairs.chunks_exact(2) {
            let [a, b] = [pair[0] as usize, pair[1] as usize];
            assert!(
                colours[a] != colours[b],
                "units {a} and {b} are joined and share a colour"
            );
            joined.push([places[a], places[b]]);
        }
        let mut field = Field {
            bias: zeroed(units, 0.0)?,
            pair_weights: zeroed(joined.len(), 0.0)?,
            starts: zeroed(units + 1, 0)?,
            neighbours: zeroed(2 * joined.len(), 0)?,
            entries: zeroed(2 * joined.len(), 0)?,
            weights: zeroed(2 * joined.len(), 0.0)?,
            groups: Groups::default(),
            order,
            places,
            colours: firsts,
            pairs: joined,
        };
        field.list_neighbours()?;
        Some(field)
    }

    /// Lists the neighbours of each place, in ascending order of units: lists in any order first, then each unit in turn is
    /// put on the lists of its neighbours.
    fn list_neighbours(&mut self) -> Option<()> {
        for pair in &self.pairs {
            for &place in pair {
                self.starts[place as usize + 1] += 1;
            }
        }
        for place in 0..self.units() {
            self.starts[place + 1] += self.starts[place];
        }
        let mut ends = self.starts.clone();
        let mut listed = zeroed(2 * self.pairs.len(), (0u32, 0u32))?;
        for (pair, &[a, b]) in self.pairs.iter().enumerate() {
            for (from, to) in [(a, b), (b, a)] {
                let end = &mut ends[from as usize];
                listed[*end as usize] = (to, pair as u32);
                *end += 1;
            }
        }
        ends.copy_from_slice(&self.starts);
        for &place in &self.places {
            for &(other, pair) in &listed[self.range(place as usize)] {
                let end = &mut ends[other as usize];
                self.neighbours[*end as usize] = place;
                self.entries[*end as usize] = pair;
                *end += 1;
            }
        }
        Some(())
    }

    pub fn units(&self) -> usize {
        self.order.len()
    }

    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Takes biases, by unit, and the weights of the pairs.
    pub fn set(&mut self, bias: &[f32], weights: &[f32]) {
        assert!(bias.len() == self.units() && weights.len() == self.pairs());
        for (own, &unit) in self.bias.iter_mut().zip(&self.order) {
            *own = bias[unit as usize];
        }
        self.pair_weights.copy_from_slice(weights);
        for (weight, &pair) in self.weights.iter_mut().zip(&self.entries) {
            *weight = weights[pair as usize];
        }
        self.groups.set(weights);
    }

    /// Makes ready for chains in rows. `None` where memory is out.
    pub fn gather(&mut self) -> Option<()> {
        if !self.groups.starts.is_empty() {
            return Some(());
        }
        let mut groups = Groups::default();
        groups.starts.push(0);
        for group in 0..self.units().div_ceil(FOUR) {
            let first = group * FOUR;
            let colour = self
                .colours
                .partition_point(|&start| start as usize <= first);
            let whole = self.colours[colour] as usize >= first + FOUR;
            let longest = (first..first + FOUR).filter(|_| whole);
            for term in 0..longest
                .map(|place| self.range(place).len())
                .max()
                .unwrap_or(0)
            {
                let (mut neighbours, mut entries) = ([0; FOUR], [NONE; FOUR]);
                for lane in 0..FOUR {
                    if let Some(i) = self.range(first + lane).nth(term) {
                        neighbours[lane] = self.neighbours[i];
                        entries[lane] = self.entries[i];
                    }
                }
                groups.neighbours.try_reserve(1).ok()?;
                groups.entries.try_reserve(1).ok()?;
                groups.neighbours.push(neighbours);
                groups.entries.push(entries);
            }
            groups.starts.push(groups.neighbours.len() as u32);
            groups.whole.push(whole);
        }
        groups.weights = zeroed(groups.entries.len(), F32x4::ZERO)?;
        groups.set(&self.pair_weights);
        self.groups = groups;
        Some(())
    }

    fn range(&self, place: usize) -> Range<usize> {
        self.starts[place] as usize..self.starts[place + 1] as usize
    }

    /// The total input of one place in four chains.
    #[inline(always)]
    fn quad_input(&self, place: usize, quad: &[F32x4]) -> F32x4 {
        let own = self.range(place);
        let mut x = F32x4::splat(self.bias[place]).add(F32x4::ZERO);
        for (&neighbour, &weight) in self.neighbours[own.clone()].iter().zip(&self.weights[own]) {
            x = x.add(F32x4::splat(weight).mul(quad[neighbour as usize]));
        }
        x
    }

    /// The total input of one place in one chain.
    fn input(&self, place: usize, row: &[f32]) -> f32 {
        let own = self.range(place);
        let mut x = self.bias[place] + 0.0;
        for (&neighbour, weight) in self.neighbours[own.clone()].iter().zip(&self.weights[own]) {
            x += weight * row[neighbour as usize];
        }
        x
    }

    /// The total inputs of the places of a group that are in `places`, which share a colour; 0 in other lanes.
    #[inline(always)]
    fn group_inputs(&self, group: usize, places: &Range<usize>, row: &[f32]) -> F32x4 {
        let first = group * FOUR;
        let inside = places.start <= first && first + FOUR <= places.end;
        if !inside || !self.groups.whole[group] {
            let own = places.start.max(first)..places.end.min(first + FOUR);
            let mut inputs = [0.0; FOUR];
            for place in own {
                inputs[place - first] = self.input(place, row);
            }
            return F32x4::new(inputs);
        }
        let bias = &self.bias[first..first + FOUR];
        let mut x = F32x4::new([bias[0], bias[1], bias[2], bias[3]]).add(F32x4::ZERO);
        let own = self.groups.starts[group] as usize..self.groups.starts[group + 1] as usize;
        let terms = self.groups.neighbours[own.clone()]
            .iter()
            .zip(&self.groups.weights[own]);
        for (&[a, b, c, d], &weight) in terms {
            let on = [
                row[a as usize],
                row[b as usize],
                row[c as usize],
                row[d as usize],
            ];
            x = x.add(weight.mul(F32x4::new(on)));
        }
        x
    }
}

impl Groups {
    fn set(&mut self, weights: &[f32]) {
        for (lanes, entries) in self.weights.iter_mut().zip(&self.entries) {
            let of = |entry: u32| {
                if entry == NONE {
                    0.0
                } else {
                    weights[entry as usize]
                }
            };
            *lanes = F32x4::new(entries.map(of));
        }
    }
}

/// What a unit becomes, given its mean.
#[derive(Clone, Copy)]
pub enum Settle {
    /// Drawn: 0 or 1.
    Draw(Stream),
    /// `damping · old + (1 − damping) · mean`: mean field, place after place.
    Mean { damping: f32 },
}

/// What counts up from one sweep to the next in the address of draws.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Along {
    Updates,
    Sweeps,
}

/// Some sweeps.
#[derive(Clone, Copy)]
pub struct Sweeps {
    pub count: u32,
    /// What total inputs are multiplied by.
    pub beta: f32,
    pub settle: Settle,
    pub along: Along,
}

impl Sweeps {
    /// What is done in sweep `number`, from 0.
    fn nth(&self, number: u32) -> Settle {
        match (self.settle, self.along) {
            (Settle::Draw(stream), Along::Updates) => Settle::Draw(Stream {
                update: stream.update + number,
                ..stream
            }),
            (Settle::Draw(stream), Along::Sweeps) => Settle::Draw(Stream {
                tag: stream.tag + number,
                ..stream
            }),
            (mean, _) => mean,
        }
    }
}

/// The states of some chains, and what of them is clamped.
pub struct Chains {
    chains: usize,
    units: usize,
    states: States,
    /// By place: whether the unit is clamped in all chains.
    held: Vec<bool>,
    /// `[quad, place]`, all bits set where a unit is free; empty unless chains differ in what is clamped.
    free: Vec<U32x4>,
}

enum States {
    /// `[quad, place]`, a chain a lane.
    Quads(Vec<F32x4>),
    /// `[chain, place]` and a row to draw into.
    Rows(Vec<f32>, Vec<f32>),
}

impl Chains {
    /// `chains` chains, all units 0 and free, in quads or in rows. `None` where memory is out.
    pub fn new(field: &Field, chains: usize, quads: bool) -> Option<Chains> {
        let units = field.units();
        let states = if quads {
            States::Quads(zeroed(
                chains.div_ceil(FOUR).checked_mul(units)?,
                F32x4::ZERO,
            )?)
        } else {
            assert!(
                !field.groups.starts.is_empty(),
                "chains in rows need a field that gathers"
            );
            States::Rows(
                zeroed(chains.checked_mul(units)?, 0.0)?,
                zeroed(units, 0.0)?,
            )
        };
        Some(Chains {
            chains,
            units,
            states,
            held: zeroed(units, false)?,
            free: Vec::new(),
        })
    }

    fn get(&self, chain: usize, place: usize) -> f32 {
        match &self.states {
            States::Quads(quads) => {
                quads[chain / FOUR * self.units + place].to_array()[chain % FOUR]
            }
            States::Rows(rows, _) => rows[chain * self.units + place],
        }
    }

    /// Takes states, `[chains, units]`.
    pub fn write(&mut self, field: &Field, values: &[f32]) {
        assert!(values.len() == self.chains * self.units && field.units() == self.units);
        let units = self.units;
        let value = |chain: usize, place: usize| {
            let unit = field.order[place] as usize;
            values.get(chain * units + unit).copied().unwrap_or(0.0)
        };
        match &mut self.states {
            States::Quads(quads) => {
                for (i, lanes) in quads.iter_mut().enumerate() {
                    let (first, place) = (i / units * FOUR, i % units);
                    *lanes = F32x4::new(core::array::from_fn(|lane| value(first + lane, place)));
                }
            }
            States::Rows(rows, _) => {
                for (i, state) in rows.iter_mut().enumerate() {
                    *state = value(i / units, i % units);
                }
            }
        }
    }

    /// Gives states, `[chains, units]`.
    pub fn read(&self, field: &Field, out: &mut [f32]) {
        assert!(out.len() == self.chains * self.units && field.units() == self.units);
        for (i, out) in out.iter_mut().enumerate() {
            let place = field.places[i % self.units] as usize;
            *out = self.get(i / self.units, place);
        }
    }

    /// Clamps the units whose byte in `[chains, units]` is not zero. Chains in rows must agree. `None` where memory is out.
    pub fn hold(&mut self, field: &Field, known: &[u8]) -> Option<()> {
        assert!(known.len() == self.chains * self.units && field.units() == self.units);
        let units = self.units;
        let is_held = |chain: usize, place: usize| {
            let unit = field.order[place] as usize;
            known
                .get(chain * units + unit)
                .is_none_or(|&byte| byte != 0)
        };
        let mut differ = false;
        for place in 0..units {
            let some = (0..self.chains).any(|chain| is_held(chain, place));
            self.held[place] = (0..self.chains).all(|chain| is_held(chain, place));
            differ |= some && !self.held[place];
        }
        self.free = Vec::new();
        if differ {
            let States::Quads(quads) = &self.states else {
                panic!("chains in rows differ in what is clamped");
            };
            self.free = zeroed(quads.len(), U32x4::splat(0))?;
            for (i, lanes) in self.free.iter_mut().enumerate() {
                let bits = |lane| {
                    if is_held(i / units * FOUR + lane, i % units) {
                        0
                    } else {
                        u32::MAX
                    }
                };
                *lanes = U32x4::new(core::array::from_fn(bits));
            }
        }
        Some(())
    }

    /// Draws every free unit from its bias alone.
    pub fn start(&mut self, pool: &Pool, field: &Field, stream: Stream) {
        let alone = |place: usize| logistic(F32x4::splat(field.bias[place]));
        let (held, free, units) = (&self.held, &self.free, self.units);
        match &mut self.states {
            States::Quads(quads) => {
                let count = quads.len() / units.max(1);
                let parts = Disjoint::new(quads);
                pool.each(count, &|quad| {
                    // SAFETY: each quad belongs to one task.
                    let states = unsafe { parts.take(quad * units..(quad + 1) * units) };
                    for (place, state) in states.iter_mut().enumerate().filter(|&(i, _)| !held[i]) {
                        let block = stream.uniform_quad((quad * FOUR) as u32, place / FOUR);
                        let drawn = on_where(block[place % FOUR], alone(place));
                        *state = match free.get(quad * units + place) {
                            Some(free) => free.choose(drawn, *state),
                            None => drawn,
                        };
                    }
                });
            }
            States::Rows(rows, _) => {
                for (i, state) in rows.iter_mut().enumerate() {
                    let (chain, place) = (i / units, i % units);
                    if !held[place] {
                        let uniform = stream.uniform(chain as u32, place as u32);
                        *state = f32::from(u8::from(uniform < alone(place).to_array()[0]));
                    }
                }
            }
        }
    }

    /// Runs sweeps of all chains.
    pub fn sweep(&mut self, pool: &Pool, field: &Field, sweeps: &Sweeps) {
        assert!(field.units() == self.units);
        let (held, free, units) = (&self.held, &self.free, self.units);
        match &mut self.states {
            States::Quads(quads) => {
                let count = quads.len() / units.max(1);
                let parts = Disjoint::new(quads);
                pool.each(count, &|quad| {
                    let own = quad * units..(quad + 1) * units;
                    let free = if free.is_empty() {
                        &[][..]
                    } else {
                        &free[own.clone()]
                    };
                    // SAFETY: each quad belongs to one task.
                    let states = unsafe { parts.take(own) };
                    for number in 0..sweeps.count {
                        let settle = sweeps.nth(number);
                        sweep_quad(field, states, held, free, quad, sweeps.beta, settle);
                    }
                });
            }
            States::Rows(rows, room) => {
                for (chain, row) in rows.chunks_exact_mut(units.max(1)).enumerate() {
                    let mut sweep = RowSweep {
                        field,
                        held,
                        chain: chain as u32,
                        beta: sweeps.beta,
                        settle: sweeps.settle,
                    };
                    for number in 0..sweeps.count {
                        sweep.settle = sweeps.nth(number);
                        sweep.run(pool, row, room);
                    }
                }
            }
        }
    }

    /// The mean of every unit, clamped ones too, given all others as they are: `[chains, units]`.
    pub fn means(&self, pool: &Pool, field: &Field, beta: f32, out: &mut [f32]) {
        assert!(out.len() == self.chains * self.units && field.units() == self.units);
        let units = self.units;
        let parts = Disjoint::new(out);
        let beta = F32x4::splat(beta);
        pool.each(self.chains.div_ceil(FOUR), &|quad| {
            let chains = quad * FOUR..self.chains.min((quad + 1) * FOUR);
            // SAFETY: each quad's rows belong to one task.
            let out = unsafe { parts.take(chains.start * units..chains.end * units) };
            for place in 0..units {
                let inputs = match &self.states {
                    States::Quads(quads) => {
                        field.quad_input(place, &quads[quad * units..(quad + 1) * units])
                    }
                    States::Rows(rows, _) => {
                        let input = |lane: usize| {
                            rows.chunks_exact(units)
                                .nth(quad * FOUR + lane)
                                .map_or(0.0, |row| field.input(place, row))
                        };
                        F32x4::new(core::array::from_fn(input))
                    }
                };
                let means = logistic(inputs.mul(beta)).to_array();
                for lane in 0..chains.len() {
                    out[lane * units + field.order[place] as usize] = means[lane];
                }
            }
        });
    }

    /// `pairs[p] += Σ_c share_c s_i s_j` and `units[i] += Σ_c share_c s_i` over chains in quads: four sums over chains, of
    /// equal number modulo 4 and ascending, then `(0 + 1) + (2 + 3)`, all in f32.
    pub fn add_statistics(
        &self,
        pool: &Pool,
        field: &Field,
        shares: &[f32],
        pairs: &mut [f32],
        units: &mut [f32],
    ) {
        assert!(shares.len() == self.chains && field.units() == self.units);
        assert!(pairs.len() == field.pairs() && units.len() == self.units);
        let States::Quads(quads) = &self.states else {
            panic!("statistics are of chains in quads");
        };
        let shares: Vec<F32x4> = (0..self.chains.div_ceil(FOUR))
            .map(|quad| {
                let share = |lane: usize| shares.get(quad * FOUR + lane).copied().unwrap_or(0.0);
                F32x4::new(core::array::from_fn(share))
            })
            .collect();
        let total = |sum: F32x4| {
            let [a, b, c, d] = sum.to_array();
            (a + b) + (c + d)
        };
        for (place, &unit) in field.order.iter().enumerate() {
            let mut sum = F32x4::ZERO;
            for (states, share) in quads.chunks_exact(self.units).zip(&shares) {
                sum = sum.add(share.mul(states[place]));
            }
            units[unit as usize] += total(sum);
        }
        let parts = Disjoint::new(pairs);
        pool.each(field.pairs().div_ceil(PAIRS), &|task| {
            let own = task * PAIRS..field.pairs().min((task + 1) * PAIRS);
            // SAFETY: each task has its own pairs.
            let out = unsafe { parts.take(own.clone()) };
            for (out, &[a, b]) in out.iter_mut().zip(&field.pairs[own]) {
                let mut sum = F32x4::ZERO;
                for (states, share) in quads.chunks_exact(self.units).zip(&shares) {
                    let product = states[a as usize].mul(states[b as usize]);
                    sum = sum.add(share.mul(product));
                }
                *out += total(sum);
            }
        });
    }
}

/// 1 where the uniform number is below the mean, else 0.
#[inline(always)]
fn on_where(uniforms: F32x4, means: F32x4) -> F32x4 {
    let on = uniforms.less(means);
    on.choose(F32x4::splat(1.0), F32x4::ZERO)
}

/// `damping · old + (1 − damping) · mean`.
#[inline(always)]
fn damped(old: F32x4, means: F32x4, damping: f32) -> F32x4 {
    let kept = old.mul(F32x4::splat(damping));
    kept.add(means.mul(F32x4::splat(1.0 - damping)))
}

/// One sweep of four chains.
fn sweep_quad(
    field: &Field,
    states: &mut [F32x4],
    held: &[bool],
    free: &[U32x4],
    quad: usize,
    beta: f32,
    settle: Settle,
) {
    let scale = F32x4::splat(beta);
    for first in (0..states.len()).step_by(FOUR) {
        let places = first..states.len().min(first + FOUR);
        if held[places.clone()].iter().all(|&held| held) {
            continue;
        }
        let uniforms = match settle {
            Settle::Draw(stream) => stream.uniform_quad((quad * FOUR) as u32, first / FOUR),
            Settle::Mean { .. } => [F32x4::ZERO; FOUR],
        };
        for place in places {
            if held[place] {
                continue;
            }
            let means = logistic(field.quad_input(place, states).mul(scale));
            let settled = match settle {
                Settle::Draw(_) => on_where(uniforms[place - first], means),
                Settle::Mean { damping } => damped(states[place], means, damping),
            };
            states[place] = match free.get(place) {
                Some(free) => free.choose(settled, states[place]),
                None => settled,
            };
        }
    }
}

/// One sweep of one chain in a row.
struct RowSweep<'a> {
    field: &'a Field,
    held: &'a [bool],
    chain: u32,
    beta: f32,
    settle: Settle,
}

impl RowSweep<'_> {
    /// Settles colour after colour; `room` is as long as the row.
    fn run(&self, pool: &Pool, row: &mut [f32], room: &mut [f32]) {
        let field = self.field;
        let mut drawn = Drawn::default();
        for colour in field.colours.windows(2) {
            let places = colour[0] as usize..colour[1] as usize;
            let work = field.starts[places.end] - field.starts[places.start];
            let tasks = pool.threads.min(1 + work as usize / LEAST_WORK);
            if tasks == 1 {
                let line = places.start / LINE;
                for line in line..places.end.div_ceil(LINE) {
                    let settled = self.settle_line(line, &places, row, &mut drawn);
                    self.put(line, &places, &settled, row, 0);
                }
                continue;
            }
            let lines = places.start / LINE..places.end.div_ceil(LINE);
            let each = lines.len().div_ceil(tasks);
            let parts = Disjoint::new(&mut room[places.clone()]);
            let now = &*row;
            pool.each(tasks, &|task| {
                let first = lines.start + task * each;
                let last = lines.end.min(first + each);
                let own = places.start.max(first * LINE)..places.end.min(last * LINE);
                if own.is_empty() {
                    return;
                }
                let offset = own.start;
                // SAFETY: tasks have lines of their own.
                let out = unsafe { parts.take(own.start - places.start..own.end - places.start) };
                out.copy_from_slice(&now[own.clone()]);
                for line in first..last {
                    let settled = self.settle_line(line, &own, now, &mut Drawn::default());
                    self.put(line, &own, &settled, out, offset);
                }
            });
            row[places.clone()].copy_from_slice(&room[places]);
        }
    }

    /// What the units of a line that are in `places`, all of one colour, become.
    fn settle_line(
        &self,
        line: usize,
        places: &Range<usize>,
        row: &[f32],
        drawn: &mut Drawn,
    ) -> Line {
        let uniforms = match self.settle {
            Settle::Draw(stream) => drawn.line(stream, self.chain, line),
            Settle::Mean { .. } => [F32x4::ZERO; FOUR],
        };
        let mut settled = Line::ZERO;
        for (lane, (out, &uniforms)) in settled.0.iter_mut().zip(&uniforms).enumerate() {
            let group = line * (LINE / FOUR) + lane;
            let first = group * FOUR;
            if first >= places.end || first + FOUR <= places.start {
                continue;
            }
            let inputs = self.field.group_inputs(group, places, row);
            let means = logistic(inputs.mul(F32x4::splat(self.beta)));
            *out = match self.settle {
                Settle::Draw(_) => on_where(uniforms, means),
                Settle::Mean { damping } => {
                    let old = |lane: usize| row.get(first + lane).copied().unwrap_or(0.0);
                    damped(F32x4::new(core::array::from_fn(old)), means, damping)
                }
            };
        }
        settled
    }

    /// Writes what the free units of a line that are in `places` became; `out` starts at the place `offset`.
    fn put(
        &self,
        line: usize,
        places: &Range<usize>,
        settled: &Line,
        out: &mut [f32],
        offset: usize,
    ) {
        let first = places.start.max(line * LINE);
        let last = places.end.min((line + 1) * LINE);
        let values = &settled.floats()[first - line * LINE..last - line * LINE];
        let out = &mut out[first - offset..last - offset];
        for ((out, value), held) in out.iter_mut().zip(values).zip(&self.held[first..last]) {
            if !held {
                *out = *value;
            }
        }
    }
}

/// The uniform numbers of the line that was last drawn: small colours share lines.
#[derive(Default)]
struct Drawn(Option<(usize, [F32x4; FOUR])>);

impl Drawn {
    #[inline(always)]
    fn line(&mut self, stream: Stream, chain: u32, line: usize) -> [F32x4; FOUR] {
        match self.0 {
            Some((drawn, uniforms)) if drawn == line => uniforms,
            _ => {
                let uniforms = stream.uniform_line(chain, line);
                self.0 = Some((line, uniforms));
                uniforms
            }
        }
    }
}

#[cfg(test)]
mod tests;
