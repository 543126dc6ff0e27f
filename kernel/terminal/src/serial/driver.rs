//! A serial line as the driver of a terminal, and the task that feeds the terminal with its input.

use alloc::sync::Arc;

use abi::termios::{Termios, speed_of};
use drivers::uart::Received;
use sync::WaitQueue;

use super::SerialLine;
use crate::discipline::Item;
use crate::tty::{Driver, Tty};

/// The driver's face of a line.
pub(crate) struct LineDriver(pub(crate) &'static SerialLine);

impl Driver for LineDriver {
    fn room(&self) -> usize {
        self.0.room()
    }

    fn put(&self, bytes: &[u8]) -> usize {
        self.0.put(bytes)
    }

    fn pending(&self) -> usize {
        self.0.pending()
    }

    fn flush(&self) {
        self.0.flush();
    }

    fn set_stopped(&self, stopped: bool) {
        self.0.set_stopped(stopped);
    }

    fn put_urgent(&self, byte: u8) {
        self.0.put_urgent(byte);
    }

    fn writers(&self) -> &WaitQueue {
        &self.0.writers
    }

    fn input_wanted(&self) {
        // Every read comes here, and mostly nothing was held back.
        if self.0.input.len() > 0 {
            self.0.readers.wake_all();
        }
    }

    fn configure(&self, termios: &Termios) {
        // B0 means "hang up" to a modem; there is none, so the speed stays.
        if let Some(speed) = speed_of(termios.control()).filter(|&speed| speed != 0) {
            self.0.set_speed(speed);
        }
    }

    fn set_break(&self, on: bool) -> bool {
        self.0.set_break(on)
    }

    fn packet_event(&self, _: u8) {}

    fn set_in_use(&self, _: bool) {}

    fn is_pty(&self) -> bool {
        false
    }
}

/// Carries input from a line to its terminal, for ever. Bytes that the terminal has no room for stay in the line's ring, and the sender
/// waits.
pub(crate) async fn feed(line: &'static SerialLine, tty: Arc<Tty>) {
    loop {
        // The terminal wakes the same queue when it has room again, and the interrupt handler when echo can go on.
        line.readers
            .wait_until(|| {
                tty.output_ready();
                carry(line, &tty).then_some(())
            })
            .await;
        line.resume_receiving();
        executor::yield_now().await;
    }
}

/// Carries what is there; returns whether anything was.
fn carry(line: &SerialLine, tty: &Tty) -> bool {
    let mut carried = false;
    while let Some(received) = line.input.peek() {
        let item = match received {
            Received::Byte(byte) => Item::Byte(byte),
            Received::Damaged(byte) => Item::Damaged(byte),
            Received::Break => Item::Break,
        };
        if !tty.receive_item(item) {
            break;
        }
        line.input.advance();
        carried = true;
    }
    carried
}
