//! The measurement of how long interrupts are off. The machines of the tests named `irqoff_…` boot with `irqoff`.

use arch::interrupts::{self, LongestOff};
use arch::user::Trap;
use arch::{backtrace, clock};

use super::Counter;
use super::user_space::{CODE, Space, enter};
use crate::{kernel_test, user_code};

/// Longer than anything else here keeps interrupts off, unless the host holds the machine up.
const LONG: u64 = 5_000_000;

fn longest() -> LongestOff {
    interrupts::longest_off(0).expect("measured")
}

fn spin(nanoseconds: u64) {
    let end = clock::now() + nanoseconds;
    while clock::now() < end {
        core::hint::spin_loop();
    }
}

fn is_here(address: usize, function: &str) -> bool {
    backtrace::place(address).is_some_and(|place| place.name().contains(function))
}

#[inline(never)]
fn hold_for(nanoseconds: u64) {
    let hold = interrupts::hold();
    // Another one within changes nothing.
    drop(interrupts::hold());
    assert!(!interrupts::enabled());
    spin(nanoseconds);
    drop(hold);
    assert!(interrupts::enabled());
}

/// The longest stretch is found, with the places where it began and ended. A busy host can lengthen another one: then a longer one is made.
fn finds_a_hold() {
    assert_eq!(interrupts::longest_off(1).map(|longest| longest.stretches), Some(0), "another processor's");
    let mut length = LONG;
    loop {
        let before = longest();
        hold_for(length);
        let after = longest();
        assert!(after.nanoseconds >= length && after.stretches > before.stretches, "{after}");
        if is_here(after.from, "hold_for") && is_here(after.to, "hold_for") {
            break;
        }
        length = after.nanoseconds * 2;
    }
}
kernel_test!("irqoff_finds_a_hold", finds_a_hold);

/// What the processor switches off by itself counts too: a handler that takes long.
fn finds_a_handler() {
    static TICKS: Counter = Counter::new();
    static LENGTH: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(LONG);
    interrupts::set_timer_handler(|| {
        spin(LENGTH.load(core::sync::atomic::Ordering::Relaxed));
        TICKS.add();
    });
    for round in 1.. {
        clock::set_deadline(Some(clock::now()));
        while TICKS.get() < round {
            core::hint::spin_loop();
        }
        let found = longest();
        assert!(found.nanoseconds >= LENGTH.load(core::sync::atomic::Ordering::Relaxed), "{found}");
        if found.from == 0x30 {
            break;
        }
        LENGTH.store(found.nanoseconds * 2, core::sync::atomic::Ordering::Relaxed);
    }
}
kernel_test!("irqoff_finds_a_handler", finds_a_handler);

user_code!(wait_and_call, "2: pause", "dec rcx", "jnz 2b", "syscall");

/// Time in ring 3, where interrupts are on, doesn't count, however the program is left.
fn user_mode_does_not_count() {
    static TICKS: Counter = Counter::new();
    interrupts::set_timer_handler(|| TICKS.add());
    let space = Space::new(wait_and_call());
    let mut thread = space.thread();
    for round in 0..20 {
        // Each time longer than anything so far.
        let length = longest().nanoseconds.max(LONG) * 2;
        clock::set_deadline(Some(clock::now() + length));
        (thread.registers_mut().rip, thread.registers_mut().rcx) = (CODE as u64, u64::MAX);
        while TICKS.get() == round {
            assert_eq!(enter(&mut thread), Trap::Interrupt);
        }
        // And out by a call, which switches interrupts off in another way.
        thread.registers_mut().rcx = 1000;
        assert_eq!(space.run(&mut thread), Trap::Syscall);
        if longest().nanoseconds < length {
            return;
        }
        // The host may have held the machine up just when interrupts were off. If ring 3 counted, it would be every time.
    }
    panic!("{}", longest());
}
kernel_test!("irqoff_user_mode_does_not_count", user_mode_does_not_count);

fn off_unless_asked_for() {
    hold_for(1000);
    assert_eq!(interrupts::longest_off(0), None);
}
kernel_test!("latency_is_not_measured_unless_asked_for", off_unless_asked_for);
