//! The wheel against a sorted map.

use super::wheel::{Entry, Wheel};
use proptest::prelude::*;
use std::{
    boxed::Box,
    collections::BTreeMap,
    pin::Pin,
    ptr::NonNull,
    sync::{Arc, Mutex},
    task::{Wake, Waker},
    vec::Vec,
};

const TICK: u64 = 1 << 14;

/// Writes down who was woken.
struct Note(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// A wheel and its entries, each with its deadline.
struct Fixture {
    wheel: Wheel,
    now: u64,
    entries: BTreeMap<usize, (Pin<Box<Entry>>, u64)>,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Fixture {
    fn new() -> Self {
        Fixture { wheel: Wheel::new(), now: 0, entries: BTreeMap::new(), woken: Arc::default() }
    }

    fn insert(&mut self, id: usize, deadline: u64) -> Option<u64> {
        let waker: Waker = Arc::new(Note(id, self.woken.clone())).into();
        let entry = Box::pin(Entry::new());
        // SAFETY: entries are pinned in the map until they have fired or were removed.
        let time = unsafe { self.wheel.insert(NonNull::from(&*entry), deadline, waker) };
        if time.is_some() {
            self.entries.insert(id, (entry, deadline));
        }
        time
    }

    fn remove(&mut self, index: usize) {
        let id = self.entries.keys().copied().nth(index % self.entries.len().max(1));
        if let Some((entry, _)) = id.and_then(|id| self.entries.remove(&id)) {
            // SAFETY: it was inserted, and fired entries are gone from the map.
            unsafe { self.wheel.remove(NonNull::from(&*entry)) };
        }
    }

    /// One step of the clock; returns whether there is more to do.
    fn advance(&mut self, by: u64, work: usize) -> bool {
        self.now = self.now.saturating_add(by);
        let more = self.wheel.advance(self.now, work, &mut Waker::wake);
        for id in self.woken.lock().unwrap().drain(..) {
            let (entry, deadline) = self.entries.remove(&id).expect("woken once, and not after it was removed");
            assert!(!entry.is_waiting());
            assert!(deadline <= self.now, "early: {deadline} at {}", self.now);
        }
        more
    }

    fn check(&self, behind: bool) {
        let earliest = self.entries.values().map(|(_, deadline)| *deadline).min();
        let next = self.wheel.next_deadline();
        if behind {
            assert!(next.is_some_and(|next| next <= self.now));
            return;
        }
        assert_eq!(next.is_some(), earliest.is_some());
        if let (Some(next), Some(earliest)) = (next, earliest) {
            assert!(next > self.now, "everything due has fired");
            assert!(next <= earliest.saturating_add(TICK), "at most a tick late");
            if self.entries.len() <= 16 {
                assert!(next >= earliest, "no interrupt for nothing");
            }
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        while !self.entries.is_empty() {
            self.remove(0);
        }
        if !std::thread::panicking() {
            assert!(self.wheel.next_deadline().is_none_or(|next| next <= self.now));
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Remove(usize),
    Advance(u64, usize),
}

/// Spans of time of all magnitudes.
fn span() -> impl Strategy<Value = u64> {
    (0u32..64, any::<u64>()).prop_map(|(shift, bits)| bits >> shift)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => span().prop_map(Step::Insert),
        1 => any::<usize>().prop_map(Step::Remove),
        2 => (span(), 0usize..8).prop_map(|(by, work)| Step::Advance(by >> 8, work)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 512 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fires_all_that_is_due_and_nothing_else(steps in proptest::collection::vec(step(), 0..80)) {
        let mut fixture = Fixture::new();
        let mut behind = false;
        for (id, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(span) => {
                    let deadline = fixture.now.saturating_add(span);
                    match fixture.insert(id, deadline) {
                        Some(time) => prop_assert!(time >= deadline && time - deadline < TICK),
                        None => prop_assert!(deadline <= fixture.now),
                    }
                }
                Step::Remove(index) => fixture.remove(index),
                Step::Advance(by, work) => {
                    behind = fixture.advance(by, work);
                    fixture.check(behind);
                }
            }
        }
        if behind {
            fixture.advance(0, usize::MAX);
        }
        while !fixture.entries.is_empty() {
            let next = fixture.wheel.next_deadline().unwrap();
            if next == u64::MAX {
                break;
            }
            prop_assert!(!fixture.advance(next.saturating_sub(fixture.now), usize::MAX));
            fixture.check(false);
        }
    }
}

#[test]
fn a_long_sleep_takes_one_interrupt() {
    let mut fixture = Fixture::new();
    fixture.advance(123_456_789, 1);
    let deadline = fixture.now + 3_600_000_000_000;
    let time = fixture.insert(0, deadline);
    assert_eq!(fixture.wheel.next_deadline(), time);
    assert!(!fixture.advance(3_600_000_000_000 - 1, 100));
    assert_eq!(fixture.entries.len(), 1);
    assert!(!fixture.advance(TICK, 100));
    assert!(fixture.entries.is_empty());
}

#[test]
fn work_is_bounded() {
    let mut fixture = Fixture::new();
    for id in 0..100 {
        fixture.insert(id, 1_000_000);
    }
    assert!(fixture.advance(2_000_000, 10));
    assert!(fixture.entries.len() >= 90);
    let mut rounds = 1;
    while fixture.advance(0, 10) {
        rounds += 1;
    }
    assert!(fixture.entries.is_empty());
    assert!((10..=30).contains(&rounds));
}
