use super::*;
use crate::types::{MemoryKind, MemoryRegion};

/// A tag with its padding.
fn tag(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (HEADER as u32 + body.len() as u32).to_le_bytes()].concat();
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn information(tags: &[Vec<u8>]) -> Vec<u8> {
    let tags = tags.concat();
    let mut bytes = [(START as u32 + tags.len() as u32).to_le_bytes(), [0; 4]].concat();
    bytes.extend(tags);
    bytes
}

fn memory_map(entries: &[(u64, u64, u32)]) -> Vec<u8> {
    let mut body = [24_u32.to_le_bytes(), [0; 4]].concat();
    for (start, length, kind) in entries {
        body.extend(start.to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(u64::from(*kind).to_le_bytes());
    }
    tag(MEMORY_MAP, &body)
}

fn end() -> Vec<u8> {
    tag(END, &[])
}

/// A screen of 1024 × 768 pixels of 32 bits at 0x8000_0000.
fn screen(kind: u8) -> Vec<u8> {
    let mut body = 0x8000_0000_u64.to_le_bytes().to_vec();
    body.extend([4096_u32, 1024, 768].iter().flat_map(|number| number.to_le_bytes()));
    body.extend([32, kind, 0, 0, 16, 8, 8, 8, 0, 8]);
    body
}

fn everything() -> Vec<u8> {
    information(&[
        tag(COMMAND_LINE, b"a b=c\0"),
        tag(MODULE, &[&0x20_0000_u32.to_le_bytes()[..], &0x30_0000_u32.to_le_bytes(), b"name\0"].concat()),
        memory_map(&[(0x10_0000, 0x40_0000, 1), (0, 0x1000, 2)]),
        tag(FRAMEBUFFER, &screen(1)),
        tag(OLD_RSDP, b"RSD PTR old"),
        tag(NEW_RSDP, b"RSD PTR new"),
        tag(99, b"of a later version"),
        end(),
    ])
}

fn read_bytes(bytes: &[u8]) -> (Result<Information, Damage>, Map) {
    let mut map = Map::new();
    let result = read(bytes, &mut map);
    map.tidy();
    (result, map)
}

#[test]
fn good_information_is_read() {
    let bytes = everything();
    let (found, map) = read_bytes(&bytes);
    let found = found.unwrap();
    assert_eq!(&bytes[found.command_line], b"a b=c");
    assert_eq!(found.initrd, Some(0x20_0000..0x30_0000));
    assert_eq!(&bytes[found.rsdp.unwrap()], b"RSD PTR new");
    assert_eq!(
        map.regions(),
        [
            MemoryRegion { start: 0, len: 0x1000, kind: MemoryKind::Reserved },
            MemoryRegion { start: 0x10_0000, len: 0x40_0000, kind: MemoryKind::Usable }
        ]
    );
    let screen = found.framebuffer.unwrap();
    assert_eq!((screen.address, screen.width, screen.height, screen.pitch), (0x8000_0000, 1024, 768, 4096));
    assert_eq!(screen.colours, [(16, 8), (8, 8), (0, 8)]);
}

#[test]
fn information_cut_off_anywhere_is_told() {
    let bytes = everything();
    for length in 0..bytes.len() {
        assert!(read_bytes(&bytes[..length]).0.is_err(), "{length} of {}", bytes.len());
    }
    assert_eq!(read_bytes(&[]).0, Err(Damage::NoEnd));
}

#[test]
fn sizes_that_cannot_be_are_told() {
    let with_size = |size: u32| {
        let mut bytes = everything();
        bytes[START + 4..START + 8].copy_from_slice(&size.to_le_bytes());
        read_bytes(&bytes).0
    };
    for size in [0, 7, 8, 9, 0x7fff_ffff, u32::MAX] {
        assert_eq!(with_size(size), Err(Damage::Tag { at: START, kind: COMMAND_LINE, size }), "{size}");
    }
    let text = with_size(7).unwrap_err().to_string();
    assert_eq!(text, "the tag of type 1 at offset 8 can't have 7 bytes");
}

#[test]
fn a_memory_map_is_needed_and_has_whole_entries() {
    assert_eq!(read_bytes(&information(&[end()])).0, Err(Damage::NoMemoryMap));
    let mut half = memory_map(&[(0, 0x1000, 1), (0x1000, 0x1000, 1)]);
    half.truncate(half.len() - 8);
    half[4..8].copy_from_slice(&(HEADER as u32 + 8 + 24 + 16).to_le_bytes());
    assert!(matches!(read_bytes(&information(&[half, end()])).0, Err(Damage::Tag { kind: MEMORY_MAP, .. })));
    for step in [0_u32, 23] {
        let body = [step.to_le_bytes(), [0; 4]].concat();
        assert!(matches!(read_bytes(&information(&[tag(MEMORY_MAP, &body), end()])).0, Err(Damage::Tag { .. })), "{step}");
    }
}

#[test]
fn screens_without_pixels_or_sense_are_none() {
    let read = |body: &[u8]| read_bytes(&information(&[tag(FRAMEBUFFER, body), memory_map(&[]), end()])).0.unwrap().framebuffer;
    assert!(read(&screen(1)).is_some());
    assert_eq!(read(&screen(0)), None);
    assert_eq!(read(&screen(2)), None);
    assert_eq!(read(&screen(1)[..29]), None);
    let changed = |at: usize, bytes: &[u8]| {
        let mut body = screen(1);
        body[at..at + bytes.len()].copy_from_slice(bytes);
        read(&body)
    };
    assert_eq!(changed(0, &u64::MAX.to_le_bytes()), None, "it wraps");
    assert_eq!(changed(8, &4095_u32.to_le_bytes()), None, "a line is longer than the way to the next");
    assert_eq!(changed(12, &[0; 4]), None, "no width");
    assert_eq!(changed(16, &[0; 4]), None, "no height");
    assert_eq!(changed(20, &[8]), None, "too few bits");
    assert_eq!(changed(24, &[28, 8]), None, "red lies outside of the pixel");
    assert_eq!(changed(25, &[0]), None, "red has no bits");
}

#[test]
fn bytes_flipped_anywhere_do_no_harm() {
    let good = everything();
    for at in 0..good.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            if let (Ok(found), _) = read_bytes(&bytes) {
                assert!(found.command_line.end <= bytes.len() && found.rsdp.is_none_or(|rsdp| rsdp.end <= bytes.len()));
            }
        }
    }
}
