//! epoll(7): an instance watches many files and tells which of them are ready.
//!
//! Each watched descriptor is an [`Item`](item::Item) with standing [observers](sync::Observer) in the queues of its file. A wake there
//! puts the item onto the instance's [ready list](ready::Ready); epoll_wait(2) takes items from that list and asks only their files. So
//! waiting costs what is ready, however much is watched, and nothing is copied that a concurrent epoll_ctl(2) could change meanwhile:
//! control and harvest take turns.
//!
//! Being on the list means "may be ready": the file itself is asked at the harvest. With EPOLLET an item leaves the list when it was
//! reported and comes back with the next wake; otherwise it goes back to the end of the list for as long as its file stays ready.
//!
//! An instance holds no file open. When a description is closed, its items vanish from all instances (`item::Watchers`).

mod item;
mod nesting;
mod ready;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::sync::{Arc, Weak};

use abi::{Errno, Result};
pub(crate) use item::Watchers;
pub use item::{Interest, Mode};
use item::{Item, Key, key};
use ready::Ready;
use sync::{Once, SpinLock, WaitQueue};

use crate::file::{File, OpenFlags, PollEvents, Side};
use crate::open_file::OpenFile;
use crate::turn::Turn;

/// An epoll instance.
pub struct EventPoll {
    ready: Arc<Ready>,
    items: SpinLock<BTreeMap<Key, Arc<Item>>>,
    /// Taken by whoever changes the interest list or harvests.
    turn: Turn,
    this: Weak<EventPoll>,
    /// Its own description, unless it is the kernel's.
    description: Once<Weak<OpenFile>>,
}

/// epoll_create1(2): a new instance. ENOMEM.
pub fn create(flags: OpenFlags) -> Result<Arc<OpenFile>> {
    let epoll = EventPoll::new()?;
    let file = OpenFile::anonymous("anon_inode:[eventpoll]", epoll.clone(), flags | OpenFlags::RDWR)?;
    // It is set once: the instance is new.
    let _ = epoll.description.set(Arc::downgrade(&file));
    Ok(file)
}

/// The instance behind a description; EINVAL for other files.
pub fn of(file: &OpenFile) -> Result<&EventPoll> {
    file.file().as_any().downcast_ref::<EventPoll>().ok_or(Errno::EINVAL)
}

/// Whether a file can be watched: those that are always ready can't.
pub fn is_watchable(file: &OpenFile) -> bool {
    [Side::Read, Side::Write].iter().any(|&side| file.file().wait_queue(side).is_some())
}

impl EventPoll {
    /// An instance without a descriptor, for the kernel's own use. ENOMEM.
    pub fn new() -> Result<Arc<EventPoll>> {
        memory::frames::admit()?;
        Ok(Arc::new_cyclic(|this| EventPoll {
            ready: Arc::default(),
            items: SpinLock::default(),
            turn: Turn::new(),
            this: this.clone(),
            description: Once::new(),
        }))
    }

    /// EPOLL_CTL_ADD: watches `file` as descriptor `fd`. EEXIST; EPERM for files that are always ready; ELOOP when instances would watch
    /// each other, or too many in a row; ENOMEM.
    pub fn add(&self, fd: i32, file: &Arc<OpenFile>, interest: Interest) -> Result<()> {
        let item = self.insert(fd, file, interest)?;
        self.look_at(&item, file);
        Ok(())
    }

    /// As [`add`](Self::add), but reports only what happens from now on, even if the file is ready already.
    pub fn add_quietly(&self, fd: i32, file: &Arc<OpenFile>, interest: Interest) -> Result<()> {
        self.insert(fd, file, interest).map(drop)
    }

    fn insert(&self, fd: i32, file: &Arc<OpenFile>, interest: Interest) -> Result<Arc<Item>> {
        if !is_watchable(file) {
            return Err(Errno::EPERM);
        }
        memory::frames::admit()?;
        let _nesting = match of(file) {
            Ok(inner) => Some(nesting::check(self, inner)?),
            Err(_) => None,
        };
        let _turn = self.turn.take();
        let item = Item::new(key(fd, file), self, file, interest);
        match self.items.lock().entry(item.key) {
            Entry::Occupied(_) => return Err(Errno::EEXIST),
            Entry::Vacant(place) => {
                place.insert(item.clone());
            }
        }
        file.watchers.add(&item);
        item.attach(file);
        Ok(item)
    }

    /// EPOLL_CTL_MOD: changes what is wanted of a watched descriptor, and arms it again after EPOLLONESHOT. ENOENT; EINVAL for one that was
    /// added with EPOLLEXCLUSIVE.
    pub fn modify(&self, fd: i32, file: &Arc<OpenFile>, interest: Interest) -> Result<()> {
        let item = self.find(fd, file)?;
        {
            let _turn = self.turn.take();
            let mut old = item.interest.lock();
            if old.mode.contains(Mode::EXCLUSIVE) {
                return Err(Errno::EINVAL);
            }
            *old = interest.armed();
        }
        item.attach(file);
        self.look_at(&item, file);
        Ok(())
    }

    /// EPOLL_CTL_DEL. ENOENT.
    pub fn remove(&self, fd: i32, file: &Arc<OpenFile>) -> Result<()> {
        let item = self.find(fd, file)?;
        let _turn = self.turn.take();
        file.watchers.remove(&item);
        self.forget(&item);
        item.detach();
        Ok(())
    }

    fn find(&self, fd: i32, file: &Arc<OpenFile>) -> Result<Arc<Item>> {
        self.items.lock().get(&key(fd, file)).cloned().ok_or(Errno::ENOENT)
    }

    fn look_at(&self, item: &Arc<Item>, file: &OpenFile) {
        if !item.look(file).is_empty() {
            Ready::push(item);
        }
    }

    /// Strikes an item off both lists. It is called while descriptions are closed, maybe during a harvest, so it takes no turn.
    fn forget(&self, item: &Arc<Item>) {
        let removed = self.items.lock().remove(&item.key);
        drop(removed);
        self.ready.remove(item);
    }

    /// Reports up to `most` ready items to `report`, in the order in which they became ready; says how many. An error of `report` counts
    /// only if it is the first thing that happens; the item of which it was told is reported again.
    pub fn harvest(&self, most: usize, mut report: impl FnMut(PollEvents, u64, &Arc<OpenFile>) -> Result<()>) -> Result<usize> {
        let _turn = self.turn.take();
        let mut reported = 0;
        let mut failure = None;
        // Those that come, or come back, meanwhile stand behind these.
        let mut left = self.ready.len();
        while left > 0 && reported < most && failure.is_none() {
            left -= 1;
            let Some(item) = self.ready.pop() else { break };
            // A description that is being closed takes its items along.
            let Some(file) = item.file.upgrade() else { continue };
            let events = item.look(&file);
            if events.is_empty() {
                continue;
            }
            let interest = *item.interest.lock();
            match report(events, interest.data, &file) {
                Ok(()) => {
                    reported += 1;
                    if interest.mode.contains(Mode::ONESHOT) {
                        item.interest.lock().events = PollEvents::empty();
                    } else if !interest.mode.contains(Mode::EDGE) {
                        self.ready.put_back(&item);
                    }
                }
                Err(error) => {
                    self.ready.put_back(&item);
                    failure = Some(error);
                }
            }
        }
        if self.ready.len() > 0 {
            // Others who wait may find something too.
            self.ready.waiters.wake_one();
        }
        match failure {
            Some(error) if reported == 0 => Err(error),
            _ => Ok(reported),
        }
    }

    /// Where to wait between harvests. Each item that becomes ready wakes one waiter.
    pub fn waiters(&self) -> &WaitQueue {
        &self.ready.waiters
    }
}

impl File for EventPoll {
    /// Readable when some watched file is ready.
    fn poll(&self) -> PollEvents {
        let _turn = self.turn.take();
        // Taken out before its file is asked: a wake that comes after the answer puts it in again.
        while let Some(item) = self.ready.pop() {
            if item.file.upgrade().is_some_and(|file| !item.look(&file).is_empty()) {
                self.ready.put_back(&item);
                return PollEvents::IN | PollEvents::RDNORM;
            }
        }
        PollEvents::empty()
    }

    fn wait_queue(&self, side: Side) -> Option<&WaitQueue> {
        (side == Side::Read).then_some(&self.ready.pollers)
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

impl Drop for EventPoll {
    fn drop(&mut self) {
        let items = core::mem::take(&mut *self.items.lock());
        self.ready.close();
        for item in items.into_values() {
            item.detach();
            if let Some(file) = item.file.upgrade() {
                file.watchers.remove(&item);
            }
        }
    }
}
