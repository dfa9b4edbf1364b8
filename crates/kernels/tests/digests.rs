//! Seeded calls of every kernel, each with the digest of what it gave, written to `target/digests/native.json`. The same
//! calls, through an artefact's exports, are in test/digests/calls.mjs: what they give there must be what it is here.
//!
//! Every name of a call stands in both files. Numbers come from a 32-bit generator (xorshift), which both have too.

use std::fmt::Write as _;
use std::path::Path;
use wakesleep_kernels::activity::{Activity, Read};
use wakesleep_kernels::belief;
use wakesleep_kernels::disjoint::Pool;
use wakesleep_kernels::exact::{self, Enumerate, Group, Machine};
use wakesleep_kernels::field::exact::Problem;
use wakesleep_kernels::field::{Along, Chains, Field, Settle as FieldSettle, Sweeps};
use wakesleep_kernels::lanes::{F32x4, Line, floats as floats_of, floats_mut, lines_for};
use wakesleep_kernels::logistic::{exp, log, logistic, single, softplus};
use wakesleep_kernels::normalisable::normalisable;
use wakesleep_kernels::propagate::{
    Start, add_log_bases, add_log_partitions, add_log_probabilities, add_row_dots,
    add_tempered_differences, propagate, settle_on_bias, settle_tempered, squared_distance,
    sum_of_values, summarise_weights,
};
use wakesleep_kernels::pseudo;
use wakesleep_kernels::random::{Purpose, Stream, normal, permutation, philox};
use wakesleep_kernels::rows::{Dense, Sparse};
use wakesleep_kernels::statistics::{
    Biases, Learner, Phase, Rule, Step, add_column_sums, learn_bias, step_bias,
};
use wakesleep_kernels::sums;
use wakesleep_kernels::units::{Keep, Kind, Noise, Settle, softmax::normalise_f64, variance};
use wakesleep_kernels::weights::{Direction, Weights};

// ---- Numbers ----

fn words(seed: u32, count: usize) -> Vec<u32> {
    let mut state = seed;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    (0..count).map(|_| next()).collect()
}

fn unit(word: u32) -> f32 {
    (word >> 8) as f32 / 16_777_216.0
}

fn signed(word: u32) -> f32 {
    unit(word) * 2.0 - 1.0
}

fn binary(word: u32) -> f32 {
    f32::from(unit(word) < 0.25)
}

fn sparse(word: u32) -> f32 {
    if word.is_multiple_of(4) {
        signed(word)
    } else {
        0.0
    }
}

fn small(word: u32) -> f32 {
    signed(word) / 8.0
}

fn floats(seed: u32, count: usize, kind: fn(u32) -> f32) -> Vec<f32> {
    words(seed, count).into_iter().map(kind).collect()
}

fn bytes(seed: u32, count: usize) -> Vec<u8> {
    let byte = |word: u32| {
        if word.is_multiple_of(2) {
            (word >> 24) as u8
        } else {
            0
        }
    };
    words(seed, count).into_iter().map(byte).collect()
}

// ---- Hashing ----

/// FNV-1a with 64 bits.
struct Hash(u64);

impl Hash {
    fn new() -> Hash {
        Hash(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: impl IntoIterator<Item = u8>) -> &mut Hash {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }

    /// Every NaN counts as the same one: which one comes out is nobody's promise.
    fn floats(&mut self, values: &[f32]) -> &mut Hash {
        let bits = |x: &f32| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() };
        self.bytes(values.iter().flat_map(|x| bits(x).to_le_bytes()))
    }

    fn doubles(&mut self, values: &[f64]) -> &mut Hash {
        let bits = |x: &f64| {
            if x.is_nan() {
                0x7ff8_0000_0000_0000
            } else {
                x.to_bits()
            }
        };
        self.bytes(values.iter().flat_map(|x| bits(x).to_le_bytes()))
    }

    fn words(&mut self, values: &[u32]) -> &mut Hash {
        self.bytes(values.iter().flat_map(|x| x.to_le_bytes()))
    }
}

/// Digests by name, in the order of the calls.
#[derive(Default)]
struct Found(Vec<(String, u64)>);

impl Found {
    fn hash(&mut self, name: impl Into<String>, fill: impl FnOnce(&mut Hash)) {
        let mut hash = Hash::new();
        fill(&mut hash);
        self.0.push((name.into(), hash.0));
    }

    fn activity(&mut self, name: String, activity: &Activity) {
        self.hash(name, |hash| {
            hash.floats(&values_of(activity));
        });
    }

    /// Values, and what is listed.
    fn lists(&mut self, name: impl Into<String>, activity: &mut Activity, pool: &Pool) {
        self.hash(name, |hash| {
            hash.floats(&values_of(activity))
                .doubles(&[activity.listed() as f64]);
            activity.spread_lists(pool);
            hash.floats(&values_of(activity));
        });
    }

    fn json(&self) -> String {
        let mut text = String::from("{\n");
        for (place, (name, digest)) in self.0.iter().enumerate() {
            let comma = if place + 1 < self.0.len() { "," } else { "" };
            writeln!(text, "  \"{name}\": \"{digest:016x}\"{comma}").unwrap();
        }
        text + "}\n"
    }
}

// ---- What the calls work on ----

const LOWER: usize = 53;
const UPPER: usize = 41;
const ROWS: usize = 23;
const DATA_ROWS: usize = 40;
const GROUPED: usize = 40;
const SIZE: usize = 5;
const KEEP: [(&str, Keep); 3] = [
    ("inputs", Keep::Inputs),
    ("means", Keep::Means),
    ("states", Keep::States),
];
const KINDS: [(&str, Kind); 2] = [
    ("bernoulli", Kind::Bernoulli),
    ("softmax", Kind::Softmax { size: SIZE }),
];

fn stream_of(purpose: Purpose, layer: u32, update: u32, sweep: u32) -> Stream {
    Stream::new([0x1234_5678, 7], update, purpose, layer, sweep)
}

fn stream() -> Stream {
    stream_of(Purpose::Train, 2, 9, 1)
}

fn padded(values: &[f32]) -> Vec<Line> {
    let mut lines = vec![Line::ZERO; lines_for(values.len())];
    floats_mut(&mut lines)[..values.len()].copy_from_slice(values);
    lines
}

fn values_of(activity: &Activity) -> Vec<f32> {
    (0..activity.rows())
        .flat_map(|row| activity.row(row).to_vec())
        .collect()
}

fn activity(rows: usize, units: usize, values: &[f32]) -> Activity {
    let mut activity = Activity::new(rows, units).unwrap();
    activity.write(values);
    activity.list_values(&Pool::SERIAL).unwrap();
    activity
}

fn ones(rows: usize, units: usize, values: &[f32]) -> Activity {
    let mut activity = Activity::new(rows, units).unwrap();
    let order: Vec<u32> = (0..rows as u32).collect();
    activity.gather_states(
        &Pool::SERIAL,
        &Dense { values, scale: 1.0 },
        &order,
        stream_of(Purpose::Binarise, 0, 0, 0),
    );
    activity
}

fn weights(lower: usize, upper: usize, seed: u32, kind: fn(u32) -> f32) -> Weights {
    let mut weights = Weights::new(lower, upper).unwrap();
    weights.write(&floats(seed, lower * upper, kind));
    weights
}

// ---- The calls ----

fn random(found: &mut Found) {
    found.hash("philox", |hash| {
        let mut counter = words(1, 4);
        for i in 0..100 {
            counter = philox([0xdead_beef, i], counter[..].try_into().unwrap()).to_vec();
            hash.words(&counter);
        }
    });
    for length in [1, 2, 1000, 60_000] {
        let mut order = vec![0; length];
        permutation([5, 6], 7, 1, &mut order);
        found.hash(format!("permutation {length}"), |hash| {
            hash.words(&order);
        });
    }
    let mut numbers = vec![0.0; 10_003];
    normal(stream_of(Purpose::Initial, 3, 0, 0), 4, 0.01, &mut numbers);
    found.hash("normal", |hash| {
        hash.floats(&numbers);
    });

    let rows: Vec<f32> = (5..14).map(|row| stream().uniform(row, 0)).collect();
    let units: Vec<f32> = (0..9).map(|unit| stream().uniform(5, unit)).collect();
    found.hash("uniform", |hash| {
        hash.floats(&rows).floats(&units);
    });
}

/// A function of four numbers at once.
type Function = fn(F32x4) -> F32x4;

fn elementwise(found: &mut Found) {
    let pattern = |i: u32| {
        let x = f32::from_bits(i * 65_521);
        if x.is_nan() {
            f32::from_bits(0x7fc0_0000)
        } else {
            x
        }
    };
    let functions: [(&str, Function); 4] = [
        ("exp", exp),
        ("log", log),
        ("logistic", logistic),
        ("softplus", softplus),
    ];
    for (name, function) in functions {
        let values: Vec<f32> = (0..65_536).map(|i| single(function, pattern(i))).collect();
        found.hash(name, |hash| {
            hash.floats(&values);
        });
    }
    let sevenths = |first: i32| (first..first + 4096).map(|i| f64::from(i) / 7.0);
    found.hash("double exp", |hash| {
        hash.doubles(&sevenths(-2048).map(sums::exp).collect::<Vec<_>>());
    });
    found.hash("double log", |hash| {
        hash.doubles(&sevenths(1).map(sums::log).collect::<Vec<_>>());
    });
}

fn gathering(found: &mut Found, pool: &Pool) {
    let order: Vec<u32> = words(11, ROWS + 5)
        .iter()
        .map(|word| word % DATA_ROWS as u32)
        .collect();
    let from = |first: usize| &order[first..first + ROWS];
    let pixels = bytes(12, DATA_ROWS * LOWER);
    let numbers = floats(13, DATA_ROWS * LOWER, sparse);
    let chances = floats(14, DATA_ROWS * LOWER, unit);
    let gathered = || Activity::new(ROWS, LOWER).unwrap();
    let pixel_rows = Dense {
        values: &pixels[..],
        scale: 1.0 / 255.0,
    };
    let number_rows = Dense {
        values: &numbers[..],
        scale: 0.5,
    };
    let mut target = gathered();
    target.gather(pool, &pixel_rows, from(5)).unwrap();
    found.lists("gather u8", &mut target, pool);
    target.gather(pool, &number_rows, from(2)).unwrap();
    found.lists("gather f32", &mut target, pool);
    let mut target = gathered();
    target.gather_states(
        pool,
        &pixel_rows,
        from(5),
        stream_of(Purpose::Binarise, 0, 3, 0),
    );
    found.lists("gather states u8", &mut target, pool);
    let mut target = gathered();
    target.gather_states(
        pool,
        &Dense {
            values: &chances[..],
            scale: 1.0,
        },
        from(1),
        stream_of(Purpose::Binarise, 0, 4, 0),
    );
    found.lists("gather states f32", &mut target, pool);
    let offsets: Vec<u32> = (0..=DATA_ROWS as u32).map(|row| 3 * row).collect();
    let units: Vec<u32> = (0..DATA_ROWS as u32)
        .flat_map(|row| [row % 7, 20 + row % 9, 40 + row % 3])
        .collect();
    let sparse_numbers = Sparse {
        offsets: &offsets,
        units: &units,
        values: &numbers[..units.len()],
        scale: 0.5,
    };
    let sparse_chances = Sparse {
        offsets: &offsets,
        units: &units,
        values: &chances[..units.len()],
        scale: 1.0,
    };
    let mut target = gathered();
    target.gather(pool, &sparse_numbers, from(4)).unwrap();
    found.lists("gather sparse", &mut target, pool);
    let mut target = gathered();
    target.gather_states(
        pool,
        &sparse_chances,
        from(3),
        stream_of(Purpose::Binarise, 0, 5, 0),
    );
    found.lists("gather states sparse", &mut target, pool);
    let labels: Vec<u8> = words(15, DATA_ROWS)
        .iter()
        .map(|word| (word % 10) as u8)
        .collect();
    let mut target = Activity::new(ROWS, 10).unwrap();
    target.gather_labels(&labels, from(0));
    found.lists("gather labels", &mut target, pool);
}

fn propagation(found: &mut Found, pool: &Pool) {
    for (direction, way) in [(Direction::Up, "up"), (Direction::Down, "down")] {
        let (sources, targets) = if way == "up" {
            (LOWER, UPPER)
        } else {
            (UPPER, LOWER)
        };
        let weights = weights(LOWER, UPPER, 21, signed);
        let bias = padded(&floats(22, targets, signed));
        let binary = floats(23, ROWS * sources, binary);
        let sparse = floats(24, ROWS * sources, sparse);
        let dense = floats(25, ROWS * sources, signed);
        let forms = [
            ("ones", ones(ROWS, sources, &binary), Read::Lists),
            ("reals", activity(ROWS, sources, &sparse), Read::Lists),
            (
                "crowded reals",
                activity(ROWS, sources, &dense),
                Read::Lists,
            ),
            ("values", activity(ROWS, sources, &dense), Read::Values),
        ];
        for (form, source, read) in &forms {
            for (kept, keep) in KEEP {
                let draw = (keep != Keep::Inputs).then(stream);
                let how = Settle {
                    kind: Kind::Bernoulli,
                    keep,
                    draw,
                };
                let mut target = Activity::new(ROWS, targets).unwrap();
                propagate(
                    pool,
                    &mut target,
                    source,
                    *read,
                    &weights,
                    direction,
                    Start::Bias(&bias),
                    &how,
                );
                let title = format!("propagate {way} {form} {kept}");
                match draw {
                    Some(_) => found.lists(title, &mut target, pool),
                    None => found.activity(title, &target),
                }
            }
        }
    }
    let mut target = Activity::new(ROWS, GROUPED).unwrap();
    let bias = padded(&floats(26, GROUPED, signed));
    let first = ones(ROWS, LOWER, &floats(27, ROWS * LOWER, binary));
    let second = activity(ROWS, UPPER, &floats(28, ROWS * UPPER, sparse));
    let below = weights(LOWER, GROUPED, 29, small);
    let above = weights(GROUPED, UPPER, 30, small);
    let start = Start::Bias(&bias);
    propagate(
        pool,
        &mut target,
        &first,
        Read::Lists,
        &below,
        Direction::Up,
        start,
        &Settle::INPUTS,
    );
    let how = Settle {
        kind: Kind::Softmax { size: SIZE },
        keep: Keep::Means,
        draw: Some(stream()),
    };
    propagate(
        pool,
        &mut target,
        &second,
        Read::Lists,
        &above,
        Direction::Down,
        Start::Partial,
        &how,
    );
    found.lists("propagate two connections", &mut target, pool);
}

fn settling(found: &mut Found, pool: &Pool) {
    for (name, kind) in KINDS {
        let bias = padded(&floats(31, GROUPED, signed));
        for (kept, keep) in KEEP {
            let mut target = Activity::new(ROWS, GROUPED).unwrap();
            settle_on_bias(
                pool,
                &mut target,
                &bias,
                &Settle {
                    kind,
                    keep,
                    draw: Some(stream()),
                },
            );
            found.lists(format!("settle {name} {kept}"), &mut target, pool);
        }
    }
}

fn sums(found: &mut Found, pool: &Pool) {
    let inputs = activity(ROWS, GROUPED, &floats(41, ROWS * GROUPED, signed));
    let weights = weights(LOWER, GROUPED, 42, signed);
    for (name, kind) in KINDS {
        let mut out = vec![0.0; ROWS];
        add_log_partitions(pool, &inputs, kind, None, &mut out);
        add_log_partitions(pool, &inputs, kind, Some((&weights, 17)), &mut out);
        found.hash(format!("log partition {name}"), |hash| {
            hash.doubles(&out);
        });
        let mut differences = vec![0.0; ROWS];
        add_tempered_differences(pool, &inputs, kind, [&[0.25], &[0.75]], &mut differences);
        found.hash(format!("tempered difference {name}"), |hash| {
            hash.doubles(&differences);
        });
        let summary = summarise_weights(&differences);
        found.hash(format!("summary {name}"), |hash| {
            hash.doubles(&[
                summary.log_mean,
                summary.log_low,
                summary.log_high,
                summary.standard_error,
                summary.mean_log,
                summary.effective,
            ]);
        });
        let mut tempered = activity(ROWS, GROUPED, &floats(41, ROWS * GROUPED, signed));
        let offset = padded(&floats(48, GROUPED, signed));
        let settle = Settle {
            kind,
            keep: Keep::Means,
            draw: Some(stream()),
        };
        settle_tempered(pool, &mut tempered, &[0.5], Some(&offset), &settle);
        let mut copied = Activity::new(ROWS, GROUPED).unwrap();
        copied.copy_rows(&tempered, &[4, 2, 9], 0).unwrap();
        let inputs = activity(ROWS, GROUPED, &floats(41, ROWS * GROUPED, signed));
        let mut logs = vec![0.0; ROWS];
        for read in [Read::Lists, Read::Values] {
            add_log_probabilities(pool, &inputs, (&tempered, read), kind, &mut logs);
        }
        found.hash(format!("log probability {name}"), |hash| {
            hash.doubles(&logs);
        });
        found.lists(format!("settle tempered {name}"), &mut tempered, pool);
        found.lists(format!("copy rows {name}"), &mut copied, pool);
        copied.copy_rows(&tempered, &[1, 0], 3).unwrap();
        found.lists(format!("append rows {name}"), &mut copied, pool);
        let mut completed = activity(ROWS, GROUPED, &floats(88, ROWS * GROUPED, unit));
        let known: Vec<u8> = (0..ROWS * GROUPED).map(|k| u8::from(k % 3 != 0)).collect();
        let order: Vec<u32> = (0..ROWS as u32).rev().collect();
        completed
            .complete(pool, &tempered, Read::Lists, &known, &order)
            .unwrap();
        found.lists(format!("complete {name}"), &mut completed, pool);
        let mut tempered = activity(ROWS, GROUPED, &floats(41, ROWS * GROUPED, signed));
        let scales = floats(87, ROWS, unit);
        settle_tempered(pool, &mut tempered, &scales, None, &settle);
        found.lists(
            format!("settle tempered by row {name}"),
            &mut tempered,
            pool,
        );
    }
    for (name, kind) in KINDS {
        let size = if let Kind::Softmax { size } = kind {
            size
        } else {
            1
        };
        let mut lower = Activity::new(ROWS, GROUPED).unwrap();
        let bias = padded(&floats(31, GROUPED, signed));
        let settle = Settle {
            kind,
            keep: Keep::Means,
            draw: Some(stream()),
        };
        settle_on_bias(pool, &mut lower, &bias, &settle);
        let upper = activity(ROWS, UPPER, &floats(49, ROWS * UPPER, signed));
        let joining = self::weights(GROUPED, UPPER, 50, signed);
        let rows = pseudo::Rows {
            lower: &lower,
            read: Read::Lists,
            lower_kind: kind,
            lower_bias: floats_of(&bias),
            weights: &joining,
            upper: &upper,
            upper_kind: Kind::Bernoulli,
        };
        let chosen: Vec<u32> = (0..ROWS)
            .map(|row| (row % (GROUPED / size)) as u32)
            .collect();
        let mut out = vec![0.0; ROWS];
        pseudo::add_pseudo_log_likelihoods(pool, rows, None, &mut out);
        pseudo::add_pseudo_log_likelihoods(pool, rows, Some(&chosen), &mut out);
        found.hash(format!("pseudo {name}"), |hash| {
            hash.doubles(&out);
        });
    }
    let binary = ones(ROWS, LOWER, &floats(43, ROWS * LOWER, binary));
    let sparse = activity(ROWS, LOWER, &floats(44, ROWS * LOWER, sparse));
    let vector = floats(45, LOWER, signed);
    let mut dots = vec![0.0; ROWS];
    add_row_dots(&binary, Read::Lists, &vector, &mut dots);
    add_row_dots(&sparse, Read::Lists, &vector, &mut dots);
    add_row_dots(&sparse, Read::Values, &vector, &mut dots);
    found.hash("dots", |hash| {
        hash.doubles(&dots);
    });
    let other = activity(ROWS, LOWER, &floats(46, ROWS * LOWER, unit));
    let distances = [
        squared_distance(&binary, Read::Lists, &other),
        squared_distance(&sparse, Read::Values, &other),
    ];
    found.hash("squared distances", |hash| {
        hash.doubles(&distances);
    });
    found.hash("sums", |hash| {
        hash.doubles(&[sum_of_values(&other), weights.sum_of_squares()]);
    });
    let mut rows: Vec<f64> = floats(47, ROWS * 7, signed)
        .iter()
        .map(|&x| f64::from(x) * 64.0)
        .collect();
    rows.chunks_mut(7).for_each(normalise_f64);
    found.hash("normalise rows", |hash| {
        hash.doubles(&rows);
    });
}

fn learning(found: &mut Found, pool: &Pool) {
    let h0 = activity(ROWS, UPPER, &floats(51, ROWS * UPPER, unit));
    let h1 = activity(ROWS, UPPER, &floats(52, ROWS * UPPER, unit));
    let of = |seed, kind| floats(seed, ROWS * LOWER, kind);
    let listed_ones = |values: &[f32]| (ones(ROWS, LOWER, values), Read::Lists);
    let reals = |values: &[f32]| (activity(ROWS, LOWER, values), Read::Lists);
    let plain = |values: &[f32]| (activity(ROWS, LOWER, values), Read::Values);
    let forms = [
        (
            "ones",
            listed_ones(&of(53, binary)),
            listed_ones(&of(54, binary)),
        ),
        ("reals", reals(&of(55, sparse)), reals(&of(56, sparse))),
        ("values", plain(&of(55, sparse)), plain(&of(56, sparse))),
        (
            "ones and reals",
            listed_ones(&of(53, binary)),
            reals(&of(56, sparse)),
        ),
        (
            "ones and values",
            listed_ones(&of(53, binary)),
            plain(&of(56, sparse)),
        ),
    ];
    let step = |rate| Step::with_momentum(rate, 0.9, 0.001);
    for (name, (v0, read0), (v1, read1)) in &forms {
        let mut weights = weights(LOWER, UPPER, 57, small);
        let mut learner = Learner::new(LOWER, UPPER, ROWS).unwrap();
        let outcomes = [0.5, 0.25, 0.125].map(|rate| {
            let positive = Phase {
                lower: v0,
                read: *read0,
                upper: &h0,
            };
            let negative = Phase {
                lower: v1,
                read: *read1,
                upper: &h1,
            };
            learner
                .learn(pool, &mut weights, positive, negative, step(rate))
                .unwrap()
        });
        learned(
            found,
            &format!("learn {name}"),
            &weights,
            &learner,
            &outcomes,
        );
    }
    let mut weights = weights(LOWER, UPPER, 58, small);
    let mut learner = Learner::new(LOWER, UPPER, 0).unwrap();
    learner.write_velocity(&floats(59, LOWER * UPPER, small));
    let gradient = floats(60, LOWER * UPPER, signed);
    let outcomes = [0.5, 0.25].map(|rate| {
        learner
            .step(pool, &mut weights, &gradient, step(rate))
            .unwrap()
    });
    learned(found, "step", &weights, &learner, &outcomes);
}

/// What updates have beside the plain case: phases of different lengths, rows that count differently, corrections, each
/// rule, an L1 cost, dropped units; and what is done to whole weights.
fn options(found: &mut Found, pool: &Pool) {
    const FEWER: usize = ROWS - 3;
    let row_weights = floats(81, ROWS, unit);
    let mut v0 = ones(ROWS, LOWER, &floats(53, ROWS * LOWER, binary));
    let v1 = ones(FEWER, LOWER, &floats(54, FEWER * LOWER, binary));
    let mut h0 = activity(ROWS, UPPER, &floats(51, ROWS * UPPER, unit));
    let mut h1 = activity(FEWER, UPPER, &floats(52, FEWER * UPPER, unit));
    h0.weigh_rows(&row_weights).unwrap();
    v0.weigh_rows(&row_weights).unwrap();
    h1.weigh_rows(&[1.25]).unwrap();
    let rules = [
        Rule::Momentum {
            momentum: 0.9,
            nesterov: true,
        },
        Rule::Adam {
            first_decay: 0.9,
            second_decay: 0.99,
            epsilon: 1e-8,
            first_correction: 10.0,
            second_correction: 100.0,
        },
    ];
    for (name, rule) in ["nesterov", "adam"].iter().zip(rules) {
        let step = |rate| Step {
            rate,
            rule,
            cost: 0.001,
            lasso: 0.01,
        };
        let mut weights = weights(LOWER, UPPER, 57, small);
        let mut learner = Learner::new(LOWER, UPPER, ROWS).unwrap();
        let outcomes = [0.5, 0.25].map(|rate| {
            learner
                .correct(&floats(82, LOWER, signed), &floats(83, UPPER, signed))
                .unwrap();
            let positive = Phase {
                lower: &v0,
                read: Read::Lists,
                upper: &h0,
            };
            let negative = Phase {
                lower: &v1,
                read: Read::Lists,
                upper: &h1,
            };
            learner
                .learn(pool, &mut weights, positive, negative, step(rate))
                .unwrap()
        });
        weights.limit_norms(pool, 0.75);
        learned(
            found,
            &format!("learn {name}"),
            &weights,
            &learner,
            &outcomes,
        );
        let mut squares = vec![0.0; LOWER * UPPER];
        learner.read_squares(&mut squares);
        found.hash(format!("squares {name}"), |hash| {
            hash.floats(&squares);
        });
        let mut bias = padded(&floats(64, LOWER, signed));
        let mut kept = padded(&floats(65, LOWER, small));
        let mut square = vec![Line::ZERO; kept.len()];
        let biases = Biases {
            bias: &mut bias,
            velocity: &mut kept,
            square: &mut square,
        };
        let step = Step {
            cost: 0.0,
            lasso: 0.0,
            ..step(0.5)
        };
        learn_bias(biases, (&v0, Read::Lists), (&v1, Read::Lists), step);
        found.hash(format!("learn bias {name}"), |hash| {
            hash.floats(floats_of(&bias))
                .floats(floats_of(&kept))
                .floats(floats_of(&square));
        });
    }
    let mut sums = padded(&floats(64, LOWER, signed));
    add_column_sums(&v0, Read::Lists, None, &mut sums);
    add_column_sums(&v0, Read::Lists, Some(&row_weights), &mut sums);
    found.hash("column sums", |hash| {
        hash.floats(floats_of(&sums));
    });
    let stream = Stream::new([3, 4], 5, Purpose::Train, 2, 1);
    v0.drop_units(pool, 0.5, stream);
    h0.drop_units(pool, 0.5, stream);
    let mut sums = padded(&floats(64, LOWER, signed));
    add_column_sums(&v0, Read::Lists, None, &mut sums);
    found.hash("drop units", |hash| {
        hash.floats(floats_of(&sums));
        (0..ROWS).for_each(|row| {
            hash.floats(h0.row(row));
        });
    });
    let (a, b) = (
        weights(LOWER, UPPER, 84, small),
        weights(LOWER, UPPER, 85, small),
    );
    let mut c = weights(LOWER, UPPER, 86, small);
    c.blend(pool, &a, 0.125);
    let mut blended = vec![0.0; LOWER * UPPER];
    c.read(&mut blended);
    c.set_sum(pool, &a, &b);
    let mut sum = vec![0.0; LOWER * UPPER];
    c.read(&mut sum);
    found.hash("blend and sum", |hash| {
        hash.floats(&blended).floats(&sum);
    });
}

fn biases_of<'a>(bias: &'a mut [Line], velocity: &'a mut [Line]) -> Biases<'a> {
    Biases {
        bias,
        velocity,
        square: &mut [],
    }
}

/// An update that went well has the code 0 at the edge.
fn learned(found: &mut Found, name: &str, weights: &Weights, learner: &Learner, outcomes: &[bool]) {
    let (mut w, mut v) = (vec![0.0; LOWER * UPPER], vec![0.0; LOWER * UPPER]);
    weights.read(&mut w);
    learner.read_velocity(&mut v);
    let codes: Vec<f64> = outcomes.iter().map(|finite| f64::from(!finite)).collect();
    found.hash(name, |hash| {
        hash.floats(&w).floats(&v).doubles(&codes);
    });
}

fn biases(found: &mut Found) {
    let a = ones(ROWS, LOWER, &floats(61, ROWS * LOWER, binary));
    let b = ones(ROWS, LOWER, &floats(62, ROWS * LOWER, binary));
    let c = activity(ROWS, LOWER, &floats(63, ROWS * LOWER, unit));
    let mut bias = padded(&floats(64, LOWER, signed));
    let mut velocity = padded(&floats(65, LOWER, small));
    let step = |rate| Step::with_momentum(rate, 0.9, 0.0);
    learn_bias(
        biases_of(&mut bias, &mut velocity),
        (&a, Read::Lists),
        (&b, Read::Lists),
        step(0.5),
    );
    learn_bias(
        biases_of(&mut bias, &mut velocity),
        (&a, Read::Lists),
        (&c, Read::Values),
        step(0.25),
    );
    found.hash("learn bias", |hash| {
        hash.floats(floats_of(&bias)).floats(floats_of(&velocity));
    });
    step_bias(
        biases_of(&mut bias, &mut velocity),
        &floats(66, LOWER, signed),
        step(0.5),
    );
    found.hash("step bias", |hash| {
        hash.floats(floats_of(&bias)).floats(floats_of(&velocity));
    });
}

const REAL_KINDS: [(&str, Kind); 8] = [
    ("binomial", Kind::Binomial { copies: 9 }),
    ("stepped sigmoid", Kind::SteppedSigmoid { copies: 9 }),
    ("relu", Kind::Relu { noise: Noise::None }),
    ("relu unit", Kind::Relu { noise: Noise::Unit }),
    (
        "relu sigmoid",
        Kind::Relu {
            noise: Noise::Sigmoid,
        },
    ),
    ("truncated normal", Kind::TruncatedNormal),
    ("gaussian", Kind::Gaussian),
    ("replicated softmax", Kind::ReplicatedSoftmax { length: 9 }),
];

fn real_units(found: &mut Found, pool: &Pool) {
    let bias: Vec<f32> = floats(81, GROUPED, signed)
        .iter()
        .map(|x| x * 8.0)
        .collect();
    let bias = padded(&bias);
    for (name, kind) in REAL_KINDS {
        for (kept, keep) in KEEP {
            let mut target = Activity::new(ROWS, GROUPED).unwrap();
            target.reserve_states().unwrap();
            let draw = Some(stream());
            settle_on_bias(pool, &mut target, &bias, &Settle { kind, keep, draw });
            if keep == Keep::Inputs {
                let mut out = vec![0.0; ROWS];
                add_log_partitions(pool, &target, kind, None, &mut out);
                add_log_bases(&target, Read::Lists, kind, &mut out);
                found.hash(format!("energies {name}"), |hash| {
                    hash.doubles(&out);
                });
            }
            found.lists(format!("settle {name} {kept}"), &mut target, pool);
        }
    }
    let counts = activity(ROWS, GROUPED, &floats(82, ROWS * GROUPED, binary));
    let mut above = Activity::new(ROWS, GROUPED).unwrap();
    let mut counted = counts;
    counted.count_lengths().unwrap();
    above.set_lengths(counted.lengths()).unwrap();
    above.start_at_lengths(&bias);
    found.activity("start at lengths".into(), &above);
}

fn variances(found: &mut Found, pool: &Pool) {
    let mut zeta = floats(83, LOWER, signed);
    let mut velocity = floats(84, LOWER, small);
    let scale = floats(85, LOWER, |word| 0.5 + unit(word));
    let (mut deviation, mut inverse) = (vec![0.0; LOWER], vec![0.0; LOWER]);
    variance::deviations(&zeta, &scale, &mut deviation, &mut inverse);
    let mut natural = vec![0.0; LOWER];
    variance::multiply_vectors(&floats(86, LOWER, signed), &inverse, &mut natural);
    let offset = variance::log_partition_offset(&deviation, &natural);
    found.hash("deviations", |hash| {
        hash.floats(&deviation).floats(&inverse).floats(&natural);
        hash.doubles(&[
            offset,
            variance::half_squares(&natural),
            variance::log_of(0.3),
        ]);
    });
    let mut states = activity(ROWS, LOWER, &floats(87, ROWS * LOWER, signed));
    variance::shift_and_scale_columns(&mut states, &floats(88, LOWER, signed), &inverse);
    states.list_values(pool).unwrap();
    let inputs = activity(ROWS, LOWER, &floats(89, ROWS * LOWER, signed));
    let mut statistics = [vec![0.0; LOWER], vec![0.0; LOWER]];
    for (out, read) in statistics.iter_mut().zip([Read::Lists, Read::Values]) {
        variance::log_variance_statistics(
            &states,
            read,
            &inputs,
            &natural,
            0.0,
            states.rows(),
            out,
        );
    }
    statistics[1].iter_mut().for_each(|x| *x *= 0.5);
    let [positive, negative] = &statistics;
    let by = [0.5, 0.9];
    let finite =
        variance::step_log_variance(&mut zeta, &mut velocity, positive, negative, by, -0.5);
    found.hash("log variances", |hash| {
        hash.floats(&values_of(&states))
            .doubles(positive)
            .doubles(negative);
        hash.floats(&zeta)
            .floats(&velocity)
            .doubles(&[f64::from(!finite)]);
    });
}

fn exactly_real(found: &mut Found, pool: &Pool) {
    let layers = [
        ("binomial", Kind::Binomial { copies: 3 }),
        ("stepped sigmoid", Kind::SteppedSigmoid { copies: 3 }),
        ("truncated normal", Kind::TruncatedNormal),
        ("gaussian", Kind::Gaussian),
        ("replicated softmax", Kind::ReplicatedSoftmax { length: 9 }),
    ];
    let (lower, upper) = (5, 4);
    for (below, lower_kind) in layers {
        for (above, upper_kind) in [("binomial", layers[0].1), ("gaussian", Kind::Gaussian)] {
            let group = |kind, units| [Group { kind, units }];
            let machine = Machine {
                lower: &group(lower_kind, lower),
                upper: &group(upper_kind, upper),
                weights: &floats(91, lower * upper, small),
                lower_bias: &floats(92, lower, signed),
                upper_bias: &floats(93, upper, signed),
            };
            let verdict = normalisable(&machine) as u32;
            let log_z = exact::log_partition(pool, &machine, Enumerate::Fewer);
            found.hash(format!("exact {below} {above}"), |hash| {
                hash.doubles(&[f64::from(verdict), log_z.unwrap_or(f64::NAN)]);
                if let Some((_, averages)) = exact::expectations(pool, &machine, Enumerate::Fewer) {
                    hash.doubles(&averages.products);
                    hash.doubles(&averages.lower).doubles(&averages.upper);
                }
            });
        }
    }
}

fn exactly(found: &mut Found, pool: &Pool) {
    let (lower, upper) = (12, 6);
    let machine = Machine {
        lower: &[
            Group {
                kind: Kind::Bernoulli,
                units: 7,
            },
            Group {
                kind: Kind::Softmax { size: 5 },
                units: 5,
            },
        ],
        upper: &[Group {
            kind: Kind::Bernoulli,
            units: 6,
        }],
        weights: &floats(71, lower * upper, signed),
        lower_bias: &floats(72, lower, signed),
        upper_bias: &floats(73, upper, signed),
    };
    let log_z = exact::log_partition(pool, &machine, Enumerate::Fewer).unwrap();
    let (again, averages) = exact::expectations(pool, &machine, Enumerate::Fewer).unwrap();
    found.hash("exact", |hash| {
        hash.doubles(&[log_z, again]).doubles(&averages.products);
        hash.doubles(&averages.lower).doubles(&averages.upper);
    });
}

fn belief_nets(found: &mut Found, pool: &Pool) {
    let (sizes, rows) = ([4usize, 14, 5], 3);
    let units = sizes.iter().sum::<usize>();
    let mut net = belief::Net::new(&sizes, &floats(101, units, signed));
    net.join(0, 1, &floats(102, 4 * 14, signed));
    net.join(1, 2, &floats(103, 14 * 5, signed));
    net.join(0, 2, &floats(104, 4 * 5, signed));
    let clamped: Vec<u8> = (0..units).map(|unit| u8::from(unit >= 18)).collect();
    let start = floats(105, rows * units, binary);
    for (name, moves) in [
        ("units", belief::Moves::Units),
        ("layers", belief::Moves::Layers),
    ] {
        let mut held = clamped.clone();
        held[5..9].fill(1);
        let (mut states, mut sums) = (start.clone(), vec![0.0; rows * units]);
        let sweeps = belief::Sweeps {
            moves,
            stream: stream_of(Purpose::Posterior, 0, 3, 0),
            first: 2,
            count: 5,
            counted: true,
        };
        belief::gibbs(pool, &net, &held, sweeps, &mut states, &mut sums);
        found.hash(format!("belief gibbs {name}"), |hash| {
            hash.floats(&states).doubles(&sums);
        });
    }
    let mut held = clamped.clone();
    held[4..14].fill(1);
    let mut means = vec![0.0; rows * units];
    let (mut likelihoods, mut tables) = (vec![0.0; rows], vec![0.0; rows << 8]);
    belief::posterior(
        pool,
        &net,
        &held,
        &start,
        &mut means,
        &mut likelihoods,
        &mut tables,
    )
    .unwrap();
    found.hash("belief posterior", |hash| {
        hash.doubles(&means).doubles(&likelihoods).doubles(&tables);
    });
    for (name, at_once) in [("in turn", false), ("at once", true)] {
        let mut means: Vec<f64> = (start.iter().enumerate())
            .map(|(place, &state)| {
                if clamped[place % units] == 0 {
                    0.25
                } else {
                    f64::from(state)
                }
            })
            .collect();
        let mut bounds = vec![0.0; rows];
        let ascent = belief::Ascent { sweeps: 4, at_once };
        belief::mean_field(pool, &net, &clamped, ascent, &mut means, &mut bounds);
        found.hash(format!("belief mean field {name}"), |hash| {
            hash.doubles(&means).doubles(&bounds);
        });
    }
}

/// Forty units of three colours, joined in pairs that are 1, 4 and 7 apart.
fn fields(found: &mut Found, pool: &Pool) {
    const UNITS: usize = 40;
    const PAIRS: usize = 108;
    let colours: Vec<u32> = (0..UNITS as u32).map(|unit| unit % 3).collect();
    let apart = |apart: u32| (0..UNITS as u32 - apart).flat_map(move |unit| [unit, unit + apart]);
    let pairs: Vec<u32> = [1, 4, 7].into_iter().flat_map(apart).collect();
    let mut field = Field::new(&colours, &pairs).unwrap();
    field.gather().unwrap();
    field.set(&floats(111, UNITS, signed), &floats(112, PAIRS, signed));
    for (chains, quads) in [(1, false), (6, true)] {
        let mut states = Chains::new(&field, chains, quads).unwrap();
        states.write(&field, &floats(113, chains * UNITS, binary));
        states.hold(&field, &bytes(114, chains * UNITS)).unwrap();
        states.start(pool, &field, stream());
        let mut out = vec![0.0; chains * UNITS];
        let draw = Sweeps {
            count: 5,
            beta: 0.75,
            settle: FieldSettle::Draw(stream()),
            along: Along::Sweeps,
        };
        states.sweep(pool, &field, &draw);
        states.read(&field, &mut out);
        found.hash(format!("field draw {chains}"), |hash| {
            hash.floats(&out);
        });
        let relax = Sweeps {
            count: 2,
            beta: 1.0,
            settle: FieldSettle::Mean { damping: 0.25 },
            along: Along::Updates,
        };
        states.sweep(pool, &field, &relax);
        states.means(pool, &field, 1.0, &mut out);
        found.hash(format!("field means {chains}"), |hash| {
            hash.floats(&out);
        });
        if quads {
            let (mut products, mut units) = (vec![0.0; PAIRS], vec![0.0; UNITS]);
            let shares = floats(115, chains, unit);
            states.add_statistics(pool, &field, &shares, &mut products, &mut units);
            found.hash("field statistics", |hash| {
                hash.floats(&products).floats(&units);
            });
        }
    }
    let free: Vec<u8> = (0..UNITS).map(|unit| u8::from(unit < 9)).collect();
    let rows = floats(116, 3 * UNITS, binary);
    let problem = Problem::new(&field, &free);
    let mut logs = vec![0.0; 3];
    problem.log_sums(pool, &rows, &mut logs);
    let averages = problem.averages(pool, &rows, &[0.5, 0.25, 0.25], &logs);
    found.hash("field exact", |hash| {
        hash.doubles(&logs);
        hash.doubles(&averages.units).doubles(&averages.pairs);
    });
}

fn digests(pool: &Pool) -> String {
    let mut found = Found::default();
    random(&mut found);
    elementwise(&mut found);
    gathering(&mut found, pool);
    propagation(&mut found, pool);
    settling(&mut found, pool);
    sums(&mut found, pool);
    learning(&mut found, pool);
    biases(&mut found);
    options(&mut found, pool);
    exactly(&mut found, pool);
    belief_nets(&mut found, pool);
    real_units(&mut found, pool);
    variances(&mut found, pool);
    exactly_real(&mut found, pool);
    fields(&mut found, pool);
    found.json()
}

#[test]
fn digests_are_written_and_do_not_depend_on_how_tasks_are_run() {
    let serial = digests(&Pool::SERIAL);
    let reversed = Pool {
        threads: 3,
        run: &|tasks, work| (0..tasks).rev().for_each(work),
    };
    assert_eq!(serial, digests(&reversed));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/digests");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("native.json"), serial).unwrap();
}
