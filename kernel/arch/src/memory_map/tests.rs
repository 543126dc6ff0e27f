use super::*;
use MemoryKind::{AcpiTables, Defective, Kernel, Reserved, Usable};

const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

fn map(claims: &[(u64, u64, MemoryKind)]) -> Map {
    let mut map = Map::new();
    claims.iter().for_each(|&(start, len, kind)| map.add(start, len, kind));
    map.tidy();
    map
}

/// Start, end and kind of each region.
fn regions(claims: &[(u64, u64, MemoryKind)]) -> Vec<(u64, u64, MemoryKind)> {
    map(claims).regions().iter().map(|region| (region.start, region.start + region.len, region.kind)).collect()
}

#[test]
fn pieces_in_any_order_are_sorted_and_joined() {
    let expected = [(0, 0x9_f000, Usable), (0xf_0000, 0x10_0000, Reserved), (0x10_0000, 0x30_0000, Usable)];
    assert_eq!(
        regions(&[(0x20_0000, 0x10_0000, Usable), (0xf_0000, 0x1_0000, Reserved), (0, 0x9_f000, Usable), (0x10_0000, 0x10_0000, Usable)]),
        expected
    );
}

#[test]
fn no_claims_and_empty_claims_make_an_empty_map() {
    assert_eq!(regions(&[]), []);
    assert_eq!(regions(&[(0, 0, Usable), (0x1000, 0, Reserved), (u64::MAX, 0, Usable)]), []);
    assert_eq!(map(&[]).carve(0x1000, GIB, &[]), None);
}

#[test]
fn reserved_memory_wins_over_usable_memory() {
    // In its middle, over its beginning, over all of it, and the same piece twice.
    assert_eq!(
        regions(&[(0, 0x10_0000, Usable), (0x4_0000, 0x1000, Reserved)]),
        [(0, 0x4_0000, Usable), (0x4_0000, 0x4_1000, Reserved), (0x4_1000, 0x10_0000, Usable)]
    );
    assert_eq!(regions(&[(0x2000, 0x4000, Usable), (0, 0x3000, Reserved)]), [(0, 0x3000, Reserved), (0x3000, 0x6000, Usable)]);
    assert_eq!(regions(&[(0x2000, 0x1000, Usable), (0, TIB, Reserved)]), [(0, TIB, Reserved)]);
    assert_eq!(regions(&[(0, 0x2000, Usable), (0, 0x2000, Reserved), (0, 0x2000, Usable)]), [(0, 0x2000, Reserved)]);
}

#[test]
fn the_strongest_of_many_claims_holds() {
    assert_eq!(
        regions(&[(0, 0x5000, Usable), (0x1000, 0x3000, AcpiTables), (0x2000, 0x1000, Defective), (0x2000, 0x1000, Reserved)]),
        [
            (0, 0x1000, Usable),
            (0x1000, 0x2000, AcpiTables),
            (0x2000, 0x3000, Defective),
            (0x3000, 0x4000, AcpiTables),
            (0x4000, 0x5000, Usable)
        ]
    );
}

#[test]
fn usable_memory_is_cut_to_whole_pages() {
    assert_eq!(
        regions(&[(0x0123, 0x9_fc00 - 0x0123, Usable), (0x9_fc00, 0x400, Reserved)]),
        [(0x1000, 0x9_f000, Usable), (0x9_fc00, 0xa_0000, Reserved)]
    );
    assert_eq!(regions(&[(0x1001, 0x1ffe, Usable)]), []);
}

#[test]
fn huge_and_wrapping_claims_are_cut() {
    assert_eq!(regions(&[(0, 0x10_0000, Usable), (TIB, TIB, Reserved)]), [(0, 0x10_0000, Usable), (TIB, 2 * TIB, Reserved)]);
    assert_eq!(regions(&[(u64::MAX - 0xfff, 0x2000, Usable), (ADDRESS_LIMIT, 0x1000, Usable)]), []);
    // Of what must be left alone, the part that exists is.
    assert_eq!(regions(&[(0x1000, u64::MAX, Reserved), (0, GIB, Usable)]), [(0, 0x1000, Usable), (0x1000, ADDRESS_LIMIT, Reserved)]);
    // Usable memory that wraps isn't believed.
    assert_eq!(regions(&[(0x1000, u64::MAX, Usable)]), []);
}

#[test]
fn with_too_many_claims_usable_memory_is_lost_first() {
    let mut map = Map::new();
    map.add(0, 0x1000 * 4 * CLAIMS as u64, Usable);
    for index in 0..2 * CLAIMS as u64 {
        map.add(0x2000 * index, 0x1000, Reserved);
        map.add(0x2000 * index + 0x1000, 0x1000, Usable);
    }
    map.tidy();
    assert!(map.regions().iter().all(|region| region.kind == Reserved || region.start / 0x1000 % 2 == 1), "{:?}", map.regions());
    assert!(map.regions().iter().filter(|region| region.kind == Reserved).count() >= CLAIMS);
}

#[test]
fn carving_avoids_what_is_taken() {
    let mut map = map(&[(0, 0x9_f000, Usable), (0x10_0000, 0x40_0000, Usable)]);
    let taken = [0x10_0000..0x20_0123, 0x20_2000..0x20_3000, 0..0, u64::MAX - 5..u64::MAX];
    assert_eq!(map.carve(0x1000, GIB, &taken), Some(0x20_1000));
    assert_eq!(map.carve(0x3000, GIB, &taken), Some(0x20_3000));
    let kinds: Vec<_> = map.regions().iter().map(|region| (region.start, region.kind)).collect();
    let expected = [(0, Usable), (0x10_0000, Usable), (0x20_1000, Kernel), (0x20_2000, Usable), (0x20_3000, Kernel), (0x20_6000, Usable)];
    assert_eq!(kinds, expected);
}

#[test]
fn carving_keeps_below_the_limit_and_above_the_first_mebibyte() {
    let claims = [(0, 0x9_f000, Usable), (4 * GIB, GIB, Usable)];
    assert_eq!(map(&claims).carve(0x1000, 4 * GIB, &[]), None);
    assert_eq!(map(&claims).carve(0x1000, 5 * GIB, &[]), Some(4 * GIB));
    assert_eq!(map(&claims).carve(2 * GIB, 64 * GIB, &[]), None);
    assert_eq!(map(&claims).carve(!0xfff, u64::MAX, &[]), None);
}

/// Whatever the claims are, the map is sorted and free of overlaps, and no page of usable memory is claimed for anything else.
#[test]
fn maps_of_noise_are_sound() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..2000 {
        let claims: Vec<(u64, u64, MemoryKind)> = (0..next() % 40)
            .map(|_| {
                let kind = memory_kind((next() % 7) as u32);
                // Mostly small numbers, so that claims meet.
                let mask = if next() % 8 == 0 { u64::MAX } else { 0xf_ffff };
                (next() & mask, next() & mask, kind)
            })
            .collect();
        let map = map(&claims);
        for pair in map.regions().windows(2) {
            assert!(pair[0].start + pair[0].len <= pair[1].start, "round {round}: {pair:?}");
        }
        for region in map.regions().iter().filter(|region| region.kind == Usable) {
            let end = region.start + region.len;
            assert!(region.len > 0 && region.start.is_multiple_of(PAGE) && region.len.is_multiple_of(PAGE), "round {round}: {region:?}");
            let others = claims.iter().filter(|(_, len, kind)| *kind != Usable && *len > 0);
            for &(start, len, kind) in others {
                assert!(
                    start >= end || start.saturating_add(len) <= region.start,
                    "round {round}: {region:?} and {start:#x} {len:#x} {kind:?}"
                );
            }
        }
    }
}
