//! Locks against a model that keeps one entry for each byte, and the waiting ones.

use std::pin::pin;
use std::sync::Arc;

use abi::Errno;
use proptest::prelude::*;

use super::*;
use crate::testing::*;
use crate::{OpenFile, OpenFlags};

const ONE: LockOwner = LockOwner::Process(1);
const TWO: LockOwner = LockOwner::Process(2);
const THREE: LockOwner = LockOwner::Process(3);

fn file() -> Arc<OpenFile> {
    World::new().create("/file", b"").unwrap()
}

fn range(start: u64, end: u64) -> LockRange {
    LockRange { start, end }
}

fn set(file: &OpenFile, owner: LockOwner, kind: Option<LockKind>, at: LockRange) -> abi::Result<()> {
    set_record(file, owner, 1, kind, at)
}

#[test]
fn ranges_of_struct_flock() {
    assert_eq!(LockRange::new(10, 5, 3), Ok(range(15, 17)));
    assert_eq!(LockRange::new(10, 0, -4), Ok(range(6, 9)));
    assert_eq!(LockRange::new(0, 0, 0), Ok(range(0, i64::MAX as u64)));
    assert_eq!(LockRange::new(0, 7, 0).unwrap().length(), 0);
    assert_eq!(LockRange::new(0, -1, 5), Err(Errno::EINVAL));
    assert_eq!(LockRange::new(0, 2, -3), Err(Errno::EINVAL));
    assert_eq!(LockRange::new(0, i64::MAX, 2), Err(Errno::EOVERFLOW));
    assert_eq!(LockRange::new(1, i64::MAX, 0), Err(Errno::EOVERFLOW));
    assert_eq!(LockRange::new(0, i64::MIN, i64::MIN), Err(Errno::EINVAL));
}

#[test]
fn shared_and_exclusive() {
    let file = file();
    set(&file, ONE, Some(LockKind::Shared), range(0, 9)).unwrap();
    set(&file, TWO, Some(LockKind::Shared), range(5, 15)).unwrap();
    assert_eq!(error(set(&file, ONE, Some(LockKind::Exclusive), range(0, 9))), Errno::EAGAIN);
    set(&file, ONE, Some(LockKind::Exclusive), range(0, 4)).unwrap();
    let conflict = test_record(&file, TWO, LockKind::Shared, range(0, 100)).unwrap();
    assert_eq!((conflict.kind, conflict.range), (LockKind::Exclusive, range(0, 4)));
    assert_eq!(test_record(&file, ONE, LockKind::Exclusive, range(0, 4)), None);
    release_process(&file, 1);
    assert_eq!(test_record(&file, TWO, LockKind::Exclusive, range(0, 100)), None);
    let reader = World::new().open("/", OpenFlags::RDONLY).unwrap();
    assert_eq!(error(set(&reader, ONE, Some(LockKind::Exclusive), range(0, 1))), Errno::EBADF);
}

#[test]
fn a_waiter_gets_the_lock_when_it_is_free() {
    let file = file();
    set(&file, ONE, Some(LockKind::Exclusive), range(0, 9)).unwrap();
    let mut waiting = pin!(set_record_wait(&file, TWO, 2, LockKind::Exclusive, range(5, 5)));
    assert!(poll_once(waiting.as_mut()).is_none());
    set(&file, ONE, None, range(0, 4)).unwrap();
    assert!(poll_once(waiting.as_mut()).is_none());
    set(&file, ONE, None, range(5, 9)).unwrap();
    assert_eq!(poll_once(waiting.as_mut()), Some(Ok(())));
    assert_eq!(test_record(&file, ONE, LockKind::Shared, range(0, 9)).unwrap().pid, 2);
}

#[test]
fn circles_of_waiting_are_refused() {
    let file = file();
    for (owner, byte) in [(ONE, 1), (TWO, 2), (THREE, 3)] {
        set(&file, owner, Some(LockKind::Exclusive), range(byte, byte)).unwrap();
    }
    {
        let mut first = pin!(set_record_wait(&file, ONE, 1, LockKind::Shared, range(2, 2)));
        let mut second = pin!(set_record_wait(&file, TWO, 2, LockKind::Shared, range(3, 3)));
        assert!(poll_once(first.as_mut()).is_none() && poll_once(second.as_mut()).is_none());
        assert_eq!(now(set_record_wait(&file, THREE, 3, LockKind::Shared, range(1, 1))), Err(Errno::EDEADLK));
    }
    // The two have given up: nobody waits any more.
    let mut third = pin!(set_record_wait(&file, THREE, 3, LockKind::Shared, range(1, 1)));
    assert!(poll_once(third.as_mut()).is_none());
}

#[test]
fn whole_file_locks_belong_to_descriptions() {
    let world = World::new();
    let one = world.create("/file", b"").unwrap();
    let two = world.open("/file", OpenFlags::RDONLY).unwrap();
    flock(&one, Some(LockKind::Shared)).unwrap();
    flock(&two, Some(LockKind::Shared)).unwrap();
    assert_eq!(error(flock(&two, Some(LockKind::Exclusive))), Errno::EAGAIN);
    flock(&one, Some(LockKind::Exclusive)).unwrap();
    let mut waiting = pin!(flock_wait(&two, LockKind::Shared));
    assert!(poll_once(waiting.as_mut()).is_none());
    set(&two, ONE, Some(LockKind::Shared), range(0, 0)).unwrap();
    drop(one);
    assert_eq!(poll_once(waiting.as_mut()), Some(Ok(())));
    flock(&two, None).unwrap();
    let three = world.open("/file", OpenFlags::RDWR).unwrap();
    flock(&three, Some(LockKind::Exclusive)).unwrap();
    let owner = LockOwner::of_description(&three);
    set(&three, owner, Some(LockKind::Exclusive), range(5, 9)).unwrap();
    assert_eq!(error(set(&three, ONE, Some(LockKind::Exclusive), range(9, 9))), Errno::EAGAIN);
    drop(three);
    assert_eq!(test_record(&two, TWO, LockKind::Exclusive, range(5, 9)), None);
}

const BYTES: usize = 24;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_byte_has_the_locks_of_the_model(
        steps in prop::collection::vec((0usize..3, 0u8..3, 0u64..BYTES as u64, 1u64..BYTES as u64), 1..60),
    ) {
        let file = file();
        let mut model = [[None::<LockKind>; BYTES]; 3];
        for (who, what, start, length) in steps {
            let owner = LockOwner::Process(100 + who as u64);
            let kind = [None, Some(LockKind::Shared), Some(LockKind::Exclusive)][what as usize];
            let end = (start + length).min(BYTES as u64) as usize;
            let bytes = start as usize..end;
            let clash = bytes.clone().any(|byte| (0..3).any(|other| other != who && match (kind, model[other][byte]) {
                (None, _) | (_, None) => false,
                (Some(wanted), Some(held)) => wanted == LockKind::Exclusive || held == LockKind::Exclusive,
            }));
            let expected = if clash { Err(Errno::EAGAIN) } else { Ok(()) };
            prop_assert_eq!(set(&file, owner, kind, range(start, end as u64 - 1)), expected);
            if !clash {
                model[who][bytes].fill(kind);
            }
            for byte in 0..BYTES {
                let held: Vec<_> = model.iter().filter_map(|row| row[byte]).collect();
                let found = test_record(&file, LockOwner::Process(0), LockKind::Exclusive, range(byte as u64, byte as u64));
                prop_assert_eq!(found.map(|conflict| conflict.kind), held.first().copied());
            }
        }
        // Neighbours were joined: no owner has more records than its row has changes.
        let records = TABLE.lock().files.get(&key(&file)).map_or(0, |locks| locks.records.len());
        let runs: usize = model.iter().map(|row| row.chunk_by(|a, b| a == b).filter(|run| run[0].is_some()).count()).sum();
        prop_assert_eq!(records, runs);
        for who in 0..3 {
            release_process(&file, 100 + who);
        }
        prop_assert!(!TABLE.lock().files.contains_key(&key(&file)));
    }
}
