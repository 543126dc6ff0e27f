//! Mapped files: one set of pages for read, write and mmap.

use super::*;

#[test]
fn shared_mappings_are_the_file() {
    let _serial = serial();
    let before = frames::stats();
    {
        let file = TestFile::new(&[7; 3 * P]);
        let (one, two) = (AddressSpace::new().unwrap(), AddressSpace::new().unwrap());
        let a = one.map(of_file(&file, 0, 3 * P, RW, MapFlags::SHARED)).unwrap();
        let b = two.map(of_file(&file, P as u64, 2 * P, RW, MapFlags::SHARED)).unwrap();
        poke(&one, a + P + 5, 1).unwrap();
        assert_eq!((peek(&two, b + 5), file.byte(P as u64 + 5)), (Ok(1), 1));
        file.write(P as u64 + 6, &[2]);
        assert_eq!((peek(&one, a + P + 6), peek(&two, b + 6)), (Ok(2), Ok(2)));
        assert_eq!(one.shared_key(a + P + 8), two.shared_key(b + 8));
        let child = one.fork().unwrap();
        poke(&child, a, 9).unwrap();
        assert_eq!(peek(&one, a), Ok(9));
        assert_eq!(one.usage().resident_file_pages, one.usage().resident_pages);
    }
    assert_eq!(frames::stats(), before);
}

#[test]
fn private_mappings_keep_their_writes() {
    let _serial = serial();
    let file = TestFile::new(&[7; 2 * P]);
    let space = AddressSpace::new().unwrap();
    let a = space.map(of_file(&file, 0, 2 * P, RW, MapFlags::empty())).unwrap();
    assert_eq!(peek(&space, a), Ok(7));
    poke(&space, a, 1).unwrap();
    poke(&space, a + P, 2).unwrap();
    assert_eq!((file.byte(0), file.byte(P as u64), peek(&space, a)), (7, 7, Ok(1)));
    let child = space.fork().unwrap();
    poke(&space, a, 3).unwrap();
    assert_eq!((peek(&child, a), peek(&child, a + P), peek(&child, a + 1)), (Ok(1), Ok(2), Ok(7)));
    assert_eq!(space.shared_key(a), None);
    space.advise(a, P, Advice::DontNeed { locked: false }).unwrap();
    assert_eq!(peek(&space, a), Ok(7), "the file shows again");
}

#[test]
fn beyond_the_end_is_a_bus_error() {
    let _serial = serial();
    let file = TestFile::new(&[7; P + 10]);
    let (space, other) = (AddressSpace::new().unwrap(), AddressSpace::new().unwrap());
    let a = space.map(of_file(&file, 0, 4 * P, RW, MapFlags::SHARED)).unwrap();
    let b = other.map(of_file(&file, 0, 4 * P, RW, MapFlags::empty())).unwrap();
    let bus = |space: &AddressSpace, address| matches!(space.fault(address, arch::user::Access::Write), Fault::Denied(Segv::Bus));
    assert_eq!((peek(&space, a + P + 9), peek(&space, a + P + 10)), (Ok(7), Ok(0)));
    assert!(bus(&space, a + 2 * P) && bus(&space, a + 3 * P));
    poke(&space, a + P + 100, 5).unwrap();
    poke(&other, b + P, 6).unwrap();
    file.truncate(5);
    assert!(bus(&space, a + P) && bus(&other, b + P), "cutting the file takes its pages away, copies too");
    assert_eq!((peek(&space, a + 4), peek(&space, a + 5)), (Ok(7), Ok(0)));
    file.truncate(2 * P as u64);
    assert_eq!((peek(&space, a + P + 100), peek(&space, a + 20)), (Ok(0), Ok(0)), "what grows back is zeros");
    poke(&other, b, 9).unwrap();
    file.cache().punch(0..P as u64);
    assert_eq!((peek(&space, a), peek(&other, b)), (Ok(0), Ok(9)), "a hole spares private copies");
}

#[test]
fn read_faults_map_resident_neighbours() {
    let _serial = serial();
    let file = TestFile::new(&[7; 40 * P]);
    let space = AddressSpace::new().unwrap();
    let a = 0x30_0000_0000;
    space.map(MapRequest { address: a, ..of_file(&file, 0, 40 * P, R, MapFlags::FIXED) }).unwrap();
    peek(&space, a + 20 * P).unwrap();
    assert_eq!(space.usage().resident_pages, 16);
    peek(&space, a + 39 * P).unwrap();
    assert_eq!(space.usage().resident_pages, 24);
    let mut names = Vec::new();
    space.areas(&mut |area| names.push(area.kind.clone())).unwrap();
    assert!(matches!(&names[..], [AreaKind::File(name)] if name.path == "/file"));
}

#[test]
fn a_file_knows_who_maps_it_and_forgets() {
    let _serial = serial();
    let file = TestFile::new(&[7; 4 * P]);
    assert_eq!(Arc::strong_count(&file), 1);
    let space = AddressSpace::new().unwrap();
    let a = space.map(of_file(&file, 0, 4 * P, R, MapFlags::empty())).unwrap();
    space.protect(a + P, P, RW).unwrap();
    space.unmap(a + 3 * P, P).unwrap();
    let child = space.fork().unwrap();
    space.unmap(a, 4 * P).unwrap();
    assert!(Arc::strong_count(&file) > 1);
    drop(child);
    assert_eq!(Arc::strong_count(&file), 1);
}

#[test]
fn shared_anonymous_memory_outlives_its_maker() {
    let _serial = serial();
    let before = frames::stats();
    let space = AddressSpace::new().unwrap();
    let a = space.map(MapRequest { flags: MapFlags::SHARED, ..MapRequest::anonymous(2 * P, RW) }).unwrap();
    let child = space.fork().unwrap();
    poke(&space, a, 1).unwrap();
    assert_eq!((peek(&child, a), space.shared_key(a)), (Ok(1), child.shared_key(a)));
    drop(space);
    assert_eq!(peek(&child, a), Ok(1));
    let doubled = child.remap(a, 0, 2 * P, RemapFlags::MAYMOVE, 0).unwrap();
    poke(&child, doubled, 2).unwrap();
    assert_eq!(peek(&child, a), Ok(2), "an old length of 0 maps shared memory once more");
    drop(child);
    assert_eq!(frames::stats(), before);
}
