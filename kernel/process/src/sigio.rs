//! Signal-driven I/O: O_ASYNC of fcntl(2).
//!
//! A wake may come in an interrupt handler, and it must not send signals there. So the kernel watches the descriptions that have O_ASYNC
//! with an epoll instance of its own, edge-triggered, and one task takes from it and sends. A program notices no difference but that the
//! signal may come a moment after the call that caused it has returned.

use abi::siginfo::{SignalInfo, code};
use abi::{Errno, Result, Signal};
use alloc::sync::Arc;
use fs::epoll::{EventPoll, Interest, Mode};
use fs::owner::{Owner, OwnerKind};
use fs::{OpenFile, OpenFlags, PollEvents, Side};
use sync::{SpinLock, WaitQueue};

use crate::signal::{send_to_process, send_to_thread};
use crate::{Process, tree};

/// The instance that watches all such descriptions, from the first one on.
static WATCH: SpinLock<Option<Arc<EventPoll>>> = SpinLock::new(None);

/// The events that a signal of each side tells, as Linux has them (`band_table`).
const READ_BAND: PollEvents = PollEvents::IN.union(PollEvents::RDNORM);
const WRITE_BAND: PollEvents = PollEvents::OUT.union(PollEvents::WRNORM).union(PollEvents::WRBAND);

/// Both sides, with the numbers under which they are watched.
const SIDES: [(i32, Side, PollEvents); 2] = [(0, Side::Read, READ_BAND), (1, Side::Write, WRITE_BAND)];

/// Whether a kind of file can have its owner told.
pub fn is_possible(file: &OpenFile) -> bool {
    SIDES.iter().any(|&(_, side, _)| file.file().signals(side))
}

/// Switches O_ASYNC of a description on or off; `fd` is what the signals will call it. Nothing happens for files that know no such signals.
/// ENOMEM.
pub fn set(file: &Arc<OpenFile>, fd: i32, on: bool) -> Result<()> {
    if on == file.flags().contains(OpenFlags::ASYNC) || !is_possible(file) {
        return Ok(());
    }
    let watch = watch()?;
    for (number, side, band) in SIDES {
        if !file.file().signals(side) {
            continue;
        }
        let data = u64::from(fd as u32) | (number as u64) << 32;
        let changed = match on {
            true => watch.add_quietly(number, file, Interest { events: band, mode: Mode::EDGE, data }),
            false => watch.remove(number, file),
        };
        match changed {
            // Another thread was faster.
            Err(Errno::EEXIST | Errno::ENOENT) | Ok(()) => {}
            Err(error) => return Err(error),
        }
    }
    let mut flags = file.flags();
    flags.set(OpenFlags::ASYNC, on);
    file.set_status_flags(flags);
    Ok(())
}

/// The instance, with its task. ENOMEM.
fn watch() -> Result<Arc<EventPoll>> {
    if let Some(watch) = &*WATCH.lock() {
        return Ok(watch.clone());
    }
    let fresh = EventPoll::new()?;
    let watch = WATCH.lock().get_or_insert(fresh.clone()).clone();
    if Arc::ptr_eq(&watch, &fresh) && executor::spawn("signal-driven I/O", serve(fresh)).is_err() {
        let _dropped = WATCH.lock().take();
        return Err(Errno::ENOMEM);
    }
    Ok(watch)
}

/// What there is to tell: the side, the number of the descriptor, the description.
type News = (usize, i32, Arc<OpenFile>);

async fn serve(watch: Arc<EventPoll>) {
    let queue: &WaitQueue = watch.waiters();
    loop {
        let (side, fd, file) = queue.wait_until(|| next(&watch)).await;
        tell(&file.owner(), side, fd);
        drop(file);
        executor::budget::checkpoint(1).await;
    }
}

fn next(watch: &EventPoll) -> Option<News> {
    let mut news = None;
    let report = |_, data: u64, file: &Arc<OpenFile>| {
        news = Some(((data >> 32) as usize, data as i32, file.clone()));
        Ok(())
    };
    watch.harvest(1, report).ok()?;
    news
}

/// Sends the signal, or signals.
fn tell(owner: &Owner, side: usize, fd: i32) {
    let Some(&(_, side, band)) = SIDES.get(side) else { return };
    let reason = if side == Side::Read { code::POLL_IN } else { code::POLL_OUT };
    let info = Signal::new(owner.signal.into()).map(|signal| {
        let ambiguous = signal.is_fault() || signal == Signal::SIGCHLD;
        (signal, SignalInfo::poll(signal, if ambiguous { code::SI_SIGIO } else { reason }, band.bits(), fd))
    });
    match owner.kind {
        _ if owner.id == 0 => {}
        OwnerKind::Thread => {
            if let Some(thread) = tree::find_thread(owner.id).filter(|thread| is_allowed(owner, thread.process())) {
                deliver(info, |signal, info| send_to_thread(&thread, signal, info));
            }
        }
        OwnerKind::Process => {
            if let Some(process) = tree::find_process(owner.id).filter(|process| is_allowed(owner, process)) {
                deliver(info, |signal, info| send_to_process(&process, signal, info));
            }
        }
        OwnerKind::Group => {
            let tree = tree::lock();
            let mut next = tree.first_member(owner.id);
            while let Some(pid) = next {
                next = tree.next_member(pid);
                if let Some(family) = tree.family(pid).filter(|family| is_allowed(owner, &family.process)) {
                    deliver(info, |signal, info| send_to_process(&family.process, signal, info));
                }
            }
        }
    }
}

/// The chosen signal with its particulars; plain SIGIO if none was chosen, or its queue is full.
fn deliver(info: Option<(Signal, SignalInfo)>, send: impl Fn(Signal, SignalInfo) -> Result<()>) {
    let sent = info.is_some_and(|(signal, info)| send(signal, info).is_ok());
    if !sent {
        // The kernel's own standard signal always finds room.
        let _ = send(Signal::SIGIO, SignalInfo::kernel(Signal::SIGIO));
    }
}

/// Whether those who named the owner may send it signals.
fn is_allowed(owner: &Owner, target: &Process) -> bool {
    let Some(theirs) = target.credentials() else { return false };
    owner.euid == 0 || [theirs.suid, theirs.uid].into_iter().any(|id| id == owner.euid || id == owner.uid)
}

/// Whether there is such a thread, process or group.
pub fn exists(kind: OwnerKind, id: u32) -> bool {
    match kind {
        OwnerKind::Thread => tree::find_thread(id).is_some(),
        OwnerKind::Process => tree::find_process(id).is_some(),
        OwnerKind::Group => tree::lock().first_member(id).is_some(),
    }
}
