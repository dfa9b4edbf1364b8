//! Statistics of two phases and the update that they drive, in one pass over the weights.
//!
//! The contract: the statistic of a weight starts at +0 and adds, for cases r in ascending order,
//! `(v0_r · h0_r) − (v1_r · h1_r)`: two products, a difference and a sum, each rounded to f32. Index 0 is the positive
//! phase (data), 1 the negative one (reconstruction). A case in which `v0` and `v1` are both zero may be left out. Then
//!
//! `velocity ← momentum · velocity + rate · (statistic · (1 / rows) − cost · w)`, subnormal velocities flushed to 0,
//! `w ← w + velocity`.
//!
//! For binary lower units a term is `h0`, `−h1` or `h0 − h1`, so
//! 1. each lower unit gets the list of its cases: which of the three terms, which row (`entries`);
//! 2. for each pair of panels of upper units the three kinds of terms are laid out one after another (`terms`);
//! 3. a statistic is then a sum of listed lines; the update follows while it is in registers, and every sixteen lower
//!    units the other layout of the weights is refreshed.
//!
//! Mostly-zero real lower units keep their two values in the list, as do all units where one phase is to be read from
//! values and the other from lists of ones; dense ones take whole rows. All forms give the same bits.

use crate::activity::{Activity, Lists, Read};
use crate::disjoint::{Disjoint, Pool};
use crate::lanes::{F32x4, LINE, Line, U32x4, floats_mut, lines_for};
use crate::memory::zeroed;
use crate::weights::{Weights, refresh_backward};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};

/// A case's number and the kind of its term share 16 bits.
pub const MAX_ROWS: usize = 65_535 / 3;

/// Above this share of cases in which a real unit is not zero, whole rows are faster than lists.
const DENSE_SHARE: f32 = 0.3;

/// Lower units whose lists one task makes.
const LISTED_TOGETHER: usize = 64;

/// One step of gradient ascent.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub rate: f32,
    pub momentum: f32,
    /// Weight cost (L2): taken off the gradient, `cost · w`.
    pub cost: f32,
}

/// What is seen of one phase: lower activities, in the form to be read, and upper values.
#[derive(Clone, Copy)]
pub struct Phase<'a> {
    pub lower: &'a Activity,
    pub read: Read,
    pub upper: &'a Activity,
}

/// The velocity of a connection's weights, and the room that an update works in.
pub struct Learner {
    lower: usize,
    upper: usize,
    capacity: usize,
    velocity: Vec<Line>,
    counts: Vec<u16>,
    entries: Vec<u16>,
    pairs: Vec<[f32; 2]>,
    terms: Vec<Line>,
}

impl Learner {
    /// For batches of at most `capacity` rows; `None` where memory is out.
    pub fn new(lower: usize, upper: usize, capacity: usize) -> Option<Learner> {
        assert!(capacity <= MAX_ROWS, "a batch has at most {MAX_ROWS} rows");
        let panels = lines_for(upper);
        Some(Learner {
            lower,
            upper,
            capacity,
            velocity: zeroed(panels.checked_mul(lower)?, Line::ZERO)?,
            counts: zeroed(lower, 0)?,
            entries: zeroed(lower.checked_mul(capacity)?, 0)?,
            pairs: Vec::new(),
            terms: zeroed(panels.checked_mul(3 * capacity)?, Line::ZERO)?,
        })
    }

    /// Velocities as `[upper, lower]`, row-major.
    pub fn read_velocity(&self, out: &mut [f32]) {
        assert!(out.len() == self.lower * self.upper);
        for (upper, row) in out.chunks_exact_mut(self.lower.max(1)).enumerate() {
            let panel = &self.velocity[upper / LINE * self.lower..][..self.lower];
            for (value, line) in row.iter_mut().zip(panel) {
                *value = line.floats()[upper % LINE];
            }
        }
    }

    pub fn write_velocity(&mut self, values: &[f32]) {
        assert!(values.len() == self.lower * self.upper);
        for (upper, row) in values.chunks_exact(self.lower.max(1)).enumerate() {
            let panel = &mut self.velocity[upper / LINE * self.lower..][..self.lower];
            for (&value, line) in row.iter().zip(panel) {
                line.floats_mut()[upper % LINE] = value;
            }
        }
    }

    /// Applies one update to the weights; a batch without rows changes nothing. False where a weight or velocity is no
    /// longer finite; `None` where memory is out (nothing was changed then).
    pub fn learn(
        &mut self,
        pool: &Pool,
        weights: &mut Weights,
        positive: Phase,
        negative: Phase,
        step: Step,
    ) -> Option<bool> {
        let rows = positive.lower.rows();
        let same_rows = [positive.upper, negative.lower, negative.upper]
            .iter()
            .all(|a| a.rows() == rows);
        assert!(
            same_rows && rows <= self.capacity,
            "phases of one batch have the same rows"
        );
        assert!(positive.lower.units() == self.lower && negative.lower.units() == self.lower);
        assert!(positive.upper.units() == self.upper && negative.upper.units() == self.upper);
        assert!(weights.lower() == self.lower && weights.upper() == self.upper);
        let form = choose_form(&positive, &negative);
        match form {
            Form::Ones => self.list_cases::<false>(pool, positive.lower, negative.lower),
            Form::Reals => {
                self.begin_pairs()?;
                self.list_cases::<true>(pool, positive.lower, negative.lower);
            }
            Form::Mixed => {
                self.begin_pairs()?;
                self.list_all_cases(pool, rows, [&positive, &negative]);
            }
            Form::Dense => {}
        }
        let finite = AtomicBool::new(true);
        let panels = lines_for(self.upper);
        let (forward, backward) = weights.parts();
        let pass = Pass {
            capacity: self.capacity,
            rows,
            positive,
            negative,
            counts: &self.counts,
            entries: &self.entries,
            pairs: &self.pairs,
            terms: Disjoint::new(&mut self.terms),
            update: Update {
                lower: self.lower,
                upper: self.upper,
                step,
                inverse_rows: 1.0 / rows as f32,
                forward,
                backward,
                velocity: Disjoint::new(&mut self.velocity),
                finite: &finite,
            },
        };
        if rows > 0 {
            pool.each(
                panels.div_ceil(2),
                &|task| match (form, 2 * task + 1 < panels) {
                    (Form::Ones, true) => pass.ones::<2>(2 * task),
                    (Form::Ones, false) => pass.ones::<1>(2 * task),
                    (_, two) => {
                        (2 * task..2 * task + 1 + usize::from(two)).for_each(|panel| match form {
                            Form::Reals | Form::Mixed => pass.reals(panel),
                            _ => pass.dense(panel),
                        })
                    }
                },
            );
        }
        Some(finite.into_inner())
    }

    /// Applies one update whose gradient is given: `[upper, lower]`, row-major, already a mean over rows. False where a
    /// weight or velocity is no longer finite.
    pub fn step(
        &mut self,
        pool: &Pool,
        weights: &mut Weights,
        gradient: &[f32],
        step: Step,
    ) -> bool {
        let (lower, upper) = (self.lower, self.upper);
        assert!(gradient.len() == lower * upper);
        assert!(weights.lower() == lower && weights.upper() == upper);
        let finite = AtomicBool::new(true);
        let (forward, backward) = weights.parts();
        let update = Update {
            lower,
            upper,
            step,
            inverse_rows: 1.0,
            forward,
            backward,
            velocity: Disjoint::new(&mut self.velocity),
            finite: &finite,
        };
        pool.each(lines_for(upper), &|panel| {
            let first = panel * LINE;
            update.panels::<1>(panel, |unit| {
                let mut line = Line::ZERO;
                for (k, value) in line.floats_mut()[..LINE.min(upper - first)]
                    .iter_mut()
                    .enumerate()
                {
                    *value = gradient[(first + k) * lower + unit];
                }
                [line]
            });
        });
        finite.into_inner()
    }

    fn begin_pairs(&mut self) -> Option<()> {
        if self.pairs.is_empty() {
            self.pairs = zeroed(self.lower.checked_mul(self.capacity)?, [0.0; 2])?;
        }
        Some(())
    }

    /// For each lower unit, the ascending cases in which it is not zero in either phase. Of binary units the entry is
    /// `r` where it is on only in the positive phase, `rows + r` only in the negative one, `2 · rows + r` in both;
    /// otherwise (`PAIRS`) it is `r`, with both values beside it.
    fn list_cases<const PAIRS: bool>(
        &mut self,
        pool: &Pool,
        positive: &Activity,
        negative: &Activity,
    ) {
        let (rows, lower, capacity) = (positive.rows(), self.lower, self.capacity);
        self.counts.fill(0);
        let counts = Disjoint::new(&mut self.counts);
        let entries = Disjoint::new(&mut self.entries);
        let pairs = Disjoint::new(&mut self.pairs);
        pool.each(lower.div_ceil(LISTED_TOGETHER), &|task| {
            let units = task * LISTED_TOGETHER..lower.min((task + 1) * LISTED_TOGETHER);
            let room = units.start * capacity..units.end * capacity;
            // SAFETY: each task has its own block of units.
            let (counts, entries, pairs) = unsafe {
                let pairs = pairs.take(if PAIRS { room.clone() } else { 0..0 });
                (counts.take(units.clone()), entries.take(room), pairs)
            };
            for row in 0..rows {
                each_of_either(
                    positive.list(row),
                    negative.list(row),
                    &units,
                    |unit, a, b| {
                        let local = unit - units.start;
                        let place = local * capacity + usize::from(counts[local]);
                        counts[local] += 1;
                        if PAIRS {
                            entries[place] = row as u16;
                            pairs[place] = [value(positive, row, a), value(negative, row, b)];
                        } else {
                            let kind = if a.is_some() && b.is_some() {
                                2
                            } else {
                                usize::from(b.is_some())
                            };
                            entries[place] = (kind * rows + row) as u16;
                        }
                    },
                );
            }
        });
    }

    /// For each lower unit all cases, with both values beside them, each phase in the form that it is to be read in.
    fn list_all_cases(&mut self, pool: &Pool, rows: usize, phases: [&Phase; 2]) {
        let (lower, capacity) = (self.lower, self.capacity);
        self.counts.fill(rows as u16);
        let entries = Disjoint::new(&mut self.entries);
        let pairs = Disjoint::new(&mut self.pairs);
        pool.each(lower.div_ceil(LISTED_TOGETHER), &|task| {
            let units = task * LISTED_TOGETHER..lower.min((task + 1) * LISTED_TOGETHER);
            let room = units.start * capacity..units.end * capacity;
            // SAFETY: each task has its own block of units.
            let (entries, pairs) = unsafe { (entries.take(room.clone()), pairs.take(room)) };
            for row in 0..rows {
                for place in (row..entries.len()).step_by(capacity) {
                    entries[place] = row as u16;
                    pairs[place] = [0.0; 2];
                }
                for (side, phase) in phases.iter().enumerate() {
                    if lists_to_read(phase) != Lists::Ones {
                        let values = &phase.lower.plane_row(row, phase.read)[units.clone()];
                        for (local, &value) in values.iter().enumerate() {
                            pairs[local * capacity + row][side] = value;
                        }
                    } else {
                        for &unit in listed_in(phase.lower.list(row), &units) {
                            let local = usize::from(unit) - units.start;
                            pairs[local * capacity + row][side] = 1.0;
                        }
                    }
                }
            }
        });
    }
}

/// The part of an ascending list that lies in a range.
fn listed_in<'a>(list: &'a [u16], units: &Range<usize>) -> &'a [u16] {
    let before = |end: usize| list.partition_point(|&unit| usize::from(unit) < end);
    &list[before(units.start)..before(units.end)]
}

/// The value at a place of a row's list; zero where the unit is not listed.
fn value(activity: &Activity, row: usize, place: Option<usize>) -> f32 {
    match (place, activity.lists()) {
        (None, _) => 0.0,
        (Some(_), Lists::Ones) => 1.0,
        (Some(place), _) => activity.reals(row)[place],
    }
}

/// Visits the units of a range that are in either of two ascending lists, with their places there.
#[inline(always)]
fn each_of_either(
    a: &[u16],
    b: &[u16],
    units: &Range<usize>,
    mut visit: impl FnMut(usize, Option<usize>, Option<usize>),
) {
    let begin = |list: &[u16]| list.partition_point(|&unit| usize::from(unit) < units.start);
    let at = |list: &[u16], place: usize| {
        list.get(place)
            .map_or(usize::MAX, |&unit| usize::from(unit))
    };
    let (mut i, mut j) = (begin(a), begin(b));
    loop {
        let (x, y) = (at(a, i), at(b, j));
        let unit = x.min(y);
        if unit >= units.end {
            return;
        }
        visit(unit, (x == unit).then_some(i), (y == unit).then_some(j));
        i += usize::from(x == unit);
        j += usize::from(y == unit);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Ones,
    Reals,
    Mixed,
    Dense,
}

/// The fastest form for what is to be read. Lists of ones have no plane to be read from instead; lists of reals do.
fn choose_form(positive: &Phase, negative: &Phase) -> Form {
    match (lists_to_read(positive), lists_to_read(negative)) {
        (Lists::Ones, Lists::Ones) => Form::Ones,
        (Lists::Dense, Lists::Ones) | (Lists::Ones, Lists::Dense) => Form::Mixed,
        (Lists::Dense, _) | (_, Lists::Dense) => Form::Dense,
        (Lists::Reals, Lists::Reals) => {
            let listed = (positive.lower.listed() + negative.lower.listed()) as f32;
            let all = (2 * positive.lower.rows() * positive.lower.units()) as f32;
            if listed > DENSE_SHARE * all {
                Form::Dense
            } else {
                Form::Reals
            }
        }
        _ => Form::Reals,
    }
}

/// Which lists count in a phase: `Dense` where whole rows are to be read.
fn lists_to_read(phase: &Phase) -> Lists {
    match (phase.read, phase.lower.lists()) {
        (Read::Values, _) => Lists::Dense,
        (Read::Lists, Lists::None) => panic!("there are no lists to read"),
        (Read::Lists, lists) => lists,
    }
}

/// One pass over the weights.
struct Pass<'a> {
    capacity: usize,
    rows: usize,
    positive: Phase<'a>,
    negative: Phase<'a>,
    counts: &'a [u16],
    entries: &'a [u16],
    pairs: &'a [[f32; 2]],
    terms: Disjoint<'a, Line>,
    update: Update<'a>,
}

impl Pass<'_> {
    /// Binary lower units, `PANELS` panels from `panel`: eight or four independent sums hide the latency of addition.
    fn ones<const PANELS: usize>(&self, panel: usize) {
        let rows = self.rows;
        let room = panel * 3 * self.capacity;
        // SAFETY: each panel is visited by one task.
        let terms = unsafe { self.terms.take(room..room + 3 * rows * PANELS) };
        for row in 0..rows {
            for p in 0..PANELS {
                let a = self.upper_line(self.positive.upper, row, panel + p);
                let b = self.upper_line(self.negative.upper, row, panel + p);
                terms[row * PANELS + p] = a;
                terms[(rows + row) * PANELS + p] = Line::ZERO.sub(b);
                terms[(2 * rows + row) * PANELS + p] = a.sub(b);
            }
        }
        let terms = &terms[..3 * rows * PANELS];
        self.update.panels::<PANELS>(panel, |unit| {
            let list = &self.entries[unit * self.capacity..][..usize::from(self.counts[unit])];
            let mut sums = [Line::ZERO; PANELS];
            for &entry in list {
                let start = usize::from(entry) * PANELS;
                for (p, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: entries are below 3 · rows by construction.
                    *sum = sum.add(unsafe { *terms.get_unchecked(start + p) });
                }
            }
            sums
        });
    }

    /// Mostly-zero real lower units.
    fn reals(&self, panel: usize) {
        self.update.panels::<1>(panel, |unit| {
            let list = unit * self.capacity..unit * self.capacity + usize::from(self.counts[unit]);
            let mut sum = Line::ZERO;
            for (&row, &[x, y]) in self.entries[list.clone()].iter().zip(&self.pairs[list]) {
                let a = self.upper_line(self.positive.upper, row.into(), panel);
                let b = self.upper_line(self.negative.upper, row.into(), panel);
                sum = sum.add(a.scale(x).sub(b.scale(y)));
            }
            [sum]
        });
    }

    /// Whole rows.
    fn dense(&self, panel: usize) {
        self.update.panels::<1>(panel, |unit| {
            let mut sum = Line::ZERO;
            for row in 0..self.rows {
                let a = self.upper_line(self.positive.upper, row, panel);
                let b = self.upper_line(self.negative.upper, row, panel);
                let x = self.positive.lower.plane_row(row, self.positive.read)[unit];
                let y = self.negative.lower.plane_row(row, self.negative.read)[unit];
                sum = sum.add(a.scale(x).sub(b.scale(y)));
            }
            [sum]
        });
    }

    #[inline(always)]
    fn upper_line(&self, activity: &Activity, row: usize, panel: usize) -> Line {
        activity.values()[row * activity.lines() + panel]
    }
}

/// What steps weights once their statistic is known.
struct Update<'a> {
    lower: usize,
    upper: usize,
    step: Step,
    inverse_rows: f32,
    forward: Disjoint<'a, Line>,
    backward: Disjoint<'a, Line>,
    velocity: Disjoint<'a, Line>,
    finite: &'a AtomicBool,
}

impl Update<'_> {
    /// Takes the statistic of each lower unit and steps its weights, then refreshes the other layout.
    #[inline(always)]
    fn panels<const PANELS: usize>(
        &self,
        panel: usize,
        statistic: impl Fn(usize) -> [Line; PANELS],
    ) {
        let lower = self.lower;
        let mut bad = U32x4::splat(0);
        let own = panel * lower..(panel + PANELS) * lower;
        // SAFETY: each panel is visited by one task.
        let (forward, velocity) =
            unsafe { (self.forward.take(own.clone()), self.velocity.take(own)) };
        for first in (0..lower).step_by(LINE) {
            let units = first..lower.min(first + LINE);
            for unit in units.clone() {
                let sums = statistic(unit);
                for (p, sum) in sums.into_iter().enumerate() {
                    let place = p * lower + unit;
                    let (w, v) = step_line(
                        forward[place],
                        velocity[place],
                        sum,
                        self.inverse_rows,
                        self.step,
                    );
                    forward[place] = w;
                    velocity[place] = v;
                    bad = bad.or(not_finite(w));
                }
            }
            for p in 0..PANELS {
                let updated = &forward[p * lower + units.start..p * lower + units.end];
                // SAFETY: each panel is visited by one task.
                unsafe { refresh_backward(&self.backward, self.upper, panel + p, first, updated) };
            }
        }
        if bad.any() {
            self.finite.store(false, Ordering::Relaxed);
        }
    }
}

/// One step for sixteen weights: the new weights and velocities.
#[inline(always)]
fn step_line(
    w: Line,
    velocity: Line,
    statistic: Line,
    inverse_rows: f32,
    step: Step,
) -> (Line, Line) {
    let gradient = statistic.scale(inverse_rows).sub(w.scale(step.cost));
    let velocity = velocity
        .scale(step.momentum)
        .add(gradient.scale(step.rate))
        .map(flush);
    (w.add(velocity), velocity)
}

/// Numbers below the smallest normal one become +0.
#[inline(always)]
fn flush(x: F32x4) -> F32x4 {
    let tiny = x.abs().less(F32x4::splat(f32::MIN_POSITIVE));
    x.bits().and_not(tiny).as_floats()
}

/// Bits where a value is infinite or NaN: only then does it differ from itself by something that is not zero.
#[inline(always)]
fn not_finite(line: Line) -> U32x4 {
    let bits = |k: usize| line.0[k].sub(line.0[k]).not_equal(F32x4::ZERO);
    bits(0).or(bits(1)).or(bits(2).or(bits(3)))
}

/// Steps the biases of a layer: the statistic adds `a_r − b_r` for cases in ascending order. A batch without rows changes
/// nothing. False where a bias is no longer finite. `bias` and `velocity` are lines padded with zeros.
pub fn learn_bias(
    bias: &mut [Line],
    velocity: &mut [Line],
    (positive, read_positive): (&Activity, Read),
    (negative, read_negative): (&Activity, Read),
    step: Step,
) -> bool {
    assert!(positive.units() == negative.units() && positive.rows() == negative.rows());
    let (rows, lines) = (positive.rows(), positive.lines());
    if rows == 0 {
        return true;
    }
    let room = || zeroed(lines, Line::ZERO).expect("memory for one row");
    let mut statistic = room();
    let both_listed = (read_positive, read_negative) == (Read::Lists, Read::Lists);
    if both_listed && (positive.lists(), negative.lists()) == (Lists::Ones, Lists::Ones) {
        // Whole numbers below 2^24: every order of adding gives the same sum.
        let sums = floats_mut(&mut statistic);
        for row in 0..rows {
            for &unit in positive.list(row) {
                sums[usize::from(unit)] += 1.0;
            }
            for &unit in negative.list(row) {
                sums[usize::from(unit)] -= 1.0;
            }
        }
    } else {
        let (mut room_a, mut room_b) = (room(), room());
        for row in 0..rows {
            let a = positive.row_lines(row, read_positive, &mut room_a);
            let b = negative.row_lines(row, read_negative, &mut room_b);
            for ((sum, &a), &b) in statistic.iter_mut().zip(a).zip(b) {
                *sum = sum.add(a.sub(b));
            }
        }
    }
    step_biases(bias, velocity, &statistic, 1.0 / rows as f32, step)
}

/// Steps the biases of a layer by a given gradient, one number a unit, already a mean over rows. False where a bias is
/// no longer finite.
pub fn step_bias(bias: &mut [Line], velocity: &mut [Line], gradient: &[f32], step: Step) -> bool {
    let mut statistic = zeroed(lines_for(gradient.len()), Line::ZERO).expect("memory for one row");
    floats_mut(&mut statistic)[..gradient.len()].copy_from_slice(gradient);
    step_biases(bias, velocity, &statistic, 1.0, step)
}

fn step_biases(
    bias: &mut [Line],
    velocity: &mut [Line],
    statistic: &[Line],
    inverse_rows: f32,
    step: Step,
) -> bool {
    assert!(bias.len() >= statistic.len() && velocity.len() >= statistic.len());
    let mut bad = U32x4::splat(0);
    for ((bias, velocity), &statistic) in bias.iter_mut().zip(velocity).zip(statistic) {
        (*bias, *velocity) = step_line(*bias, *velocity, statistic, inverse_rows, step);
        bad = bad.or(not_finite(*bias));
    }
    !bad.any()
}
