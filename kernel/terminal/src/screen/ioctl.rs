//! The requests of virtual terminals (ioctl_console(2)) that chvt, deallocvt, fgconsole, openvt and getty make.

use abi::vt::{KB_101, KD_TEXT, VtState, ioctl};
use abi::{Errno, Result};
use memory::UserPtr;

use super::{Screen, TERMINALS};
use crate::tty::{Tty, caller_terminal, is_privileged};

/// Serves a request that was made on the virtual terminal `tty`. ENOTTY for what isn't known.
pub(super) fn serve(screen: &Screen, tty: &Tty, command: u32, argument: usize) -> Result<usize> {
    // Whose own terminal this is may switch.
    let permitted = || {
        let own = caller_terminal().is_some_and(|terminal| core::ptr::eq(&*terminal, tty));
        if own || is_privileged() { Ok(()) } else { Err(Errno::EPERM) }
    };
    match command {
        ioctl::KDGKBTYPE => UserPtr::<u8>::new(argument).write(&KB_101)?,
        ioctl::KDGETMODE => UserPtr::<i32>::new(argument).write(&KD_TEXT)?,
        ioctl::VT_OPENQRY => {
            let free = (1..=TERMINALS).find(|&number| !screen.is_in_use(number));
            UserPtr::<i32>::new(argument).write(&free.map_or(-1, |number| number as i32))?;
        }
        ioctl::VT_GETSTATE => {
            let used = (1..=TERMINALS).filter(|&number| screen.is_in_use(number)).fold(1, |bits, number| bits | 1 << number);
            let state = VtState { active: screen.active_number() as u16, signal: 0, state: used };
            UserPtr::<VtState>::new(argument).write(&state)?;
        }
        ioctl::VT_ACTIVATE => {
            permitted()?;
            screen.switch_to(argument)?;
        }
        // The caller waits on the write side, which a switch wakes.
        ioctl::VT_WAITACTIVE => {
            permitted()?;
            if argument == 0 || argument > TERMINALS {
                return Err(Errno::ENXIO);
            }
            if screen.active_number() != argument {
                return Err(Errno::EAGAIN);
            }
        }
        ioctl::VT_DISALLOCATE => screen.deallocate(argument)?,
        _ => return Err(Errno::ENOTTY),
    }
    Ok(0)
}
