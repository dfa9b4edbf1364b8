use super::exact::Problem;
use super::*;
use crate::random::Purpose;

/// A machine of `units` units in which each pair is joined with the given share, with parameters from a stream.
fn random_field(units: usize, share: f32, seed: u32) -> (Field, Vec<f32>, Vec<[u32; 2]>, Vec<f32>) {
    let stream = Stream::new([seed, 0], 0, Purpose::Initial, 0, 0);
    let mut pairs = Vec::new();
    for b in 1..units as u32 {
        for a in 0..b {
            if stream.uniform(a, b) < share {
                pairs.push([a, b]);
            }
        }
    }
    let mut colours = vec![0u32; units];
    for unit in 0..units {
        let taken = |colour: u32| {
            pairs
                .iter()
                .any(|&[a, b]| b as usize == unit && colours[a as usize] == colour)
        };
        colours[unit] = (0..).find(|&colour| !taken(colour)).unwrap();
    }
    let number = |row: u32, i: usize| 2.0 * stream.uniform(1_000_000 + row, i as u32) - 1.0;
    let bias: Vec<f32> = (0..units).map(|i| number(0, i)).collect();
    let weights: Vec<f32> = (0..pairs.len()).map(|i| number(1, i)).collect();
    let flat: Vec<u32> = pairs.iter().flatten().copied().collect();
    let mut field = Field::new(&colours, &flat).unwrap();
    field.gather().unwrap();
    field.set(&bias, &weights);
    (field, bias, pairs, weights)
}

/// The definition: one sweep of one chain, unit after unit in the order of places.
fn plain_sweep(
    field: &Field,
    (bias, pairs, weights): (&[f32], &[[u32; 2]], &[f32]),
    row: &mut [f32],
    held: &[bool],
    chain: u32,
    beta: f32,
    settle: Settle,
) {
    for (place, &unit) in field.order.iter().enumerate() {
        let mut terms: Vec<(u32, f32)> = Vec::new();
        for (&[a, b], &w) in pairs.iter().zip(weights) {
            if a == unit {
                terms.push((b, w));
            } else if b == unit {
                terms.push((a, w));
            }
        }
        terms.sort_by_key(|&(other, _)| other);
        let unit = unit as usize;
        let mut x = bias[unit] + 0.0;
        for (other, w) in terms {
            x += w * row[other as usize];
        }
        if held[unit] {
            continue;
        }
        let mean = crate::logistic::single(logistic, x * beta);
        row[unit] = match settle {
            Settle::Draw(stream) => f32::from(u8::from(stream.uniform(chain, place as u32) < mean)),
            Settle::Mean { damping } => row[unit] * damping + mean * (1.0 - damping),
        };
    }
}

/// Runs tasks backwards and says that there are three threads: neither may change a bit.
fn three_threads() -> Pool<'static> {
    fn backwards(tasks: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..tasks).rev().for_each(work);
    }
    Pool {
        threads: 3,
        run: &backwards,
    }
}

#[test]
fn both_layouts_give_the_bits_of_the_definition() {
    let stream = Stream::new([3, 4], 100, Purpose::Sample, 0, 0);
    let settles = [Settle::Draw(stream), Settle::Mean { damping: 0.25 }];
    for (units, share) in [
        (1, 0.0),
        (3, 1.0),
        (15, 0.3),
        (17, 1.0),
        (70, 0.05),
        (130, 0.2),
    ] {
        let (field, bias, pairs, weights) = random_field(units, share, units as u32);
        for chains in [1, 2, 3, 4, 5, 9] {
            for (settle, beta) in settles.into_iter().zip([0.7, 1.0]) {
                let start = |i: usize| f32::from(i.is_multiple_of(3));
                let held: Vec<bool> = (0..units).map(|unit| unit % 5 == 1).collect();
                let mut expected: Vec<f32> = (0..chains * units).map(start).collect();
                for (chain, row) in expected.chunks_exact_mut(units).enumerate() {
                    for number in 0..3 {
                        let sweeps = Sweeps {
                            count: 1,
                            beta,
                            settle,
                            along: Along::Updates,
                        };
                        let settle = sweeps.nth(number);
                        let parameters = (&bias[..], &pairs[..], &weights[..]);
                        plain_sweep(&field, parameters, row, &held, chain as u32, beta, settle);
                    }
                }
                for quads in [false, true] {
                    for pool in [Pool::SERIAL, three_threads()] {
                        let mut states = Chains::new(&field, chains, quads).unwrap();
                        let values: Vec<f32> = (0..chains * units).map(start).collect();
                        states.write(&field, &values);
                        let known: Vec<u8> = (0..chains * units)
                            .map(|i| u8::from(held[i % units]))
                            .collect();
                        states.hold(&field, &known).unwrap();
                        let sweeps = Sweeps {
                            count: 3,
                            beta,
                            settle,
                            along: Along::Updates,
                        };
                        states.sweep(&pool, &field, &sweeps);
                        let mut found = vec![0.0; chains * units];
                        states.read(&field, &mut found);
                        assert_eq!(
                            found, expected,
                            "{units} units, {chains} chains, quads {quads}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn large_colours_are_shared_out_without_a_change() {
    let (field, ..) = random_field(1800, 0.017, 5);
    assert!(field.starts[field.colours[1] as usize] as usize > LEAST_WORK);
    let stream = Stream::new([3, 4], 0, Purpose::Sample, 0, 0);
    let sweeps = Sweeps {
        count: 4,
        beta: 1.0,
        settle: Settle::Draw(stream),
        along: Along::Sweeps,
    };
    let run = |pool: &Pool, quads: bool| {
        let mut chains = Chains::new(&field, 1, quads).unwrap();
        chains.start(pool, &field, stream);
        chains.sweep(pool, &field, &sweeps);
        let mut states = vec![0.0; 1800];
        chains.read(&field, &mut states);
        states
    };
    let alone = run(&Pool::SERIAL, false);
    assert_eq!(alone, run(&three_threads(), false));
    assert_eq!(alone, run(&Pool::SERIAL, true));
    assert!(alone.contains(&0.0) && alone.contains(&1.0));
}

#[test]
fn what_each_chain_holds_stays() {
    let (field, ..) = random_field(20, 0.4, 9);
    let stream = Stream::new([1, 2], 0, Purpose::Sample, 0, 0);
    let mut chains = Chains::new(&field, 6, true).unwrap();
    let values: Vec<f32> = (0..120).map(|i| i as f32).collect();
    chains.write(&field, &values);
    let known: Vec<u8> = (0..120).map(|i| u8::from(i % 7 < 3)).collect();
    chains.hold(&field, &known).unwrap();
    chains.start(&Pool::SERIAL, &field, stream);
    let settle = Settle::Draw(stream);
    let sweeps = Sweeps {
        count: 5,
        beta: 0.01,
        settle,
        along: Along::Updates,
    };
    chains.sweep(&three_threads(), &field, &sweeps);
    let mut found = vec![0.0; 120];
    chains.read(&field, &mut found);
    for i in 0..120 {
        assert_eq!(
            found[i] == values[i] && i > 1,
            known[i] == 1 && i > 1,
            "{i}"
        );
        assert!(known[i] == 1 || found[i] == 0.0 || found[i] == 1.0);
    }
}

#[test]
fn statistics_are_averages_of_products() {
    let (field, _, pairs, _) = random_field(13, 0.5, 2);
    let mut chains = Chains::new(&field, 7, true).unwrap();
    let values: Vec<f32> = (0..91).map(|i| ((i * i) % 11) as f32 / 8.0).collect();
    chains.write(&field, &values);
    let shares: Vec<f32> = (1..=7).map(|c| c as f32 / 4.0).collect();
    let (mut products, mut units) = (vec![1.0; pairs.len()], vec![0.0; 13]);
    chains.add_statistics(&three_threads(), &field, &shares, &mut products, &mut units);
    for (&[a, b], found) in pairs.iter().zip(products) {
        let term = |c: usize| shares[c] * values[c * 13 + a as usize] * values[c * 13 + b as usize];
        assert_eq!(found, 1.0 + (0..7).map(term).sum::<f32>());
    }
    for (unit, found) in units.into_iter().enumerate() {
        assert_eq!(
            found,
            (0..7)
                .map(|c| shares[c] * values[c * 13 + unit])
                .sum::<f32>()
        );
    }
}

#[test]
fn exact_sums_agree_with_plain_enumeration() {
    for (units, rows) in [(3, 1), (7, 2), (8, 40)] {
        let (field, bias, pairs, weights) = random_field(units, 0.6, 77 + units as u32);
        for free in [
            vec![1u8; units],
            vec![0; units],
            (0..units).map(|u| (u % 2) as u8).collect(),
        ] {
            let given: Vec<f32> = (0..rows * units)
                .map(|i| f32::from(u8::from(i % 3 != 1)))
                .collect();
            let shares: Vec<f64> = (0..rows).map(|row| 1.0 / (row + 1) as f64).collect();
            let problem = Problem::new(&field, &free);
            let mut logs = vec![0.0; rows];
            problem.log_sums(&three_threads(), &given, &mut logs);
            let found = problem.averages(&three_threads(), &given, &shares, &logs);
            let mut expected_units = vec![0.0; units];
            let mut expected_pairs = vec![0.0; pairs.len()];
            for row in 0..rows {
                let fits = |state: usize| {
                    (0..units)
                        .all(|u| free[u] == 1 || (state >> u & 1) as f32 == given[row * units + u])
                };
                let weight = |state: usize| {
                    let on = |u: usize| (state >> u & 1) as f64;
                    let biases: f64 = (0..units).map(|u| f64::from(bias[u]) * on(u)).sum();
                    let joined = pairs.iter().zip(&weights);
                    let products: f64 = joined
                        .map(|(&[a, b], &w)| f64::from(w) * on(a as usize) * on(b as usize))
                        .sum();
                    libm::exp(biases + products)
                };
                let states: Vec<usize> = (0..1 << units).filter(|&state| fits(state)).collect();
                let total: f64 = states.iter().map(|&state| weight(state)).sum();
                assert!((libm::log(total) - logs[row]).abs() < 1e-12);
                for &state in &states {
                    let p = shares[row] * weight(state) / total;
                    for (unit, sum) in expected_units.iter_mut().enumerate() {
                        *sum += p * (state >> unit & 1) as f64;
                    }
                    for (sum, &[a, b]) in expected_pairs.iter_mut().zip(&pairs) {
                        *sum += p * ((state >> a & 1) * (state >> b & 1)) as f64;
                    }
                }
            }
            let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close(&found.units, &expected_units) && close(&found.pairs, &expected_pairs));
        }
    }
}
