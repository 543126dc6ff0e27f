//! The calls one by one: results, errors and their order.

use super::*;

const BASE: usize = 0x10_0000_0000;

#[test]
fn mmap_checks_its_arguments_in_linux_order() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    let map = |address, len, flags| space.map(MapRequest { address, flags, ..MapRequest::anonymous(len, RW) });
    assert_eq!(map(0, 0, MapFlags::empty()), Err(Errno::EINVAL));
    assert_eq!(map(0, usize::MAX, MapFlags::empty()), Err(Errno::ENOMEM));
    assert_eq!(map(0, arch::USER_END + P, MapFlags::empty()), Err(Errno::ENOMEM));
    assert_eq!(map(BASE + 1, P, MapFlags::FIXED), Err(Errno::EINVAL));
    assert_eq!(map(P, P, MapFlags::FIXED), Err(Errno::EPERM));
    assert_eq!(map(arch::USER_END, P, MapFlags::FIXED), Err(Errno::ENOMEM));
    assert_eq!(map(!0xfff, P, MapFlags::FIXED), Err(Errno::ENOMEM));
    assert_eq!(map(arch::USER_END - P, P, MapFlags::FIXED), Ok(arch::USER_END - P));
    assert_eq!(map(BASE, 3 * P, MapFlags::FIXED), Ok(BASE));
    assert_eq!(map(BASE + 2 * P, P, MapFlags::FIXED_NOREPLACE), Err(Errno::EEXIST));
    assert_eq!(map(BASE + 3 * P, P, MapFlags::FIXED_NOREPLACE), Ok(BASE + 3 * P));
    assert_eq!(map(BASE + 8 * P + 5, P, MapFlags::empty()), Ok(BASE + 8 * P), "a free wish is granted");
    assert_ne!(map(BASE, P, MapFlags::empty()), Ok(BASE), "a taken one isn't");
    let file = TestFile::new(&[]);
    assert_eq!(space.map(of_file(&file, 5, P, R, MapFlags::empty())), Err(Errno::EINVAL));
    assert_eq!(space.map(of_file(&file, !0xfff, P, R, MapFlags::empty())), Err(Errno::EOVERFLOW));
    space.set_limits(Limits { locked: 2 * P, ..Limits::default() });
    assert_eq!(map(0, 3 * P, MapFlags::LOCKED), Err(Errno::EAGAIN));
    assert!(map(0, 2 * P, MapFlags::LOCKED).is_ok());
    space.set_limits(Limits { locked: 0, ..Limits::default() });
    assert_eq!(map(0, P, MapFlags::LOCKED), Err(Errno::EPERM));
}

#[test]
fn more_than_all_memory_is_refused_unless_it_is_not_counted() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    let all = (frames::stats().total + 1) * P;
    assert_eq!(space.map(MapRequest::anonymous(all, RW)), Err(Errno::ENOMEM));
    assert!(space.map(MapRequest { flags: MapFlags::NORESERVE, ..MapRequest::anonymous(all, RW) }).is_ok());
    let reserved = space.map(MapRequest::anonymous(all, NONE)).unwrap();
    assert_eq!(space.protect(reserved, all, RW), Err(Errno::ENOMEM));
    assert_eq!(space.protect(reserved, 10 * P, RW), Ok(()));
    assert!(space.map(MapRequest::anonymous(all - 2 * P, RW)).is_ok(), "only single mappings are judged");
    assert_eq!(space.map(MapRequest { flags: MapFlags::SHARED, ..MapRequest::anonymous(all, RW) }), Err(Errno::ENOMEM));
}

#[test]
fn limits_on_address_space_and_data() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.set_limits(Limits { address_space: 10 * P, data: 4 * P, ..Limits::default() });
    assert_eq!(space.map(MapRequest::anonymous(11 * P, R)), Err(Errno::ENOMEM));
    assert_eq!(space.map(MapRequest::anonymous(5 * P, RW)), Err(Errno::ENOMEM));
    let data = space.map(MapRequest::anonymous(4 * P, RW)).unwrap();
    let text = space.map(MapRequest::anonymous(6 * P, R)).unwrap();
    assert_eq!(space.map(MapRequest::anonymous(P, R)), Err(Errno::ENOMEM));
    assert_eq!(space.protect(text, P, RW), Err(Errno::ENOMEM));
    assert_eq!(space.map(fixed(text, P, R)), Ok(text), "replacing needs nothing more");
    assert_eq!(space.usage().data_pages, 4);
    space.unmap(data, P).unwrap();
    assert_eq!(space.usage().virtual_pages, 9);
}

#[test]
fn mappings_go_top_down_and_join() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    let first = space.map(MapRequest::anonymous(4 * P, RW)).unwrap();
    let second = space.map(MapRequest::anonymous(2 * P, RW)).unwrap();
    let third = space.map(MapRequest::anonymous(P, R)).unwrap();
    assert_eq!((second, third), (first - 2 * P, first - 3 * P));
    assert_eq!(shape(&space, third), [(0, 1, R), (1, 7, RW)]);
    space.unmap(first + P, P).unwrap();
    assert_eq!(space.map(MapRequest::anonymous(2 * P, RW)), Ok(third - 2 * P), "too large for the hole");
    assert_eq!(space.map(MapRequest::anonymous(P, RW)), Ok(first + P), "the highest hole that fits");
    space.unmap(first, 4 * P).unwrap();
    assert_eq!(space.map(MapRequest::anonymous(4 * P, RW)), Ok(first));
}

#[test]
fn munmap_cuts_and_checks() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.map(fixed(BASE, 10 * P, RW)).unwrap();
    assert_eq!(space.unmap(BASE + 1, P), Err(Errno::EINVAL));
    assert_eq!(space.unmap(BASE, 0), Err(Errno::EINVAL));
    assert_eq!(space.unmap(BASE, usize::MAX), Err(Errno::EINVAL));
    assert_eq!(space.unmap(arch::USER_END - P, 2 * P), Err(Errno::EINVAL));
    assert_eq!(space.unmap(BASE + 3 * P, P + 1), Ok(()));
    assert_eq!(space.unmap(BASE + 100 * P, P), Ok(()), "nothing there is fine");
    assert_eq!(shape(&space, BASE), [(0, 3, RW), (5, 10, RW)]);
    assert_eq!((peek(&space, BASE + 2 * P), peek(&space, BASE + 3 * P)), (Ok(0), Err(Errno::EFAULT)));
}

#[test]
fn mprotect_splits_joins_and_reports() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.map(fixed(BASE, 6 * P, RW)).unwrap();
    poke(&space, BASE + 2 * P, 9).unwrap();
    assert_eq!(space.protect(BASE + 1, P, R), Err(Errno::EINVAL));
    assert_eq!(space.protect(BASE, 0, R), Ok(()));
    assert_eq!(space.protect(BASE + 2 * P, 2 * P, R), Ok(()));
    assert_eq!(shape(&space, BASE), [(0, 2, RW), (2, 4, R), (4, 6, RW)]);
    assert_eq!(poke(&space, BASE + 2 * P, 1), Err(Errno::EFAULT));
    assert_eq!(space.protect(BASE + 2 * P, 2 * P, NONE), Ok(()));
    assert_eq!(peek(&space, BASE + 2 * P), Err(Errno::EFAULT));
    assert_eq!(space.protect(BASE + 2 * P, 2 * P, RW), Ok(()));
    assert_eq!((shape(&space, BASE), peek(&space, BASE + 2 * P)), (vec![(0, 6, RW)], Ok(9)));
    assert_eq!(space.protect(BASE + 4 * P, 4 * P, R), Err(Errno::ENOMEM), "a hole, but the part before it is done");
    assert_eq!(shape(&space, BASE), [(0, 4, RW), (4, 6, R)]);
    let file = TestFile::new(&[1]);
    let readonly = MapRequest { may: Protection::READ | Protection::EXECUTE, ..of_file(&file, 0, P, R, MapFlags::SHARED) };
    let address = space.map(readonly).unwrap();
    assert_eq!(space.protect(address, P, RW), Err(Errno::EACCES));
}

#[test]
fn brk_grows_shrinks_and_stops() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.set_brk_start(BASE + 100);
    assert_eq!(space.brk(0), BASE + 100);
    assert_eq!(space.brk(BASE + 200), BASE + 200);
    assert_eq!(space.brk(BASE + 3 * P), BASE + 3 * P);
    poke(&space, BASE + 3 * P - 1, 1).unwrap();
    assert_eq!(space.brk(BASE + P + 1), BASE + P + 1);
    assert_eq!((shape(&space, BASE), peek(&space, BASE + 2 * P)), (vec![(1, 2, RW)], Err(Errno::EFAULT)));
    space.map(fixed(BASE + 8 * P, P, R)).unwrap();
    assert_eq!(space.brk(BASE + 8 * P), BASE + P + 1, "one page stays free below the next area");
    assert_eq!(space.brk(BASE + 7 * P), BASE + 7 * P);
    assert_eq!(space.brk(usize::MAX), BASE + 7 * P);
    space.set_limits(Limits { data: 2 * P, ..Limits::default() });
    assert_eq!(space.brk(BASE + 7 * P + 1), BASE + 7 * P);
    assert_eq!(space.brk(BASE), BASE + 7 * P, "not below the start");
}

#[test]
fn mremap_grows_moves_and_shrinks() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    let remap = |address, old, new, flags, to| space.remap(address, old, new, flags, to);
    let (stay, may) = (RemapFlags::empty(), RemapFlags::MAYMOVE);
    space.map(fixed(BASE, 4 * P, RW)).unwrap();
    for page in 0..4 {
        poke(&space, BASE + page * P, page as u8 + 1).unwrap();
    }
    assert_eq!(remap(BASE + 1, P, P, stay, 0), Err(Errno::EINVAL));
    assert_eq!(remap(BASE, P, 0, stay, 0), Err(Errno::EINVAL));
    assert_eq!(remap(BASE, P, P, RemapFlags::FIXED, 0), Err(Errno::EINVAL));
    assert_eq!(remap(BASE + 50 * P, P, 2 * P, may, 0), Err(Errno::EFAULT));
    assert_eq!(remap(BASE, 5 * P, 6 * P, may, 0), Err(Errno::EFAULT));
    assert_eq!(remap(BASE, 0, P, may, 0), Err(Errno::EINVAL));
    assert_eq!(remap(BASE, 4 * P, 6 * P, stay, 0), Ok(BASE), "room behind it");
    assert_eq!(remap(BASE, 6 * P, 3 * P, stay, 0), Ok(BASE));
    space.map(fixed(BASE + 3 * P, P, R)).unwrap();
    assert_eq!(remap(BASE, 3 * P, 4 * P, stay, 0), Err(Errno::ENOMEM));
    let moved = remap(BASE, 3 * P, 5 * P, may, 0).unwrap();
    assert_eq!([0, 1, 2, 3].map(|page| peek(&space, moved + page * P)), [Ok(1), Ok(2), Ok(3), Ok(0)]);
    assert_eq!(peek(&space, BASE), Err(Errno::EFAULT));
    let target = BASE + 20 * P;
    let at = RemapFlags::FIXED | may;
    assert_eq!(remap(moved, P, P, at, moved), Err(Errno::EINVAL), "overlap");
    assert_eq!(remap(moved, P, P, at, target + 1), Err(Errno::EINVAL));
    assert_eq!(remap(moved + P, 2 * P, P, at, target), Ok(target));
    assert_eq!(
        (peek(&space, target), peek(&space, moved + P), peek(&space, moved + 2 * P)),
        (Ok(2), Err(Errno::EFAULT), Err(Errno::EFAULT))
    );
    let kept = remap(target, P, P, may | RemapFlags::DONTUNMAP, 0).unwrap();
    assert_eq!((peek(&space, kept), peek(&space, target)), (Ok(2), Ok(0)));
}

#[test]
fn advice_that_counts() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.map(fixed(BASE, 4 * P, RW)).unwrap();
    poke(&space, BASE, 5).unwrap();
    let dont_need = Advice::DontNeed { locked: false };
    assert_eq!(space.advise(BASE + 1, P, dont_need), Err(Errno::EINVAL));
    assert_eq!(space.advise(BASE, usize::MAX, dont_need), Err(Errno::EINVAL));
    assert_eq!(space.advise(BASE, 0, dont_need), Ok(()));
    assert_eq!(space.advise(BASE, 8 * P, dont_need), Err(Errno::ENOMEM));
    assert_eq!((peek(&space, BASE), Advice::from_number(14), Advice::from_number(-1)), (Ok(0), None, None));
    poke(&space, BASE, 6).unwrap();
    space.lock(BASE, P, true).unwrap();
    assert_eq!(space.advise(BASE, P, dont_need), Err(Errno::EINVAL));
    assert_eq!(space.sync(BASE, P, true), Err(Errno::EBUSY));
    assert_eq!(
        (space.sync(BASE, P, false), space.sync(BASE, 9 * P, false), space.sync(1, P, false)),
        (Ok(()), Err(Errno::ENOMEM), Err(Errno::EINVAL))
    );
    space.advise(BASE + P, P, Advice::DontFork(true)).unwrap();
    space.advise(BASE, P, Advice::WipeOnFork(true)).unwrap();
    let child = space.fork().unwrap();
    assert_eq!((peek(&child, BASE), peek(&child, BASE + P), peek(&child, BASE + 2 * P)), (Ok(0), Err(Errno::EFAULT), Ok(0)));
    assert_eq!(peek(&space, BASE), Ok(6));
    space.advise(BASE + 2 * P, 2 * P, Advice::Populate(true)).unwrap();
    let mut there = [9; 4];
    space.mincore(BASE, &mut there).unwrap();
    assert_eq!(there, [1, 0, 1, 1]);
    assert_eq!(space.mincore(BASE, &mut [0; 5]), Err(Errno::ENOMEM));
    let file = TestFile::new(&[1; 100]);
    let shared = space.map(of_file(&file, 0, P, RW, MapFlags::SHARED)).unwrap();
    assert_eq!(space.advise(shared, P, Advice::WipeOnFork(true)), Err(Errno::EINVAL));
    assert_eq!(space.advise(shared, P, Advice::Free), Err(Errno::EINVAL));
    assert_eq!(space.advise(BASE, P, Advice::Remove), Err(Errno::EINVAL));
    assert_eq!((space.advise(shared, P, Advice::Remove), file.byte(5)), (Ok(()), 0));
}

#[test]
fn locking_is_counted() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.map(fixed(BASE, 4 * P, RW)).unwrap();
    space.set_limits(Limits { locked: 2 * P, ..Limits::default() });
    assert_eq!(space.lock(BASE + 5, P, true), Ok(()), "two pages");
    assert_eq!((space.usage().locked_pages, space.usage().resident_pages), (2, 2));
    assert_eq!(space.lock(BASE, 2 * P, true), Ok(()), "what is locked counts once");
    assert_eq!(space.lock(BASE + 2 * P, P, true), Err(Errno::ENOMEM));
    assert_eq!(space.lock(BASE + 40 * P, 0, true), Ok(()));
    assert_eq!(space.unlock(BASE, 9 * P), Err(Errno::ENOMEM));
    assert_eq!(space.usage().locked_pages, 0);
    assert_eq!(space.lock_all(true, false, true), Err(Errno::ENOMEM));
    assert_eq!(space.lock_all(false, true, true), Ok(()));
    let address = space.map(MapRequest::anonymous(2 * P, RW)).unwrap();
    assert_eq!(space.usage().locked_pages, 2);
    assert_eq!(space.map(MapRequest::anonymous(P, RW)), Err(Errno::EAGAIN));
    space.unlock_all();
    space.unmap(address, 2 * P).unwrap();
    assert_eq!(space.usage().locked_pages, 0);
}

#[test]
fn too_many_areas() {
    if cfg!(miri) {
        return;
    }
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    let most = areas::MAX_AREAS;
    for number in 0..most {
        space.map(fixed(BASE + 2 * number * P, P, RW)).unwrap();
    }
    assert_eq!(space.map(fixed(BASE - 10 * P, P, RW)), Err(Errno::ENOMEM));
    space.unmap(BASE, P).unwrap();
    space.map(fixed(BASE - 9 * P, 3 * P, RW)).unwrap();
    assert_eq!(space.unmap(BASE - 8 * P, P), Err(Errno::ENOMEM), "cutting the middle out makes one more");
    assert_eq!(space.protect(BASE - 8 * P, P, R), Err(Errno::ENOMEM));
    assert_eq!(space.unmap(BASE - 9 * P, P), Ok(()));
}

#[test]
fn only_private_memory_grows_down() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    let grows = |flags| MapRequest { flags: MapFlags::GROWSDOWN | flags, ..MapRequest::anonymous(P, RW) };
    assert_eq!(space.map(grows(MapFlags::SHARED)), Err(Errno::EINVAL));
    assert_eq!(
        space.map(MapRequest { flags: MapFlags::GROWSDOWN, ..of_file(&TestFile::new(&[1]), 0, P, R, MapFlags::empty()) }),
        Err(Errno::EINVAL)
    );
    assert!(space.map(grows(MapFlags::empty())).is_ok());
}
