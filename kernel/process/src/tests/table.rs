//! A small table of system calls for the scripted programs, with Linux's numbers and simplified arguments.

use abi::process::RobustListHead;
use abi::siginfo::{SigAction, SignalStack};
use abi::{Errno, Result, Signal, SignalSet};
use alloc::sync::Arc;
use arch::user::UserContext;
use fs::LookupFlags;
use memory::UserPtr;

use crate::clone::{self, CloneRequest};
use crate::exec::{self, Arguments};
use crate::restart::Restart;
use crate::wait::{self, Who};
use crate::{Entered, SystemCalls, Thread, exit, futex, identity, interruptible_until, itimer, signal};

pub struct Table;

/// Where programs say their handlers return to; never executed, because the handlers' last step does its work.
pub const RESTORER: u64 = 0x10;

impl SystemCalls for Table {
    fn enter(thread: &Arc<Thread>, context: &mut UserContext) -> Entered {
        match dispatch(thread, context) {
            Some(result) => {
                if context.syscall_number() != 15 && context.registers().orig_rax != u64::MAX {
                    put(context, result);
                }
                Entered::Done
            }
            None => Entered::Wait(0),
        }
    }

    async fn wait(thread: &Arc<Thread>, context: &mut UserContext, _progress: usize) {
        let result = go_on(thread, context).await;
        put(context, result);
    }
}

fn put(context: &mut UserContext, result: Result<u64>) {
    context.set_return(result.unwrap_or_else(|error| error.as_return() as u64));
}

fn dispatch(thread: &Arc<Thread>, context: &mut UserContext) -> Option<Result<u64>> {
    let [a, b, c, ..] = context.args();
    let done = |()| 0;
    Some(match context.syscall_number() {
        13 => {
            let action = SigAction { handler: b, flags: c | SigAction::RESTORER, restorer: RESTORER, mask: 0 };
            Signal::new(a).ok_or(Errno::EINVAL).and_then(|signal| signal::set_action(thread, signal, Some(action))).map(|old| old.handler)
        }
        14 => signal::change_mask(thread, a as i32, Some(SignalSet(b))).map(|old| old.0),
        15 => {
            signal::sigreturn(thread, context);
            Ok(0)
        }
        24 => return None,
        37 => itimer::alarm(thread, a as u32).map(u64::from),
        39 => Ok(thread.process().pid().into()),
        56 => clone::clone::<Table>(thread, context, &CloneRequest::from_clone(a as usize, b as usize, 0, c as usize, 0))
            .map(|new| new.tid.into()),
        57 => clone::clone::<Table>(thread, context, &CloneRequest::FORK).map(|new| new.tid.into()),
        60 => {
            exit::exit_thread(thread, a as u8);
            Ok(0)
        }
        62 => signal::kill(thread, a as i32, b as i32).map(done),
        109 => identity::set_group(thread, a as i32, b as i32).map(done),
        110 => Ok(thread.process().parent_pid().into()),
        112 => identity::found_session(thread).map(u64::from),
        127 => Ok(signal::pending(thread).0),
        131 => {
            let stack = SignalStack { base: a, flags: 0, padding: 0, size: b };
            signal::alternate_stack(thread, context.registers().rsp, Some(stack)).map(|old| old.flags.into())
        }
        157 => {
            thread.process().set_subreaper(a != 0);
            Ok(0)
        }
        186 => Ok(thread.tid().into()),
        200 => signal::tgkill(thread, None, a as i32, b as i32).map(done),
        231 => {
            exit::exit_group(thread, a as u8);
            Ok(0)
        }
        273 => {
            thread.set_robust_list(a as usize);
            UserPtr::<RobustListHead>::new(a as usize).read().map(|_| 0)
        }
        // 1000 and on: pieces of futex(2).
        1001 => futex::wake(thread, a as usize, true, b as usize, u32::MAX).map(|woken| woken as u64),
        1002 => futex::requeue(thread, a as usize, b as usize, true, 1, c as usize, None).map(|woken| woken as u64),
        1003 => futex::wake_operation(thread, a as usize, b as usize, true, 1, 1, c as u32).map(|woken| woken as u64),
        34 | 35 | 58 | 59 | 61 | 128 | 130 | 219 | 1000 => return None,
        _ => Err(Errno::ENOSYS),
    })
}

async fn go_on(thread: &Arc<Thread>, context: &mut UserContext) -> Result<u64> {
    let [a, b, c, ..] = context.args();
    match context.syscall_number() {
        24 => {
            executor::yield_now().await;
            Ok(0)
        }
        34 => {
            let _ = crate::interruptible(thread, core::future::pending::<()>()).await;
            Err(Errno::ERESTARTNOHAND)
        }
        35 => sleep(thread, executor::timer::now() + a).await,
        58 => {
            let new = clone::clone::<Table>(thread, context, &CloneRequest::VFORK)?;
            assert!(new.wait);
            clone::wait_for_vfork(thread, new.tid).await;
            Ok(new.tid.into())
        }
        59 => {
            let path = format!("/p{a}").into_bytes();
            let place = thread.fs()?.resolve(&thread.credentials(), None, &path, LookupFlags::FOLLOW_LAST)?;
            let arguments = Arguments::from_kernel(&["executed"], &[] as &[&str], 8 << 20)?;
            exec::execute(thread, context, place, path.into_boxed_slice(), arguments).await.map(|()| 0)
        }
        61 => {
            let (who, options) = (Who::from_wait4(thread, a as i32)?, wait::wait4_options(c as u32)?);
            let Some(news) = wait::wait(thread, who, options).await? else { return Ok(0) };
            if b != 0 {
                UserPtr::<u32>::new(b as usize).write(&news.status.0)?;
            }
            Ok(news.pid.into())
        }
        128 => {
            let deadline = (b != 0).then(|| executor::timer::now() + b);
            signal::timed_wait(thread, SignalSet(a), deadline).await.map(|info| info.signal as u64)
        }
        130 => Err(signal::suspend(thread, SignalSet(a)).await),
        219 => match thread.take_restart() {
            Restart::Sleep { deadline, .. } => sleep(thread, deadline).await,
            _ => Err(Errno::EINTR),
        },
        1000 => {
            let deadline = (c != 0).then(|| executor::timer::now() + c);
            futex::wait(thread, a as usize, b as u32, true, u32::MAX, deadline).await.map(|()| 0)
        }
        _ => Err(Errno::ENOSYS),
    }
}

async fn sleep(thread: &Thread, deadline: u64) -> Result<u64> {
    match interruptible_until(thread, Some(deadline), core::future::pending::<()>()).await {
        Err(Errno::ETIMEDOUT) => Ok(0),
        _ => Err(thread.restart_with(Restart::Sleep { deadline, remaining: 0 })),
    }
}
