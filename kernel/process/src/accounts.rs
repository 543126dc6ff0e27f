//! What each real user has in use, for the limits that count per user rather than per process (RLIMIT_NPROC, RLIMIT_SIGPENDING).
//!
//! An entry lives as long as something is charged to it, so the table is as small as the number of users that are active.

use alloc::collections::BTreeMap;

use abi::{Errno, Result};
use sync::SpinLock;

#[derive(Default)]
struct Account {
    threads: u64,
    signals: u64,
}

impl Account {
    fn is_empty(&self) -> bool {
        self.threads == 0 && self.signals == 0
    }
}

static ACCOUNTS: SpinLock<BTreeMap<u32, Account>> = SpinLock::new(BTreeMap::new());

fn charge(uid: u32, limit: u64, field: fn(&mut Account) -> &mut u64) -> Result<()> {
    let mut accounts = ACCOUNTS.lock();
    let used = field(accounts.entry(uid).or_default());
    if *used >= limit {
        if accounts.get(&uid).is_some_and(Account::is_empty) {
            accounts.remove(&uid);
        }
        return Err(Errno::EAGAIN);
    }
    *used += 1;
    Ok(())
}

fn release(uid: u32, field: fn(&mut Account) -> &mut u64) {
    let mut accounts = ACCOUNTS.lock();
    let Some(account) = accounts.get_mut(&uid) else { return };
    let used = field(account);
    *used = used.saturating_sub(1);
    if account.is_empty() {
        accounts.remove(&uid);
    }
}

/// Charges one thread to `uid`; EAGAIN when it has `limit` already.
pub(crate) fn charge_thread(uid: u32, limit: u64) -> Result<()> {
    charge(uid, limit, |account| &mut account.threads)
}

pub(crate) fn release_thread(uid: u32) {
    release(uid, |account| &mut account.threads);
}

/// Charges one queued signal to `uid`; EAGAIN when it has `limit` already.
pub(crate) fn charge_signal(uid: u32, limit: u64) -> Result<()> {
    charge(uid, limit, |account| &mut account.signals)
}

pub(crate) fn release_signal(uid: u32) {
    release(uid, |account| &mut account.signals);
}

/// How many threads are charged to `uid`.
pub fn threads_of(uid: u32) -> u64 {
    ACCOUNTS.lock().get(&uid).map_or(0, |account| account.threads)
}

/// How many queued signals are charged to `uid` (`SigQ` in /proc/PID/status).
pub fn signals_of(uid: u32) -> u64 {
    ACCOUNTS.lock().get(&uid).map_or(0, |account| account.signals)
}
