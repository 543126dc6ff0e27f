//! Interrupt controllers and timers: both sets of them. The machines of the tests named `pic_…` boot with `noapic`.

use core::sync::atomic::{AtomicU64, Ordering};

use arch::interrupts::{self, Irq};
use arch::port::Port;
use arch::{clock, cpu};

use super::Counter;
use crate::kernel_test;

const MILLISECOND: u64 = 1_000_000;

/// A port of a device that nothing else uses in these tests.
fn port(number: u16) -> Port<u8> {
    // SAFETY: the battery-backed clock, the interval timer and the masks of the old interrupt controllers: none touches memory.
    unsafe { Port::new(number) }
}

/// Waits for what an interrupt brings about. Halting meanwhile lets a virtual machine's host deliver interrupts evenly.
fn wait_until(done: impl Fn() -> bool) {
    interrupts::disable();
    while !done() {
        interrupts::enable_and_halt();
        interrupts::disable();
    }
    interrupts::enable();
}

/// Registers of the battery-backed clock: the rate of its periodic interrupt, which interrupts are on, which came.
const RTC_A: u8 = 10;
const RTC_B: u8 = 11;
const RTC_C: u8 = 12;
const RTC_LINE: Irq = Irq(8);

fn rtc_read(register: u8) -> u8 {
    port(0x70).write(register);
    port(0x71).read()
}

fn rtc_write(register: u8, value: u8) {
    port(0x70).write(register);
    port(0x71).write(value);
}

static RTC_TICKS: Counter = Counter::new();
static TIMER_TICKS: Counter = Counter::new();

fn on_rtc() {
    // The clock raises no further interrupt before this register was read.
    const PERIODIC: u8 = 1 << 6;
    if rtc_read(RTC_C) & PERIODIC != 0 {
        RTC_TICKS.add();
    }
}

/// Has the battery-backed clock interrupt 1024 times a second, until many came, with the timer's in between: the second one of either kind
/// only comes when the first was acknowledged, to every controller that it came through.
fn rtc_and_timer() {
    interrupts::set_handler(RTC_LINE, on_rtc);
    interrupts::set_timer_handler(|| TIMER_TICKS.add());
    let hold = interrupts::hold();
    rtc_write(RTC_A, rtc_read(RTC_A) & 0xf0 | 6);
    rtc_write(RTC_B, rtc_read(RTC_B) | 1 << 6);
    rtc_read(RTC_C);
    drop(hold);
    for round in 1..=20 {
        clock::set_deadline(Some(clock::now()));
        wait_until(|| TIMER_TICKS.get() >= round && RTC_TICKS.get() >= 3 * round);
    }
    let hold = interrupts::hold();
    rtc_write(RTC_B, rtc_read(RTC_B) & !(1 << 6));
    let counted = interrupts::counts(0).lines[8];
    assert!(counted >= RTC_TICKS.get() as u64 && RTC_TICKS.get() >= 60);
    drop(hold);
}

fn rtc_through_the_new_controllers() {
    rtc_and_timer();
    assert_eq!(interrupts::counts(0).timer, TIMER_TICKS.get() as u64);
    let line = interrupts::line(RTC_LINE).expect("open");
    assert_eq!((line.controller, line.input, line.level), ("IO-APIC", Some(8), false));
}
kernel_test!("interrupts_rtc", rtc_through_the_new_controllers);

fn rtc_through_both_old_controllers() {
    rtc_and_timer();
    let counts = interrupts::counts(0);
    assert_eq!((counts.timer, counts.spurious, counts.unexpected), (0, 0, 0));
    assert!(counts.lines[0] >= 20, "the interval timer is the CPU's");
    assert_eq!(interrupts::line(RTC_LINE).map(|line| line.controller), Some("XT-PIC"));
}
kernel_test!("pic_rtc", rtc_through_both_old_controllers);

/// The log may be written by a handler while it is being written by what the handler interrupted: each line holds interrupts off.
fn logging_in_handlers() {
    interrupts::set_timer_handler(|| {
        log::info!("a line of the handler's, number {}", TIMER_TICKS.get());
        TIMER_TICKS.add();
    });
    // Deadlines of all kinds, so that some come just while a line is written.
    let mut lines = 0;
    while TIMER_TICKS.get() < 300 {
        clock::set_deadline(Some(clock::now() + lines % 64 * 2_000));
        log::info!("a line of the main program's, number {lines}");
        lines += 1;
    }
}
kernel_test!("interrupts_logging_in_handlers", logging_in_handlers);

/// The masks of the old controllers.
fn masks() -> (u8, u8) {
    (port(0x21).read(), port(0xa1).read())
}

fn old_controllers_are_masked() {
    interrupts::set_handler(RTC_LINE, on_rtc);
    assert_eq!(masks(), (0xff, 0xff));
    // Their vectors are nobody's, and `int` shows that those of the lines aren't theirs.
    let before = interrupts::counts(0);
    // SAFETY: every vector has a handler.
    unsafe { core::arch::asm!("int 0xe7", "int 0xef") };
    assert_eq!(interrupts::counts(0).unexpected, before.unexpected + 2);
}
kernel_test!("interrupts_old_controllers_are_masked", old_controllers_are_masked);

fn old_controllers_let_open_lines_through() {
    assert_eq!(masks(), (0xfe, 0xff), "the timer alone");
    assert!(cpu::feature_names().all(|name| name != "apic"), "the newer controller is off");
    interrupts::set_handler(Irq(4), || {});
    assert_eq!(masks(), (0xee, 0xff));
    interrupts::set_handler(RTC_LINE, || {});
    assert_eq!(masks(), (0xea, 0xfe), "a line of the secondary opens the primary's line 2 too");
    interrupts::set_handler(Irq(16), || {});
    assert_eq!(masks(), (0xea, 0xfe));
}
kernel_test!("pic_masks", old_controllers_let_open_lines_through);

/// A vector that comes while nothing is in service is what a spurious interrupt looks like. Lines that had one work on.
fn spurious() {
    static HANDLED: Counter = Counter::new();
    for line in [7, 15] {
        interrupts::set_handler(Irq(line), || HANDLED.add());
    }
    for round in 1..=3 {
        // SAFETY: every vector has a handler.
        unsafe { core::arch::asm!("int 0x27", "int 0x2f") };
        assert_eq!(interrupts::counts(0).spurious, 2 * round);
    }
    assert_eq!(HANDLED.get(), 0, "no device's handler has run");
    assert_eq!([7, 15].map(|line: usize| interrupts::counts(0).lines[line]), [0, 0]);
    rtc_and_timer();
    assert_eq!(interrupts::counts(0).spurious, 6);
}
kernel_test!("pic_spurious", spurious);

/// Interrupt handlers run on vectors 0x20 to 0x2f, one for each line.
fn vectors() {
    static HANDLED: [Counter; 16] = [const { Counter::new() }; 16];
    macro_rules! line {
        ($($line:literal)*) => {$(
            interrupts::set_handler(Irq($line), || HANDLED[$line].add());
            // SAFETY: every vector has a handler.
            unsafe { core::arch::asm!("int {}", const 0x20 + $line) };
            assert_eq!(HANDLED[$line].get(), 1);
        )*};
    }
    // 0 is the timer's; 2 nobody's; 7 and 15 are taken for spurious ones.
    line!(1 3 4 5 6 8 9 10 11 12 13 14);
    assert_eq!(interrupts::counts(0).unexpected, 0);
}
kernel_test!("pic_vectors", vectors);

/// Deadlines longer than the interval timer can count, and shorter ones: none comes early, and each comes once.
fn interval_timer() {
    static FIRED: AtomicU64 = AtomicU64::new(0);
    interrupts::set_timer_handler(|| {
        FIRED.store(clock::now(), Ordering::Relaxed);
        TIMER_TICKS.add();
    });
    for (round, delay) in [1, 0, 130 * MILLISECOND, 10_000, 60 * MILLISECOND, 3 * MILLISECOND].into_iter().enumerate() {
        let deadline = clock::now() + delay;
        clock::set_deadline(Some(deadline));
        while TIMER_TICKS.get() == round {
            core::hint::spin_loop();
        }
        assert!(FIRED.load(Ordering::Relaxed) >= deadline);
        assert_eq!(TIMER_TICKS.get(), round + 1);
    }
    // None cancels, also when the hardware has fired already.
    let fired = TIMER_TICKS.get();
    let end = clock::now() + 5 * MILLISECOND;
    let hold = interrupts::hold();
    clock::set_deadline(Some(clock::now() + MILLISECOND));
    clock::set_deadline(None);
    drop(hold);
    while clock::now() < end {
        core::hint::spin_loop();
    }
    assert_eq!(TIMER_TICKS.get(), fired);
    // Its interrupt ends a halt.
    clock::set_deadline(Some(clock::now() + MILLISECOND));
    wait_until(|| TIMER_TICKS.get() > fired);
}
kernel_test!("pic_interval_timer", interval_timer);

/// Ticks of the interval timer that are looked at together, and the nanoseconds of one.
const WINDOW: usize = 4;
const PERIOD: u64 = 2 * MILLISECOND;

static PIT_TICKS: Counter = Counter::new();
static PIT_WINDOW: AtomicU64 = AtomicU64::new(0);

/// Notes how long the last ticks took together, if that is what they should have taken.
fn on_interval() {
    static TIMES: [AtomicU64; WINDOW] = [const { AtomicU64::new(0) }; WINDOW];
    let (now, number) = (clock::now(), PIT_TICKS.get());
    let passed = now - TIMES[number % WINDOW].swap(now, Ordering::Relaxed);
    let expected = WINDOW as u64 * PERIOD;
    if number >= WINDOW && passed.abs_diff(expected) < expected / 5 {
        PIT_WINDOW.store(passed, Ordering::Relaxed);
    }
    PIT_TICKS.add();
}

/// Programs the interval timer to 500 Hz, whose line firmware wires to input 2, and measures it by the clock. A busy host delivers ticks late,
/// or several as one: so the right pace is waited for, and there must never be too many.
fn interval_timer_has_the_frequency_asked_for() {
    const DIVISOR: u16 = 2386;
    interrupts::set_handler(Irq(0), on_interval);
    let line = interrupts::line(Irq(0)).expect("open");
    assert_eq!((line.controller, line.input, line.level), ("IO-APIC", Some(2), false));
    let (start, [low, high]) = (clock::now(), DIVISOR.to_le_bytes());
    // Channel 0, both bytes, over and over.
    port(0x43).write(0x34);
    port(0x40).write(low);
    port(0x40).write(high);
    wait_until(|| PIT_WINDOW.load(Ordering::Relaxed) > 0 && PIT_TICKS.get() >= 20);
    let (ticks, passed) = (PIT_TICKS.get() as u64, clock::now() - start);
    log::info!("{ticks} ticks of 2 ms in {passed} ns, {WINDOW} of them in {} ns", PIT_WINDOW.load(Ordering::Relaxed));
    // One may have been on its way, one more is between the two readings.
    assert!((ticks - 2) * PERIOD <= passed + passed / 5, "{ticks} ticks in {passed} ns");
}
kernel_test!("interrupts_pit_frequency", interval_timer_has_the_frequency_asked_for);
