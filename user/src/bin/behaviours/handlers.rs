//! Signal handlers: what they are told, on which stack they run, what is blocked meanwhile, what state survives them.

use core::ffi::c_void;
use core::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use user::child::{self, fork};
use user::memory::*;
use user::signals::*;
use user::sys;
use user::sys::*;

table!("handlers":
    runs_and_returns, siginfo_of_kill, siginfo_of_tgkill, siginfo_of_queue, siginfo_of_timer, sender_uid_is_told, signal_blocked_in_own_handler,
    nodefer_nests, mask_of_action_applies, mask_restored_after_handler, resethand_once, handler_on_alternate_stack, alternate_stack_rules,
    alternate_stack_is_left_after_handler, old_action_is_returned, action_errors, kill_and_stop_cannot_be_handled, nested_handlers_of_different_signals,
    many_signals_at_once_lowest_first, float_state_survives, vector_state_survives, all_registers_survive, handler_may_change_context,
    handler_can_jump_out, context_carries_mask, default_of_ignored_kinds, unknown_sigreturn_kills, red_zone_is_spared, flags_and_direction_are_clean,
    restorer_is_kept, handler_at_bad_address_kills, no_room_for_frame_kills,
);

fn me() -> i32 {
    std::process::id() as i32
}

fn runs_and_returns() {
    record_on(libc::SIGUSR1, 0);
    for n in 1..=10 {
        raise(libc::SIGUSR1).unwrap();
        assert_eq!(count(libc::SIGUSR1), n, "the handler has run before kill returns");
    }
}

fn siginfo_of_kill() {
    record_on(libc::SIGUSR1, 0);
    raise(libc::SIGUSR1).unwrap();
    let seen = last();
    assert_eq!((seen.signal, seen.code, seen.pid, seen.uid), (libc::SIGUSR1, libc::SI_USER, me(), 0));
}

fn siginfo_of_tgkill() {
    record_on(libc::SIGUSR2, 0);
    assert_eq!(sys!(tgkill, me(), sys!(gettid).unwrap(), libc::SIGUSR2), Ok(0));
    assert_eq!((last().code, last().pid), (libc::SI_TKILL, me()));
    assert_eq!(sys!(tkill, sys!(gettid).unwrap(), libc::SIGUSR2), Ok(0));
    assert_eq!(count(libc::SIGUSR2), 2);
}

fn siginfo_of_queue() {
    record_on(libc::SIGUSR1, 0);
    let mut info = [0i32; 32];
    (info[0], info[2], info[4], info[5], info[6], info[7]) = (libc::SIGUSR1, libc::SI_QUEUE, me(), 0, 0x1234_5678, 0x0abc_def0);
    assert_eq!(sys!(rt_sigqueueinfo, me(), libc::SIGUSR1, &info), Ok(0));
    assert_eq!((last().code, last().pid, last().value), (libc::SI_QUEUE, me(), 0x0abc_def0_1234_5678));
}

fn siginfo_of_timer() {
    record_on(libc::SIGALRM, 0);
    ring_every_ms(10);
    child::eventually("the timer rings", || count(libc::SIGALRM) > 0);
    stop_ringing();
    assert_eq!((last().signal, last().code), (libc::SIGALRM, 0x80), "SI_KERNEL");
}

fn sender_uid_is_told() {
    record_on(libc::SIGCONT, 0);
    let target = me();
    fork(|| {
        sys!(setresuid, 0, 4321, 0).unwrap();
        assert_eq!(sys!(kill, target, libc::SIGCONT), Ok(0));
    })
    .passed();
    child::eventually("SIGCONT", || count(libc::SIGCONT) == 1);
    assert_eq!(last().uid, 0, "the real uid of the sender");
    fork(|| {
        sys!(setresuid, 4321, 0, 0).unwrap();
        assert_eq!(sys!(kill, target, libc::SIGCONT), Ok(0));
    })
    .passed();
    child::eventually("SIGCONT", || count(libc::SIGCONT) == 2);
    assert_eq!(last().uid, 4321);
}

static DEPTH: AtomicI32 = AtomicI32::new(0);
static DEEPEST: AtomicI32 = AtomicI32::new(0);
static MASK: AtomicU64 = AtomicU64::new(0);

extern "C" fn raise_again(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    let depth = DEPTH.fetch_add(1, SeqCst) + 1;
    DEEPEST.fetch_max(depth, SeqCst);
    record(signal, info);
    MASK.store(current_mask(), SeqCst);
    if count(signal) < 4 {
        let _ = raise(signal);
    }
    DEPTH.fetch_sub(1, SeqCst);
}

fn signal_blocked_in_own_handler() {
    handle(libc::SIGUSR1, raise_again, 0);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!((count(libc::SIGUSR1), DEEPEST.load(SeqCst)), (4, 1), "one after the other, never within");
}

fn nodefer_nests() {
    handle(libc::SIGUSR1, raise_again, libc::SA_NODEFER);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!((count(libc::SIGUSR1), DEEPEST.load(SeqCst)), (4, 4));
}

extern "C" fn note_mask(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    MASK.store(current_mask(), SeqCst);
    record(signal, info);
}

fn mask_of_action_applies() {
    block(&[libc::SIGTERM]);
    handle_masking(libc::SIGUSR1, note_mask, 0, &[libc::SIGUSR2, libc::SIGINT, libc::SIGKILL]);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!(MASK.load(SeqCst), set(&[libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2, libc::SIGINT]), "SIGKILL cannot be blocked");
}

fn mask_restored_after_handler() {
    let before = block(&[libc::SIGTERM]) | set(&[libc::SIGTERM]);
    handle_masking(libc::SIGUSR1, note_mask, 0, &[libc::SIGUSR2]);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!(current_mask(), before);
}

fn resethand_once() {
    record_on(libc::SIGUSR1, libc::SA_RESETHAND);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!(count(libc::SIGUSR1), 1);
    let child = fork(|| {
        let _ = raise(libc::SIGUSR1);
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGUSR1));
}

static STACK_SEEN: AtomicUsize = AtomicUsize::new(0);

extern "C" fn note_stack(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    let local = 0u8;
    STACK_SEEN.store(&raw const local as usize, SeqCst);
    record(signal, info);
}

const STACK: usize = 16 * PAGE;

fn alternate_stack() -> usize {
    let start = pages(STACK / PAGE);
    assert_eq!(sys!(sigaltstack, &[start, 0, STACK], 0), Ok(0));
    start
}

fn handler_on_alternate_stack() {
    let start = alternate_stack();
    handle(libc::SIGUSR1, note_stack, libc::SA_ONSTACK);
    raise(libc::SIGUSR1).unwrap();
    assert!((start..start + STACK).contains(&STACK_SEEN.load(SeqCst)));
    handle(libc::SIGUSR1, note_stack, 0);
    raise(libc::SIGUSR1).unwrap();
    assert!(!(start..start + STACK).contains(&STACK_SEEN.load(SeqCst)), "without SA_ONSTACK the normal stack serves");
}

static INSIDE: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

extern "C" fn try_alternate_stack(_: i32, _: *mut libc::siginfo_t, _: *mut c_void) {
    let mut seen = [0usize; 3];
    let _ = sys!(sigaltstack, 0, &mut seen);
    INSIDE[0].store(seen[1] & 0xffff_ffff, SeqCst);
    INSIDE[1].store(usize::from(sys!(sigaltstack, &[0usize, libc::SS_DISABLE as usize, 0], 0) == Err(EPERM)), SeqCst);
}

fn alternate_stack_rules() {
    let mut seen = [9usize; 3];
    assert_eq!(sys!(sigaltstack, 0, &mut seen), Ok(0));
    assert_eq!(seen[1] & 0xffff_ffff, libc::SS_DISABLE as usize);
    assert_eq!(sys!(sigaltstack, &[0x10000usize, 0, 100], 0), Err(ENOMEM), "smaller than MINSIGSTKSZ");
    assert_eq!(sys!(sigaltstack, &[0x10000usize, 99, STACK], 0), Err(EINVAL));
    assert_eq!(sys!(sigaltstack, 8, 0), Err(EFAULT));
    let start = alternate_stack();
    assert_eq!(sys!(sigaltstack, 0, &mut seen), Ok(0));
    assert_eq!((seen[0], seen[1] & 0xffff_ffff, seen[2]), (start, 0, STACK));
    handle(libc::SIGUSR1, try_alternate_stack, libc::SA_ONSTACK);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!(INSIDE[0].load(SeqCst), libc::SS_ONSTACK as usize);
    assert_eq!(INSIDE[1].load(SeqCst), 1, "nobody pulls away the stack that is in use");
}

fn alternate_stack_is_left_after_handler() {
    alternate_stack();
    handle(libc::SIGUSR1, note_stack, libc::SA_ONSTACK);
    let seen: Vec<usize> = (0..5)
        .map(|_| {
            raise(libc::SIGUSR1).unwrap();
            STACK_SEEN.load(SeqCst)
        })
        .collect();
    assert!(seen.iter().all(|&address| address == seen[0]), "each handler starts at the top again: {seen:x?}");
}

fn old_action_is_returned() {
    record_on(libc::SIGUSR1, libc::SA_RESTART);
    let mut old = [0usize; 4];
    assert_eq!(sys!(rt_sigaction, libc::SIGUSR1, 0, &mut old, 8), Ok(0));
    assert!(old[0] > 1);
    assert_eq!(old[1] & (libc::SA_SIGINFO | libc::SA_RESTART) as usize, (libc::SA_SIGINFO | libc::SA_RESTART) as usize);
    default(libc::SIGUSR1);
    assert_eq!(sys!(rt_sigaction, libc::SIGUSR1, 0, &mut old, 8), Ok(0));
    assert_eq!(old[0], libc::SIG_DFL);
}

fn action_errors() {
    let action = [0usize; 4];
    for signal in [0, -1, 65, 1000] {
        assert_eq!(sys!(rt_sigaction, signal, &action, 0, 8), Err(EINVAL), "signal {signal}");
    }
    assert_eq!(sys!(rt_sigaction, libc::SIGUSR1, &action, 0, 4), Err(EINVAL), "size of the set");
    assert_eq!(sys!(rt_sigaction, libc::SIGUSR1, 8, 0, 8), Err(EFAULT));
    assert_eq!(sys!(rt_sigaction, libc::SIGUSR1, 0, 8, 8), Err(EFAULT));
}

fn kill_and_stop_cannot_be_handled() {
    let action = [libc::SIG_IGN, 0, 0, 0];
    for signal in [libc::SIGKILL, libc::SIGSTOP] {
        assert_eq!(sys!(rt_sigaction, signal, &action, 0, 8), Err(EINVAL));
        assert_eq!(sys!(rt_sigaction, signal, 0, &mut [0usize; 4], 8), Ok(0), "asking is allowed");
    }
    block(&[libc::SIGKILL, libc::SIGSTOP]);
    assert_eq!(current_mask(), 0);
}

extern "C" fn raise_next(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    DEEPEST.fetch_max(DEPTH.fetch_add(1, SeqCst) + 1, SeqCst);
    if signal < 44 {
        let _ = raise(signal + 1);
    }
    record(signal, info);
    DEPTH.fetch_sub(1, SeqCst);
}

fn nested_handlers_of_different_signals() {
    for signal in 35..=44 {
        handle(signal, raise_next, 0);
    }
    raise(35).unwrap();
    assert_eq!(DEEPEST.load(SeqCst), 10);
    assert!((35..=44).all(|signal| count(signal) == 1));
}

static ORDER: [AtomicI32; 8] = [const { AtomicI32::new(0) }; 8];
static NEXT: AtomicUsize = AtomicUsize::new(0);

extern "C" fn note_order(signal: i32, _: *mut libc::siginfo_t, _: *mut c_void) {
    ORDER[NEXT.fetch_add(1, SeqCst) % 8].store(signal, SeqCst);
}

/// Real-time signals that became free together are delivered lowest first; each handler blocks the rest, so they run in that order.
fn many_signals_at_once_lowest_first() {
    let all = [50, 48, 52, 46];
    for signal in all {
        handle_masking(signal, note_order, 0, &all);
    }
    block(&all);
    all.iter().for_each(|&signal| assert_eq!(raise(signal), Ok(0)));
    unblock(&all);
    assert_eq!([0, 1, 2, 3].map(|i: usize| ORDER[i].load(SeqCst)), [46, 48, 50, 52]);
}

extern "C" fn spoil_floats(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    let mut x = count(signal) as f64 + 0.5;
    for i in 1..50 {
        x = (x * 1.7 + f64::from(i)).sqrt();
    }
    // SAFETY: the vector and x87 registers and MXCSR are the handler's to change.
    unsafe {
        core::arch::asm!("vpcmpeqd xmm0, xmm0, xmm0", "vpcmpeqd xmm7, xmm7, xmm7", "vpcmpeqd xmm15, xmm15, xmm15", "fninit", "fld1",
            out("xmm0") _, out("xmm7") _, out("xmm15") _, out("st(0)") _);
    }
    assert!(x.is_finite());
    record(signal, info);
}

fn float_state_survives() {
    handle(libc::SIGUSR1, spoil_floats, 0);
    let (mut with, mut without) = (1.0f64, 1.0f64);
    for i in 0..200 {
        with = (with + f64::from(i)) * 0.37;
        if i % 10 == 0 {
            raise(libc::SIGUSR1).unwrap();
        }
    }
    for i in 0..200 {
        without = (without + f64::from(i)) * 0.37;
    }
    assert_eq!(with.to_bits(), without.to_bits());
}

/// kill(getpid(), SIGUSR1) between loading and storing a vector register, without the compiler's help.
fn vector_state_survives() {
    handle(libc::SIGUSR1, spoil_floats, 0);
    let before: [u64; 4] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 0x5555_aaaa_5555_aaaa, 0x1111_2222_3333_4444];
    let mut after = [0u64; 4];
    let control: u32 = 0x1f80 | 0x6000; // round toward zero
    let mut control_after: u32 = 0;
    // SAFETY: a system call between moves of registers that are declared as clobbered; MXCSR is put back.
    unsafe {
        core::arch::asm!("movups xmm7, [{before}]", "movups xmm15, [{before} + 16]", "ldmxcsr [{control}]", "syscall",
            "stmxcsr [{control_after}]", "movups [{after}], xmm7", "movups [{after} + 16], xmm15", "ldmxcsr [{normal}]",
            before = in(reg) &before, after = in(reg) &mut after, control = in(reg) &control, control_after = in(reg) &mut control_after,
            normal = in(reg) &0x1f80u32, inlateout("rax") 62usize => _, in("rdi") me(), in("rsi") libc::SIGUSR1,
            out("rcx") _, out("r11") _, out("xmm7") _, out("xmm15") _);
    }
    assert_eq!((count(libc::SIGUSR1), after, control_after & 0xe000), (1, before, 0x6000));
}

fn all_registers_survive() {
    handle(libc::SIGUSR1, spoil_floats, 0);
    let mut after = [0u64; 6];
    // SAFETY: a system call with known values in registers that it must not change.
    unsafe {
        core::arch::asm!("mov r8, 8", "mov r9, 9", "mov r10, 10", "mov r12, 12", "mov r13, 13", "mov r14, 14", "stc", "syscall",
            "mov [r15], r8", "mov [r15 + 8], r9", "mov [r15 + 16], r10", "mov [r15 + 24], r12", "mov [r15 + 32], r13", "mov [r15 + 40], r14",
            in("r15") &mut after, inlateout("rax") 62usize => _, in("rdi") me(), in("rsi") libc::SIGUSR1, lateout("rcx") _,
            lateout("r11") _, out("r8") _, out("r9") _, out("r10") _, out("r12") _, out("r13") _, out("r14") _);
    }
    assert_eq!((count(libc::SIGUSR1), after), (1, [8, 9, 10, 12, 13, 14]));
}

extern "C" fn change_rax(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a ucontext_t.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RAX as usize] = 12345 };
}

fn handler_may_change_context() {
    handle(libc::SIGUSR1, change_rax, 0);
    assert_eq!(raise(libc::SIGUSR1), Ok(12345), "the changed register is what the program goes on with");
}

extern "C" fn leave(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    record(signal, info);
    child::exit(21);
}

/// A handler that never returns (here: ends the process) is as good as any.
fn handler_can_jump_out() {
    handle(libc::SIGUSR1, leave, 0);
    let child = fork(|| {
        let _ = raise(libc::SIGUSR1);
    });
    assert_eq!(child.wait().exit_code(), Some(21));
}

extern "C" fn unblock_in_context(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a ucontext_t; the mask lies in uc_sigmask, its first word is the kernel's set.
    unsafe {
        let mask = &raw mut (*context.cast::<libc::ucontext_t>()).uc_sigmask;
        MASK.store(mask.cast::<u64>().read(), SeqCst);
        mask.cast::<u64>().write(set(&[libc::SIGINT]));
    }
}

fn context_carries_mask() {
    block(&[libc::SIGTERM]);
    handle(libc::SIGUSR1, unblock_in_context, 0);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!(MASK.load(SeqCst), set(&[libc::SIGTERM]), "the mask of before the handler");
    assert_eq!(current_mask(), set(&[libc::SIGINT]), "sigreturn sets what the context says");
}

fn default_of_ignored_kinds() {
    for signal in [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGCONT] {
        fork(|| assert_eq!(raise(signal), Ok(0))).passed();
    }
}

/// rt_sigreturn with nonsense on the stack.
fn unknown_sigreturn_kills() {
    let child = fork(|| {
        // SAFETY: the child dies of it; that is the test.
        unsafe { core::arch::asm!("mov rsp, {stack}", "mov eax, 15", "syscall", "ud2", stack = in(reg) nowhere(), options(noreturn)) }
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
    let garbage = pages(16);
    (0..8 * PAGE).for_each(|i| poke(garbage + i, 0xff));
    let child = fork(|| {
        // SAFETY: as above.
        unsafe { core::arch::asm!("mov rsp, {stack}", "mov eax, 15", "syscall", "ud2", stack = in(reg) garbage, options(noreturn)) }
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
}

/// The 128 bytes below the stack pointer belong to the interrupted function.
fn red_zone_is_spared() {
    record_on(libc::SIGUSR1, 0);
    let mut after = [0u64; 2];
    // SAFETY: writes below the stack pointer in the red zone, where this function keeps nothing of its own: first it steps 256 bytes down.
    unsafe {
        core::arch::asm!("sub rsp, 256", "mov qword ptr [rsp - 8], 1111", "mov qword ptr [rsp - 128], 2222", "syscall",
            "mov rax, [rsp - 8]", "mov [r15], rax", "mov rax, [rsp - 128]", "mov [r15 + 8], rax", "add rsp, 256",
            in("r15") &mut after, inlateout("rax") 62usize => _, in("rdi") me(), in("rsi") libc::SIGUSR1, lateout("rcx") _, lateout("r11") _);
    }
    assert_eq!((count(libc::SIGUSR1), after), (1, [1111, 2222]));
}

extern "C" fn note_flags(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    let flags: u64;
    // SAFETY: reads the flags.
    unsafe { core::arch::asm!("pushfq", "pop {}", out(reg) flags) };
    MASK.store(flags, SeqCst);
    record(signal, info);
}

/// A handler starts with the direction flag clear, whatever the interrupted code had.
fn flags_and_direction_are_clean() {
    handle(libc::SIGUSR1, note_flags, 0);
    let flags: u64;
    // SAFETY: the direction flag is cleared again before any other code runs.
    unsafe {
        core::arch::asm!("std", "syscall", "pushfq", "cld", "pop {flags}", flags = lateout(reg) flags, inlateout("rax") 62usize => _,
            in("rdi") me(), in("rsi") libc::SIGUSR1, lateout("rcx") _, lateout("r11") _);
    }
    assert_eq!((count(libc::SIGUSR1), MASK.load(SeqCst) & 0x400, flags & 0x400), (1, 0, 0x400));
}

/// On x86-64 a handler returns through the restorer that the C library gave with the action.
fn restorer_is_kept() {
    fork(|| {
        record_on(libc::SIGUSR1, 0);
        let mut action = [0usize; 4];
        sys!(rt_sigaction, libc::SIGUSR1, 0, &mut action, 8).unwrap();
        assert_ne!(action[1] & 0x0400_0000, 0, "the C library gave a restorer");
        assert!(action[2] != 0);
    })
    .passed();
}

fn handler_at_bad_address_kills() {
    for address in [nowhere(), KERNEL_ADDRESSES[0], 0x8000_0000_0000_0000] {
        let child = fork(|| {
            let mut action = [0usize; 4];
            record_on(libc::SIGUSR1, 0);
            sys!(rt_sigaction, libc::SIGUSR1, 0, &mut action, 8).unwrap();
            action[0] = address;
            sys!(rt_sigaction, libc::SIGUSR1, &action, 0, 8).unwrap();
            let _ = raise(libc::SIGUSR1);
        });
        assert_eq!(child.wait().signal(), Some(libc::SIGSEGV), "{address:#x}");
    }
}

fn no_room_for_frame_kills() {
    record_on(libc::SIGUSR1, 0);
    let low = 0x8000usize; // nothing is ever mapped below 64 KiB
    let child = fork(|| {
        // SAFETY: the stack pointer is moved to where nothing is mapped; the child dies at the signal frame.
        unsafe {
            core::arch::asm!("mov rsp, {stack}", "syscall", "mov edi, 5", "mov eax, 231", "syscall", "ud2", stack = in(reg) low,
                in("rax") 62usize, in("rdi") me(), in("rsi") libc::SIGUSR1, options(noreturn))
        }
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
}
