//! Two layers of real-valued units: whether their joint distribution can be normalised at all, and what it is where both
//! are Gaussian.
//!
//! Far out, minus the energy of units of standard deviation 1 is `−|v|²/2 − |h|²/2 + vᵀA h`, with A the weights between
//! the real-valued units; units that have finitely many states change nothing about that. With truncated units ≥ 0:
//! - Gaussian with Gaussian: proper exactly where σ_max(A) < 1;
//! - truncated with truncated: proper where σ_max(max(A, 0)) < 1, improper where any weight is 1 or more;
//! - Gaussian with truncated: proper where λ_max(max(AᵀA, 0)) < 1, AᵀA over the truncated side, improper where a
//!   truncated unit's weights have a norm of 1 or more.
//!
//! In between nobody says. An eigenvalue below 1 is found by a Cholesky factor of `I − K`, in f64.

use crate::exact::{Expectations, Group, Machine};
use crate::sums::total;
use crate::units::Kind;

/// Whether a model has a finite log Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalisable {
    Yes,
    No,
    /// The conditions that are known decide neither way.
    Unknown,
}

/// Whether the machine's log Z is finite.
pub fn normalisable(machine: &Machine) -> Normalisable {
    let (lower, upper) = (real_units(machine.lower), real_units(machine.upper));
    if lower.is_empty() || upper.is_empty() {
        return Normalisable::Yes;
    }
    let width = machine.lower_bias.len();
    let a = Matrix {
        rows: upper.len(),
        columns: lower.len(),
        values: upper
            .iter()
            .flat_map(|&(j, _)| {
                let weight =
                    move |&(i, _): &(usize, Kind)| f64::from(machine.weights[j * width + i]);
                lower.iter().map(weight)
            })
            .collect(),
    };
    let gram_of = |m: &Matrix| m.gram_of_rows_by(dot_in_lanes);
    let gram = gram_of(&a);
    if is_below_one(&gram) {
        return Normalisable::Yes;
    }
    let all = |units: &[(usize, Kind)], kind| units.iter().all(|unit| unit.1 == kind);
    let (gaussian, truncated) = (Kind::Gaussian, Kind::TruncatedNormal);
    let diagonal_is_large = |k: &Matrix| (0..k.rows).any(|i| k.at(i, i) >= 1.0);
    let (proper, improper) = if all(&lower, gaussian) && all(&upper, gaussian) {
        (false, true)
    } else if all(&lower, truncated) && all(&upper, truncated) {
        let large = a.values.iter().any(|&w| w >= 1.0);
        (is_below_one(&gram_of(&a.positive())), large)
    } else if all(&lower, gaussian) && all(&upper, truncated) {
        (is_below_one(&gram.positive()), diagonal_is_large(&gram))
    } else if all(&lower, truncated) && all(&upper, gaussian) {
        let gram = gram_of(&a.transposed());
        (is_below_one(&gram.positive()), diagonal_is_large(&gram))
    } else {
        (false, false)
    };
    match (proper, improper) {
        (true, _) => Normalisable::Yes,
        (_, true) => Normalisable::No,
        _ => Normalisable::Unknown,
    }
}

/// The units of a layer whose states have no bound, with their kinds.
fn real_units(layer: &[Group]) -> Vec<(usize, Kind)> {
    let mut first = 0;
    let mut units = Vec::new();
    for group in layer {
        let own = first..first + group.units;
        first = own.end;
        if matches!(group.kind, Kind::Gaussian | Kind::TruncatedNormal) {
            units.extend(own.map(|unit| (unit, group.kind)));
        }
    }
    units
}

/// Whether both sides are Gaussian throughout, which has a closed form.
pub(crate) fn is_gaussian_pair(machine: &Machine) -> bool {
    let gaussian = |layer: &[Group]| layer.iter().all(|group| group.kind == Kind::Gaussian);
    gaussian(machine.lower) && gaussian(machine.upper)
}

/// `log Z` and averages of two Gaussian layers; infinity where there is none. With the lower side integrated out, the
/// upper one is normal with precision `M = I − W Wᵀ` and linear term `γ + W β`.
pub(crate) fn gaussian_pair(machine: &Machine) -> (f64, Expectations) {
    let (n, m) = (machine.lower_bias.len(), machine.upper_bias.len());
    let double = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let (beta, gamma) = (double(machine.lower_bias), double(machine.upper_bias));
    let w = Matrix {
        rows: m,
        columns: n,
        values: double(machine.weights),
    };
    let mut averages = Expectations {
        products: vec![f64::NAN; n * m],
        lower: vec![f64::NAN; n],
        upper: vec![f64::NAN; m],
    };
    let Some(factor) = cholesky(&w.gram_of_rows().one_minus()) else {
        return (f64::INFINITY, averages);
    };
    let linear: Vec<f64> = (0..m).map(|j| gamma[j] + dot(w.row(j), &beta)).collect();
    averages.upper = solve(&factor, &linear);
    let log_det = total((0..m).map(|j| 2.0 * libm::log(factor.at(j, j))));
    let log_z = (n + m) as f64 * crate::units::HALF_LOG_TAU - 0.5 * log_det
        + 0.5 * dot(&linear, &averages.upper)
        + 0.5 * dot(&beta, &beta);
    for (i, beta) in beta.iter().enumerate() {
        let column: Vec<f64> = (0..m).map(|j| w.at(j, i)).collect();
        averages.lower[i] = beta + dot(&column, &averages.upper);
        // ⟨h v_i⟩ = ⟨h⟩ β_i + (M⁻¹ + ⟨h⟩⟨h⟩ᵀ) w_i
        let spread = solve(&factor, &column);
        for (j, spread) in spread.into_iter().enumerate() {
            averages.products[j * n + i] = averages.upper[j] * averages.lower[i] + spread;
        }
    }
    (log_z, averages)
}

/// Row-major.
struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..][..self.columns]
    }

    fn map(&self, f: impl Fn(usize, f64) -> f64) -> Matrix {
        let values = self.values.iter().enumerate();
        Matrix {
            values: values.map(|(place, &x)| f(place, x)).collect(),
            ..*self
        }
    }

    fn transposed(&self) -> Matrix {
        let at = |place: usize| self.at(place % self.rows, place / self.rows);
        Matrix {
            rows: self.columns,
            columns: self.rows,
            values: (0..self.values.len()).map(at).collect(),
        }
    }

    /// What is positive in it; NaN stays.
    fn positive(&self) -> Matrix {
        self.map(|_, x| if x < 0.0 { 0.0 } else { x })
    }

    /// `A Aᵀ`.
    fn gram_of_rows(&self) -> Matrix {
        self.gram_of_rows_by(dot)
    }

    /// `A Aᵀ` with products of rows by `dot`, each pair of rows once.
    fn gram_of_rows_by(&self, dot: impl Fn(&[f64], &[f64]) -> f64) -> Matrix {
        let n = self.rows;
        let mut values = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let product = dot(self.row(i), self.row(j));
                values[i * n + j] = product;
                values[j * n + i] = product;
            }
        }
        Matrix {
            rows: n,
            columns: n,
            values,
        }
    }

    /// `I − K`.
    fn one_minus(&self) -> Matrix {
        let one = |place: usize| f64::from(u8::from(place.is_multiple_of(self.columns + 1)));
        self.map(|place, x| one(place) - x)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    total(a.iter().zip(b).map(|(a, b)| a * b))
}

/// As `dot`, in eight sums that do not wait for each other: several times as fast on long rows, rounded differently.
fn dot_in_lanes(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = dot(a.remainder(), b.remainder());
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    total(sums.into_iter()) + rest
}

/// Whether all eigenvalues of a symmetric matrix are below 1.
fn is_below_one(k: &Matrix) -> bool {
    cholesky(&k.one_minus()).is_some()
}

/// The lower factor of a symmetric matrix; nothing where it is not positive definite.
fn cholesky(matrix: &Matrix) -> Option<Matrix> {
    let n = matrix.rows;
    let mut factor = matrix.map(|_, _| 0.0);
    for i in 0..n {
        for j in 0..=i {
            let known = dot(&factor.row(i)[..j], &factor.row(j)[..j]);
            let rest = matrix.at(i, j) - known;
            factor.values[i * n + j] = if i > j {
                rest / factor.at(j, j)
            } else if rest > 0.0 {
                libm::sqrt(rest)
            } else {
                return None;
            };
        }
    }
    Some(factor)
}

/// `(L Lᵀ)⁻¹ b`.
fn solve(factor: &Matrix, b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut x = b.to_vec();
    for i in 0..n {
        x[i] = (x[i] - dot(&factor.row(i)[..i], &x[..i])) / factor.at(i, i);
    }
    for i in (0..n).rev() {
        let known = total((i + 1..n).map(|j| factor.at(j, i) * x[j]));
        x[i] = (x[i] - known) / factor.at(i, i);
    }
    x
}
