//! The hosted processor behaves as the real one does, as far as the rooms above can tell.

use std::cell::Cell;

use crate::user::{Trap, UserContext, run};
use crate::{clock, cpu, hosted, interrupts, random};

#[test]
fn each_thread_is_a_processor_of_its_own() {
    let here = cpu::id();
    assert_eq!(cpu::id(), here);
    std::thread::spawn(move || assert_ne!(cpu::id(), here)).join().unwrap();
    interrupts::disable();
    std::thread::spawn(|| assert!(interrupts::enabled())).join().unwrap();
    interrupts::enable();
}

thread_local! {
    static TICKS: Cell<u32> = const { Cell::new(0) };
}

fn tick() {
    assert!(!interrupts::enabled());
    TICKS.set(TICKS.get() + 1);
}

#[test]
fn the_timer_fires_when_its_time_has_come_and_interrupts_are_on() {
    interrupts::set_timer_handler(tick);
    clock::set_deadline(Some(clock::now() + 1_000_000_000_000));
    hosted::advance_clock(999_000_000_000);
    assert_eq!(TICKS.get(), 0);
    let hold = interrupts::hold();
    hosted::advance_clock(2_000_000_000);
    assert_eq!(TICKS.get(), 0);
    drop(hold);
    assert_eq!(TICKS.get(), 1);
    hosted::advance_clock(1_000_000_000_000);
    assert_eq!(TICKS.get(), 1, "once for each deadline");
    clock::set_deadline(Some(clock::now() + 300_000));
    interrupts::disable();
    while TICKS.get() == 1 {
        interrupts::enable_and_halt();
        interrupts::disable();
    }
    interrupts::enable();
}

#[test]
fn a_script_stands_for_the_program() {
    let mut context = UserContext::new(0x1000, 0x2000);
    assert_eq!(run(&mut context, || false), Some(Trap::Exception { vector: 6, error: 0 }));
    hosted::script(|context| {
        context.registers_mut().orig_rax = 39;
        context.registers_mut().rip += 2;
        Trap::Syscall
    });
    assert_eq!(run(&mut context, || true), None);
    for calls in 1..=3 {
        assert_eq!(run(&mut context, || false), Some(Trap::Syscall));
        assert_eq!((context.syscall_number(), context.registers().rip), (39, 0x1000 + 2 * calls));
    }
}

#[test]
fn random_numbers_and_the_console() {
    assert_ne!(random::hardware(), random::hardware());
    crate::console::write(b"a line\n");
    assert_eq!(hosted::take_console(), b"a line\n");
    assert!(hosted::take_console().is_empty());
}
