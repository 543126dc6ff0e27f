//! Queues of pending signals: one for each thread and one for each process.
//!
//! A set says which signals wait; the list holds what is known of them. Signals of the kernel's own carry nothing, so for them a bit in the
//! set is all there is, and sending one allocates nothing. Standard signals wait at most once; real-time ones queue, in the order of sending.

use alloc::collections::VecDeque;

use abi::siginfo::SignalInfo;
use abi::{Errno, Result, Signal, SignalSet};

use crate::accounts;

struct Queued {
    info: SignalInfo,
    /// The user to whom the entry is charged.
    account: u32,
}

/// Signals that wait to be delivered.
#[derive(Default)]
pub(crate) struct Pending {
    set: SignalSet,
    list: VecDeque<Queued>,
}

/// Faults of the program itself come before whatever else waits, so that their frames show where they happened.
const SYNCHRONOUS: SignalSet = SignalSet::of(Signal::SIGSEGV)
    .with(Signal::SIGBUS)
    .with(Signal::SIGILL)
    .with(Signal::SIGTRAP)
    .with(Signal::SIGFPE)
    .with(Signal::SIGSYS);

impl Pending {
    /// The signals that wait.
    pub fn set(&self) -> SignalSet {
        self.set
    }

    /// Adds a signal of which nothing is known but its number.
    pub fn mark(&mut self, signal: Signal) {
        self.set = self.set.with(signal);
    }

    /// Adds a signal with what is known of it; the caller has charged it to `account`, and takes that back when this fails: EAGAIN, no memory.
    pub fn push(&mut self, signal: Signal, info: SignalInfo, account: u32) -> Result<()> {
        // The list is one block, and only the sender's limits bound it.
        self.list.try_reserve(1).map_err(|_| Errno::EAGAIN)?;
        self.list.push_back(Queued { info, account });
        self.mark(signal);
        Ok(())
    }

    /// Takes the first signal that isn't in `mask`.
    pub fn take(&mut self, mask: SignalSet) -> Option<(Signal, SignalInfo)> {
        let ready = self.set.minus(mask);
        let synchronous = SignalSet(ready.0 & SYNCHRONOUS.0);
        let signal = synchronous.first().or(ready.first())?;
        let number = i32::from(signal.number());
        let mut matching = (0..self.list.len()).filter(|&at| self.list.get(at).is_some_and(|queued| queued.info.signal == number));
        let (first, second) = (matching.next(), matching.next());
        if second.is_none() {
            self.set = self.set.without(signal);
        }
        let info = match first.and_then(|at| self.list.remove(at)) {
            Some(queued) => {
                accounts::release_signal(queued.account);
                queued.info
            }
            None => SignalInfo::kernel(signal),
        };
        if self.list.is_empty() {
            self.list = VecDeque::new();
        }
        Some((signal, info))
    }

    /// Forgets the signals in `set`.
    pub fn remove(&mut self, set: SignalSet) {
        if self.set.0 & set.0 == 0 {
            return;
        }
        self.set = self.set.minus(set);
        self.list.retain(|queued| {
            let gone = Signal::new(queued.info.signal as u64).is_some_and(|signal| set.contains(signal));
            if gone {
                accounts::release_signal(queued.account);
            }
            !gone
        });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.remove(SignalSet::ALL);
    }
}
