//! What one layer does for a batch of rows.
//!
//! `values` is `[rows, units]`, row-major, each row padded with zeros to whole lines: total inputs, means or states.
//! Beside it a row may have drawn states: as a list of the ascending units that are not zero, with `reals` where they are
//! not all one, and, where states are not binary, also as a row of the plane `states` (of `values`, where those are the
//! states themselves).
//! Lists are what makes sparse propagation fast; they are written only here and in `units`, which keeps them
//! ascending and inside the layer, so that kernels may index by them unchecked.

use crate::disjoint::{Disjoint, Pool};
use crate::lanes::{F32x4, LINE, Line, floats, floats_mut, lines_for};
use crate::memory::zeroed;
use crate::random::Stream;
use crate::rows::{Rows, whole_rows};
use crate::sums::total;
use core::ops::Range;

/// Indices are 16 bits wide.
pub const MAX_UNITS: usize = 65_535;

/// What the lists hold at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// Nothing: only `values` counts.
    None,
    /// The units that are one.
    Ones,
    /// The units that are not zero, with their values.
    Reals,
    /// Nothing, since hardly any unit is zero: states are read from their plane.
    Dense,
}

/// Which of the two forms a kernel is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    Lists,
    Values,
}

pub struct Activity {
    capacity: usize,
    rows: usize,
    units: usize,
    lines: usize,
    values: Vec<Line>,
    /// States that are not binary, where `values` holds something else; empty where never asked for.
    states: Vec<Line>,
    states_are_apart: bool,
    lists: Lists,
    indices: Vec<u16>,
    reals: Vec<f32>,
    counts: Vec<u32>,
    /// How much each row counts in statistics; empty where all count alike, as 1.
    row_weights: Vec<f32>,
    /// How many draws a row's counts sum to (the length of a document); empty where never asked for.
    lengths: Vec<u32>,
}

impl Activity {
    /// Room for `capacity` rows; `None` where memory is out.
    pub fn new(capacity: usize, units: usize) -> Option<Activity> {
        assert!(units <= MAX_UNITS, "a layer has at most {MAX_UNITS} units");
        let lines = lines_for(units);
        Some(Activity {
            capacity,
            rows: capacity,
            units,
            lines,
            values: zeroed(capacity.checked_mul(lines)?, Line::ZERO)?,
            states: Vec::new(),
            states_are_apart: false,
            lists: Lists::None,
            indices: zeroed(capacity.checked_mul(lines * LINE)?, 0)?,
            reals: Vec::new(),
            counts: zeroed(capacity, 0)?,
            row_weights: Vec::new(),
            lengths: Vec::new(),
        })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn units(&self) -> usize {
        self.units
    }

    /// Lines of a row.
    pub fn lines(&self) -> usize {
        self.lines
    }

    pub fn lists(&self) -> Lists {
        self.lists
    }

    /// Uses the first `rows` rows from now on.
    pub fn set_rows(&mut self, rows: usize) {
        assert!(
            rows <= self.capacity,
            "{rows} rows in an activity of {}",
            self.capacity
        );
        self.rows = rows;
    }

    pub fn values(&self) -> &[Line] {
        &self.values[..self.rows * self.lines]
    }

    /// Writing values by hand drops the states.
    pub fn values_mut(&mut self) -> &mut [Line] {
        self.lists = Lists::None;
        self.states_are_apart = false;
        &mut self.values[..self.rows * self.lines]
    }

    pub fn row(&self, row: usize) -> &[f32] {
        self.plane_row(row, Read::Values)
    }

    /// Lets each row count as much as its weight in statistics; without weights all count as 1. One weight stands for all
    /// rows. `None` where memory is out.
    pub fn weigh_rows(&mut self, weights: &[f32]) -> Option<()> {
        assert!(weights.len() <= 1 || weights.len() == self.rows);
        if weights.is_empty() {
            self.row_weights = Vec::new();
            return Some(());
        }
        if self.row_weights.is_empty() {
            self.row_weights = zeroed(self.capacity, 0.0)?;
        }
        match weights {
            [all] => self.row_weights.fill(*all),
            each => self.row_weights[..each.len()].copy_from_slice(each),
        }
        Some(())
    }

    /// Whether rows count differently from 1.
    pub fn has_row_weights(&self) -> bool {
        !self.row_weights.is_empty()
    }

    /// How much a row counts in statistics.
    #[inline(always)]
    pub fn row_weight(&self, row: usize) -> f32 {
        self.row_weights.get(row).copied().unwrap_or(1.0)
    }

    /// The plane in which a form is found, `[rows, units]` in lines. A list of ones has none.
    #[inline(always)]
    fn plane(&self, read: Read) -> &[Line] {
        if read == Read::Lists && self.states_are_apart {
            &self.states
        } else {
            &self.values
        }
    }

    /// One row of the plane in which a form is found.
    #[inline(always)]
    pub fn plane_row(&self, row: usize, read: Read) -> &[f32] {
        &floats(&self.plane(read)[row * self.lines..][..self.lines])[..self.units]
    }

    /// One row in the form that it is to be read in; a list of ones is spread into `room`, which holds a row.
    pub fn row_lines<'a>(&'a self, row: usize, read: Read, room: &'a mut [Line]) -> &'a [Line] {
        match (read, self.lists) {
            (Read::Lists, Lists::None) => panic!("there are no lists to read"),
            (Read::Lists, Lists::Ones) => {
                room.fill(Line::ZERO);
                for &unit in self.list(row) {
                    floats_mut(room)[usize::from(unit)] = 1.0;
                }
                room
            }
            _ => &self.plane(read)[row * self.lines..][..self.lines],
        }
    }

    /// Takes `[rows, units]`, row-major without padding, and drops the lists.
    pub fn write(&mut self, values: &[f32]) {
        assert!(values.len() == self.rows * self.units);
        let (units, stride) = (self.units, self.lines * LINE);
        for (row, values) in values.chunks_exact(units.max(1)).enumerate() {
            floats_mut(self.values_mut())[row * stride..][..units].copy_from_slice(values);
        }
    }

    #[inline(always)]
    pub fn list(&self, row: usize) -> &[u16] {
        &self.indices[row * self.lines * LINE..][..self.counts[row] as usize]
    }

    #[inline(always)]
    pub fn reals(&self, row: usize) -> &[f32] {
        &self.reals[row * self.lines * LINE..][..self.counts[row] as usize]
    }

    /// How many units are listed over all rows.
    pub fn listed(&self) -> usize {
        self.counts[..self.rows]
            .iter()
            .map(|&count| count as usize)
            .sum()
    }

    /// How many draws each row's counts sum to; empty where nobody has said.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths[..self.rows.min(self.lengths.len())]
    }

    /// Says how many draws each row's counts sum to. `None` where memory is out.
    pub fn set_lengths(&mut self, lengths: &[u32]) -> Option<()> {
        if self.lengths.is_empty() {
            self.lengths = zeroed(self.capacity, 0)?;
        }
        self.lengths[..lengths.len()].copy_from_slice(lengths);
        Some(())
    }

    /// Takes the sum of each row's values, to the nearest whole number, as its length. `None` where memory is out.
    pub fn count_lengths(&mut self) -> Option<()> {
        let length = |row| {
            let sum = total(self.row(row).iter().map(|&x| f64::from(x)));
            (sum + 0.5) as u32
        };
        let lengths: Vec<u32> = (0..self.rows).map(length).collect();
        self.set_lengths(&lengths)
    }

    /// Starts each row's total inputs at the biases times the row's length.
    pub fn start_at_lengths(&mut self, bias: &[Line]) {
        assert!(
            self.lengths().len() == self.rows,
            "rows whose lengths nobody has said"
        );
        let lines = self.lines;
        for row in 0..self.rows {
            let length = self.lengths[row] as f32;
            let values = &mut self.values[row * lines..][..lines];
            for (value, bias) in values.iter_mut().zip(&bias[..lines]) {
                *value = bias.scale(length).add(Line::ZERO);
            }
        }
    }

    fn begin_reals(&mut self) -> Option<()> {
        if self.reals.is_empty() {
            self.reals = zeroed(self.capacity * self.lines * LINE, 0.0)?;
        }
        Some(())
    }

    /// Makes room for drawn states that are not binary. `None` where memory is out.
    pub fn reserve_states(&mut self) -> Option<()> {
        self.begin_reals()?;
        if self.states.is_empty() {
            self.states = zeroed(self.capacity * self.lines, Line::ZERO)?;
        }
        Some(())
    }

    /// For writing `values` and, as `lists` has it, states that are read from lists or from `values`.
    pub(crate) fn parts(&mut self, lists: Lists) -> Parts<'_> {
        self.parts_of(lists, false)
    }

    /// For drawing states that are not binary beside `values`; `reserve_states` comes first.
    pub(crate) fn parts_with_states(&mut self, lists: Lists) -> Parts<'_> {
        assert!(
            !self.states.is_empty() || self.capacity * self.lines == 0,
            "states that are not binary need room"
        );
        self.parts_of(lists, true)
    }

    /// For drawing states that are not binary into `values`; `reserve_states` comes first.
    pub(crate) fn parts_with_reals(&mut self, lists: Lists) -> Parts<'_> {
        assert!(
            !self.reals.is_empty() || self.capacity * self.lines == 0,
            "states that are not binary need room"
        );
        self.parts_of(lists, false)
    }

    fn parts_of(&mut self, lists: Lists, states_are_apart: bool) -> Parts<'_> {
        self.lists = lists;
        self.states_are_apart = states_are_apart;
        Parts {
            rows: self.rows,
            units: self.units,
            lines: self.lines,
            values: Disjoint::new(&mut self.values),
            states: Disjoint::new(if states_are_apart {
                &mut self.states
            } else {
                &mut []
            }),
            indices: Disjoint::new(&mut self.indices),
            reals: Disjoint::new(&mut self.reals),
            counts: Disjoint::new(&mut self.counts),
            lengths: &self.lengths,
        }
    }

    /// Lists what is not zero in `values`. `None` where memory is out.
    pub fn list_values(&mut self, pool: &Pool) -> Option<()> {
        self.begin_reals()?;
        let parts = self.parts(Lists::Reals);
        parts.each_row(pool, &|_, row| {
            let Row {
                values,
                indices,
                reals,
                count,
                ..
            } = row;
            let mut length = 0;
            for (line, &values) in values.iter().enumerate() {
                length = list_reals((indices, reals), length, line, values);
            }
            *count = length as u32;
        });
        Some(())
    }

    /// Writes the states into `values`, and keeps the lists.
    pub fn spread_lists(&mut self, pool: &Pool) {
        let lists = self.lists;
        assert!(lists != Lists::None, "there are no lists to spread");
        if lists == Lists::Dense {
            if self.states_are_apart {
                self.values.copy_from_slice(&self.states);
                self.states_are_apart = false;
            }
            return;
        }
        let parts = self.parts(lists);
        parts.each_row(pool, &|_, row| {
            row.values.fill(Line::ZERO);
            let values = floats_mut(row.values);
            for place in 0..*row.count as usize {
                let value = if lists == Lists::Ones {
                    1.0
                } else {
                    row.reals[place]
                };
                values[row.indices[place] as usize] = value;
            }
        });
    }

    /// Takes over rows of another activity in a given order, values and states, behind the first `kept` rows, which must have
    /// theirs in the same form. `None` where memory is out.
    pub fn copy_rows(&mut self, from: &Activity, rows: &[u32], kept: usize) -> Option<()> {
        assert!(self.units == from.units && kept <= self.rows);
        assert!(
            kept == 0 || (self.lists, self.states_are_apart) == (from.lists, from.states_are_apart),
            "rows whose states are in different forms"
        );
        self.set_rows(kept + rows.len());
        if from.states_are_apart {
            self.reserve_states()?;
        }
        if from.lists == Lists::Reals {
            self.begin_reals()?;
        }
        self.lists = from.lists;
        self.states_are_apart = from.states_are_apart;
        for (row, &other) in (kept..).zip(rows) {
            let other = other as usize;
            assert!(other < from.rows);
            let (to, source) = (row * self.lines, other * self.lines);
            self.values[to..to + self.lines].copy_from_slice(&from.values[source..][..from.lines]);
            if from.states_are_apart {
                self.states[to..to + self.lines]
                    .copy_from_slice(&from.states[source..][..from.lines]);
            }
            let listed = from.list(other);
            self.counts[row] = from.counts[other];
            self.indices[to * LINE..][..listed.len()].copy_from_slice(listed);
            if from.lists == Lists::Reals {
                self.reals[to * LINE..][..listed.len()].copy_from_slice(from.reals(other));
            }
        }
        Some(())
    }

    /// Keeps the numbers of rows that are known and takes those of `other`, as they are read, for the rest; lists what is
    /// not zero. `known` holds a byte for each number of a data set whose rows `order` names. `None` where memory is out.
    pub fn complete(
        &mut self,
        pool: &Pool,
        other: &Activity,
        read: Read,
        known: &[u8],
        order: &[u32],
    ) -> Option<()> {
        assert!(self.units == other.units && self.rows <= other.rows);
        assert!(
            read == Read::Values || other.lists != Lists::None,
            "there are no lists to read"
        );
        self.check_order(order, whole_rows(known.len(), self.units));
        if self.lists != Lists::None {
            self.spread_lists(pool);
        }
        let parts = self.parts(Lists::None);
        parts.each_row(pool, &|place, row| {
            let known = &known[order[place] as usize * row.units..][..row.units];
            let values = &mut floats_mut(row.values)[..row.units];
            let missing = |unit: usize| known[unit] == 0;
            if read == Read::Lists && other.lists == Lists::Ones {
                for (unit, value) in values.iter_mut().enumerate() {
                    *value = if missing(unit) { 0.0 } else { *value };
                }
                for &unit in other.list(place) {
                    let unit = usize::from(unit);
                    values[unit] = if missing(unit) { 1.0 } else { values[unit] };
                }
            } else {
                for (unit, &drawn) in other.plane_row(place, read).iter().enumerate() {
                    values[unit] = if missing(unit) { drawn } else { values[unit] };
                }
            }
        });
        self.list_values(pool)
    }

    /// Turns off the units that are dropped, in values and states: a unit stays with probability `keep`. The draw's row is
    /// the activity's row, so that the same stream drops the same units of another activity.
    pub fn drop_units(&mut self, pool: &Pool, keep: f32, stream: Stream) {
        let (lists, apart) = (self.lists, self.states_are_apart);
        let keep = Line::splat(keep);
        let parts = self.parts_of(lists, apart);
        parts.each_row(pool, &|index, row| {
            let listed = match lists {
                Lists::Ones | Lists::Reals => *row.count as usize,
                Lists::None | Lists::Dense => 0,
            };
            let (mut place, mut length) = (0, 0);
            for line in 0..row.values.len() {
                let uniform = stream.uniform_line(index as u32, line);
                for values in row
                    .values
                    .get_mut(line)
                    .into_iter()
                    .chain(row.states.get_mut(line))
                {
                    for (k, value) in values.0.iter_mut().enumerate() {
                        *value = uniform[k].less(keep.0[k]).choose(*value, F32x4::ZERO);
                    }
                }
                let on = on_below(uniform, keep);
                while place < listed && usize::from(row.indices[place]) / LINE == line {
                    let unit = row.indices[place];
                    row.indices[length] = unit;
                    if lists == Lists::Reals {
                        row.reals[length] = row.reals[place];
                    }
                    length += (on >> (usize::from(unit) % LINE) & 1) as usize;
                    place += 1;
                }
            }
            if listed > 0 {
                *row.count = length as u32;
            }
        });
    }

    /// Multiplies values, and the states that are listed as reals.
    pub fn scale(&mut self, pool: &Pool, factor: f32) {
        let (lists, apart) = (self.lists, self.states_are_apart);
        let parts = self.parts_of(lists, apart);
        parts.each_row(pool, &|_, row| {
            for values in row.values.iter_mut().chain(row.states.iter_mut()) {
                *values = values.scale(factor);
            }
            if lists == Lists::Reals {
                for value in &mut row.reals[..*row.count as usize] {
                    *value *= factor;
                }
            }
        });
    }

    fn check_order(&self, order: &[u32], rows: u32) {
        assert!(order.len() == self.rows);
        assert!(order.iter().all(|&row| row < rows), "of {rows} rows");
    }

    /// Reads rows `order[0..rows]` of a data set into values and lists of what is not zero.
    pub fn gather(&mut self, pool: &Pool, data: &impl Rows, order: &[u32]) -> Option<()> {
        self.begin_reals()?;
        let units = self.units;
        self.check_order(order, data.count(units));
        let parts = self.parts(Lists::Reals);
        parts.each_row(pool, &|place, row| {
            row.values.fill(Line::ZERO);
            let mut length = 0;
            data.each_line(order[place], units, |line, values| {
                row.values[line] = values;
                length = list_reals((row.indices, row.reals), length, line, values);
            });
            *row.count = length as u32;
        });
        Some(())
    }

    /// Reads rows `order[0..rows]` as probabilities and draws binary states, listed. The draw's row is the data-set
    /// row, so a row's states do not depend on the batch that it is in. `values` is not written.
    pub fn gather_states(&mut self, pool: &Pool, data: &impl Rows, order: &[u32], stream: Stream) {
        let units = self.units;
        self.check_order(order, data.count(units));
        let parts = self.parts(Lists::Ones);
        parts.each_row(pool, &|place, row| {
            let id = order[place];
            let mut length = 0;
            data.each_line(id, units, |line, p| {
                let uniform = stream.uniform_line(id, line);
                length = list_line(row.indices, length, line, on_below(uniform, p));
            });
            *row.count = length as u32;
        });
    }

    /// One-hot rows: row `r` has unit `labels[order[r]]` on.
    pub fn gather_labels(&mut self, labels: &[u8], order: &[u32]) {
        assert!(order.len() == self.rows);
        self.lists = Lists::Ones;
        for (row, &id) in order.iter().enumerate() {
            let label = labels[id as usize];
            assert!(
                usize::from(label) < self.units,
                "label {label} of {} classes",
                self.units
            );
            self.indices[row * self.lines * LINE] = u16::from(label);
            self.counts[row] = 1;
            let values = &mut self.values[row * self.lines..][..self.lines];
            values.fill(Line::ZERO);
            floats_mut(values)[usize::from(label)] = 1.0;
        }
    }
}

/// Bits of the units whose uniform number is below their probability.
#[inline(always)]
pub(crate) fn on_below(uniform: [F32x4; 4], p: Line) -> u32 {
    let four = |k: usize| uniform[k].less(p.0[k]).mask() << (4 * k);
    four(0) | four(1) | four(2) | four(3)
}

/// For each set of four units, their numbers packed to the front of four 16-bit places.
const FOURS: [u64; 16] = {
    let mut fours = [0; 16];
    let mut mask = 0;
    while mask < 16 {
        let (mut unit, mut place) = (0, 0);
        while unit < 4 {
            if mask >> unit & 1 == 1 {
                fours[mask] |= unit << (16 * place);
                place += 1;
            }
            unit += 1;
        }
        mask += 1;
    }
    fours
};

/// Appends the units of a line whose bits are on to a list of `length` and gives the new length. Four places at a time
/// are written whatever the bits are, which costs less than a branch for each; the row has room for it, since no more
/// units are listed than came before.
#[inline(always)]
pub(crate) fn list_line(indices: &mut [u16], mut length: usize, line: usize, on: u32) -> usize {
    for k in 0..LINE / 4 {
        let mask = (on >> (4 * k) & 15) as usize;
        let first = (line * LINE + 4 * k) as u64;
        let four = FOURS[mask] + first * 0x0001_0001_0001_0001;
        let places = &mut indices[length..length + 4];
        places.copy_from_slice(&[
            four as u16,
            (four >> 16) as u16,
            (four >> 32) as u16,
            (four >> 48) as u16,
        ]);
        length += mask.count_ones() as usize;
    }
    length
}

/// Appends the units of a line that are not zero, and their values, to lists of `length` and gives the new length. Each is
/// written and only then counted or not, in the sixteen places that the row has room for.
#[inline(always)]
fn list_reals(
    (indices, reals): (&mut [u16], &mut [f32]),
    length: usize,
    line: usize,
    values: Line,
) -> usize {
    let (indices, reals) = (&mut indices[length..][..LINE], &mut reals[length..][..LINE]);
    let on = values
        .0
        .map(|quarter| quarter.not_equal(F32x4::ZERO).mask());
    let mut listed = 0;
    for (k, &value) in values.floats().iter().enumerate() {
        indices[listed % LINE] = (line * LINE + k) as u16;
        reals[listed % LINE] = value;
        listed += (on[k / 4] >> (k % 4) & 1) as usize;
    }
    length + listed
}

/// An activity taken apart, for tasks that each write their own rows.
pub(crate) struct Parts<'a> {
    rows: usize,
    pub units: usize,
    pub lines: usize,
    values: Disjoint<'a, Line>,
    states: Disjoint<'a, Line>,
    indices: Disjoint<'a, u16>,
    reals: Disjoint<'a, f32>,
    counts: Disjoint<'a, u32>,
    lengths: &'a [u32],
}

/// One row of an activity. `indices` and `reals` have room for whole lines (`reals` is empty where never asked for);
/// `states` is empty where states are not kept apart from `values`.
pub(crate) struct Row<'a> {
    pub values: &'a mut [Line],
    pub states: &'a mut [Line],
    pub indices: &'a mut [u16],
    pub reals: &'a mut [f32],
    pub count: &'a mut u32,
    /// How many draws its counts sum to; 0 where nobody has said.
    pub length: u32,
    pub units: usize,
}

impl Parts<'_> {
    /// Runs `work` for blocks of rows, each block once.
    pub fn each_block(&self, pool: &Pool, work: &(dyn Fn(Range<usize>) + Sync)) {
        let block = pool.block(self.rows);
        pool.each(self.rows.div_ceil(block), &|task| {
            work(task * block..self.rows.min((task + 1) * block));
        });
    }

    /// Runs `work` for each row once.
    pub fn each_row(&self, pool: &Pool, work: &(dyn Fn(usize, Row<'_>) + Sync)) {
        self.each_block(pool, &|rows| {
            for row in rows {
                // SAFETY: every row is in one block and visited once.
                work(row, unsafe { self.row(row) });
            }
        });
    }

    /// # Safety
    /// No other view of this row may be alive.
    pub unsafe fn row(&self, row: usize) -> Row<'_> {
        let units = self.units;
        let own = row * self.lines..(row + 1) * self.lines;
        let list = own.start * LINE..own.end * LINE;
        let states = if self.states.is_empty() {
            0..0
        } else {
            own.clone()
        };
        // SAFETY: parts of different rows do not overlap, and the caller holds this row alone.
        unsafe {
            Row {
                values: self.values.take(own),
                states: self.states.take(states),
                indices: self.indices.take(list.clone()),
                reals: if self.reals.is_empty() {
                    self.reals.take(0..0)
                } else {
                    self.reals.take(list)
                },
                count: &mut self.counts.take(row..row + 1)[0],
                length: self.lengths.get(row).copied().unwrap_or(0),
                units,
            }
        }
    }

    /// # Safety
    /// No other view of these rows may be alive.
    #[allow(
        clippy::mut_from_ref,
        reason = "the rows are the caller's alone by its promise"
    )]
    pub unsafe fn values(&self, rows: Range<usize>) -> &mut [Line] {
        // SAFETY: as in `row`.
        unsafe {
            self.values
                .take(rows.start * self.lines..rows.end * self.lines)
        }
    }
}
