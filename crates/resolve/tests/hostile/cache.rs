//! Cache files that are cut, flipped or made up: as if they were not there, or packages that answer without harm.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::cached::{self, Edit};

#[test]
fn a_cache_file_that_is_cut_anywhere_is_as_if_it_were_not_there() {
    let whole = cached::written();
    for length in 0..whole.len() {
        assert!(cached::read(&whole[..length]).is_none(), "cut to {length} of {}", whole.len());
    }
    assert!(cached::read(&whole).is_some());
}

#[test]
fn a_cache_file_with_a_flipped_bit_is_as_if_it_were_not_there() {
    let whole = cached::written();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(cached::read(&flipped).is_none(), "byte {at} of {}", whole.len());
    }
}

#[test]
fn a_cache_file_with_more_behind_it_is_as_if_it_were_not_there() {
    let mut longer = cached::written();
    longer.push(0);
    assert!(cached::read(&longer).is_none());
    longer.extend(vec![0; 1 << 20]);
    assert!(cached::read(&longer).is_none());
}

#[test]
fn a_cache_file_whose_sum_fits_a_wrong_byte_does_no_harm() {
    let whole = cached::written();
    for at in 0..whole.len() - 8 {
        for value in [0x00, 0x7F, 0xFF] {
            cached::edited(&whole, &[Edit { at, width: 1, value }]);
        }
    }
}

#[test]
fn a_cache_file_whose_sum_fits_wrong_numbers_does_no_harm() {
    let whole = cached::written();
    for at in (0..whole.len() - 8).step_by(4) {
        for (width, value) in [(4, 0x00), (4, 0x01), (4, 0xFF), (8, 0x7F), (8, 0xFF)] {
            cached::edited(&whole, &[Edit { at, width, value }]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn a_cache_file_with_several_wrong_numbers_does_no_harm(
        edits in vec((any::<usize>(), prop::sample::select(vec![1_usize, 2, 4, 8]), any::<u8>()), 1..10)
    ) {
        let edits: Vec<Edit> = edits.into_iter().map(|(at, width, value)| Edit { at, width, value }).collect();
        cached::edited(&cached::written(), &edits);
    }

    #[test]
    fn bytes_that_are_no_cache_file_are_as_if_they_were_not_there(bytes in vec(any::<u8>(), 0..2000)) {
        prop_assert!(cached::read(&bytes).is_none());
    }
}
