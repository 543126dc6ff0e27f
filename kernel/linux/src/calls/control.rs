//! prctl(2) and arch_prctl(2).

use abi::{Errno, Result, Signal};
use alloc::vec::Vec;
use memory::{UserPtr, UserSlice};

use crate::call::{Call, Outcome};

/// The bytes of a thread's name with its NUL (TASK_COMM_LEN).
const NAME_SIZE: usize = 16;

/// Reads a thread's name: what is longer is cut off, so no more than its bytes need to be there.
fn read_name(address: usize) -> Result<Vec<u8>> {
    let mut name = Vec::new();
    while name.len() < NAME_SIZE - 1 {
        match UserPtr::<u8>::new(address).offset(name.len()).read()? {
            0 => break,
            byte => name.push(byte),
        }
    }
    Ok(name)
}

pub fn prctl(call: &mut Call<'_>, option: i32, second: usize, third: usize, fourth: usize, fifth: usize) -> Outcome {
    const SET_PDEATHSIG: i32 = 1;
    const GET_PDEATHSIG: i32 = 2;
    const GET_DUMPABLE: i32 = 3;
    const SET_DUMPABLE: i32 = 4;
    const GET_KEEPCAPS: i32 = 7;
    const GET_TIMING: i32 = 13;
    const SET_TIMING: i32 = 14;
    const SET_NAME: i32 = 15;
    const GET_NAME: i32 = 16;
    const GET_SECCOMP: i32 = 21;
    const CAPBSET_READ: i32 = 23;
    const GET_TIMERSLACK: i32 = 30;
    const SET_CHILD_SUBREAPER: i32 = 36;
    const GET_CHILD_SUBREAPER: i32 = 37;
    const SET_NO_NEW_PRIVS: i32 = 38;
    const GET_NO_NEW_PRIVS: i32 = 39;
    const GET_THP_DISABLE: i32 = 42;
    const LAST_CAPABILITY: usize = 40;
    let thread = call.thread;
    let process = thread.process();
    match option {
        SET_PDEATHSIG => {
            let signal = if second == 0 { None } else { Some(Signal::new(second as u64).ok_or(Errno::EINVAL)?) };
            thread.set_parent_death_signal(signal);
            Ok(0)
        }
        GET_PDEATHSIG => {
            UserPtr::<i32>::new(second).write(&thread.parent_death_signal().into())?;
            Ok(0)
        }
        GET_DUMPABLE => Ok(usize::from(process.is_dumpable())),
        SET_DUMPABLE if second <= 1 => {
            process.set_dumpable(second == 1);
            Ok(0)
        }
        GET_KEEPCAPS | GET_TIMING => Ok(0),
        SET_TIMING if second == 0 => Ok(0),
        SET_NAME => {
            thread.set_name(&read_name(second)?);
            Ok(0)
        }
        GET_NAME => {
            let mut name = thread.name();
            name.resize(NAME_SIZE, 0);
            UserSlice::new(second, NAME_SIZE).write(&name)?;
            Ok(0)
        }
        // No seccomp filters: mode 0.
        GET_SECCOMP => Ok(0),
        CAPBSET_READ if second <= LAST_CAPABILITY => Ok(1),
        // Timers fire as soon as the hardware allows; Linux's default of 50 µs is what programs expect to read.
        GET_TIMERSLACK => Ok(50_000),
        SET_CHILD_SUBREAPER => {
            process.set_subreaper(second != 0);
            Ok(0)
        }
        GET_CHILD_SUBREAPER => {
            UserPtr::<i32>::new(second).write(&i32::from(process.is_subreaper()))?;
            Ok(0)
        }
        SET_NO_NEW_PRIVS if (second, third, fourth, fifth) == (1, 0, 0, 0) => {
            thread.set_no_new_privileges();
            Ok(0)
        }
        GET_NO_NEW_PRIVS if (second, third, fourth, fifth) == (0, 0, 0, 0) => Ok(usize::from(thread.no_new_privileges())),
        GET_THP_DISABLE if (second, third, fourth, fifth) == (0, 0, 0, 0) => Ok(0),
        _ => Err(Errno::EINVAL.into()),
    }
}

pub fn arch_prctl(call: &mut Call<'_>, option: i32, address: usize) -> Outcome {
    const SET_GS: i32 = 0x1001;
    const SET_FS: i32 = 0x1002;
    const GET_FS: i32 = 0x1003;
    const GET_GS: i32 = 0x1004;
    let base = match option {
        SET_FS | SET_GS if address >= arch::USER_END => return Err(Errno::EPERM.into()),
        SET_FS => {
            call.context.set_fs_base(address as u64);
            return Ok(0);
        }
        SET_GS => {
            call.context.set_gs_base(address as u64);
            return Ok(0);
        }
        GET_FS => call.context.fs_base(),
        GET_GS => call.context.gs_base(),
        _ => return Err(Errno::EINVAL.into()),
    };
    UserPtr::<u64>::new(address).write(&base)?;
    Ok(0)
}
