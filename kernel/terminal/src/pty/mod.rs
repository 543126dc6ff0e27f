//! Pseudo-terminals (pty(7)): a terminal whose other end is a program, through the file that opening /dev/ptmx gives.
//!
//! A pair is numbered; the number names the slave in /dev/pts. What the slave writes, and the echo, wait in one queue for the master; what the master
//! writes waits in another for room in the slave's line discipline. Both have the size of Linux's buffers. The pair lives until its last file
//! is closed; when the master goes, the slave is hung up and its name vanishes.

mod devpts;
mod driver;
mod master;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::termios::{Control, Termios};
use abi::{Errno, Result};
pub use devpts::devpts;
use driver::PtyDriver;
use fs::{DeviceNumber, Turn};
pub use master::MasterFile;
use sync::SpinLock;

use crate::tty::{Identity, Tty};

/// Major number of the slaves.
pub const SLAVE_MAJOR: u32 = 136;

/// The most pairs at a time (`/proc/sys/kernel/pty/max`).
pub const MAX_PAIRS: u32 = 4096;

/// What is known of each number in use. A number stays in use while any file of its pair is open, so that it never means two things.
static PAIRS: SpinLock<BTreeMap<u32, Option<Arc<Pty>>>> = SpinLock::new(BTreeMap::new());

/// Pair number `number`, while its master is open.
pub fn find(number: u32) -> Option<Arc<Pty>> {
    PAIRS.lock().get(&number).cloned().flatten()
}

/// How many pairs there are (`/proc/sys/kernel/pty/nr`).
pub fn count() -> usize {
    PAIRS.lock().len()
}

/// The first number from `from` on whose master is open.
fn next_from(from: u32) -> Option<u32> {
    PAIRS.lock().range(from..).find(|(_, pty)| pty.is_some()).map(|(&number, _)| number)
}

/// The right to a number; dropping it makes the number free.
struct Number(u32);

impl Number {
    /// The lowest free number; ENOSPC when there are too many pairs.
    fn take() -> Result<Number> {
        memory::frames::admit()?;
        let mut pairs = PAIRS.lock();
        let mut free = 0;
        for &used in pairs.keys() {
            if used != free {
                break;
            }
            free += 1;
        }
        if free >= MAX_PAIRS {
            return Err(Errno::ENOSPC);
        }
        pairs.insert(free, None);
        Ok(Number(free))
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        PAIRS.lock().remove(&self.0);
    }
}

/// A pair whose master is open.
pub struct Pty {
    number: u32,
    driver: Arc<PtyDriver>,
    slave: Arc<Tty>,
    /// The slave can't be opened until unlockpt(3).
    locked: AtomicBool,
    /// One write of the master at a time.
    write_turn: Turn,
    attributes: devpts::Attributes,
}

impl Pty {
    /// A new pair, its slave locked and owned by `uid`; ENOSPC, ENOMEM.
    fn new(uid: u32) -> Result<Arc<Pty>> {
        let number = Number::take()?;
        let index = number.0;
        let driver = Arc::new(PtyDriver::new(number));
        let initial = Termios::standard(Control::B38400.union(Control::CS8).union(Control::CREAD));
        let identity = Identity { device: DeviceNumber::new(SLAVE_MAJOR, index), initial };
        let slave = Tty::new(identity, driver.clone())?;
        driver.set_slave(&slave);
        let pty = Arc::new(Pty {
            number: index,
            driver,
            slave,
            locked: AtomicBool::new(true),
            write_turn: Turn::new(),
            attributes: devpts::Attributes::new(uid),
        });
        PAIRS.lock().insert(index, Some(pty.clone()));
        Ok(pty)
    }

    pub fn slave(&self) -> &Arc<Tty> {
        &self.slave
    }

    pub fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    fn set_locked(&self, locked: bool) {
        self.locked.store(locked, Ordering::Relaxed);
    }

    /// The master was closed: the slave hangs up, and its name is gone.
    fn close(&self) {
        let gone = PAIRS.lock().get_mut(&self.number).and_then(Option::take);
        self.slave.hang_up();
        drop(gone);
    }
}
