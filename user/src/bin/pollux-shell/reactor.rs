//! The one place where the shell sleeps: an epoll instance that watches descriptors, and signals through a signalfd.
//!
//! A leaf future leaves its waker here and is pending; [`wait`] sleeps until something happens and wakes whom it concerns. Each leaf looks
//! at its condition again when it is polled, so a wake too many does no harm.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::{Future, poll_fn};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use user::epoll::{Epoll, Event};
use user::signals;
use user::sys;
use user::sys::Result;

const READABLE: u32 = libc::EPOLLIN as u32;
const WRITABLE: u32 = libc::EPOLLOUT as u32;
/// PIPE_BUF: a pipe that is ready takes so much without blocking.
const PORTION: usize = 4096;
/// Children end, and somebody types ^C.
const SIGNALS: [i32; 2] = [libc::SIGCHLD, libc::SIGINT];

struct Reactor {
    epoll: Epoll,
    signals: i32,
    /// Who waits for which events of a descriptor.
    descriptors: HashMap<i32, Vec<(u32, Waker)>>,
    timers: BTreeMap<(Instant, usize), Waker>,
    next_timer: usize,
    /// Status words of children that have ended and were not asked for.
    ended: HashMap<i32, i32>,
    children: HashMap<i32, Waker>,
    /// Children whose status nobody will ask for.
    forgotten: HashSet<i32>,
    /// How often ^C was typed.
    interrupts: usize,
    interrupted: Vec<Waker>,
}

thread_local! {
    static REACTOR: RefCell<Reactor> = RefCell::new(Reactor::new());
}

fn with<T>(f: impl FnOnce(&mut Reactor) -> T) -> T {
    REACTOR.with_borrow_mut(f)
}

impl Reactor {
    fn new() -> Reactor {
        signals::block(&SIGNALS);
        let set = signals::set(&SIGNALS);
        let signals = sys!(signalfd4, -1, &set, 8, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK).expect("signalfd4") as i32;
        let epoll = Epoll::new();
        epoll.add(signals, READABLE).expect("epoll_ctl");
        Reactor {
            epoll,
            signals,
            descriptors: HashMap::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            ended: HashMap::new(),
            children: HashMap::new(),
            forgotten: HashSet::new(),
            interrupts: 0,
            interrupted: Vec::new(),
        }
    }

    /// Sleeps until something happens; whom it concerns.
    fn wait(&mut self) -> Vec<Waker> {
        let mut events = [Event::default(); 16];
        let timeout = self.timers.first_key_value().map(|((due, _), _)| due.saturating_duration_since(Instant::now()));
        let timeout = timeout.map(|time| [time.as_secs() as i64, i64::from(time.subsec_nanos())]);
        let place = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // A signal that isn't blocked (a stop and its end) may interrupt the wait: then nothing has happened.
        let count = sys!(epoll_pwait2, self.epoll.0, events.as_mut_ptr(), events.len(), place, 0, 0).unwrap_or(0);
        let mut woken = Vec::new();
        for event in &events[..count] {
            let fd = event.data as i32;
            if fd == self.signals {
                self.take_signals(&mut woken);
            } else {
                woken.extend(self.descriptors.remove(&fd).into_iter().flatten().map(|(_, waker)| waker));
            }
        }
        let now = Instant::now();
        while let Some(timer) = self.timers.first_entry().filter(|timer| timer.key().0 <= now) {
            woken.push(timer.remove());
        }
        woken
    }

    fn take_signals(&mut self, woken: &mut Vec<Waker>) {
        let mut info = [0u32; 32];
        while sys!(read, self.signals, &mut info, 128) == Ok(128) {
            if info[0] == libc::SIGINT as u32 {
                self.interrupts += 1;
                woken.append(&mut self.interrupted);
            }
        }
        // One SIGCHLD may stand for several children.
        let mut status = 0i32;
        while let Ok(pid @ 1..) = sys!(wait4, -1, &mut status, libc::WNOHANG, 0) {
            if self.forgotten.remove(&(pid as i32)) {
                continue;
            }
            self.ended.insert(pid as i32, status);
            woken.extend(self.children.remove(&(pid as i32)));
        }
    }

    fn watch(&mut self, fd: i32, events: u32, waker: &Waker) -> Result {
        let waiting = self.descriptors.entry(fd).or_default();
        waiting.push((events, waker.clone()));
        let all = waiting.iter().fold(libc::EPOLLONESHOT as u32, |all, (events, _)| all | events);
        // A number that was closed and opened again has to be added again.
        self.epoll.modify(fd, all).or_else(|_| self.epoll.add(fd, all))
    }
}

/// Sleeps until something happens, and wakes whom it concerns.
pub fn wait() {
    // The wakers run when the reactor is free again.
    with(Reactor::wait).into_iter().for_each(Waker::wake);
}

/// To be called first: from then on the signals are the reactor's.
pub fn start() {
    with(|_| {});
}

/// Whether a descriptor would not block now.
fn is_ready(fd: i32, events: u32) -> bool {
    // `struct pollfd` in one word: descriptor, wanted, found.
    let mut entry = [u64::from(fd as u32) | u64::from(events) << 32];
    sys!(poll, &mut entry, 1, 0) == Ok(1)
}

/// Waits until a descriptor would not block. The shell's files are shared with its programs, which expect them to block, so it asks before
/// instead of making them O_NONBLOCK.
async fn ready(fd: i32, events: u32) {
    poll_fn(|context| {
        // Files that epoll refuses are always ready.
        let waits = !is_ready(fd, events) && with(|reactor| reactor.watch(fd, events, context.waker())).is_ok();
        if waits { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

/// Reads what is there, once something is.
pub async fn read(fd: i32, buffer: &mut [u8]) -> Result {
    ready(fd, READABLE).await;
    user::files::read(fd, buffer)
}

/// Writes all of `bytes`, in portions for which a pipe that is ready has room.
pub async fn write_all(fd: i32, bytes: &[u8]) -> Result<()> {
    for mut part in bytes.chunks(PORTION) {
        while !part.is_empty() {
            ready(fd, WRITABLE).await;
            part = &part[user::files::write(fd, part)?..];
        }
    }
    Ok(())
}

/// Waits for a child's end: its status word.
pub async fn child(pid: i32) -> i32 {
    poll_fn(|context| {
        with(|reactor| match reactor.ended.remove(&pid) {
            Some(status) => Poll::Ready(status),
            None => {
                reactor.children.insert(pid, context.waker().clone());
                Poll::Pending
            }
        })
    })
    .await
}

/// Nobody waits for that child any more: its number may soon be another's.
pub fn forget(pid: i32) {
    with(|reactor| {
        reactor.children.remove(&pid);
        if reactor.ended.remove(&pid).is_none() {
            reactor.forgotten.insert(pid);
        }
    });
}

/// How often ^C was typed.
pub fn interrupts() -> usize {
    with(|reactor| reactor.interrupts)
}

/// Waits until ^C has been typed more often than that.
pub fn interrupt(before: usize) -> impl Future<Output = ()> {
    poll_fn(move |context| {
        with(|reactor| {
            if reactor.interrupts > before {
                return Poll::Ready(());
            }
            reactor.interrupted.push(context.waker().clone());
            Poll::Pending
        })
    })
}

/// A timer's place in the reactor, which goes with it.
struct Timer(Option<(Instant, usize)>);

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(key) = self.0 {
            with(|reactor| reactor.timers.remove(&key));
        }
    }
}

/// Sleeps.
pub async fn sleep(time: Duration) {
    let due = Instant::now() + time;
    let mut timer = Timer(None);
    poll_fn(|context| {
        if Instant::now() >= due {
            return Poll::Ready(());
        }
        with(|reactor| {
            let key = *timer.0.get_or_insert_with(|| {
                reactor.next_timer += 1;
                (due, reactor.next_timer)
            });
            reactor.timers.insert(key, context.waker().clone());
        });
        Poll::Pending
    })
    .await;
}
