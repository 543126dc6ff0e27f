//! Printing from an interrupt handler into the middle of printing, which is how many a small kernel locks itself up.

use core::sync::atomic::{AtomicUsize, Ordering};

use alloc::boxed::Box;
use alloc::vec::Vec;
use drivers::display::{Cell, Display, Place};
use terminal::{Config, Stdio};

use super::Counter;
use crate::kernel_test;

/// How often the handler must have printed.
const ROUNDS: usize = 3000;

static HANDLED: Counter = Counter::new();
static DRAWN: AtomicUsize = AtomicUsize::new(0);

/// A screen that only counts what is drawn on it.
struct Glass;

impl Display for Glass {
    fn rows(&self) -> usize {
        25
    }

    fn columns(&self) -> usize {
        80
    }

    fn draw(&mut self, _: Place, _: Cell) {
        DRAWN.fetch_add(1, Ordering::Relaxed);
    }

    fn set_cursor(&mut self, _: Option<(Place, Cell)>) {}
}

fn on_timer() {
    HANDLED.add();
    log::info!("from the handler, for the {}th time", HANDLED.get());
    executor::timer::on_interrupt();
}

/// A task prints messages and writes to the terminal, the painter draws, and the handler prints whenever its moment comes: it comes
/// somewhere else each time, a little later in each round.
fn printing_in_a_handler() {
    let config = Config {
        registers: [None, None],
        stdio: Stdio::Terminal,
        winsize: None,
        display: Some(Box::new(Glass)),
        consoles: Vec::new(),
        messages: true,
    };
    terminal::init(config).unwrap();
    let tty = terminal::screen::tty(0).unwrap();
    arch::interrupts::set_timer_handler(on_timer);
    let mut round = 0;
    while HANDLED.get() < ROUNDS {
        arch::clock::set_deadline(Some(arch::clock::now() + round % 200 * 1000));
        log::info!("from the task, round {round}");
        // Its echo is what a program's write would be.
        tty.receive(b"typed\n");
        terminal::screen::scroll_back(1);
        executor::run_until_idle();
        round += 1;
    }
    assert!(DRAWN.load(Ordering::Relaxed) > 0);
}
kernel_test!("printing_in_a_handler_cannot_deadlock", printing_in_a_handler);
