//! Faults of the program itself: which signal, which code, which address.

use core::arch::asm;
use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use user::child::{self, fork};
use user::memory::*;
use user::signals::*;
use user::sys;

table!("faults":
    unmapped_read_maperr, unmapped_write_maperr, read_only_write_accerr, none_page_accerr, execute_data_accerr, null_pointer_maperr,
    kernel_address_maperr, non_canonical_address, divide_by_zero_fpe, divide_overflow_fpe, sse_division_fpe, x87_division_fpe, illegal_instruction_ill,
    breakpoint_trap, single_step_trap, unaligned_with_alignment_check, handler_can_repair_page, handler_can_skip_instruction, fault_while_blocked_kills,
    fault_while_ignored_kills, fault_in_handler_nests, stack_overflow_on_alternate_stack, jump_to_kernel, jump_to_non_canonical,
    return_to_non_canonical_from_handler, vsyscall_like_addresses, access_over_page_end,
);

const SEGV_MAPERR: i32 = 1;
const SEGV_ACCERR: i32 = 2;

extern "C" fn leave(signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    record(signal, info);
    // SAFETY: the kernel passes a ucontext_t.
    let rip = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] };
    let report = REPORT.load(SeqCst);
    let seen = last();
    for (i, word) in [1, signal as u64, seen.code as u64, seen.address, rip as u64].into_iter().enumerate() {
        word.to_le_bytes().into_iter().enumerate().for_each(|(at, byte)| poke(report + i * 8 + at, byte));
    }
    child::exit(0);
}

static REPORT: AtomicUsize = AtomicUsize::new(0);

/// What the handler saw when a child did this: signal, code, address, instruction.
fn fault(body: impl FnOnce()) -> (i32, i32, u64, u64) {
    let report = shared_pages(1);
    REPORT.store(report, SeqCst);
    fork(|| {
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP] {
            handle(signal, leave, 0);
        }
        body();
        child::exit(77);
    })
    .passed();
    let word = |i: usize| u64::from_le_bytes(bytes(report + i * 8, 8).try_into().expect("eight bytes"));
    assert_eq!(word(0), 1, "the handler ran");
    (word(1) as i32, word(2) as i32, word(3), word(4))
}

fn fault_kind(body: impl FnOnce()) -> (i32, i32) {
    let (signal, code, _, _) = fault(body);
    (signal, code)
}

fn read_fault(address: usize) -> (i32, i32, u64) {
    let (signal, code, at, _) = fault(|| {
        peek(address);
    });
    (signal, code, at)
}

fn unmapped_read_maperr() {
    let address = nowhere() + 123;
    assert_eq!(read_fault(address), (libc::SIGSEGV, SEGV_MAPERR, address as u64));
}

fn unmapped_write_maperr() {
    let address = nowhere();
    let (signal, code, at, _) = fault(|| poke(address, 1));
    assert_eq!((signal, code, at), (libc::SIGSEGV, SEGV_MAPERR, address as u64));
}

fn read_only_write_accerr() {
    let start = map(PAGE, libc::PROT_READ, PRIVATE).unwrap();
    let (signal, code, at, _) = fault(|| poke(start + 9, 1));
    assert_eq!((signal, code, at), (libc::SIGSEGV, SEGV_ACCERR, start as u64 + 9));
}

fn none_page_accerr() {
    let start = map(PAGE, libc::PROT_NONE, PRIVATE).unwrap();
    assert_eq!(read_fault(start), (libc::SIGSEGV, SEGV_ACCERR, start as u64));
}

fn call(address: usize) {
    // SAFETY: the child that calls this dies or leaves through its handler.
    unsafe { asm!("call {}", in(reg) address, clobber_abi("C")) };
}

fn execute_data_accerr() {
    let start = pages(1);
    poke(start, 0xc3);
    let (signal, code, at, rip) = fault(|| call(start));
    assert_eq!((signal, code, at, rip), (libc::SIGSEGV, SEGV_ACCERR, start as u64, start as u64));
}

fn null_pointer_maperr() {
    assert_eq!(read_fault(8), (libc::SIGSEGV, SEGV_MAPERR, 8));
    let (signal, code, at, rip) = fault(|| call(0));
    assert_eq!((signal, code, at, rip), (libc::SIGSEGV, SEGV_MAPERR, 0, 0));
}

fn kernel_address_maperr() {
    for address in [0xffff_8000_0000_0000, 0xffff_ffff_8000_0000, 0xffff_ffff_ffff_e000] {
        assert_eq!(read_fault(address), (libc::SIGSEGV, SEGV_MAPERR, address as u64));
        assert_eq!(fault_kind(|| poke(address, 1)), (libc::SIGSEGV, SEGV_MAPERR));
    }
}

/// Such an access is a general protection fault: no address is known, and the code says that the kernel sent it.
fn non_canonical_address() {
    for address in [0x8000_0000_0000, 0x1234_5678_9abc_def0, 0xff00_0000_0000_0000] {
        assert_eq!(read_fault(address), (libc::SIGSEGV, 0x80, 0));
    }
}

fn divide_by_zero_fpe() {
    // SAFETY: the trap is the test.
    let kind = fault_kind(|| unsafe { asm!("xor edx, edx", "mov eax, 5", "xor ecx, ecx", "div ecx", out("eax") _, out("ecx") _, out("edx") _) });
    assert_eq!(kind, (libc::SIGFPE, 1), "FPE_INTDIV");
}

fn divide_overflow_fpe() {
    // SAFETY: the trap is the test.
    let kind = fault_kind(|| unsafe { asm!("mov eax, 0x80000000", "cdq", "mov ecx, -1", "idiv ecx", out("eax") _, out("ecx") _, out("edx") _) });
    assert_eq!(kind, (libc::SIGFPE, 1));
}

/// Emulated processors may not know this exception (QEMU's doesn't); then the division just has a result.
fn sse_division_fpe() {
    let unmasked = 0x1f80u32 & !0x200;
    let divide = || {
        // SAFETY: unmasks division by zero in MXCSR and divides, in a child.
        unsafe {
            asm!("ldmxcsr [{}]", "xorps xmm0, xmm0", "mov eax, 1", "cvtsi2ss xmm1, eax", "divss xmm1, xmm0", in(reg) &unmasked, out("eax") _,
                out("xmm0") _, out("xmm1") _)
        }
    };
    if fork(divide).wait().signal().is_some() {
        assert_eq!(fault_kind(divide), (libc::SIGFPE, 3), "FPE_FLTDIV");
    }
}

fn x87_division_fpe() {
    let control = 0x037fu16 & !4;
    // SAFETY: unmasks division by zero in the x87 control word and divides; the child ends in the handler.
    let kind = fault_kind(|| unsafe {
        asm!("fninit", "fldcw [{}]", "fld1", "fldz", "fdivp", "fwait", in(reg) &control, out("st(0)") _, out("st(1)") _)
    });
    assert_eq!(kind, (libc::SIGFPE, 3));
}

fn illegal_instruction_ill() {
    // SAFETY: the trap is the test.
    let (signal, code, at, rip) = fault(|| unsafe { asm!("ud2") });
    assert_eq!((signal, code), (libc::SIGILL, 2), "ILL_ILLOPN");
    assert_eq!(at, rip);
}

fn breakpoint_trap() {
    // SAFETY: the trap is the test.
    let kind = fault_kind(|| unsafe { asm!("int3") });
    assert_eq!(kind, (libc::SIGTRAP, 0x80));
}

fn single_step_trap() {
    // SAFETY: sets the trap flag; the trap after the next instruction ends the child in the handler.
    let kind = fault_kind(|| unsafe { asm!("pushfq", "or dword ptr [rsp], 0x100", "popfq", "nop", "nop") });
    assert_eq!(kind, (libc::SIGTRAP, 2), "TRAP_TRACE");
}

/// The processor checks alignment only when the program asks for it by EFLAGS.AC.
fn unaligned_with_alignment_check() {
    let start = pages(1);
    // SAFETY: sets AC and reads a misaligned word; if the machine checks nothing, the child goes on, clears AC and says so.
    let checked = fork(|| unsafe {
        asm!("pushfq", "or dword ptr [rsp], 0x40000", "popfq", "mov {0:e}, [{0} + 1]", "pushfq", "and dword ptr [rsp], 0xfffbffff", "popfq",
            inout(reg) start => _);
    })
    .wait();
    assert!(checked == child::Status(0) || checked.signal() == Some(libc::SIGBUS), "{checked:?}");
}

static PAGE_TO_REPAIR: AtomicUsize = AtomicUsize::new(0);

extern "C" fn repair(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    record(signal, info);
    let _ = protect(PAGE_TO_REPAIR.load(SeqCst), PAGE, RW);
}

fn handler_can_repair_page() {
    let start = map(PAGE, libc::PROT_NONE, PRIVATE).unwrap();
    PAGE_TO_REPAIR.store(start, SeqCst);
    handle(libc::SIGSEGV, repair, 0);
    poke(start + 5, 9);
    assert_eq!((peek(start + 5), count(libc::SIGSEGV)), (9, 1));
}

extern "C" fn skip_two_bytes(signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    record(signal, info);
    // SAFETY: the kernel passes a ucontext_t.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] += 2 };
}

fn handler_can_skip_instruction() {
    handle(libc::SIGILL, skip_two_bytes, 0);
    // SAFETY: ud2 is two bytes long, which the handler skips.
    unsafe { asm!("ud2", "ud2", "ud2") };
    assert_eq!(count(libc::SIGILL), 3);
}

fn fault_while_blocked_kills() {
    record_on(libc::SIGSEGV, 0);
    block(&[libc::SIGSEGV]);
    let address = nowhere();
    let child = fork(|| {
        peek(address);
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
}

fn fault_while_ignored_kills() {
    ignore(libc::SIGFPE);
    // SAFETY: the trap is the test.
    let child = fork(|| unsafe { asm!("xor edx, edx", "xor ecx, ecx", "div ecx", out("eax") _, out("ecx") _, out("edx") _) });
    assert_eq!(child.wait().signal(), Some(libc::SIGFPE));
}

extern "C" fn fault_again(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    record(signal, info);
    peek(8);
}

fn fault_in_handler_nests() {
    handle(libc::SIGSEGV, fault_again, 0);
    let child = fork(|| {
        peek(8);
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV), "the second fault meets its own block");
}

#[inline(never)]
fn dig(depth: u64) -> u64 {
    let frame = core::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { dig(depth + 1) + frame[(depth % 64) as usize] }
}

extern "C" fn leave_with_three(_: i32, _: *mut libc::siginfo_t, _: *mut c_void) {
    child::exit(3);
}

fn stack_overflow_on_alternate_stack() {
    let child = fork(|| {
        let limit = [1u64 << 20, 1 << 20];
        sys!(setrlimit, libc::RLIMIT_STACK, &limit).unwrap();
        sys!(sigaltstack, &[pages(16), 0, 16 * PAGE], 0).unwrap();
        handle(libc::SIGSEGV, leave_with_three, libc::SA_ONSTACK);
        dig(0);
    });
    assert_eq!(child.wait().exit_code(), Some(3));
    let child = fork(|| {
        let limit = [1u64 << 20, 1 << 20];
        sys!(setrlimit, libc::RLIMIT_STACK, &limit).unwrap();
        handle(libc::SIGSEGV, leave_with_three, 0);
        dig(0);
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV), "no room for the frame on the full stack");
}

fn jump_to_kernel() {
    for address in [0xffff_8000_0000_0000usize, 0xffff_ffff_8000_0000] {
        let (signal, code, at, rip) = fault(|| call(address));
        assert_eq!((signal, code, at, rip), (libc::SIGSEGV, SEGV_MAPERR, address as u64, address as u64));
    }
}

fn jump_to_non_canonical() {
    for address in [0x8000_0000_0000usize, 0x7fff_ffff_ffff_ffff] {
        let child = fork(|| call(address));
        assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
    }
}

extern "C" fn aim_high(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a ucontext_t.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] = TARGET.load(SeqCst) as i64 };
}

static TARGET: AtomicUsize = AtomicUsize::new(0);

/// The kernel itself must not fault when it goes back to an address that no program can have.
fn return_to_non_canonical_from_handler() {
    for address in [0x8000_0000_0000usize, 0x7fff_ffff_f000, 0xdead_beef_dead_beef, 0xffff_ffff_8000_0000] {
        TARGET.store(address, SeqCst);
        let child = fork(|| {
            handle(libc::SIGUSR1, aim_high, 0);
            let _ = raise(libc::SIGUSR1);
        });
        assert_eq!(child.wait().signal(), Some(libc::SIGSEGV), "{address:#x}");
    }
}

/// `syscall` as the very last instruction of user space would return behind its end.
fn vsyscall_like_addresses() {
    let last = 0x7fff_ffff_e000usize;
    let placed = sys!(mmap, last, PAGE, RW | libc::PROT_EXEC, PRIVATE | libc::MAP_FIXED_NOREPLACE, -1, 0);
    let Ok(start) = placed else {
        // The stack may lie there.
        return;
    };
    poke(start + PAGE - 2, 0x0f);
    poke(start + PAGE - 1, 0x05);
    // SAFETY: getpid is called from the last two bytes; what happens then is the test.
    let child = fork(|| unsafe { asm!("jmp {}", in(reg) start + PAGE - 2, in("rax") 39usize, options(noreturn)) });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
}

fn access_over_page_end() {
    let end = border();
    let (signal, code, at, _) = fault(|| {
        // SAFETY: half of the word is mapped; the fault is the test.
        unsafe { asm!("mov {0}, [{0}]", inout(reg) end - 4 => _) };
    });
    assert_eq!((signal, code), (libc::SIGSEGV, SEGV_MAPERR));
    assert!((end..end + 4).contains(&(at as usize)), "in the second half, wherever the processor puts it");
}
