//! Page faults: who gets which signal, copy on write, the stack, user pointers, memory that runs out.

use super::*;
use crate::user::{compare_exchange_u32, load_u32, read_c_string};
use crate::{IoSink, UserPtr, UserRange, UserSlice};
use arch::user::Access;

const BASE: usize = 0x20_0000_0000;

fn outcome(space: &AddressSpace, address: usize, access: Access) -> Option<Segv> {
    match space.fault(address, access) {
        Fault::Resolved => None,
        Fault::Denied(why) => Some(why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_right_signal() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.map(fixed(BASE, P, R)).unwrap();
    space.map(fixed(BASE + P, P, NONE)).unwrap();
    let (unmapped, refused) = (Some(Segv::Segv { mapped: false }), Some(Segv::Segv { mapped: true }));
    assert_eq!(outcome(&space, BASE, Access::Read), None);
    assert_eq!(outcome(&space, BASE + 5, Access::Write), refused);
    assert_eq!(outcome(&space, BASE, Access::Execute), refused);
    assert_eq!(outcome(&space, BASE + P, Access::Read), refused);
    assert_eq!(outcome(&space, BASE + 2 * P, Access::Read), unmapped);
    assert_eq!(outcome(&space, arch::USER_END, Access::Read), unmapped);
    assert_eq!(outcome(&space, usize::MAX, Access::Write), unmapped);
}

#[test]
fn copies_are_made_by_who_writes_first() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.map(fixed(BASE, 2 * P, RW)).unwrap();
    poke(&space, BASE, 1).unwrap();
    let free = || frames::stats().free;
    let child = space.fork().unwrap();
    let before = free();
    assert_eq!((peek(&child, BASE), free()), (Ok(1), before), "reading copies nothing");
    poke(&space, BASE, 2).unwrap();
    assert_eq!(free(), before - 1);
    poke(&child, BASE, 3).unwrap();
    assert_eq!(free(), before - 1, "the last owner writes in place");
    assert_eq!((peek(&space, BASE), peek(&child, BASE)), (Ok(2), Ok(3)));
    let grandchild = child.fork().unwrap();
    drop(child);
    poke(&grandchild, BASE, 4).unwrap();
    assert_eq!(peek(&grandchild, BASE), Ok(4));
}

#[test]
fn the_stack_grows_to_its_limit_and_keeps_its_distance() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.set_limits(Limits { stack: 1 << 20, ..Limits::default() });
    let top = space.map_stack(RW).unwrap();
    assert_eq!(top, arch::USER_END);
    poke(&space, top - 1, 1).unwrap();
    poke(&space, top - (1 << 20), 1).unwrap();
    assert_eq!(space.usage().stack_pages, 256);
    assert_eq!(poke(&space, top - (1 << 20) - 1, 1), Err(Errno::EFAULT));
    space.set_limits(Limits { stack: 1 << 30, ..Limits::default() });
    let below = top - (4 << 20);
    space.map(fixed(below - P, P, RW)).unwrap();
    poke(&space, below + (1 << 20), 1).unwrap();
    assert_eq!(poke(&space, below + (1 << 20) - 1, 1), Err(Errno::EFAULT), "256 pages stay free");
    space.protect(below - P, P, NONE).unwrap();
    poke(&space, below, 1).unwrap();
    let mut kinds = Vec::new();
    space.areas(&mut |area| kinds.push(area.kind.clone())).unwrap();
    assert_eq!(kinds, [AreaKind::Anonymous, AreaKind::Stack]);
}

#[test]
fn user_pointers_resolve_faults() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.activate();
    space.map(fixed(BASE, 3 * P, RW)).unwrap();
    let word = UserPtr::<u64>::new(BASE + P - 4);
    assert_eq!(word.write(&0x1122_3344_5566_7788), Ok(()));
    assert_eq!(word.read(), Ok(0x1122_3344_5566_7788));
    assert_eq!(UserPtr::<u64>::new(BASE + 3 * P - 4).read(), Err(Errno::EFAULT));
    assert_eq!(UserPtr::<u32>::new(usize::MAX - 1).read(), Err(Errno::EFAULT));
    assert_eq!(UserPtr::<u32>::new(0xffff_8000_0000_0000).write(&1), Err(Errno::EFAULT));
    assert_eq!(UserPtr::<u16>::new(BASE).offset(3).address(), BASE + 6);
    assert_eq!(UserPtr::<u32>::new(BASE).read_many(usize::MAX / 2), Err(Errno::EFAULT));
    let text = UserSlice::new(BASE + 3 * P - 6, 6);
    text.write(b"hello\0").unwrap();
    assert_eq!(read_c_string(text.address, 4096), Ok(b"hello".to_vec()), "ends just before a hole");
    assert_eq!(read_c_string(text.address, 5), Err(Errno::ENAMETOOLONG));
    text.write(b"no end").unwrap();
    assert_eq!(read_c_string(text.address, 4096), Err(Errno::EFAULT));
    assert_eq!(compare_exchange_u32(BASE + 2 * P, 0, 7), Ok(Ok(0)));
    assert_eq!(compare_exchange_u32(BASE + 2 * P, 0, 8), Ok(Err(7)));
    assert_eq!((load_u32(BASE + 2 * P), load_u32(BASE + 1), load_u32(0)), (Ok(7), Err(Errno::EFAULT), Err(Errno::EFAULT)));
    space.protect(BASE, P, R).unwrap();
    assert_eq!(UserPtr::<u8>::new(BASE).write(&1), Err(Errno::EFAULT));
    space.protect(BASE, P, NONE).unwrap();
    assert_eq!(UserPtr::<u8>::new(BASE).read(), Err(Errno::EFAULT));
    AddressSpace::deactivate();
    assert_eq!(UserPtr::<u8>::new(BASE + P).read(), Err(Errno::EFAULT));
}

#[test]
fn short_counts_before_bad_addresses() {
    let _serial = serial();
    let space = AddressSpace::new().unwrap();
    space.activate();
    space.map(fixed(BASE, P, RW)).unwrap();
    let ranges =
        [UserRange { address: BASE + P - 3, len: 2 }, UserRange { address: 0, len: 0 }, UserRange { address: BASE + P - 1, len: 5 }];
    let mut sink = IoSink::user(&ranges);
    assert_eq!((sink.remaining(), sink.put(b"abcdefg"), sink.done()), (7, Ok(3), 3));
    assert_eq!(sink.put(b"x"), Ok(0), "bytes were moved before, so no error");
    let mut source = IoSource::user(&ranges);
    let mut bytes = [0; 7];
    assert_eq!((source.take(&mut bytes), &bytes[..3]), (Ok(3), &b"abc"[..]));
    let bad = [UserRange { address: 8, len: 4 }];
    assert_eq!(IoSink::user(&bad).put(b"x"), Err(Errno::EFAULT));
    assert_eq!(IoSink::user(&bad).put_zeros(2), Err(Errno::EFAULT));
    assert_eq!(IoSource::user(&bad).take(&mut bytes), Err(Errno::EFAULT));
    let beyond = [UserRange { address: BASE, len: usize::MAX - BASE }];
    assert_eq!(IoSink::user(&beyond).put_zeros(10), Ok(10));
    assert_eq!(UserSlice::new(BASE, 4).to_vec(), Ok(vec![0; 4]));
    AddressSpace::deactivate();
}

#[test]
fn running_out_of_memory_is_an_answer() {
    let _serial = serial();
    let before = frames::stats();
    let space = AddressSpace::new().unwrap();
    let len = before.total * P;
    let address = space.map(MapRequest::anonymous(len, RW)).unwrap();
    let mut at = address;
    while matches!(space.fault(at, Access::Write), Fault::Resolved) {
        at += P;
    }
    assert!(matches!(space.fault(at, Access::Write), Fault::OutOfMemory));
    assert_eq!(space.write_remote(at, &[1]), Err(Errno::ENOMEM));
    assert_eq!(space.fork().unwrap_err(), Errno::ENOMEM);
    assert_eq!(space.map(MapRequest::anonymous(P, RW)), Err(Errno::ENOMEM));
    assert!(frames::stats().free >= before.reserve - 8);
    while !space.clear_some(100) {}
    assert!(space.map(MapRequest::anonymous(P, RW)).is_ok());
    drop(space);
    assert_eq!(frames::stats(), before);
}
