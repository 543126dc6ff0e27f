//! One file that an epoll instance watches through one descriptor, and the file's own list of such items.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::ops::Deref;
use core::pin::Pin;

use bitflags::bitflags;
use sync::{Observe, Observer, SpinLock, WaitQueue};

use super::EventPoll;
use super::ready::{Link, Ready};
use crate::file::{ALWAYS, File, PollEvents, Side};
use crate::open_file::OpenFile;

bitflags! {
    /// How an item reports, with the values of epoll_ctl(2).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Mode: u32 {
        /// Linux promises that at least one of the instances that watch a file is told; here all are.
        const EXCLUSIVE = 1 << 28;
        /// Keeps a machine awake; this one never sleeps.
        const WAKEUP = 1 << 29;
        const ONESHOT = 1 << 30;
        const EDGE = 1 << 31;
    }
}

/// What a program wants to hear of a file: `struct epoll_event`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interest {
    pub events: PollEvents,
    pub mode: Mode,
    /// The program's own word, which comes back with each event.
    pub data: u64,
}

impl Interest {
    /// From the two words of `struct epoll_event`. Unknown bits are ignored, as on Linux.
    pub fn new(bits: u32, data: u64) -> Interest {
        Interest { events: PollEvents::from_bits_truncate(bits), mode: Mode::from_bits_truncate(bits), data }
    }

    /// With the events that are reported unasked.
    pub(super) fn armed(self) -> Interest {
        Interest { events: self.events | ALWAYS, ..self }
    }
}

/// What an item is found by. Two descriptors of one description are two items; a number that was closed and used again is another file.
pub(super) type Key = (i32, usize);

/// The key of `file` under descriptor `fd`.
pub(super) fn key(fd: i32, file: &Arc<OpenFile>) -> Key {
    (fd, Arc::as_ptr(file).addr())
}

/// The wait queue of one side of a file. It keeps the file itself, not the open-file description, whose end must be noticed.
struct SideOf {
    file: Arc<dyn File>,
    side: Side,
}

/// Stands in where a file that had a queue would no longer name it.
static NO_QUEUE: WaitQueue = WaitQueue::new();

impl Deref for SideOf {
    type Target = WaitQueue;

    fn deref(&self) -> &WaitQueue {
        self.file.wait_queue(self.side).unwrap_or(&NO_QUEUE)
    }
}

/// What a wake of a watched queue does.
struct Bell(Arc<Item>);

impl Observe for Bell {
    fn woken(&self) {
        Ready::push(&self.0);
    }
}

/// A place in one queue.
type Place = Pin<Box<Observer<SideOf, Bell>>>;

/// The item's places in the queues of its file. They hold the item, and the item holds them: [`Item::detach`] is what undoes that.
#[derive(Default)]
struct Places {
    sides: [Option<Place>; 2],
    gone: bool,
}

/// A watched file.
pub(super) struct Item {
    pub key: Key,
    pub ready: Arc<Ready>,
    pub epoll: Weak<EventPoll>,
    pub file: Weak<OpenFile>,
    /// The file is an instance too.
    pub is_nested: bool,
    pub interest: SpinLock<Interest>,
    /// Guarded by the lock of the ready list.
    pub link: SpinLock<Link>,
    places: SpinLock<Places>,
}

impl Item {
    pub fn new(key: Key, epoll: &EventPoll, file: &Arc<OpenFile>, interest: Interest) -> Arc<Item> {
        Arc::new(Item {
            key,
            ready: epoll.ready.clone(),
            epoll: epoll.this.clone(),
            file: Arc::downgrade(file),
            is_nested: super::of(file).is_ok(),
            interest: SpinLock::new(interest.armed()),
            link: SpinLock::default(),
            places: SpinLock::default(),
        })
    }

    /// Goes into the queues whose wakes concern its interest, leaves the others, and stays in those in which it is already.
    pub fn attach(self: &Arc<Item>, file: &OpenFile) {
        let events = self.interest.lock().events;
        for (index, side) in [Side::Read, Side::Write].into_iter().enumerate() {
            if !events.concerns(side) || file.file().wait_queue(side).is_none() {
                let left = self.places.lock().sides.get_mut(index).and_then(Option::take);
                drop(left);
                continue;
            }
            let observer = Box::pin(Observer::new(SideOf { file: file.file().clone(), side }, Bell(self.clone())));
            let unused = {
                let mut places = self.places.lock();
                let gone = places.gone;
                match places.sides.get_mut(index) {
                    Some(place @ None) if !gone => {
                        place.insert(observer).as_mut().attach();
                        None
                    }
                    _ => Some(observer),
                }
            };
            drop(unused);
        }
    }

    /// Leaves all queues, for good.
    pub fn detach(&self) {
        let sides = {
            let mut places = self.places.lock();
            places.gone = true;
            core::mem::take(&mut places.sides)
        };
        // Dropped without the lock: an observer may hold the last reference to its file.
        drop(sides);
    }

    /// What is to be reported now; nothing between a report with EPOLLONESHOT and the next EPOLL_CTL_MOD.
    pub fn look(&self, file: &OpenFile) -> PollEvents {
        let wanted = self.interest.lock().events;
        if wanted.is_empty() { PollEvents::empty() } else { file.poll() & wanted }
    }
}

/// The items of all instances that watch a description: they go when it goes.
#[derive(Default)]
pub(crate) struct Watchers(SpinLock<BTreeMap<usize, Arc<Item>>>);

impl Watchers {
    pub(super) fn add(&self, item: &Arc<Item>) {
        self.0.lock().insert(Arc::as_ptr(item).addr(), item.clone());
    }

    pub(super) fn remove(&self, item: &Arc<Item>) {
        let removed = self.0.lock().remove(&Arc::as_ptr(item).addr());
        drop(removed);
    }

    /// Calls `f` for each instance that watches the description.
    pub(super) fn for_each_epoll(&self, f: &mut dyn FnMut(&Arc<EventPoll>)) {
        let items: Vec<Weak<EventPoll>> = self.0.lock().values().map(|item| item.epoll.clone()).collect();
        items.iter().filter_map(Weak::upgrade).for_each(|epoll| f(&epoll));
    }

    /// The description is closed: nobody watches it any more.
    pub(crate) fn close(&self) {
        let items = core::mem::take(&mut *self.0.lock());
        for item in items.into_values() {
            if let Some(epoll) = item.epoll.upgrade() {
                epoll.forget(&item);
            }
            item.detach();
        }
    }
}
