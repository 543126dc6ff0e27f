//! The descriptor table of a process: small numbers to open-file descriptions.
//!
//! The table is plain data; `process` keeps it under a spin lock. Therefore nothing here drops a description: each call that takes one out
//! hands it to the caller, who drops it after unlocking (the last drop may do real work).

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Errno, Result};

use crate::open_file::OpenFile;

/// The largest limit that RLIMIT_NOFILE can have (`fs.nr_open`).
pub const NR_OPEN: u32 = 1 << 20;

#[derive(Clone)]
struct Slot {
    file: Arc<OpenFile>,
    close_on_exec: bool,
}

/// Descriptors 0, 1, 2 …
#[derive(Default)]
pub struct FdTable {
    slots: Vec<Option<Slot>>,
    /// No slot below this is free.
    first_free: usize,
}

impl FdTable {
    pub const fn new() -> FdTable {
        FdTable { slots: Vec::new(), first_free: 0 }
    }

    /// A copy for fork(2): the descriptions are shared.
    pub fn duplicate(&self) -> Result<FdTable> {
        let used = self.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        let mut slots = Vec::new();
        slots.try_reserve_exact(used).map_err(|_| Errno::ENOMEM)?;
        slots.extend(self.slots.iter().take(used).cloned());
        Ok(FdTable { slots, first_free: self.first_free.min(used) })
    }

    /// The description of `fd`; EBADF. O_PATH descriptors count.
    pub fn get(&self, fd: u32) -> Result<&Arc<OpenFile>> {
        self.slot(fd).map(|slot| &slot.file)
    }

    fn slot(&self, fd: u32) -> Result<&Slot> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::EBADF)
    }

    /// Puts `file` at the lowest free number that is at least `minimum` and below `limit` (RLIMIT_NOFILE). EMFILE; EINVAL when
    /// `minimum` itself is not below the limit (fcntl(F_DUPFD)).
    pub fn insert_from(&mut self, file: Arc<OpenFile>, minimum: u32, close_on_exec: bool, limit: u32) -> Result<u32> {
        if minimum >= limit.min(NR_OPEN) {
            return Err(if minimum == 0 { Errno::EMFILE } else { Errno::EINVAL });
        }
        let start = self.first_free.max(minimum as usize);
        let free = self.slots.iter().skip(start).position(Option::is_none).map_or(self.slots.len().max(start), |skip| start + skip);
        if free >= limit.min(NR_OPEN) as usize {
            return Err(Errno::EMFILE);
        }
        self.put(free, Slot { file, close_on_exec })?;
        if start == self.first_free {
            self.first_free = free + 1;
        }
        Ok(free as u32)
    }

    /// Puts `file` at the lowest free number below `limit`. EMFILE.
    pub fn insert(&mut self, file: Arc<OpenFile>, close_on_exec: bool, limit: u32) -> Result<u32> {
        self.insert_from(file, 0, close_on_exec, limit)
    }

    /// Puts `file` at `fd` (dup2(2)) and gives back what was there. EBADF when `fd` is not below `limit`.
    pub fn replace(&mut self, fd: u32, file: Arc<OpenFile>, close_on_exec: bool, limit: u32) -> Result<Option<Arc<OpenFile>>> {
        if fd >= limit.min(NR_OPEN) {
            return Err(Errno::EBADF);
        }
        let old = self.put(fd as usize, Slot { file, close_on_exec })?;
        Ok(old.map(|slot| slot.file))
    }

    fn put(&mut self, index: usize, slot: Slot) -> Result<Option<Slot>> {
        if index >= self.slots.len() {
            self.slots.try_reserve(index + 1 - self.slots.len()).map_err(|_| Errno::ENOMEM)?;
            self.slots.resize(index + 1, None);
        }
        let place = self.slots.get_mut(index).ok_or(Errno::EBADF)?;
        Ok(place.replace(slot))
    }

    /// Takes `fd` out; EBADF. The caller drops the description, after [`crate::locks::release_process`].
    pub fn remove(&mut self, fd: u32) -> Result<Arc<OpenFile>> {
        let slot = self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::EBADF)?;
        self.first_free = self.first_free.min(fd as usize);
        Ok(slot.file)
    }

    pub fn close_on_exec(&self, fd: u32) -> Result<bool> {
        self.slot(fd).map(|slot| slot.close_on_exec)
    }

    pub fn set_close_on_exec(&mut self, fd: u32, on: bool) -> Result<()> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::EBADF)?.close_on_exec = on;
        Ok(())
    }

    /// close_range(2): takes out all of `first..=last`.
    pub fn remove_range(&mut self, first: u32, last: u32) -> Vec<Arc<OpenFile>> {
        self.take_where(first, last, |_| true)
    }

    /// close_range(2) with CLOSE_RANGE_CLOEXEC.
    pub fn mark_range(&mut self, first: u32, last: u32) {
        let count = (last as usize).saturating_sub(first as usize).saturating_add(1);
        for slot in self.slots.iter_mut().skip(first as usize).take(count).flatten() {
            slot.close_on_exec = true;
        }
    }

    /// execve(2): takes out those marked close-on-exec.
    pub fn take_close_on_exec(&mut self) -> Vec<Arc<OpenFile>> {
        self.take_where(0, u32::MAX, |slot| slot.close_on_exec)
    }

    /// exit(2): takes out all. The list is made in the place of the table, as an exit must not fail for want of memory.
    pub fn take_all(&mut self) -> Vec<Arc<OpenFile>> {
        self.first_free = 0;
        core::mem::take(&mut self.slots).into_iter().filter_map(|slot| slot.map(|slot| slot.file)).collect()
    }

    fn take_where(&mut self, first: u32, last: u32, wanted: impl Fn(&Slot) -> bool) -> Vec<Arc<OpenFile>> {
        let mut taken = Vec::new();
        let count = (last as usize).saturating_sub(first as usize).saturating_add(1);
        for (fd, place) in self.slots.iter_mut().enumerate().skip(first as usize).take(count) {
            if place.as_ref().is_some_and(&wanted) {
                taken.extend(place.take().map(|slot| slot.file));
                self.first_free = self.first_free.min(fd);
            }
        }
        taken
    }

    /// The open descriptors in rising order, from `first` on (for /proc/PID/fd).
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, &Arc<OpenFile>)> {
        self.slots.iter().enumerate().skip(first as usize).filter_map(|(fd, slot)| Some((fd as u32, &slot.as_ref()?.file)))
    }

    pub fn open_count(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// The number of slots there is room for (`FDSize` of /proc/PID/status).
    pub fn capacity(&self) -> usize {
        self.slots.len().next_multiple_of(64).max(64)
    }
}
