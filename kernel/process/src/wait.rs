//! Waiting for children (wait4(2), waitid(2)).
//!
//! News of a child (ended, stopped, continued) lies in the tree until someone takes it. A wait looks there under the tree's lock, which also
//! decides between two who wait for the same child, and otherwise sleeps on the process's event queue.

use alloc::sync::Arc;

use abi::process::{WaitOptions, WaitStatus};
use abi::siginfo::{SignalInfo, code};
use abi::{Errno, Result, Signal};

use crate::exit::explain;
use crate::times::{NANOS_PER_TICK, Usage};
use crate::tree::{self, Tree};
use crate::{Thread, interruptible};

/// Which children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Any,
    Process(u32),
    Group(u32),
}

impl Who {
    /// The first argument of wait4(2): above 0 a process, 0 the caller's group, −1 any, below that a group. ESRCH for the lowest number.
    pub fn from_wait4(thread: &Thread, pid: i32) -> Result<Who> {
        Ok(match pid {
            i32::MIN => return Err(Errno::ESRCH),
            -1 => Who::Any,
            0 => Who::Group(thread.process().group_id()),
            1.. => Who::Process(pid as u32),
            _ => Who::Group(pid.unsigned_abs()),
        })
    }

    /// The first two arguments of waitid(2): P_ALL 0, P_PID 1, P_PGID 2 (0: the caller's). EINVAL; P_PIDFD 3 is unknown here.
    pub fn from_waitid(thread: &Thread, kind: i32, id: i32) -> Result<Who> {
        let number = u32::try_from(id).map_err(|_| Errno::EINVAL);
        match kind {
            0 => Ok(Who::Any),
            1 => number.and_then(|pid| if pid == 0 { Err(Errno::EINVAL) } else { Ok(Who::Process(pid)) }),
            2 => Ok(Who::Group(match number? {
                0 => thread.process().group_id(),
                group => group,
            })),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// The options of wait4(2): EINVAL for those that it doesn't know. Ended children always count.
pub fn wait4_options(bits: u32) -> Result<WaitOptions> {
    let known = WaitOptions::all() - WaitOptions::EXITED - WaitOptions::NOWAIT;
    let options = WaitOptions::from_bits(bits).filter(|options| known.contains(*options)).ok_or(Errno::EINVAL)?;
    Ok(options | WaitOptions::EXITED)
}

/// The options of waitid(2): EINVAL for those that it doesn't know, or when no kind of news is asked for.
pub fn waitid_options(bits: u32) -> Result<WaitOptions> {
    let options = WaitOptions::from_bits(bits).ok_or(Errno::EINVAL)?;
    let kinds = WaitOptions::EXITED | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
    if options.intersects(kinds) { Ok(options) } else { Err(Errno::EINVAL) }
}

/// What a wait found out about a child.
#[derive(Clone, Copy, Debug)]
pub struct News {
    pub pid: u32,
    /// The child's real user.
    pub uid: u32,
    /// As wait4(2) tells it.
    pub status: WaitStatus,
    /// What the child and those it had waited for have used.
    pub usage: Usage,
    /// `si_code` and `si_status`.
    detail: (i32, i32),
}

impl News {
    /// As waitid(2) tells it. The two times, which waitid leaves to SIGCHLD, are filled all the same.
    pub fn info(&self) -> SignalInfo {
        let ticks = |nanos: u64| nanos / NANOS_PER_TICK;
        let (code, status) = self.detail;
        let times = (ticks(self.usage.user()), ticks(self.usage.system()));
        SignalInfo::child(i32::from(Signal::SIGCHLD.number()), code, self.pid, self.uid, status, times.0, times.1)
    }
}

/// Looks without waiting. None: there are such children, but no news of them. ECHILD: there are none.
pub fn attempt(thread: &Thread, who: Who, options: WaitOptions) -> Result<Option<News>> {
    let process = thread.process();
    let mut tree = tree::lock();
    let mut candidates = false;
    let mut next = match who {
        Who::Process(pid) => Some(pid),
        _ => tree.first_child(process.pid()),
    };
    let mut found = None;
    while let Some(pid) = next {
        next = if let Who::Process(_) = who { None } else { tree.next_sibling(pid) };
        if !is_candidate(&tree, thread, pid, who, options) {
            continue;
        }
        candidates = true;
        found = take_news(&mut tree, pid, options);
        if found.is_some() {
            break;
        }
    }
    match found {
        Some((news, reaped)) => {
            drop(tree);
            if reaped.is_some() {
                process.children_usage.lock().add(&news.usage);
            }
            drop(reaped);
            Ok(Some(news))
        }
        None if candidates => Ok(None),
        None => Err(Errno::ECHILD),
    }
}

fn is_candidate(tree: &Tree, thread: &Thread, pid: u32, who: Who, options: WaitOptions) -> bool {
    let Some(family) = tree.family(pid) else { return false };
    if family.parent != thread.process().pid() {
        return false;
    }
    if options.contains(WaitOptions::NOTHREAD) && family.creator != thread.tid() {
        return false;
    }
    let clone_child = family.process.exit_signal() != Some(Signal::SIGCHLD);
    if clone_child != options.contains(WaitOptions::CLONE) && !options.contains(WaitOptions::ALL) {
        return false;
    }
    match who {
        Who::Any | Who::Process(_) => true,
        Who::Group(group) => family.process.group_id() == group,
    }
}

type Reaped = Option<alloc::boxed::Box<crate::tree::Family>>;

/// Takes what there is to tell about a child, or only looks at it with WNOWAIT. An ended child is removed, and given to the caller to drop.
fn take_news(tree: &mut Tree, pid: u32, options: WaitOptions) -> Option<(News, Reaped)> {
    let keep = options.contains(WaitOptions::NOWAIT);
    let family = tree.family_mut(pid)?;
    let uid = family.process.account.load(core::sync::atomic::Ordering::Relaxed);
    let news = |status: WaitStatus, detail, usage| News { pid, uid, status, usage, detail };
    if let Some(zombie) = family.zombie {
        if !options.contains(WaitOptions::EXITED) {
            return None;
        }
        let mut usage = zombie.own;
        usage.add(&zombie.children);
        let found = news(zombie.status, explain(zombie.status), usage);
        return Some((found, if keep { None } else { tree.remove_process(pid) }));
    }
    if let Some(signal) = family.stopped.filter(|_| options.contains(WaitOptions::UNTRACED)) {
        if !keep {
            family.stopped = None;
        }
        let detail = (code::CLD_STOPPED, i32::from(signal.number()));
        return Some((news(WaitStatus::stopped(signal), detail, family.process.usage()), None));
    }
    if family.continued && options.contains(WaitOptions::CONTINUED) {
        family.continued = keep;
        let detail = (code::CLD_CONTINUED, i32::from(Signal::SIGCONT.number()));
        return Some((news(WaitStatus::CONTINUED, detail, family.process.usage()), None));
    }
    None
}

/// Waits for news. None only with WNOHANG. ECHILD when there are no such children, ERESTARTSYS when a signal comes.
pub async fn wait(thread: &Arc<Thread>, who: Who, options: WaitOptions) -> Result<Option<News>> {
    let news = thread.process().events.wait_until(|| match attempt(thread, who, options) {
        Ok(None) if !options.contains(WaitOptions::NOHANG) => None,
        other => Some(other),
    });
    interruptible(thread, news).await?
}
