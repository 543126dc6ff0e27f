//! Signal-driven: the kernel sends a signal when a pipe becomes readable. The signal is a chosen real-time one, so that it is queued and
//! says which descriptor it is about. A handler could do the work; here the signals are blocked and taken one by one, which has no
//! surprises.

use crate::meter::{Meter, counted};
use crate::nonblocking::drain;
use user::signals;

/// F_SETSIG of fcntl(2).
const F_SETSIG: i32 = 10;

/// The signal about one pipe.
const NEWS: i32 = 40;

pub fn gather(pipes: &[i32], meter: &mut Meter) -> Vec<Vec<u8>> {
    // When the queue of signals is full, plain SIGIO comes instead and says nothing.
    let wanted = signals::set(&[NEWS, libc::SIGIO]);
    let old = signals::mask(libc::SIG_BLOCK, wanted);
    for &pipe in pipes {
        counted!(meter, fcntl, pipe, libc::F_SETOWN, std::process::id()).expect("F_SETOWN");
        counted!(meter, fcntl, pipe, F_SETSIG, NEWS).expect("F_SETSIG");
        counted!(meter, fcntl, pipe, libc::F_SETFL, libc::O_NONBLOCK | libc::O_ASYNC).expect("F_SETFL");
    }
    let mut gathered = vec![Vec::new(); pipes.len()];
    let mut open = vec![true; pipes.len()];
    // What came before the first signal could be sent is there already.
    let mut look_at = |which: Option<i32>, open: &mut Vec<bool>, meter: &mut Meter| {
        for (index, &pipe) in pipes.iter().enumerate() {
            if open[index] && which.is_none_or(|which| which == pipe) {
                open[index] = !drain(pipe, &mut gathered[index], meter);
            }
        }
    };
    look_at(None, &mut open, meter);
    while open.contains(&true) {
        let mut info = [0i32; 32];
        let signal = counted!(meter, rt_sigtimedwait, &wanted, &mut info, 0, 8).expect("rt_sigtimedwait") as i32;
        // si_fd stands behind si_band.
        look_at((signal == NEWS).then_some(info[6]), &mut open, meter);
    }
    // News of what was read already must not meet the next user of the signal.
    while user::sys!(rt_sigtimedwait, &wanted, 0, &[0i64; 2], 8).is_ok() {}
    signals::mask(libc::SIG_SETMASK, old);
    gathered
}
