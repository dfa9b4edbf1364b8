//! Statistics of two phases and the update that they drive, in one pass over the weights.
//!
//! The contract: the statistic of a weight starts at +0 and adds, for cases r in ascending order,
//! `(v0_r · h0_r) − (v1_r · h1_r)`: two products, a difference and a sum, each rounded to f32. Index 0 is the positive
//! phase (data), 1 the negative one (reconstruction). A case in which `v0` and `v1` are both zero may be left out; where
//! one phase has fewer rows, its further ones are zero, and where the negative one has none, only products are added. Rows that are weighed have their `h` multiplied first. Corrections
//! of rank one, `a_i · B_j`, are added in turn. Then, with `rows` those of the positive phase,
//!
//! `gradient = statistic · (1 / rows) − cost · w − lasso · sign(w)`, and the rule (`Rule`) takes a step; by default
//! `velocity ← momentum · velocity + rate · gradient`, subnormal velocities flushed to 0, `w ← w + velocity`.
//!
//! For binary lower units a term is `h0`, `−h1` or `h0 − h1`, so
//! 1. each lower unit gets the list of its cases: which of the three terms, which row (`entries`);
//! 2. for each pair of panels of upper units the three kinds of terms are laid out one after another (`terms`);
//! 3. a statistic is then a sum of listed lines; those of sixteen lower units are put aside, then their weights take a step
//!    and the other layout of them is refreshed.
//!
//! Mostly-zero real lower units keep their two values in the list. Dense ones have the two values of every case laid out
//! unit by unit, and a few units at a time take the same lines of the upper units. All forms give the same bits.

use crate::activity::{Activity, Lists, Read};
use crate::disjoint::{Disjoint, Pool};
use crate::lanes::{F32x4, LINE, Line, U32x4, floats_mut, lines_for};
use crate::memory::zeroed;
use crate::weights::{Weights, read_panels, refresh_backward, write_panels};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};

/// A case's number and the kind of its term share 16 bits.
pub const MAX_ROWS: usize = 65_535 / 3;

/// Above this share of cases in which a real unit is not zero, whole rows are faster than lists.
const DENSE_SHARE: f32 = 0.3;

/// The same where there is one phase, whose lists are summed two panels at once.
const DENSE_SHARE_OF_ONE_PHASE: f32 = 0.7;

/// Lower units whose dense sums are made together.
const DENSE_UNITS: usize = 2;

/// Lower units whose lists one task makes.
const LISTED_TOGETHER: usize = 64;

/// One step of gradient ascent.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub rate: f32,
    pub rule: Rule,
    /// L2 cost: `cost · w` is taken off the gradient.
    pub cost: f32,
    /// L1 cost: `lasso · sign(w)` is taken off the gradient.
    pub lasso: f32,
}

/// How a gradient moves a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// `velocity ← momentum · velocity + rate · gradient`; the parameter moves by it or, with `nesterov`, by
    /// `momentum · velocity + rate · gradient` (Sutskever et al. 2013).
    Momentum { momentum: f32, nesterov: bool },
    /// Adam (Kingma and Ba 2015): `velocity` is the mean of gradients, `square` that of their squares; the corrections
    /// are `1 / (1 − decay^t)`.
    Adam {
        first_decay: f32,
        second_decay: f32,
        epsilon: f32,
        first_correction: f32,
        second_correction: f32,
    },
}

impl Step {
    /// With plain momentum and an L2 cost.
    pub const fn with_momentum(rate: f32, momentum: f32, cost: f32) -> Step {
        Step {
            rate,
            rule: Rule::Momentum {
                momentum,
                nesterov: false,
            },
            cost,
            lasso: 0.0,
        }
    }
}

impl Rule {
    fn keeps_squares(&self) -> bool {
        matches!(self, Rule::Adam { .. })
    }
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
    /// Of Adam; empty where never needed.
    squares: Vec<Line>,
    counts: Vec<u16>,
    entries: Vec<u16>,
    pairs: Vec<[f32; 2]>,
    terms: Vec<Line>,
    /// Of the next update: `(a, B)` each.
    corrections: Vec<(Vec<f32>, Vec<Line>)>,
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
            squares: Vec::new(),
            counts: zeroed(lower, 0)?,
            entries: zeroed(lower.checked_mul(capacity)?, 0)?,
            pairs: Vec::new(),
            terms: zeroed(panels.checked_mul(3 * capacity)?, Line::ZERO)?,
            corrections: Vec::new(),
        })
    }

    /// Velocities as `[upper, lower]`, row-major.
    pub fn read_velocity(&self, out: &mut [f32]) {
        read_panels(&self.velocity, self.lower, self.upper, out);
    }

    pub fn write_velocity(&mut self, values: &[f32]) {
        write_panels(&mut self.velocity, self.lower, self.upper, values);
    }

    /// Adam's means of squares as `[upper, lower]`, row-major; zero before its first update.
    pub fn read_squares(&self, out: &mut [f32]) {
        if self.squares.is_empty() {
            out.fill(0.0);
        } else {
            read_panels(&self.squares, self.lower, self.upper, out);
        }
    }

    /// `None` where memory is out.
    pub fn write_squares(&mut self, values: &[f32]) -> Option<()> {
        self.begin_squares()?;
        write_panels(&mut self.squares, self.lower, self.upper, values);
        Some(())
    }

    fn begin_squares(&mut self) -> Option<()> {
        if self.squares.is_empty() {
            self.squares = zeroed(self.velocity.len(), Line::ZERO)?;
        }
        Some(())
    }

    /// Adds `lower_i · upper_j` to the statistics of the next update. `None` where memory is out.
    pub fn correct(&mut self, lower: &[f32], upper: &[f32]) -> Option<()> {
        let mut a = zeroed(self.lower, 0.0)?;
        a.copy_from_slice(&lower[..self.lower]);
        let mut b = zeroed(lines_for(self.upper), Line::ZERO)?;
        floats_mut(&mut b)[..self.upper].copy_from_slice(&upper[..self.upper]);
        self.corrections.push((a, b));
        Some(())
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
        let cases = rows.max(negative.lower.rows());
        assert!(
            positive.upper.rows() == rows && negative.upper.rows() == negative.lower.rows(),
            "the layers of a phase have the same rows"
        );
        assert!(
            cases <= self.capacity,
            "{cases} cases where there is room for {}",
            self.capacity
        );
        if step.rule.keeps_squares() {
            self.begin_squares()?;
        }
        assert!(positive.lower.units() == self.lower && negative.lower.units() == self.lower);
        assert!(positive.upper.units() == self.upper && negative.upper.units() == self.upper);
        assert!(weights.lower() == self.lower && weights.upper() == self.upper);
        let form = choose_form(&positive, &negative);
        let single = negative.lower.rows() == 0;
        match form {
            Form::Ones => self.list_cases::<false>(pool, positive.lower, negative.lower),
            Form::Reals => {
                self.begin_pairs()?;
                self.list_cases::<true>(pool, positive.lower, negative.lower);
            }
            Form::Dense => {
                self.begin_pairs()?;
                if single {
                    self.turn_cases(pool, cases, &positive);
                } else {
                    self.pair_all_cases(pool, cases, [&positive, &negative]);
                }
            }
        }
        let finite = AtomicBool::new(true);
        let panels = lines_for(self.upper);
        let (forward, backward) = weights.parts();
        let corrections = core::mem::take(&mut self.corrections);
        let pass = Pass {
            capacity: self.capacity,
            cases,
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
                squares: Disjoint::new(&mut self.squares),
                corrections: &corrections,
                finite: &finite,
            },
        };
        if rows > 0 {
            pool.each(
                panels.div_ceil(2),
                &|task| match (form, 2 * task + 1 < panels) {
                    (Form::Ones, true) => pass.ones::<2>(2 * task),
                    (Form::Ones, false) => pass.ones::<1>(2 * task),
                    (Form::Reals, true) if single => pass.reals_of_one_phase::<2>(2 * task),
                    (Form::Reals, false) if single => pass.reals_of_one_phase::<1>(2 * task),
                    (_, two) => {
                        for panel in 2 * task..2 * task + 1 + usize::from(two) {
                            match (form, single) {
                                (Form::Reals, _) => pass.reals(panel),
                                (_, false) => pass.dense(panel),
                                (_, true) => pass.dense_of_one_phase(panel),
                            }
                        }
                    }
                },
            );
        }
        Some(finite.into_inner())
    }

    /// Applies one update whose gradient is given: `[upper, lower]`, row-major, already a mean over rows. False where a
    /// weight or velocity is no longer finite; `None` where memory is out.
    pub fn step(
        &mut self,
        pool: &Pool,
        weights: &mut Weights,
        gradient: &[f32],
        step: Step,
    ) -> Option<bool> {
        let (lower, upper) = (self.lower, self.upper);
        assert!(gradient.len() == lower * upper);
        assert!(weights.lower() == lower && weights.upper() == upper);
        if step.rule.keeps_squares() {
            self.begin_squares()?;
        }
        let corrections = core::mem::take(&mut self.corrections);
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
            squares: Disjoint::new(&mut self.squares),
            corrections: &corrections,
            finite: &finite,
        };
        pool.each(lines_for(upper), &|panel| {
            let first = panel * LINE;
            update.panels::<1, 1>(panel, |unit| {
                let mut line = Line::ZERO;
                for (k, value) in line.floats_mut()[..LINE.min(upper - first)]
                    .iter_mut()
                    .enumerate()
                {
                    *value = gradient[(first + k) * lower + unit];
                }
                [[line]]
            });
        });
        Some(finite.into_inner())
    }

    fn begin_pairs(&mut self) -> Option<()> {
        if self.pairs.is_empty() {
            self.pairs = zeroed(self.lower.checked_mul(self.capacity)?, [0.0; 2])?;
        }
        Some(())
    }

    /// For each lower unit, the ascending cases in which it is not zero in either phase. Of binary units the entry is
    /// `r` where it is on only in the positive phase, `cases + r` only in the negative one, `2 · cases + r` in both;
    /// otherwise (`PAIRS`) it is `r`, with both values beside it.
    fn list_cases<const PAIRS: bool>(
        &mut self,
        pool: &Pool,
        positive: &Activity,
        negative: &Activity,
    ) {
        let cases = positive.rows().max(negative.rows());
        let (lower, capacity) = (self.lower, self.capacity);
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
            for row in 0..cases {
                each_of_either(
                    list_of_case(positive, row),
                    list_of_case(negative, row),
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
                            entries[place] = (kind * cases + row) as u16;
                        }
                    },
                );
            }
        });
    }

    /// For each lower unit its value in every case, of one phase whose rows are whole.
    fn turn_cases(&mut self, pool: &Pool, cases: usize, phase: &Phase) {
        let (lower, capacity) = (self.lower, self.capacity);
        let values = Disjoint::new(self.pairs.as_flattened_mut());
        pool.each(lower.div_ceil(LISTED_TOGETHER), &|task| {
            let units = task * LISTED_TOGETHER..lower.min((task + 1) * LISTED_TOGETHER);
            // SAFETY: each task has its own block of units.
            let values = unsafe { values.take(units.start * capacity..units.end * capacity) };
            for case in 0..cases {
                let row = &phase.lower.plane_row(case, phase.read)[units.clone()];
                for (place, &value) in values[case..].iter_mut().step_by(capacity).zip(row) {
                    *place = value;
                }
            }
        });
    }

    /// For each lower unit both its values in every case, each phase in the form that it is to be read in.
    fn pair_all_cases(&mut self, pool: &Pool, cases: usize, phases: [&Phase; 2]) {
        let (lower, capacity) = (self.lower, self.capacity);
        let pairs = Disjoint::new(&mut self.pairs);
        pool.each(lower.div_ceil(LISTED_TOGETHER), &|task| {
            let units = task * LISTED_TOGETHER..lower.min((task + 1) * LISTED_TOGETHER);
            // SAFETY: each task has its own block of units.
            let pairs = unsafe { pairs.take(units.start * capacity..units.end * capacity) };
            for (side, phase) in phases.iter().enumerate() {
                for case in 0..cases {
                    let places = pairs[case..].iter_mut().step_by(capacity);
                    if case >= phase.lower.rows() {
                        places.for_each(|pair| pair[side] = 0.0);
                    } else if lists_to_read(phase) == Lists::Ones {
                        places.for_each(|pair| pair[side] = 0.0);
                        for &unit in listed_in(phase.lower.list(case), &units) {
                            let local = usize::from(unit) - units.start;
                            pairs[local * capacity + case][side] = 1.0;
                        }
                    } else {
                        let values = &phase.lower.plane_row(case, phase.read)[units.clone()];
                        places
                            .zip(values)
                            .for_each(|(pair, &value)| pair[side] = value);
                    }
                }
            }
        });
    }
}

/// The list of a case; empty where the phase has fewer rows.
fn list_of_case(activity: &Activity, case: usize) -> &[u16] {
    if case < activity.rows() {
        activity.list(case)
    } else {
        &[]
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
    Dense,
}

/// The fastest form for what is to be read. Lists of ones have no plane to be read from instead; lists of reals do.
fn choose_form(positive: &Phase, negative: &Phase) -> Form {
    if negative.lower.rows() == 0 {
        let listed = positive.lower.listed() as f32;
        let all = (positive.lower.rows() * positive.lower.units()) as f32;
        return match lists_to_read(positive) {
            Lists::Ones => Form::Ones,
            Lists::Reals if listed <= DENSE_SHARE_OF_ONE_PHASE * all => Form::Reals,
            _ => Form::Dense,
        };
    }
    match (lists_to_read(positive), lists_to_read(negative)) {
        (Lists::Ones, Lists::Ones) => Form::Ones,
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
    cases: usize,
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
        let cases = self.cases;
        let room = panel * 3 * self.capacity;
        // SAFETY: each panel is visited by one task.
        let terms = unsafe { self.terms.take(room..room + 3 * cases * PANELS) };
        for case in 0..cases {
            for p in 0..PANELS {
                let a = upper_line(self.positive.upper, case, panel + p);
                let b = upper_line(self.negative.upper, case, panel + p);
                terms[case * PANELS + p] = a;
                terms[(cases + case) * PANELS + p] = Line::ZERO.sub(b);
                terms[(2 * cases + case) * PANELS + p] = a.sub(b);
            }
        }
        let terms = &terms[..3 * cases * PANELS];
        self.update.panels::<PANELS, 1>(panel, |unit| {
            let list = &self.entries[unit * self.capacity..][..usize::from(self.counts[unit])];
            let mut sums = [Line::ZERO; PANELS];
            for &entry in list {
                let start = usize::from(entry) * PANELS;
                for (p, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: entries are below 3 · cases by construction.
                    *sum = sum.add(unsafe { *terms.get_unchecked(start + p) });
                }
            }
            [sums]
        });
    }

    /// Mostly-zero real lower units.
    fn reals(&self, panel: usize) {
        self.update.panels::<1, 1>(panel, |unit| {
            let list = unit * self.capacity..unit * self.capacity + usize::from(self.counts[unit]);
            let mut sum = Line::ZERO;
            for (&row, &[x, y]) in self.entries[list.clone()].iter().zip(&self.pairs[list]) {
                let a = upper_line(self.positive.upper, row.into(), panel);
                let b = upper_line(self.negative.upper, row.into(), panel);
                sum = sum.add(a.scale(x).sub(b.scale(y)));
            }
            [[sum]]
        });
    }

    /// Mostly-zero real lower units of one phase, as many panels at once as with `ones`.
    fn reals_of_one_phase<const PANELS: usize>(&self, panel: usize) {
        let terms = self.terms_of_one_phase::<PANELS>(panel);
        self.update.panels::<PANELS, 1>(panel, |unit| {
            let list = unit * self.capacity..unit * self.capacity + usize::from(self.counts[unit]);
            let mut sums = [Line::ZERO; PANELS];
            for (&row, &[x, _]) in self.entries[list.clone()].iter().zip(&self.pairs[list]) {
                let start = usize::from(row) * PANELS;
                for (p, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: entries are below `cases` by construction.
                    *sum = sum.add_scaled(unsafe { *terms.get_unchecked(start + p) }, x);
                }
            }
            [sums]
        });
    }

    /// Every case of every lower unit of one phase; two units at once share the lines of the upper units.
    fn dense_of_one_phase(&self, panel: usize) {
        let terms = self.terms_of_one_phase::<1>(panel);
        let values = self.pairs.as_flattened();
        let of_unit = |unit: usize| &values[unit * self.capacity..][..self.cases];
        self.update.panels::<1, 2>(panel, |first| {
            // Beyond the last unit it stands in, and its sum is not used.
            let second = self.update.lower.min(first + 2) - 1;
            let (mut a, mut b) = (Line::ZERO, Line::ZERO);
            for ((&line, &x), &y) in terms.iter().zip(of_unit(first)).zip(of_unit(second)) {
                a = a.add_scaled(line, x);
                b = b.add_scaled(line, y);
            }
            [[a], [b]]
        });
    }

    /// Panels' lines of the upper units, case after case, of the positive phase.
    fn terms_of_one_phase<const PANELS: usize>(&self, panel: usize) -> &[Line] {
        let room = panel * 3 * self.capacity;
        // SAFETY: each panel is visited by one task.
        let terms = unsafe { self.terms.take(room..room + self.cases * PANELS) };
        for (case, terms) in terms.chunks_exact_mut(PANELS).enumerate() {
            for (p, term) in terms.iter_mut().enumerate() {
                *term = upper_line(self.positive.upper, case, panel + p);
            }
        }
        terms
    }

    /// Every case of every lower unit; `DENSE_UNITS` at once share the lines of the upper units.
    fn dense(&self, panel: usize) {
        let cases = self.cases;
        let room = panel * 3 * self.capacity;
        // SAFETY: each panel is visited by one task.
        let terms = unsafe { self.terms.take(room..room + 2 * cases) };
        for (case, terms) in terms.chunks_exact_mut(2).enumerate() {
            terms[0] = upper_line(self.positive.upper, case, panel);
            terms[1] = upper_line(self.negative.upper, case, panel);
        }
        let terms = &*terms;
        let pairs = |unit: usize| &self.pairs[unit * self.capacity..][..cases];
        self.update.panels::<1, DENSE_UNITS>(panel, |first| {
            // Beyond the last unit it stands in, and its sum is not used.
            let pairs: [_; DENSE_UNITS] =
                core::array::from_fn(|u| pairs(self.update.lower.min(first + u + 1) - 1));
            let mut sums = [[Line::ZERO]; DENSE_UNITS];
            for (case, terms) in terms.chunks_exact(2).enumerate() {
                for ([sum], pairs) in sums.iter_mut().zip(pairs) {
                    let [x, y] = pairs[case].map(F32x4::splat);
                    let term = terms[0].zip(terms[1], |a, b| a.mul(x).sub(b.mul(y)));
                    *sum = sum.add(term);
                }
            }
            sums
        });
    }
}

/// Sixteen upper units of a case, as much as its row counts; zero where the phase has fewer rows.
#[inline(always)]
fn upper_line(activity: &Activity, case: usize, panel: usize) -> Line {
    if case >= activity.rows() {
        return Line::ZERO;
    }
    let line = activity.values()[case * activity.lines() + panel];
    if activity.has_row_weights() {
        line.scale(activity.row_weight(case))
    } else {
        line
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
    squares: Disjoint<'a, Line>,
    corrections: &'a [(Vec<f32>, Vec<Line>)],
    finite: &'a AtomicBool,
}

impl Update<'_> {
    /// Takes the statistics of `UNITS` lower units at a time, and steps the weights of sixteen with them. The sums are put
    /// aside first, and nothing else stands between their stores: a host that can then does two quarters of a line at once.
    #[inline(always)]
    fn panels<const PANELS: usize, const UNITS: usize>(
        &self,
        panel: usize,
        statistic: impl Fn(usize) -> [[Line; PANELS]; UNITS],
    ) {
        const { assert!(LINE.is_multiple_of(UNITS)) };
        let mut sums = [[Line::ZERO; PANELS]; LINE];
        for first in (0..self.lower).step_by(LINE) {
            let units = first..self.lower.min(first + LINE);
            for (unit, sums) in units
                .clone()
                .step_by(UNITS)
                .zip(sums.chunks_exact_mut(UNITS))
            {
                sums.copy_from_slice(&statistic(unit));
            }
            self.step_units(panel, PANELS, units, sums.as_flattened());
        }
    }

    /// Steps the weights of up to sixteen lower units by their sums, unit by unit, then refreshes the other layout.
    #[inline(never)]
    fn step_units(&self, panel: usize, panels: usize, units: Range<usize>, sums: &[Line]) {
        let lower = self.lower;
        let mut bad = U32x4::splat(0);
        for p in 0..panels {
            let own = (panel + p) * lower + units.start..(panel + p) * lower + units.end;
            let squares = if self.step.rule.keeps_squares() {
                own.clone()
            } else {
                0..0
            };
            // SAFETY: each panel is visited by one task.
            let (forward, velocity, squares) = unsafe {
                (
                    self.forward.take(own.clone()),
                    self.velocity.take(own),
                    self.squares.take(squares),
                )
            };
            let sums = sums.iter().skip(p).step_by(panels);
            let parameters = forward.iter_mut().zip(velocity.iter_mut()).zip(sums);
            match self.step.plain_momentum() {
                Some(momentum) if self.corrections.is_empty() => {
                    for ((parameter, velocity), &sum) in parameters {
                        let gradient = self.step.gradient(*parameter, sum, self.inverse_rows);
                        let slope = gradient.scale(self.step.rate);
                        *velocity = velocity.scale(momentum).add(slope).map(flush);
                        *parameter = parameter.add(*velocity);
                        bad = bad.or(not_finite(*parameter));
                    }
                }
                _ => {
                    for (place, ((parameter, velocity), &sum)) in parameters.enumerate() {
                        let unit = units.start + place;
                        let corrected = (self.corrections.iter())
                            .fold(sum, |sum, (a, b)| sum.add(b[panel + p].scale(a[unit])));
                        let mut moved = Moved {
                            parameter: *parameter,
                            velocity: *velocity,
                            square: squares.get(place).copied().unwrap_or(Line::ZERO),
                        };
                        self.step.take(&mut moved, corrected, self.inverse_rows);
                        *parameter = moved.parameter;
                        *velocity = moved.velocity;
                        if let Some(square) = squares.get_mut(place) {
                            *square = moved.square;
                        }
                        bad = bad.or(not_finite(moved.parameter));
                    }
                }
            }
            // SAFETY: each panel is visited by one task.
            unsafe {
                refresh_backward(&self.backward, self.upper, panel + p, units.start, forward);
            }
        }
        if bad.any() {
            self.finite.store(false, Ordering::Relaxed);
        }
    }
}

/// Sixteen parameters and what their rule keeps of them.
struct Moved {
    parameter: Line,
    velocity: Line,
    square: Line,
}

impl Step {
    /// The momentum of the commonest rule, where nothing else is asked for.
    fn plain_momentum(&self) -> Option<f32> {
        match self.rule {
            Rule::Momentum {
                momentum,
                nesterov: false,
            } if self.lasso == 0.0 => Some(momentum),
            _ => None,
        }
    }

    #[inline(always)]
    fn gradient(&self, w: Line, statistic: Line, inverse_rows: f32) -> Line {
        statistic.scale(inverse_rows).sub(w.scale(self.cost))
    }

    /// Moves sixteen parameters by their statistic.
    fn take(&self, moved: &mut Moved, statistic: Line, inverse_rows: f32) {
        let w = moved.parameter;
        let mut gradient = self.gradient(w, statistic, inverse_rows);
        if self.lasso != 0.0 {
            gradient = gradient.sub(w.map(sign).scale(self.lasso));
        }
        match self.rule {
            Rule::Momentum { momentum, nesterov } => {
                let slope = gradient.scale(self.rate);
                let velocity = moved.velocity.scale(momentum).add(slope).map(flush);
                moved.velocity = velocity;
                moved.parameter = if nesterov {
                    w.add(velocity.scale(momentum).add(slope))
                } else {
                    w.add(velocity)
                };
            }
            Rule::Adam {
                first_decay,
                second_decay,
                epsilon,
                first_correction,
                second_correction,
            } => {
                let mean = |old: Line, new: Line, decay: f32| {
                    old.scale(decay).add(new.scale(1.0 - decay)).map(flush)
                };
                moved.velocity = mean(moved.velocity, gradient, first_decay);
                let square = gradient.zip(gradient, F32x4::mul);
                moved.square = mean(moved.square, square, second_decay);
                let size = moved.square.scale(second_correction).map(F32x4::sqrt);
                let slope = moved.velocity.scale(first_correction * self.rate);
                let epsilon = F32x4::splat(epsilon);
                moved.parameter =
                    w.add(slope.zip(size, |slope, size| slope.div(size.add(epsilon))));
            }
        }
    }
}

/// −1, 0 or 1.
#[inline(always)]
fn sign(x: F32x4) -> F32x4 {
    let one = F32x4::splat(1.0).bits();
    let above = one.and(F32x4::ZERO.less(x)).as_floats();
    let below = one.and(x.less(F32x4::ZERO)).as_floats();
    above.sub(below)
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

/// A layer's biases with what their rule keeps; lines padded with zeros. `square` is empty but for Adam.
pub struct Biases<'a> {
    pub bias: &'a mut [Line],
    pub velocity: &'a mut [Line],
    pub square: &'a mut [Line],
}

/// Steps the biases of a layer: the statistic adds `a_r − b_r` for cases in ascending order, each as much as its row
/// counts. A batch without rows changes nothing. False where a bias is no longer finite.
pub fn learn_bias(
    biases: Biases,
    positive: (&Activity, Read),
    negative: (&Activity, Read),
    step: Step,
) -> bool {
    let rows = positive.0.rows();
    if rows == 0 {
        return true;
    }
    let mut statistic = zeroed(positive.0.lines(), Line::ZERO).expect("memory for one row");
    add_difference(&mut statistic, positive, negative);
    step_biases(biases, &statistic, 1.0 / rows as f32, step)
}

/// `statistic += Σ_r a_r − b_r`, cases ascending; a phase with fewer rows adds zero.
fn add_difference(
    statistic: &mut [Line],
    (positive, read_positive): (&Activity, Read),
    (negative, read_negative): (&Activity, Read),
) {
    assert!(positive.units() == negative.units());
    let counts = [(positive, read_positive), (negative, read_negative)]
        .iter()
        .all(|(activity, read)| {
            (*read, activity.lists()) == (Read::Lists, Lists::Ones) && !activity.has_row_weights()
        });
    if counts {
        // Whole numbers below 2^24: every order of adding gives the same sum.
        let sums = floats_mut(statistic);
        for (activity, one) in [(positive, 1.0), (negative, -1.0)] {
            for row in 0..activity.rows() {
                for &unit in activity.list(row) {
                    sums[usize::from(unit)] += one;
                }
            }
        }
        return;
    }
    let room = || zeroed(positive.lines(), Line::ZERO).expect("memory for one row");
    let (mut room_a, mut room_b, zero) = (room(), room(), room());
    for case in 0..positive.rows().max(negative.rows()) {
        let a = case_lines(positive, read_positive, case, &mut room_a).unwrap_or(&zero);
        let b = case_lines(negative, read_negative, case, &mut room_b).unwrap_or(&zero);
        for ((sum, &a), &b) in statistic.iter_mut().zip(a).zip(b) {
            *sum = sum.add(a.sub(b));
        }
    }
}

/// A case's row as much as it counts; `None` where the phase has fewer rows.
fn case_lines<'a>(
    activity: &'a Activity,
    read: Read,
    case: usize,
    room: &'a mut [Line],
) -> Option<&'a [Line]> {
    if case >= activity.rows() {
        return None;
    }
    if !activity.has_row_weights() {
        return Some(activity.row_lines(case, read, room));
    }
    let weight = activity.row_weight(case);
    let mut spread = vec![Line::ZERO; room.len()];
    let lines = activity.row_lines(case, read, &mut spread);
    for (out, line) in room.iter_mut().zip(lines) {
        *out = line.scale(weight);
    }
    Some(room)
}

/// `out[unit] += Σ_r f_r · x_r` over the rows of an activity in ascending order, each as much as it counts; `factors` are
/// the f, all 1 where there are none.
pub fn add_column_sums(activity: &Activity, read: Read, factors: Option<&[f32]>, out: &mut [Line]) {
    assert!(factors.is_none_or(|factors| factors.len() >= activity.rows()));
    let mut room = zeroed(activity.lines(), Line::ZERO).expect("memory for one row");
    for row in 0..activity.rows() {
        let factor = factors.map_or(1.0, |factors| factors[row]) * activity.row_weight(row);
        for (sum, line) in out.iter_mut().zip(activity.row_lines(row, read, &mut room)) {
            *sum = sum.add(line.scale(factor));
        }
    }
}

/// Steps the biases of a layer by a given gradient, one number a unit, already a mean over rows. False where a bias is
/// no longer finite.
pub fn step_bias(biases: Biases, gradient: &[f32], step: Step) -> bool {
    let mut statistic = zeroed(lines_for(gradient.len()), Line::ZERO).expect("memory for one row");
    floats_mut(&mut statistic)[..gradient.len()].copy_from_slice(gradient);
    step_biases(biases, &statistic, 1.0, step)
}

fn step_biases(biases: Biases, statistic: &[Line], inverse_rows: f32, step: Step) -> bool {
    let Biases {
        bias,
        velocity,
        square,
    } = biases;
    let keeps_squares = step.rule.keeps_squares();
    assert!(bias.len() >= statistic.len() && velocity.len() >= statistic.len());
    assert!(!keeps_squares || square.len() >= statistic.len());
    let mut bad = U32x4::splat(0);
    for (line, &statistic) in statistic.iter().enumerate() {
        let mut moved = Moved {
            parameter: bias[line],
            velocity: velocity[line],
            square: square.get(line).copied().unwrap_or(Line::ZERO),
        };
        step.take(&mut moved, statistic, inverse_rows);
        bias[line] = moved.parameter;
        velocity[line] = moved.velocity;
        if keeps_squares {
            square[line] = moved.square;
        }
        bad = bad.or(not_finite(bias[line]));
    }
    !bad.any()
}
