//! Waiting for children: wait4(2) and waitid(2).

use abi::Result;
use abi::process::{Rusage, WaitOptions};
use abi::siginfo::Siginfo;
use memory::UserPtr;
use process::wait::{self, News, Who};
use zerocopy::FromZeros;

use crate::call::{Call, Outcome, Stop};

/// An interrupted wait4(2) that has nothing to do with a handler goes on; the waiting half is asked to start only when there is no news.
fn attempt(call: &Call<'_>, who: Who, options: WaitOptions) -> core::result::Result<Option<News>, Stop> {
    match wait::attempt(call.thread, who, options)? {
        None if !options.contains(WaitOptions::NOHANG) => Err(Stop::Wait(0)),
        news => Ok(news),
    }
}

fn write_wait4(news: Option<News>, status: usize, usage: usize) -> Result<usize> {
    let Some(news) = news else { return Ok(0) };
    if status != 0 {
        UserPtr::<u32>::new(status).write(&news.status.0)?;
    }
    if usage != 0 {
        UserPtr::<Rusage>::new(usage).write(&news.usage.to_rusage())?;
    }
    Ok(news.pid as usize)
}

pub fn wait4(call: &mut Call<'_>, pid: i32, status: usize, options: u32, usage: usize) -> Outcome {
    let options = wait::wait4_options(options)?;
    let news = attempt(call, Who::from_wait4(call.thread, pid)?, options)?;
    Ok(write_wait4(news, status, usage)?)
}

pub async fn wait4_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let options = wait::wait4_options(args[2] as u32)?;
    let news = wait::wait(call.thread, Who::from_wait4(call.thread, args[0] as i32)?, options).await?;
    write_wait4(news, args[1], args[3])
}

/// waitid(2) fills the information with zeros when there is no news, and returns 0 either way.
fn write_waitid(news: Option<News>, info: usize, usage: usize) -> Result<usize> {
    if info != 0 {
        let found = news.as_ref().map_or_else(Siginfo::new_zeroed, |news| Siginfo::from(news.info()));
        UserPtr::<Siginfo>::new(info).write(&found)?;
    }
    if let (Some(news), true) = (news, usage != 0) {
        UserPtr::<Rusage>::new(usage).write(&news.usage.to_rusage())?;
    }
    Ok(0)
}

pub fn waitid(call: &mut Call<'_>, kind: i32, id: i32, info: usize, options: u32, usage: usize) -> Outcome {
    let options = wait::waitid_options(options)?;
    let news = attempt(call, Who::from_waitid(call.thread, kind, id)?, options)?;
    Ok(write_waitid(news, info, usage)?)
}

pub async fn waitid_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let options = wait::waitid_options(args[3] as u32)?;
    let who = Who::from_waitid(call.thread, args[0] as i32, args[1] as i32)?;
    let news = wait::wait(call.thread, who, options).await?;
    write_waitid(news, args[2], args[4])
}
