//! Reading rows of a data set: every reader against its slow twin, bit by bit, whatever runs the tasks.

mod twins;

use twins::*;
use wakesleep_kernels::activity::{Activity, Lists};
use wakesleep_kernels::disjoint::Pool;
use wakesleep_kernels::random::{Purpose, Stream};
use wakesleep_kernels::rows::{Dense, Pixel, Rows, Sparse};

const DATA_ROWS: usize = 37;

fn stream() -> Stream {
    Stream::new([6, 1], 77, Purpose::Binarise, 0, 0)
}

fn some_order(rows: usize, numbers: &mut Numbers) -> Vec<u32> {
    (0..rows).map(|_| numbers.below(DATA_ROWS) as u32).collect()
}

/// Pixels of which a share is not zero; 0, 1 and 255 come often.
fn some_pixels(case: Case, numbers: &mut Numbers) -> Vec<u8> {
    let pixel = |_| match (numbers.chance(case.share), numbers.below(4)) {
        (false, _) => 0,
        (true, 0) => 255,
        (true, 1) => 1,
        _ => numbers.below(256) as u8,
    };
    (0..DATA_ROWS * case.lower).map(pixel).collect()
}

/// Numbers of which a share is not zero; −0 comes now and then.
fn some_floats(case: Case, numbers: &mut Numbers) -> Vec<f32> {
    let float = |_| match (numbers.chance(case.share), numbers.below(8)) {
        (false, 0) => -0.0,
        (false, _) => 0.0,
        (true, _) => numbers.signed(1.0),
    };
    (0..DATA_ROWS * case.lower).map(float).collect()
}

/// Rows of the data set, scaled, in the order asked for.
fn slow_rows(data: &[f32], scale: f32, order: &[u32], columns: usize) -> Matrix {
    let mut values = Vec::new();
    for &row in order {
        for column in 0..columns {
            values.push(data[row as usize * columns + column] * scale);
        }
    }
    Matrix {
        rows: order.len(),
        columns,
        values,
    }
}

fn as_floats(pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|&x| f32::from(x)).collect()
}

fn assert_lists_what_is_not_zero(activity: &Activity, matrix: &Matrix) {
    assert_eq!(activity.lists(), Lists::Reals);
    let mut listed = 0;
    for row in 0..matrix.rows {
        let wanted: Vec<u16> = (0..matrix.columns)
            .filter(|&unit| matrix.at(row, unit) != 0.0)
            .map(|unit| unit as u16)
            .collect();
        let reals: Vec<f32> = wanted
            .iter()
            .map(|&unit| matrix.at(row, unit.into()))
            .collect();
        assert_eq!(activity.list(row), wanted);
        assert_same_bits(activity.reals(row), &reals, "reals");
        listed += wanted.len();
    }
    assert_eq!(activity.listed(), listed);
}

fn pixel_rows(values: &[u8]) -> Dense<'_, u8> {
    Dense {
        values,
        scale: 1.0 / 255.0,
    }
}

/// What is not zero of rows of so many columns, and where each row of it begins.
struct Kept {
    offsets: Vec<u32>,
    units: Vec<u32>,
    values: Vec<f32>,
}

impl Kept {
    fn of(data: &[f32], columns: usize) -> Kept {
        let (mut offsets, mut units, mut values) = (vec![0], vec![], vec![]);
        for row in data.chunks(columns) {
            for (unit, &value) in row.iter().enumerate().filter(|&(_, &value)| value != 0.0) {
                units.push(unit as u32);
                values.push(value);
            }
            offsets.push(units.len() as u32);
        }
        Kept {
            offsets,
            units,
            values,
        }
    }

    fn rows(&self, scale: f32) -> Sparse<'_> {
        Sparse {
            offsets: &self.offsets,
            units: &self.units,
            values: &self.values,
            scale,
        }
    }
}

fn check_gather<T: Pixel>(case: Case, data: &[T], floats: &[f32], scale: f32, order: &[u32]) {
    let slow = slow_rows(floats, scale, order, case.lower);
    check_rows(
        case,
        &Dense {
            values: data,
            scale,
        },
        &slow,
        order,
    );
    check_rows(
        case,
        &Kept::of(floats, case.lower).rows(scale),
        &slow,
        order,
    );
}

fn check_rows(case: Case, rows: &impl Rows, slow: &Matrix, order: &[u32]) {
    each_pool(|pool| {
        let mut activity = Activity::new(case.rows, case.lower).unwrap();
        activity.write(&vec![9.0; case.rows * case.lower]);
        activity.gather(pool, rows, order).unwrap();
        // What is left out is filled with +0, whatever the sign of the zeros in the data.
        for (fast, slow) in values_of(&activity).iter().zip(&slow.values) {
            assert!(fast.to_bits() == slow.to_bits() || (*fast == 0.0 && *slow == 0.0));
        }
        assert_padding_is_zero(&activity);
        assert_lists_what_is_not_zero(&activity, slow);
    });
}

#[test]
fn bytes_and_floats_are_gathered_as_by_the_twin() {
    for_cases(120, |case| {
        let case = Case {
            lower: case.lower.max(1),
            ..case
        };
        let numbers = &mut Numbers(case.seed);
        let order = some_order(case.rows, numbers);
        let pixels = some_pixels(case, numbers);
        check_gather(case, &pixels, &as_floats(&pixels), 1.0 / 255.0, &order);
        let floats = some_floats(case, numbers);
        check_gather(case, &floats, &floats, 0.5, &order);
    });
}

fn check_states<T: Pixel>(case: Case, data: &[T], floats: &[f32], scale: f32, order: &[u32]) {
    let probabilities = slow_rows(floats, scale, order, case.lower);
    let slow = bernoulli_states(&probabilities, order, stream());
    check_drawn(
        case,
        &Dense {
            values: data,
            scale,
        },
        &slow,
        order,
    );
    check_drawn(
        case,
        &Kept::of(floats, case.lower).rows(scale),
        &slow,
        order,
    );
}

fn check_drawn(case: Case, rows: &impl Rows, slow: &[Vec<u16>], order: &[u32]) {
    each_pool(|pool| {
        let mut activity = Activity::new(case.rows, case.lower).unwrap();
        activity.gather_states(pool, rows, order, stream());
        assert_eq!(activity.lists(), Lists::Ones);
        assert_eq!(lists_of(&activity), slow);
        activity.spread_lists(pool);
        assert_eq!(activity.lists(), Lists::Ones);
        assert_same_bits(
            &values_of(&activity),
            &spread(slow, case.lower).values,
            "spread",
        );
        assert_padding_is_zero(&activity);
    });
}

#[test]
fn states_are_drawn_as_by_the_twin() {
    for_cases(120, |case| {
        let case = Case {
            lower: case.lower.max(1),
            ..case
        };
        let numbers = &mut Numbers(case.seed);
        let order = some_order(case.rows, numbers);
        let pixels = some_pixels(case, numbers);
        check_states(case, &pixels, &as_floats(&pixels), 1.0 / 255.0, &order);
        let floats: Vec<f32> = some_floats(case, numbers).iter().map(|x| x.abs()).collect();
        check_states(case, &floats, &floats, 1.0, &order);
    });
}

#[test]
fn a_row_s_states_do_not_depend_on_its_place_in_the_batch() {
    let numbers = &mut Numbers(4);
    let case = Case {
        lower: 65,
        upper: 0,
        rows: 37,
        share: 0.8,
        seed: 0,
    };
    let pixels = some_pixels(case, numbers);
    let states = |order: &[u32]| {
        let mut activity = Activity::new(order.len(), 65).unwrap();
        activity.gather_states(&Pool::SERIAL, &pixel_rows(&pixels), order, stream());
        lists_of(&activity)
    };
    let forward: Vec<u32> = (0..37).collect();
    let backward: Vec<u32> = (0..37).rev().collect();
    let mut turned = states(&backward);
    turned.reverse();
    assert_eq!(states(&forward), turned);
    assert_eq!(states(&[12])[0], states(&forward)[12]);

    // The planted fault: draws addressed by the place in the batch give other states.
    let probabilities = slow_rows(&as_floats(&pixels), 1.0 / 255.0, &backward, 65);
    let mut by_place = bernoulli_states(&probabilities, &forward, stream());
    by_place.reverse();
    assert_ne!(states(&forward), by_place);
}

/// 255 is always on and 0 never, in 1,000 rows; in between the share is the probability: for each of 254 pixel values
/// 1,000 draws, so the sum of the χ² has 254 degrees of freedom.
#[test]
fn binarised_pixels_have_their_probabilities() {
    const ROWS: u32 = 1000;
    let data: Vec<u8> = (0..ROWS).flat_map(|_| 0..=255u8).collect();
    let order: Vec<u32> = (0..ROWS).collect();
    let mut activity = Activity::new(ROWS as usize, 256).unwrap();
    activity.gather_states(&Pool::SERIAL, &pixel_rows(&data), &order, stream());
    let mut on = [0u32; 256];
    for row in 0..ROWS as usize {
        activity
            .list(row)
            .iter()
            .for_each(|&unit| on[usize::from(unit)] += 1);
    }
    assert_eq!((on[0], on[255]), (0, ROWS));
    let n = f64::from(ROWS);
    let z = |scale: f64| {
        let chi: f64 = (1..255)
            .map(|pixel| {
                let p = pixel as f64 * scale;
                (f64::from(on[pixel]) - n * p).powi(2) / (n * p * (1.0 - p))
            })
            .sum();
        (chi - 254.0) / 508.0f64.sqrt()
    };
    assert!(z(1.0 / 255.0).abs() < 5.0, "{}", z(1.0 / 255.0));
    assert!(
        z(1.0 / 260.0) > 5.0,
        "another scale must be seen: {}",
        z(1.0 / 260.0)
    );
}

#[test]
fn labels_become_one_hot_rows() {
    for classes in [1, 2, 10, 16, 17] {
        let labels: Vec<u8> = (0..DATA_ROWS).map(|row| (row % classes) as u8).collect();
        let order: Vec<u32> = (0..DATA_ROWS as u32).rev().collect();
        let mut activity = Activity::new(DATA_ROWS, classes).unwrap();
        activity.write(&vec![0.3; DATA_ROWS * classes]);
        activity.gather_labels(&labels, &order);
        let lists: Vec<Vec<u16>> = order
            .iter()
            .map(|&id| vec![u16::from(labels[id as usize])])
            .collect();
        assert_eq!(lists_of(&activity), lists);
        assert_same_bits(
            &values_of(&activity),
            &spread(&lists, classes).values,
            "one-hot",
        );
        assert_padding_is_zero(&activity);
    }
}

#[test]
fn listing_values_and_spreading_them_again_changes_nothing() {
    for_cases(120, |case| {
        let matrix = Matrix::real(case.rows, case.lower, case.share, &mut Numbers(case.seed));
        each_pool(|pool| {
            let mut activity = with_values(&matrix);
            assert_eq!(activity.lists(), Lists::None);
            activity.list_values(pool).unwrap();
            assert_lists_what_is_not_zero(&activity, &matrix);
            activity.spread_lists(pool);
            assert_same_bits(&values_of(&activity), &matrix.values, "there and back");
            assert_lists_what_is_not_zero(&activity, &matrix);
        });
    });
}

fn gathered(rows: usize, data: &[u8], order: &[u32]) {
    let mut activity = Activity::new(rows, 4).unwrap();
    let rows = Dense {
        values: data,
        scale: 1.0,
    };
    activity.gather(&Pool::SERIAL, &rows, order).unwrap();
}

fn gathered_sparse(offsets: &[u32], units: &[u32], order: &[u32]) {
    let mut activity = Activity::new(order.len(), 20).unwrap();
    let rows = Sparse {
        offsets,
        units,
        values: &[1.0f32; 4][..units.len()],
        scale: 1.0,
    };
    activity.gather(&Pool::SERIAL, &rows, order).unwrap();
}

#[test]
#[should_panic(expected = "of 2 rows")]
fn a_sparse_row_past_the_end_is_refused() {
    gathered_sparse(&[0, 1, 2], &[0, 19], &[2]);
}

#[test]
#[should_panic(expected = "unit 20 after 4 of 20")]
fn a_sparse_unit_past_the_last_is_refused() {
    gathered_sparse(&[0, 2], &[3, 20], &[0]);
}

#[test]
#[should_panic(expected = "unit 3 after 4 of 20")]
fn sparse_units_that_do_not_ascend_are_refused() {
    gathered_sparse(&[0, 2], &[3, 3], &[0]);
}

#[test]
#[should_panic(expected = "of 2 rows")]
fn a_row_past_the_end_of_the_data_is_refused() {
    gathered(2, &[1; 11], &[1, 2]);
}

#[test]
#[should_panic(expected = "of 2 rows")]
fn a_row_number_whose_product_would_wrap_is_refused() {
    gathered(1, &[1; 8], &[u32::MAX]);
}

#[test]
#[should_panic(expected = "label 3 of 3 classes")]
fn a_label_past_the_last_class_is_refused() {
    Activity::new(1, 3).unwrap().gather_labels(&[3], &[0]);
}
