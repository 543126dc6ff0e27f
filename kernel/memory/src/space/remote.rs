//! Memory of a space that need not be the active one: the first stack of a program that execve builds, /proc/PID/mem, process_vm_readv(2).
//!
//! Pages are reached through the map of all physical memory, faulted in like the program itself would.

use super::AddressSpace;
use super::types::Fault;
use crate::PAGE_SIZE;
use crate::page::Page;
use abi::{Errno, Result};
use arch::paging::PageFlags;
use arch::user::Access;

impl AddressSpace {
    /// Reads bytes at `address`. Returns how many came before something was in the way; EFAULT or ENOMEM if none did, EAGAIN if the first page
    /// must be read from a disk.
    pub fn read_remote(&self, address: usize, bytes: &mut [u8]) -> Result<usize> {
        self.each_page(address, bytes.len(), Access::Read, |page, offset, done, count| {
            if let Some(piece) = bytes.get_mut(done..done + count) {
                page.read(offset, piece);
            }
        })
    }

    /// Writes bytes at `address`, where the program itself could write; as [`AddressSpace::read_remote`].
    pub fn write_remote(&self, address: usize, bytes: &[u8]) -> Result<usize> {
        self.each_page(address, bytes.len(), Access::Write, |page, offset, done, count| {
            if let Some(piece) = bytes.get(done..done + count) {
                page.write(offset, piece);
            }
        })
    }

    /// Sets `len` bytes at `address` to zero; as [`AddressSpace::write_remote`].
    pub fn zero_remote(&self, address: usize, len: usize) -> Result<usize> {
        self.each_page(address, len, Access::Write, |page, offset, _, count| page.fill(offset, count, 0))
    }

    /// Calls `visit(page, offset in it, bytes before it, bytes in it)` for the pages of a range.
    fn each_page(&self, address: usize, len: usize, access: Access, mut visit: impl FnMut(&Page, usize, usize, usize)) -> Result<usize> {
        let mut done = 0;
        while done < len {
            let Some(at) = address.checked_add(done).filter(|at| *at < arch::USER_END) else {
                return if done > 0 { Ok(done) } else { Err(Errno::EFAULT) };
            };
            let offset = at % PAGE_SIZE;
            let count = (PAGE_SIZE - offset).min(len - done);
            match self.page_for(at - offset, access) {
                Ok(page) => visit(&page, offset, done, count),
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            }
            done += count;
        }
        Ok(done)
    }

    /// The page at `address`, faulted in for `access`.
    fn page_for(&self, address: usize, access: Access) -> Result<Page> {
        let needed = if access == Access::Write { PageFlags::WRITE } else { PageFlags::empty() };
        let mut inner = self.inner.lock();
        loop {
            if let Some((frame, flags)) = inner.table.translate(address)
                && flags.contains(needed)
                && !flags.contains(PageFlags::INACCESSIBLE)
            {
                return Page::with_entry(frame, Page::clone).ok_or(Errno::EFAULT);
            }
            match inner.fault(address, access) {
                Fault::Resolved => {}
                Fault::Denied(_) => return Err(Errno::EFAULT),
                Fault::OutOfMemory => return Err(Errno::ENOMEM),
                Fault::Deferred(_) => return Err(Errno::EAGAIN),
            }
        }
    }
}
