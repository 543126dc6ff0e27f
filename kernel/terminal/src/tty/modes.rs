//! Changing the settings of a terminal: TCSETS and its kin.

use abi::termios::Termios;
use abi::{Errno, Result, Signal};

use super::Tty;

/// When new settings take effect (tcsetattr(3)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    Now,
    /// After all output was sent (TCSADRAIN).
    Drained,
    /// The same, and input that wasn't read is thrown away (TCSAFLUSH).
    Flushed,
}

impl Tty {
    pub(super) fn termios(&self) -> Termios {
        *self.state.lock().discipline.termios()
    }

    /// Sets what `new` makes of the present settings. EAGAIN while output that must go out first is still there.
    pub(super) fn change_termios(&self, when: When, new: impl FnOnce(&Termios) -> Result<Termios>) -> Result<()> {
        self.check_job(Signal::SIGTTOU)?;
        let changed = new(&self.termios())?;
        if when != When::Now {
            self.check_drained()?;
        }
        self.with_effects(|state, effects| {
            if when == When::Flushed {
                state.discipline.flush_input(effects);
            }
            state.discipline.set_termios(changed, effects);
            self.driver.configure(&changed);
        });
        self.driver.writers().wake_all();
        Ok(())
    }

    /// EAGAIN while the device hasn't sent all output: the caller waits for the write side and calls again.
    pub(super) fn check_drained(&self) -> Result<()> {
        if self.driver.pending() == 0 { Ok(()) } else { Err(Errno::EAGAIN) }
    }
}
