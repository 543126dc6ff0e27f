//! Hanging up: the end of a terminal for everybody who has it open.

use abi::Signal;
use abi::termios::packet;

use super::{Tty, job};
use crate::discipline::Effects;

impl Tty {
    /// Hangs the terminal up: open files read end of file and fail with EIO from now on; the session that it controls loses it, its
    /// leader gets SIGHUP and SIGCONT, the foreground group SIGHUP; the settings go back to the initial ones.
    pub fn hang_up(&self) {
        let (session, foreground) = {
            let mut state = self.state.lock();
            state.generation = state.generation.wrapping_add(1);
            state.exclusive = false;
            let mut effects = Effects::default();
            state.discipline.flush_input(&mut effects);
            state.discipline.flush_echo();
            state.discipline.set_termios(self.identity.initial, &mut effects);
            state.discipline.start(&mut effects);
            // What was written before still goes out: it is the last words of the programs that end now.
            self.driver.set_stopped(false);
            (state.session, state.foreground)
        };
        self.leave_session();
        if session != 0 {
            job::forget_terminal(session);
            job::signal_leader(session, Signal::SIGHUP);
            job::signal_leader(session, Signal::SIGCONT);
            job::signal_group(foreground, Signal::SIGHUP);
            job::signal_group(foreground, Signal::SIGCONT);
        }
        self.driver.packet_event(packet::FLUSHREAD | packet::FLUSHWRITE);
        self.readers.wake_all();
        self.driver.writers().wake_all();
    }
}
