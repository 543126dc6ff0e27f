//! The ioctl(2) requests of terminals (ioctl_tty(2)).
//!
//! Requests that wait for output to be sent (TCSETSW, TCSBRK …) say EAGAIN, which no terminal request means otherwise: the caller waits
//! on the write side and makes the request again.

use abi::termios::{Control, Termio, Termios, Termios2, Winsize, cc, ioctl, speed_of};
use abi::{Errno, Result, Signal};
use memory::UserPtr;

use super::modes::When;
use super::{Tty, TtyFile, job};
use crate::discipline::{Effects, Item};

/// What a request is made on.
pub(crate) struct Origin {
    /// It came through the master of a pseudo-terminal.
    pub(crate) from_master: bool,
    /// The file is open for reading.
    pub(crate) readable: bool,
}

impl TtyFile {
    pub(super) fn tty_ioctl(&self, command: u32, argument: usize) -> Result<usize> {
        if self.is_hung_up() {
            return Err(if command == ioctl::TIOCSPGRP { Errno::ENOTTY } else { Errno::EIO });
        }
        self.tty.ioctl(&Origin { from_master: false, readable: self.flags.reads() }, command, argument)
    }
}

impl Tty {
    /// Serves a request. ENOTTY for what terminals don't know.
    pub(crate) fn ioctl(&self, origin: &Origin, command: u32, argument: usize) -> Result<usize> {
        match command {
            ioctl::TCGETS => UserPtr::<Termios>::new(argument).write(&self.termios())?,
            ioctl::TCGETS2 => UserPtr::<Termios2>::new(argument).write(&with_speeds(self.termios()))?,
            ioctl::TCGETA => UserPtr::<Termio>::new(argument).write(&self.termios().to_termio())?,
            ioctl::TCSETS | ioctl::TCSETSW | ioctl::TCSETSF => {
                self.change_termios(when(command - ioctl::TCSETS), |_| UserPtr::<Termios>::new(argument).read())?;
            }
            ioctl::TCSETS2 | ioctl::TCSETSW2 | ioctl::TCSETSF2 => {
                self.change_termios(when(command - ioctl::TCSETS2), |_| Ok(UserPtr::<Termios2>::new(argument).read()?.base))?;
            }
            ioctl::TCSETA | ioctl::TCSETAW | ioctl::TCSETAF => {
                self.change_termios(when(command - ioctl::TCSETA), |old| Ok(old.with_termio(&UserPtr::<Termio>::new(argument).read()?)))?
            }
            ioctl::TIOCGWINSZ => UserPtr::<Winsize>::new(argument).write(&self.winsize())?,
            ioctl::TIOCSWINSZ => self.set_winsize(UserPtr::<Winsize>::new(argument).read()?),
            ioctl::TIOCSCTTY => self.set_controlling(argument == 1, origin.readable)?,
            ioctl::TIOCNOTTY => self.give_up()?,
            ioctl::TIOCGPGRP => UserPtr::<i32>::new(argument).write(&(self.foreground_of_caller(origin.from_master)? as i32))?,
            ioctl::TIOCSPGRP => self.set_foreground(|| UserPtr::<i32>::new(argument).read())?,
            ioctl::TIOCGSID => UserPtr::<i32>::new(argument).write(&(self.session_of_caller(origin.from_master)? as i32))?,
            ioctl::FIONREAD => UserPtr::<i32>::new(argument).write(&(self.state.lock().discipline.available() as i32))?,
            ioctl::TIOCOUTQ => UserPtr::<i32>::new(argument).write(&(self.driver.pending() as i32))?,
            ioctl::TCFLSH => self.flush(argument)?,
            ioctl::TCXONC => self.change_flow(argument)?,
            ioctl::TCSBRK | ioctl::TCSBRKP => self.send_break(command == ioctl::TCSBRKP || argument == 0)?,
            ioctl::TIOCSBRK | ioctl::TIOCCBRK => {
                self.check_job(Signal::SIGTTOU)?;
                if !self.driver.set_break(command == ioctl::TIOCSBRK) {
                    return Ok(0);
                }
            }
            ioctl::TIOCSTI => self.simulate_input(argument)?,
            ioctl::TIOCEXCL => self.state.lock().exclusive = true,
            ioctl::TIOCNXCL => self.state.lock().exclusive = false,
            ioctl::TIOCGEXCL => UserPtr::<i32>::new(argument).write(&i32::from(self.state.lock().exclusive))?,
            ioctl::TIOCGDEV => UserPtr::<u32>::new(argument).write(&(self.device_number().word() as u32))?,
            ioctl::TIOCGETD => UserPtr::<i32>::new(argument).write(&0)?,
            ioctl::TIOCSETD => {
                // The only line discipline is number 0, N_TTY.
                if UserPtr::<i32>::new(argument).read()? != 0 {
                    return Err(Errno::EINVAL);
                }
            }
            ioctl::TIOCGSOFTCAR => {
                let local = self.termios().control().contains(Control::CLOCAL);
                UserPtr::<i32>::new(argument).write(&i32::from(local))?;
            }
            ioctl::TIOCSSOFTCAR => {
                let local = UserPtr::<i32>::new(argument).read()? != 0;
                self.change_termios(When::Now, |old| {
                    let clocal = Control::CLOCAL.bits();
                    Ok(Termios { cflag: if local { old.cflag | clocal } else { old.cflag & !clocal }, ..*old })
                })?;
            }
            ioctl::TIOCVHANGUP => {
                if !job::is_privileged() {
                    return Err(Errno::EPERM);
                }
                self.hang_up();
            }
            _ => return self.driver.ioctl(self, command, argument),
        }
        Ok(0)
    }

    /// TCFLSH: throws input (0), output (1) or both (2) away.
    fn flush(&self, which: usize) -> Result<()> {
        self.check_job(Signal::SIGTTOU)?;
        if which > 2 {
            return Err(Errno::EINVAL);
        }
        self.with_effects(|state, effects| {
            if which != 1 {
                state.discipline.flush_input(effects);
            }
            if which != 0 {
                state.discipline.flush_echo();
                effects.flush_output = true;
            }
        });
        Ok(())
    }

    /// TCXONC: stops (0) or starts (1) output, asks the other side to stop (2) or go on (3).
    fn change_flow(&self, action: usize) -> Result<()> {
        self.check_job(Signal::SIGTTOU)?;
        self.with_effects(|state, effects: &mut Effects| {
            let control = |index: usize| state.discipline.termios().cc.get(index).copied().filter(|&byte| byte != 0);
            match action {
                0 => state.discipline.stop(effects),
                1 => state.discipline.start(effects),
                2 => effects.urgent = control(cc::VSTOP),
                3 => effects.urgent = control(cc::VSTART),
                _ => return Err(Errno::EINVAL),
            }
            Ok(())
        })
    }

    /// TCSBRK: waits until all output is sent, then may send a break, which a pseudo-terminal hasn't. The break itself is as short as a
    /// line can make it; Linux holds it for a quarter of a second.
    fn send_break(&self, with_break: bool) -> Result<()> {
        self.check_job(Signal::SIGTTOU)?;
        self.check_drained()?;
        if with_break && self.driver.set_break(true) {
            self.driver.set_break(false);
        }
        Ok(())
    }

    /// TIOCSTI puts a byte into the input as if it were typed. It was the way of many an attack, so that Linux gives EIO to all but the
    /// privileged.
    fn simulate_input(&self, argument: usize) -> Result<()> {
        if !job::is_privileged() {
            return Err(Errno::EIO);
        }
        let byte = UserPtr::<u8>::new(argument).read()?;
        self.receive_item(Item::Byte(byte));
        Ok(())
    }
}

/// The three of each family of requests follow one another.
fn when(offset: u32) -> When {
    match offset {
        0 => When::Now,
        1 => When::Drained,
        _ => When::Flushed,
    }
}

fn with_speeds(termios: Termios) -> Termios2 {
    let speed = speed_of(termios.control()).unwrap_or(0);
    Termios2 { base: termios, ispeed: speed, ospeed: speed }
}
