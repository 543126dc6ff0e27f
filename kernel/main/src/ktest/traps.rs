//! Traps and interrupts in kernel mode.

use core::arch::asm;

use arch::{clock, interrupts};

use super::Counter;
use crate::{kernel_test, kernel_test_panics};

/// Runs `$trap` with a known value in each register that may have one, and checks that all of them and the flags are the
/// same behind it.
macro_rules! check_registers_around {
    ($($trap:literal),+) => {{
        let mut wrong: u64;
        // SAFETY: the registers that the compiler can't be told about are saved by hand; the code only compares.
        unsafe {
            asm!(
                "push rbx",
                "push rbp",
                "mov rax, 1", "mov rbx, 2", "mov rcx, 3", "mov rdx, 4", "mov rsi, 5", "mov rdi, 6", "mov rbp, 7",
                "mov r8, 8", "mov r9, 9", "mov r10, 10", "mov r11, 11", "mov r12, 12", "mov r13, 13", "mov r14, 14",
                "stc",
                $($trap,)+
                "mov r15, 0",
                "adc r15, 0", "xor r15, 1",
                "xor rax, 1", "xor rbx, 2", "xor rcx, 3", "xor rdx, 4", "xor rsi, 5", "xor rdi, 6", "xor rbp, 7",
                "xor r8, 8", "xor r9, 9", "xor r10, 10", "xor r11, 11", "xor r12, 12", "xor r13, 13", "xor r14, 14",
                "or rax, rbx", "or rax, rcx", "or rax, rdx", "or rax, rsi", "or rax, rdi", "or rax, rbp", "or rax, r8",
                "or rax, r9", "or rax, r10", "or rax, r11", "or rax, r12", "or rax, r13", "or rax, r14", "or rax, r15",
                "pop rbp",
                "pop rbx",
                out("rax") wrong, out("rcx") _, out("rdx") _, out("rsi") _, out("rdi") _, out("r8") _, out("r9") _, out("r10") _,
                out("r11") _, out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            );
        }
        assert_eq!(wrong, 0);
    }};
}

fn breakpoint_resumes() {
    for _ in 0..100 {
        check_registers_around!("int3");
    }
}
kernel_test!("trap_breakpoint_resumes", breakpoint_resumes);

fn every_interrupt_vector_returns() {
    static TIMER: Counter = Counter::new();
    interrupts::set_timer_handler(|| TIMER.add());
    check_registers_around!(".set v, 32", ".rept 224", "int v", ".set v, v + 1", ".endr");
    // As real interrupts on stacks of their own are: non-maskable and debug.
    check_registers_around!("int 2", "int 1");
    assert_eq!(TIMER.get(), 0, "nobody asked for the timer");
    let counts = interrupts::counts(0);
    assert_eq!((counts.non_maskable, counts.timer, counts.spurious), (1, 1, 1));
    assert_eq!(counts.lines, [1; 16]);
    // All but 16 lines, the timer and the spurious vector.
    assert_eq!(counts.unexpected, 224 - 16 - 2);
    assert_eq!(counts.total(), 225);
    assert_eq!(interrupts::counts(1).total(), 0, "another processor's");
}
kernel_test!("trap_every_interrupt_vector_returns", every_interrupt_vector_returns);

static TICKS: Counter = Counter::new();

fn on_tick() {
    assert!(!interrupts::enabled());
    TICKS.add();
}

fn interrupts_keep_registers() {
    interrupts::set_timer_handler(on_tick);
    for round in 1..=20 {
        clock::set_deadline(Some(clock::now() + 50_000));
        while TICKS.get() < round {
            check_registers_around!(".rept 64", "nop", ".endr");
        }
    }
}
kernel_test!("trap_interrupts_keep_registers", interrupts_keep_registers);

fn timer_fires_once_and_not_early() {
    static FIRED: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);
    interrupts::set_timer_handler(|| {
        TICKS.add();
        FIRED.store(clock::now(), core::sync::atomic::Ordering::Relaxed);
    });
    for (round, delay) in [1_000_000, 0, 3_000_000, 10_000].into_iter().enumerate() {
        let deadline = clock::now() + delay;
        clock::set_deadline(Some(deadline));
        while TICKS.get() == round {
            core::hint::spin_loop();
        }
        assert!(FIRED.load(core::sync::atomic::Ordering::Relaxed) >= deadline);
    }
    // A later deadline replaces an earlier one, and none cancels, also when the hardware has fired already.
    let fired = TICKS.get();
    let hold = interrupts::hold();
    clock::set_deadline(Some(clock::now() + 1_000_000));
    let later = clock::now() + 4_000_000;
    clock::set_deadline(Some(later));
    drop(hold);
    while TICKS.get() == fired {
        core::hint::spin_loop();
    }
    assert!(FIRED.load(core::sync::atomic::Ordering::Relaxed) >= later);
    let end = clock::now() + 3_000_000;
    let hold = interrupts::hold();
    clock::set_deadline(Some(end - 1_000_000));
    clock::set_deadline(None);
    drop(hold);
    while clock::now() < end {
        core::hint::spin_loop();
    }
    let fired = TICKS.get();
    assert_eq!(fired, 5);
    // A deadline in the past comes at once.
    clock::set_deadline(Some(1));
    while TICKS.get() == fired {
        core::hint::spin_loop();
    }
}
kernel_test!("trap_timer_fires_once_and_not_early", timer_fires_once_and_not_early);

fn halt_wakes() {
    interrupts::set_timer_handler(|| TICKS.add());
    for round in 0..50 {
        interrupts::disable();
        // Deadlines from the past to 200 µs, so that some fire before the halt.
        clock::set_deadline(Some(clock::now() + round * 4_000));
        while TICKS.get() == round as usize {
            interrupts::enable_and_halt();
            assert!(interrupts::enabled());
            interrupts::disable();
        }
        interrupts::enable();
    }
}
kernel_test!("trap_halt_wakes", halt_wakes);

fn holds_nest() {
    assert!(interrupts::enabled());
    let outer = interrupts::hold();
    let inner = interrupts::hold();
    drop(inner);
    assert!(!interrupts::enabled());
    drop(outer);
    assert!(interrupts::enabled());
}
kernel_test!("trap_holds_nest", holds_nest);

#[expect(unconditional_recursion, reason = "the stack must overflow")]
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let room = core::hint::black_box([depth; 64]);
    recurse(depth + 1) + room[(depth % 64) as usize]
}

/// Uses up the stack that it runs on.
pub fn overflow() {
    core::hint::black_box(recurse(0));
}
kernel_test_panics!("trap_stack_overflow", overflow, "kernel stack overflow");

fn null_pointer() {
    // SAFETY: none: this must fault.
    unsafe { core::hint::black_box(core::ptr::null::<u64>()).wrapping_add(1).read_volatile() };
}
kernel_test_panics!("trap_null_pointer", null_pointer, "page fault in the kernel: read of an unmapped page at 0x8");

fn non_canonical() {
    // SAFETY: none: this must fault.
    unsafe { core::hint::black_box(0x8000_0000_0000_0000_u64 as *const u64).read_volatile() };
}
kernel_test_panics!("trap_non_canonical_pointer", non_canonical, "general protection fault in the kernel");

fn invalid_opcode() {
    // SAFETY: none: this must fault.
    unsafe { asm!("ud2") };
}
kernel_test_panics!("trap_invalid_opcode", invalid_opcode, "invalid opcode in the kernel");

fn divide_error() {
    // SAFETY: none: this must fault.
    unsafe { asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _) };
}
kernel_test_panics!("trap_divide_error", divide_error, "divide error in the kernel");

fn machine_check() {
    // SAFETY: none: this must panic.
    unsafe { asm!("int 18") };
}
kernel_test_panics!("trap_machine_check", machine_check, "machine check in the kernel");

fn floating_point() {
    // SAFETY: none: the kernel doesn't use these registers, and must not.
    unsafe { asm!("movq xmm0, rax") };
}
kernel_test_panics!("trap_vector_instruction", floating_point, "no FPU in the kernel");
