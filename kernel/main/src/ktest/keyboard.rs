//! The keyboard's interrupt on the real machine: what it does, and what it leaves to the task.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use arch::interrupts;
use arch::port::Port;
use executor::timer::now;
use terminal::keyboard::{self, KeySink, Layout, Modes};

use crate::kernel_test;

/// Far more than all of it takes, in nanoseconds.
const PATIENCE: u64 = 60_000_000_000;
/// The A key going down and up, in set 1.
const KEY: [u8; 2] = [0x1e, 0x9e];

/// Counts the letters that arrive.
struct Letters(AtomicUsize);

impl KeySink for Letters {
    fn input(&self, bytes: &[u8]) -> usize {
        assert_eq!(bytes, b"a");
        self.0.fetch_add(1, Ordering::Relaxed);
        bytes.len()
    }

    fn modes(&self) -> Modes {
        Modes::default()
    }

    fn switch_to(&self, _: u8) {}

    fn scroll(&self, _: bool) {}

    fn hold(&self, _: bool) {}
}

/// Has the controller take a byte for one from the keyboard, by its command 0xd2.
fn inject(byte: u8) {
    // SAFETY: the keyboard controller's ports. Its driver's task doesn't run meanwhile, and its handler only reads.
    let (data, command) = unsafe { (Port::<u8>::new(0x60), Port::<u8>::new(0x64)) };
    for (port, value) in [(&command, 0xd2), (&data, byte)] {
        let end = now() + PATIENCE;
        while command.read() & 2 != 0 {
            assert!(now() < end, "the controller takes nothing");
            core::hint::spin_loop();
        }
        port.write(value);
    }
}

/// Presses the key, without letting any task run: only the handler does. Gives how often it ran.
fn press() -> u64 {
    let before = keyboard::interrupts();
    for (pressed, byte) in KEY.into_iter().enumerate() {
        inject(byte);
        let end = now() + PATIENCE;
        while keyboard::interrupts() <= before + pressed as u64 {
            assert!(now() < end, "no interrupt for byte {pressed}");
            core::hint::spin_loop();
        }
    }
    keyboard::interrupts() - before
}

fn handler_moves_bytes_and_wakes() {
    let letters = Arc::new(Letters(AtomicUsize::new(0)));
    let heard = || letters.0.load(Ordering::Relaxed);
    let config = keyboard::Config {
        ports: crate::keyboard::ports(),
        layout: Layout::Us,
        translate: true,
        sink: letters.clone(),
        ctrl_alt_del: || panic!("nobody has pressed that"),
    };
    keyboard::init(config).unwrap();
    interrupts::set_handler(crate::keyboard::LINE, keyboard::on_interrupt);
    // Bring controller and device up: then the first key arrives.
    let end = now() + PATIENCE;
    let mut served = 0;
    while heard() == 0 {
        assert!(now() < end, "no key arrives");
        executor::run_until_idle();
        if keyboard::interrupts() == served {
            // Nothing is under way any more, unless a deadline is.
            press();
        }
        served = keyboard::interrupts();
    }
    executor::run_until_idle();
    // The handler allocates and frees nothing, and decodes nothing.
    let (before, known) = (memory::heap::stats(), heard());
    assert!(press() >= 2);
    assert_eq!(memory::heap::stats(), before);
    assert_eq!(heard(), known);
    // It has woken the task, which does the rest.
    executor::run_until_idle();
    assert_eq!(heard(), known + 1);
    // And a burst that comes while no task runs waits in the ring, in its order.
    for _ in 0..50 {
        press();
    }
    assert_eq!(memory::heap::stats(), before);
    executor::run_until_idle();
    assert_eq!(heard(), known + 51);
}
kernel_test!("keyboard_handler_moves_bytes_and_wakes", handler_moves_bytes_and_wakes);
