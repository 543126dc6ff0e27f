//! Non-blocking: a read of an empty pipe says EAGAIN at once, and one thread can go round. It never knows when to look again: a short pause
//! burns the processor, a long one lets data lie.

use crate::meter::{Meter, counted};
use user::sys::EAGAIN;

/// Between two rounds in which nothing was there: a fifth of a millisecond.
const PAUSE: [i64; 2] = [0, 200_000];

pub fn gather(pipes: &[i32], meter: &mut Meter) -> Vec<Vec<u8>> {
    pipes.iter().for_each(|&pipe| set_nonblocking(pipe, meter));
    let mut gathered = vec![Vec::new(); pipes.len()];
    let mut open: Vec<usize> = (0..pipes.len()).collect();
    while !open.is_empty() {
        let before: usize = gathered.iter().map(Vec::len).sum();
        open.retain(|&index| !drain(pipes[index], &mut gathered[index], meter));
        if before == gathered.iter().map(Vec::len).sum() && !open.is_empty() {
            let _ = counted!(meter, nanosleep, &PAUSE, 0);
        }
    }
    gathered
}

pub fn set_nonblocking(pipe: i32, meter: &mut Meter) {
    counted!(meter, fcntl, pipe, libc::F_SETFL, libc::O_NONBLOCK).expect("F_SETFL");
}

/// Reads until nothing more is there; true at the end of the pipe.
pub fn drain(pipe: i32, bytes: &mut Vec<u8>, meter: &mut Meter) -> bool {
    let mut buffer = [0u8; 4096];
    loop {
        match counted!(meter, read, pipe, buffer.as_mut_ptr(), buffer.len()) {
            Ok(0) => return true,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(EAGAIN) => return false,
            Err(error) => panic!("read: {error:?}"),
        }
    }
}
