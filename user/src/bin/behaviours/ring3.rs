//! What ring 3 must not do: every privileged instruction, tables, ports, flags; and a program that never calls the kernel.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering::SeqCst};
use user::child::{self, fork};
use user::signals;
use user::sys;
use user::sys::*;

/// A child that executes this must die of the given signal.
macro_rules! dies {
    ($signal:ident: $($code:literal),+ $(; $($operand:tt)*)?) => {{
        let child = fork(|| {
            // SAFETY: the processor must refuse the instruction; the child dies of it, which is the test.
            unsafe { asm!($($code,)+ $($($operand)*)?) };
        });
        assert_eq!(child.wait().signal(), Some(libc::$signal), "{}", concat!($($code, "; "),+));
    }};
}

table!("ring3":
    halt_and_interrupt_flag, control_registers, debug_registers, descriptor_tables, machine_registers, caches_and_tlb, port_access, system_returns,
    software_interrupts, selector_loads, virtual_machine_instructions, popf_changes_no_privilege, iopl_and_ioperm_refused, far_jump_to_kernel_selector,
    endless_loop_is_preempted, endless_loop_can_be_killed, two_loops_share_the_processor, tsc_is_readable, cpuid_is_allowed,
    table_reads_leak_nothing, fsbase_of_kernel_refused, syscall_with_odd_flags, unknown_calls_enosys,
);

fn halt_and_interrupt_flag() {
    dies!(SIGSEGV: "hlt");
    dies!(SIGSEGV: "cli");
    dies!(SIGSEGV: "sti");
}

fn control_registers() {
    dies!(SIGSEGV: "mov {}, cr0"; out(reg) _);
    dies!(SIGSEGV: "mov {}, cr2"; out(reg) _);
    dies!(SIGSEGV: "mov {}, cr3"; out(reg) _);
    dies!(SIGSEGV: "mov {}, cr4"; out(reg) _);
    dies!(SIGSEGV: "mov {}, cr8"; out(reg) _);
    dies!(SIGSEGV: "mov cr0, {}"; in(reg) 0u64);
    dies!(SIGSEGV: "mov cr3, {}"; in(reg) 0u64);
    dies!(SIGSEGV: "mov cr4, {}"; in(reg) 0u64);
    dies!(SIGSEGV: "clts");
    dies!(SIGSEGV: "lmsw {0:x}"; in(reg) 0u64);
    dies!(SIGSEGV: "xsetbv"; in("ecx") 0, in("eax") 1, in("edx") 0);
}

fn debug_registers() {
    dies!(SIGSEGV: "mov {}, dr0"; out(reg) _);
    dies!(SIGSEGV: "mov {}, dr7"; out(reg) _);
    dies!(SIGSEGV: "mov dr0, {}"; in(reg) 0u64);
    dies!(SIGSEGV: "mov dr7, {}"; in(reg) 0x400u64);
}

fn descriptor_tables() {
    let table = [0u8; 16];
    dies!(SIGSEGV: "lgdt [{}]"; in(reg) &table);
    dies!(SIGSEGV: "lidt [{}]"; in(reg) &table);
    dies!(SIGSEGV: "lldt {0:x}"; in(reg) 0u64);
    dies!(SIGSEGV: "ltr {0:x}"; in(reg) 0x28u64);
}

fn machine_registers() {
    dies!(SIGSEGV: "rdmsr"; in("ecx") 0xc000_0080u32, out("eax") _, out("edx") _);
    dies!(SIGSEGV: "rdmsr"; in("ecx") 0x1bu32, out("eax") _, out("edx") _);
    dies!(SIGSEGV: "wrmsr"; in("ecx") 0xc000_0082u32, in("eax") 0, in("edx") 0);
    dies!(SIGSEGV: "swapgs");
}

fn caches_and_tlb() {
    dies!(SIGSEGV: "invd");
    dies!(SIGSEGV: "wbinvd");
    dies!(SIGSEGV: "invlpg [{}]"; in(reg) 0u64);
}

fn port_access() {
    dies!(SIGSEGV: "in al, 0x60"; out("al") _);
    dies!(SIGSEGV: "in al, dx"; in("dx") 0x3f8u16, out("al") _);
    dies!(SIGSEGV: "out 0xe9, al"; in("al") 0x41u8);
    dies!(SIGSEGV: "out dx, eax"; in("dx") 0xf4u16, in("eax") 0u32);
    dies!(SIGSEGV: "insb"; in("dx") 0x60u16, inout("rdi") 0u64 => _);
    dies!(SIGSEGV: "outsb"; in("dx") 0x80u16, inout("rsi") 0u64 => _);
}

fn system_returns() {
    dies!(SIGSEGV: "sysretq");
    dies!(SIGSEGV: "iretq");
}

/// Only int3 and into-like vectors are open to programs; the processor refuses the kernel's own gates.
fn software_interrupts() {
    dies!(SIGTRAP: "int3");
    dies!(SIGSEGV: "int 0");
    dies!(SIGSEGV: "int 1");
    dies!(SIGSEGV: "int 8");
    dies!(SIGSEGV: "int 13");
    dies!(SIGSEGV: "int 14");
    dies!(SIGSEGV: "int 32");
    dies!(SIGSEGV: "int 0x81");
    dies!(SIGSEGV: "int 255");
}

fn selector_loads() {
    dies!(SIGSEGV: "mov ss, {0:x}"; in(reg) 0x10u64);
    dies!(SIGSEGV: "mov ds, {0:x}"; in(reg) 0x10u64);
    dies!(SIGSEGV: "mov es, {0:x}"; in(reg) 0xfff0u64);
    dies!(SIGSEGV: "mov gs, {0:x}"; in(reg) 0x08u64);
}

fn virtual_machine_instructions() {
    for code in [0, 1] {
        let child = fork(|| {
            // SAFETY: as in `dies!`.
            unsafe {
                match code {
                    0 => asm!(".byte 0x0f, 0x01, 0xd8", in("rax") 0u64), // vmrun
                    _ => asm!(".byte 0x0f, 0x01, 0xc2"),                 // vmlaunch
                }
            };
        });
        let signal = child.wait().signal();
        assert!(signal == Some(libc::SIGILL) || signal == Some(libc::SIGSEGV), "{signal:?}");
    }
}

fn popf_changes_no_privilege() {
    let flags: u64;
    // SAFETY: in ring 3 popf silently leaves IF and IOPL as they are.
    unsafe { asm!("pushfq", "and qword ptr [rsp], ~0x200", "or qword ptr [rsp], 0x3000", "popfq", "pushfq", "pop {}", out(reg) flags) };
    assert_eq!(flags & 0x3200, 0x200, "interrupts stay on, the I/O privilege level stays 0");
}

fn iopl_and_ioperm_refused() {
    child::as_user(1000, || {
        let refused = [Err(EPERM), Err(ENOSYS)];
        assert!(refused.contains(&call(172, [3, 0, 0, 0, 0, 0])), "iopl");
        assert!(refused.contains(&call(173, [0x3f8, 8, 1, 0, 0, 0])), "ioperm");
        dies!(SIGSEGV: "out dx, al"; in("dx") 0x3f8u16, in("al") 0x41u8);
    })
    .passed();
}

fn far_jump_to_kernel_selector() {
    let child = fork(|| {
        // SAFETY: a far return to a ring-0 code selector must be refused; the child dies of it.
        unsafe { asm!("push 0x08", "lea {0}, [rip + 2f]", "push {0}", "retfq", "2:", "ud2", out(reg) _) };
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
}

static GO_ON: AtomicBool = AtomicBool::new(true);

extern "C" fn end_the_loop(signal: i32, info: *mut libc::siginfo_t, _: *mut core::ffi::c_void) {
    signals::record(signal, info);
    GO_ON.store(false, SeqCst);
}

fn endless_loop_is_preempted() {
    signals::handle(libc::SIGALRM, end_the_loop, 0);
    signals::ring_every_ms(30);
    while GO_ON.load(SeqCst) {
        core::hint::spin_loop();
    }
    assert!(signals::count(libc::SIGALRM) >= 1);
}

fn endless_loop_can_be_killed() {
    let child = fork(|| {
        loop {
            core::hint::spin_loop();
        }
    });
    child::pause_ms(30);
    assert!(child.is_running());
    child.kill(libc::SIGKILL);
    assert_eq!(child.wait().signal(), Some(libc::SIGKILL));
}

fn two_loops_share_the_processor() {
    let words = user::memory::shared_pages(1);
    let children = [0, 4].map(|at| {
        fork(move || {
            loop {
                user::memory::atomic(words + at).fetch_add(1, SeqCst);
            }
        })
    });
    child::eventually("both count", || [0, 4].iter().all(|at| user::memory::atomic(words + at).load(SeqCst) > 100_000));
    for child in children {
        child.kill(libc::SIGKILL);
        child.wait();
    }
}

fn tsc_is_readable() {
    // SAFETY: rdtsc reads a counter.
    let (one, two) = unsafe { (core::arch::x86_64::_rdtsc(), core::arch::x86_64::_rdtsc()) };
    assert!(two >= one);
}

fn cpuid_is_allowed() {
    let answer = core::arch::x86_64::__cpuid(0);
    assert!(answer.eax >= 1 && answer.ebx != 0);
}

/// sgdt and its kin are refused (UMIP), emulated or answered; but they never tell a kernel address that can be read.
fn table_reads_leak_nothing() {
    let child = fork(|| {
        let mut table = [0u8; 16];
        // SAFETY: stores ten bytes into the array.
        unsafe { asm!("sgdt [{}]", in(reg) &mut table) };
        let base = u64::from_le_bytes(table[2..10].try_into().expect("eight bytes"));
        user::memory::peek(base as usize);
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
}

fn fsbase_of_kernel_refused() {
    let (set_gs, set_fs, get_gs) = (0x1001, 0x1002, 0x1004);
    assert_eq!(sys!(arch_prctl, set_gs, 0xffff_8000_0000_0000usize), Err(EPERM));
    assert_eq!(sys!(arch_prctl, set_fs, 0x8000_0000_0000usize), Err(EPERM));
    assert_eq!(sys!(arch_prctl, set_gs, 0x1234_5000usize), Ok(0));
    let mut base = 0usize;
    assert_eq!(sys!(arch_prctl, get_gs, &mut base), Ok(0));
    assert_eq!(base, 0x1234_5000);
    assert_eq!(sys!(arch_prctl, 0x7777, 0), Err(EINVAL));
}

fn syscall_with_odd_flags() {
    let (pid, flags): (u64, u64);
    // SAFETY: getpid with the direction, overflow and nested-task flags set; the flags are put right again.
    unsafe {
        asm!("pushfq", "or qword ptr [rsp], 0x4c00", "popfq", "syscall", "pushfq", "cld", "pop {flags}", flags = lateout(reg) flags,
            inlateout("rax") 39u64 => pid, lateout("rcx") _, lateout("r11") _);
        asm!("pushfq", "and qword ptr [rsp], ~0x4000", "popfq");
    }
    assert_eq!(pid, u64::from(std::process::id()));
    assert_eq!(flags & 0x400, 0x400, "flags come back as they were");
}

fn unknown_calls_enosys() {
    for number in [1000, 9999, -1, i64::MAX, 0x4000_0000 + 39, 0xffff_ffff] {
        assert_eq!(call(number, [0; 6]), Err(ENOSYS), "{number:#x}");
    }
    assert_eq!(call(1 << 32 | 39, [0; 6]), sys!(getpid), "only the low 32 bits of the number count");
}
