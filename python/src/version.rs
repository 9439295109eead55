//! Versions in rpm's order.

use std::cmp::Ordering;

use pyo3::prelude::*;

use crate::errors;

fn number(order: Ordering) -> i8 {
    match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

/// Compares two `[epoch:]version[-release]` as rpm does: -1, 0 or 1.
#[pyfunction]
#[pyo3(signature = (a, b, /))]
pub(crate) fn compare_evr(a: &str, b: &str) -> PyResult<i8> {
    let read = |text: &str| text.parse::<copr_rpm::Evr>().map_err(|error| errors::parse(&error));
    Ok(number(read(a)?.cmp(&read(b)?)))
}

/// Compares two versions (or two releases) alone, as rpm's `rpmvercmp` does: -1, 0 or 1.
#[pyfunction]
#[pyo3(signature = (a, b, /))]
pub(crate) fn compare_versions(a: &str, b: &str) -> i8 {
    number(copr_rpm::vercmp(a, b))
}
