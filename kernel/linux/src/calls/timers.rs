//! Interval timers: setitimer(2), getitimer(2), alarm(2).

use abi::time::{Itimerval, Timeval};
use abi::{Errno, Result};
use memory::UserPtr;
use process::itimer::{self, Setting, Which};

use crate::call::{Call, Outcome};

fn to_user(setting: Setting) -> Itimerval {
    Itimerval { interval: Timeval::from_nanos(setting.interval), value: Timeval::from_nanos(setting.value) }
}

fn from_user(timer: Itimerval) -> Result<Setting> {
    Ok(Setting { value: timer.value.to_nanos()?, interval: timer.interval.to_nanos()? })
}

pub fn getitimer(call: &mut Call<'_>, which: i32, value: usize) -> Outcome {
    let setting = itimer::get(call.thread, Which::new(which)?);
    UserPtr::<Itimerval>::new(value).write(&to_user(setting))?;
    Ok(0)
}

pub fn setitimer(call: &mut Call<'_>, which: i32, new: usize, old: usize) -> Outcome {
    // Linux still takes a null pointer as "switch off".
    let setting = if new == 0 { Setting::default() } else { from_user(UserPtr::<Itimerval>::new(new).read()?)? };
    let before = itimer::set(call.thread, Which::new(which)?, setting)?;
    if old != 0 {
        UserPtr::<Itimerval>::new(old).write(&to_user(before)).map_err(|_| Errno::EFAULT)?;
    }
    Ok(0)
}

pub fn alarm(call: &mut Call<'_>, seconds: u32) -> Outcome {
    Ok(itimer::alarm(call.thread, seconds)? as usize)
}
