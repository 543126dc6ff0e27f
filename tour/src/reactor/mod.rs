//! Chapter 14: the reactor apart from the executor.
//!
//! A runtime has two halves that know nothing of each other. The *executor* polls tasks that were woken. The *reactor* knows devices: it
//! keeps the wakers of those who wait and uses them when something happens. What meets in a future's `poll` is a waker only, so either half
//! can be replaced. The life of a leaf future has three phases: it is **polled** and isn't ready; it leaves its waker with the reactor and
//! **waits**; the reactor **wakes** it.
//!
//! Leaf futures are those that talk to the reactor ([`Readable`]). All others only await: they have no waker of their own to give away. In
//! the real kernel the reactor is spread: each device, timer and file has the wait queue of those who wait for it.

mod device;

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::futures::executor::Executor;
use crate::futures::waker::block_on;
use crate::{claim, say};
use device::Device;

/// What happened, in order: for the eyes of the reader and of the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    Poll(u32),
    Wait(u32),
    Wake(u32),
    Ready(u32),
}

/// Devices by number, and who waits for them.
#[derive(Default)]
pub struct Reactor {
    waiting: RefCell<BTreeMap<u32, Waker>>,
    devices: RefCell<BTreeMap<u32, Device>>,
    story: RefCell<Vec<Phase>>,
}

impl Reactor {
    pub fn new() -> Rc<Reactor> {
        Rc::new(Reactor::default())
    }

    /// Adds a device that has this value to read after so many turns of the world.
    pub fn add(&self, number: u32, turns: u32, value: u32) {
        self.devices.borrow_mut().insert(number, Device::new(turns, value));
    }

    /// Keeps the waker until the device is ready. A later one of the same device takes its place: a task may have moved.
    fn register(&self, number: u32, waker: &Waker) {
        self.note(Phase::Wait(number));
        self.waiting.borrow_mut().insert(number, waker.clone());
    }

    /// Lets the world go on by one turn, and wakes whoever waits for what has happened. False: nobody waits.
    ///
    /// In a kernel this is what interrupt handlers do; on top of one it is the call of epoll_wait(2).
    pub fn turn(&self) -> bool {
        self.devices.borrow_mut().values_mut().for_each(Device::turn);
        let ready: Vec<u32> = self.devices.borrow().iter().filter(|(_, device)| device.has_data()).map(|(&number, _)| number).collect();
        for number in ready {
            let waker = self.waiting.borrow_mut().remove(&number);
            if let Some(waker) = waker {
                self.note(Phase::Wake(number));
                waker.wake();
            }
        }
        !self.waiting.borrow().is_empty()
    }

    fn note(&self, phase: Phase) {
        self.story.borrow_mut().push(phase);
    }

    /// What happened so far.
    pub fn story(&self) -> Vec<Phase> {
        self.story.borrow().clone()
    }

    /// A leaf future: the next value of a device.
    pub fn read(self: &Rc<Reactor>, number: u32) -> Readable {
        Readable { reactor: self.clone(), number }
    }
}

/// Waits for a device's next value.
pub struct Readable {
    reactor: Rc<Reactor>,
    number: u32,
}

impl Future for Readable {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u32> {
        let (reactor, number) = (&self.reactor, self.number);
        reactor.note(Phase::Poll(number));
        let value = reactor.devices.borrow_mut().get_mut(&number).and_then(Device::take);
        match value {
            Some(value) => {
                reactor.note(Phase::Ready(number));
                Poll::Ready(value)
            }
            None => {
                reactor.register(number, context.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Readable {
    /// Nobody waits any more: the waker would be kept for ever.
    fn drop(&mut self) {
        self.reactor.waiting.borrow_mut().remove(&self.number);
    }
}

/// A future that is pending once and wakes itself: makes room for the others.
pub async fn yield_once() {
    let mut yielded = false;
    core::future::poll_fn(|context| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Not a leaf: it only awaits.
async fn sum_of(reactor: Rc<Reactor>, devices: [u32; 2]) -> u32 {
    let first = reactor.read(devices[0]).await;
    first + reactor.read(devices[1]).await
}

pub fn run() {
    use Phase::{Poll, Ready, Wait, Wake};
    let reactor = Reactor::new();
    reactor.add(1, 2, 10);
    reactor.add(2, 1, 32);
    let result = Rc::new(RefCell::new(None));
    let (shared, place) = (reactor.clone(), result.clone());
    let mut executor = Executor::new();
    executor.spawn(async move { *place.borrow_mut() = Some(sum_of(shared, [1, 2]).await) });
    let mut turns = 0;
    loop {
        executor.run_until_idle();
        if executor.is_empty() {
            break;
        }
        // Here a processor would halt. What wakes it is the reactor's business.
        reactor.turn();
        turns += 1;
    }
    let story = reactor.story();
    say!("{story:?}");
    claim!(
        story == [Poll(1), Wait(1), Wake(1), Poll(1), Ready(1), Poll(2), Ready(2)],
        "poll, wait, wake, poll, ready; device 2 was ready when it was asked"
    );
    claim!(turns == 2 && *result.borrow() == Some(42), "after {turns} turns of the world the sum is {:?}", result.borrow());

    let reactor = Reactor::new();
    reactor.add(1, 0, 7);
    let value = block_on(reactor.read(1));
    claim!(value == 7, "the same reactor serves another executor, the one that only knows how to be busy: {value}");

    let reactor = Reactor::new();
    reactor.add(1, 5, 0);
    let mut executor = Executor::new();
    let waits = reactor.read(1);
    let task = executor.spawn(async move {
        waits.await;
    });
    executor.run_until_idle();
    let stale = executor.waker(task);
    drop(executor);
    claim!(!reactor.turn(), "a future that is dropped while it waits takes its waker back");
    if let Some(stale) = stale {
        stale.wake();
    }
    say!("A wake of a task that is gone is ignored.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapter_holds() {
        run();
    }

    #[test]
    fn many_tasks_wait_for_as_many_devices() {
        let reactor = Reactor::new();
        let sum = Rc::new(RefCell::new(0));
        let mut executor = Executor::new();
        for number in 0..200 {
            reactor.add(number, number % 7 + 1, number);
            let (reactor, sum) = (reactor.clone(), sum.clone());
            executor.spawn(async move { *sum.borrow_mut() += reactor.read(number).await });
        }
        assert_eq!(executor.run_until_idle(), 200);
        let mut polls = 0;
        while !executor.is_empty() {
            reactor.turn();
            polls += executor.run_until_idle();
        }
        assert_eq!(polls, 200, "each was woken once");
        assert_eq!(*sum.borrow(), 199 * 200 / 2);
    }
}
