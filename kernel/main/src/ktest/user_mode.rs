//! Entering ring 3 and coming back, by each way.

use arch::user::{Access, Registers, Trap, UserContext};
use arch::{USER_END, clock, interrupts};

use super::Counter;
use super::user_space::{CODE, DATA, NOWHERE, STACK, Space, enter};
use crate::{kernel_test, user_code};

/// Registers with a value of its own in each general one; rip, rsp and the segments as `thread` has them.
pub fn distinct(thread: &UserContext) -> Registers {
    let r = *thread.registers();
    Registers {
        r15: 15,
        r14: 14,
        r13: 13,
        r12: 12,
        rbp: 0xbb,
        rbx: 0xb,
        r11: 11,
        r10: 10,
        r9: 9,
        r8: 8,
        rax: 0xa,
        rcx: 0xc,
        rdx: 0xd,
        rsi: 0x51,
        rdi: 0xd1,
        rip: r.rip,
        rsp: r.rsp,
        rflags: 0xad7,
        cs: r.cs,
        ss: r.ss,
        orig_rax: u64::MAX,
    }
}

user_code!(two_calls, "syscall", "syscall");

fn system_call_round_trip() {
    let space = Space::new(two_calls());
    let mut thread = space.thread();
    let before = distinct(&thread);
    *thread.registers_mut() = before;
    assert_eq!(space.run(&mut thread), Trap::Syscall);
    assert_eq!((thread.syscall_number(), thread.args()), (0xa, [0xd1, 0x51, 0xd, 10, 8, 9]));
    let flags = before.rflags | 2;
    let mut expected = Registers { rip: CODE as u64 + 2, rcx: CODE as u64 + 2, r11: flags, rflags: flags, orig_rax: 0xa, ..before };
    assert_eq!(*thread.registers(), expected);
    // Back by `sysret`, with a result.
    thread.set_return(77);
    assert_eq!(space.run(&mut thread), Trap::Syscall);
    expected = Registers { rax: 77, orig_rax: 77, rip: CODE as u64 + 4, rcx: CODE as u64 + 4, ..expected };
    assert_eq!(*thread.registers(), expected);
}
kernel_test!("user_system_call_round_trip", system_call_round_trip);

user_code!(wait_for_flag, "2: pause", "cmp byte ptr [0x500000], 0", "je 2b", "mov eax, 1", "syscall");

static TICKS: Counter = Counter::new();

fn interrupts_keep_registers() {
    interrupts::set_timer_handler(|| TICKS.add());
    let space = Space::new(wait_for_flag());
    let mut thread = space.thread();
    let before = distinct(&thread);
    *thread.registers_mut() = before;
    for round in 1..=20 {
        clock::set_deadline(Some(clock::now() + 300_000));
        while let Some(trap) = arch::user::run(&mut thread, || TICKS.get() == round) {
            assert_eq!(trap, Trap::Interrupt);
            assert!(interrupts::enabled());
        }
        let r = *thread.registers();
        assert!((CODE as u64..CODE as u64 + 12).contains(&r.rip), "{r:?}");
        // `cmp` sets the arithmetic flags.
        assert_eq!(Registers { rip: before.rip, rflags: before.rflags, ..r }, before);
    }
    arch::user::store_u8(DATA, 1).expect("mapped");
    assert_eq!(space.run(&mut thread), Trap::Syscall);
}
kernel_test!("user_interrupts_keep_registers", interrupts_keep_registers);

user_code!(spin, "2: pause", "jmp 2b");

/// An interrupt that comes between the last look at what is to be done and the entry interrupts the program.
fn interrupt_before_entry() {
    interrupts::set_timer_handler(|| TICKS.add());
    let space = Space::new(spin());
    let mut thread = space.thread();
    for round in 1..=20 {
        let busy = || {
            assert!(!interrupts::enabled());
            clock::set_deadline(Some(clock::now()));
            false
        };
        assert_eq!(arch::user::run(&mut thread, busy), Some(Trap::Interrupt));
        assert_eq!(TICKS.get(), round);
    }
    // What is to be done holds the program back.
    assert_eq!(arch::user::run(&mut thread, || true), None);
    assert!(interrupts::enabled());
    assert_eq!(TICKS.get(), 20);
}
kernel_test!("user_interrupt_before_entry", interrupt_before_entry);

user_code!(touch, "mov rax, [rbx]", "hlt");
user_code!(store, "mov [rbx], rax", "hlt");
user_code!(jump, "jmp rbx");

fn page_fault(code: &[u8], address: usize) -> Trap {
    let space = Space::new(code);
    let mut thread = space.thread();
    thread.registers_mut().rbx = address as u64;
    let trap = space.run(&mut thread);
    if matches!(trap, Trap::PageFault { access: Access::Read | Access::Write, .. }) {
        assert_eq!(thread.registers().rip, CODE as u64, "the faulting instruction is to be done again");
    }
    trap
}

fn page_faults() {
    for address in [0, NOWHERE, 0x7fff_ffff_f000, 0xffff_8000_0010_0000, 0xffff_ffff_8010_0000, 0xffff_ff00_0000_1000] {
        assert_eq!(page_fault(touch(), address), Trap::PageFault { address, access: Access::Read });
        assert_eq!(page_fault(store(), address), Trap::PageFault { address, access: Access::Write });
        assert_eq!(page_fault(jump(), address), Trap::PageFault { address, access: Access::Execute });
    }
    assert_eq!(page_fault(store(), CODE), Trap::PageFault { address: CODE, access: Access::Write });
    for address in [DATA, STACK] {
        assert_eq!(page_fault(jump(), address), Trap::PageFault { address, access: Access::Execute });
    }
    assert_eq!(page_fault(touch(), DATA), Trap::Exception { vector: 13, error: 0 }, "a mapped page is read, then comes hlt");
    assert_eq!(page_fault(touch(), 0x8000_0000_0000), Trap::Exception { vector: 13, error: 0 }, "not canonical");
}
kernel_test!("user_page_faults", page_faults);

fn expect_exception(code: &[u8], vector: u8) {
    let space = Space::new(code);
    let mut thread = space.thread();
    match space.run(&mut thread) {
        Trap::Exception { vector: found, .. } if found == vector => {}
        other => panic!("{code:02x?} gave {other:?} instead of exception {vector}"),
    }
}

fn privileged_instructions() {
    let protection: [&[u8]; 27] = [
        &[0xf4],                   // hlt
        &[0xfa],                   // cli
        &[0xfb],                   // sti
        &[0xe4, 0x60],             // in al, 0x60
        &[0xe6, 0xf4],             // out 0xf4, al
        &[0xec],                   // in al, dx
        &[0xef],                   // out dx, eax
        &[0x6c],                   // insb
        &[0x6f],                   // outsd
        &[0x0f, 0x32],             // rdmsr
        &[0x0f, 0x30],             // wrmsr
        &[0x0f, 0x20, 0xc0],       // mov rax, cr0
        &[0x0f, 0x22, 0xd8],       // mov cr3, rax
        &[0x0f, 0x22, 0xe0],       // mov cr4, rax
        &[0x0f, 0x21, 0xf8],       // mov rax, dr7
        &[0x0f, 0x01, 0x14, 0x24], // lgdt [rsp]
        &[0x0f, 0x01, 0x1c, 0x24], // lidt [rsp]
        &[0x0f, 0x00, 0xd8],       // ltr ax
        &[0x0f, 0x01, 0x3c, 0x24], // invlpg [rsp]
        &[0x0f, 0x09],             // wbinvd
        &[0x0f, 0x08],             // invd
        &[0x0f, 0x06],             // clts
        &[0x0f, 0x01, 0xf8],       // swapgs
        &[0x48, 0x0f, 0x07],       // sysretq
        &[0x0f, 0x01, 0xd1],       // xsetbv
        &[0xcd, 0x80],             // int 0x80
        &[0xcd, 0x30],             // int of the timer's vector
    ];
    for code in protection {
        expect_exception(code, 13);
    }
    for (code, vector) in [(&[0xcc][..], 3), (&[0x0f, 0x0b], 6), (&[0x31, 0xc9, 0xf7, 0xf1], 0), (&[0xcd, 0x04], 4), (&[0xcd, 0x08], 13)] {
        expect_exception(code, vector);
    }
    if arch::cpu::features().contains(arch::cpu::Features::UMIP) {
        // sgdt, sidt, sldt, str, smsw
        for code in
            [&[0x0f, 0x01, 0x04, 0x24][..], &[0x0f, 0x01, 0x0c, 0x24], &[0x0f, 0x00, 0xc0], &[0x0f, 0x00, 0xc8], &[0x0f, 0x01, 0xe0]]
        {
            expect_exception(code, 13);
        }
    }
    // Ring 0's extra instructions for SMAP are none of ring 3's.
    expect_exception(&[0x0f, 0x01, 0xcb], 6);
}
kernel_test!("user_privileged_instructions", privileged_instructions);

user_code!(iretq_to_kernel, "push 0x18", "push rsp", "push 2", "push 0x10", "push 0", "iretq");
user_code!(retf_to_kernel, "push 0x10", "push 0", "retfq");

/// Returns to ring 0 from ring 3, also with a stack whose page isn't there yet.
fn forged_returns() {
    for code in [iretq_to_kernel(), retf_to_kernel()] {
        let space = Space::new(code);
        let mut thread = space.thread();
        let trap = space.run(&mut thread);
        assert!(matches!(trap, Trap::Exception { vector: 13, .. }), "{trap:?}");
    }
    let space = Space::new(&[0x48, 0xcf]);
    let mut thread = space.thread();
    thread.registers_mut().rsp = NOWHERE as u64;
    assert_eq!(space.run(&mut thread), Trap::PageFault { address: NOWHERE, access: Access::Read });
}
kernel_test!("user_forged_returns", forged_returns);

/// Bad values in a context end as the user's exception, and the same thread runs well afterwards.
fn bad_return_frames() {
    let space = Space::new(two_calls());
    let good = *space.thread().registers();
    let bad = [
        Registers { rip: 0x8000_0000_0000_0000, ..good },
        Registers { rip: 0x0000_8000_0000_0000, ..good },
        Registers { rip: 0xffff_7fff_ffff_ffff, ..good },
        Registers { cs: 0x10, ..good },
        Registers { cs: 0x08, ..good },
        Registers { cs: 0x40, ..good },
        Registers { cs: 0xffff, ..good },
        Registers { ss: 0x18, ..good },
        Registers { ss: 0x33, ..good },
        Registers { ss: 0x43, ..good },
        Registers { rsp: 0x8000_0000_0000_0000, rip: 0x8000_0000_0000_0000, ..good },
    ];
    for (number, registers) in bad.into_iter().enumerate() {
        // The second time it looks as if `sysret` could be used.
        for tempting in [false, true] {
            let mut thread = space.thread();
            let mut registers = Registers { rbx: 5, ..registers };
            if tempting {
                (registers.rcx, registers.r11) = (registers.rip, registers.rflags);
            }
            *thread.registers_mut() = registers;
            let trap = space.run(&mut thread);
            assert!(matches!(trap, Trap::Exception { vector: 11..=13, .. }), "frame {number}: {trap:?}");
            assert_eq!(thread.registers().rip, registers.rip);
            assert_eq!(thread.registers().rbx, 5);
            *thread.registers_mut() = good;
            assert_eq!(space.run(&mut thread), Trap::Syscall);
        }
    }
    // Flags that aren't a program's to set: privilege level 3, interrupts off, virtual-8086.
    let mut thread = space.thread();
    thread.registers_mut().rflags = 0x2_3000;
    (thread.registers_mut().rcx, thread.registers_mut().r11) = (thread.registers().rip, thread.registers().rflags);
    assert_eq!(space.run(&mut thread), Trap::Syscall);
    assert_eq!(thread.registers().rflags, 0x202);
    // A segment base of the kernel's half.
    *thread.registers_mut() = good;
    thread.set_gs_base(0xffff_8000_0000_0000);
    thread.set_fs_base(u64::MAX);
    assert_eq!(space.run(&mut thread), Trap::Syscall);
    assert_eq!((thread.fs_base(), thread.gs_base()), (0, 0));
    // A kernel address to run at.
    *thread.registers_mut() = Registers { rip: 0xffff_ffff_8010_1000, ..good };
    assert_eq!(space.run(&mut thread), Trap::PageFault { address: 0xffff_ffff_8010_1000, access: Access::Execute });
}
kernel_test!("user_bad_return_frames", bad_return_frames);

fn call_at_the_end_of_user_space() {
    let mut space = Space::new(two_calls());
    let last = USER_END - arch::PAGE_SIZE;
    arch::user::store_u8(DATA + 0xffe, 0x0f).expect("mapped");
    arch::user::store_u8(DATA + 0xfff, 0x05).expect("mapped");
    space.map_data(last, arch::paging::PageFlags::USER | arch::paging::PageFlags::EXECUTE);
    let mut thread = space.thread();
    thread.registers_mut().rip = last as u64 + 0xffe;
    assert_eq!(space.run(&mut thread), Trap::Syscall);
    assert_eq!(space.run(&mut thread), Trap::PageFault { address: USER_END, access: Access::Execute });
}
kernel_test!("user_call_at_the_end_of_user_space", call_at_the_end_of_user_space);

user_code!(single_step, "pushfq", "or qword ptr [rsp], 0x100", "popfq", "nop", "syscall", "nop");

fn single_steps() {
    let space = Space::new(single_step());
    let mut thread = space.thread();
    let mut steps = 0;
    loop {
        match space.run(&mut thread) {
            Trap::Exception { vector: 1, .. } => steps += 1,
            Trap::Syscall => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(steps, 1, "the nop; a system call comes before its step");
    assert_ne!(thread.registers().rflags & 0x100, 0);
}
kernel_test!("user_single_steps", single_steps);

user_code!(read_bases, "mov rax, fs:[0]", "mov rbx, gs:[8]", "syscall", "jmp 2f", "2: jmp user_code_read_bases");

fn segment_bases() {
    let space = Space::new(read_bases());
    for at in 0..16 {
        arch::user::store_u64(DATA + 8 * at, at as u64 + 1).expect("mapped");
    }
    let mut threads = [space.thread(), space.thread()];
    for round in 0..3 {
        for (number, thread) in threads.iter_mut().enumerate() {
            thread.set_fs_base((DATA + 32 * number) as u64);
            thread.set_gs_base((DATA + 8 * (number + round)) as u64);
            assert_eq!(space.run(thread), Trap::Syscall);
            assert_eq!((thread.registers().orig_rax, thread.registers().rbx), (4 * number as u64 + 1, (number + round) as u64 + 2));
        }
    }
}
kernel_test!("user_segment_bases", segment_bases);

user_code!(vectors, "movq xmm0, rdi", "movq xmm15, rsi", "syscall", "2: movq rdi, xmm0", "movq rsi, xmm15", "syscall", "jmp 2b");

fn vector_registers() {
    let space = Space::new(vectors());
    let mut threads: [UserContext; 3] = core::array::from_fn(|number| {
        let mut thread = space.thread();
        (thread.registers_mut().rdi, thread.registers_mut().rsi) = (100 + number as u64, 200 + number as u64);
        thread
    });
    for thread in &mut threads {
        assert_eq!(space.run(thread), Trap::Syscall);
    }
    for _ in 0..3 {
        for (number, thread) in threads.iter_mut().enumerate() {
            (thread.registers_mut().rdi, thread.registers_mut().rsi) = (0, 0);
            assert_eq!(space.run(thread), Trap::Syscall);
            assert_eq!((thread.registers().rdi, thread.registers().rsi), (100 + number as u64, 200 + number as u64));
        }
    }
    // A copy, a frame for a signal handler, and what a handler wrote into it.
    let mut copy = threads[2].duplicate().expect("memory");
    assert_eq!(space.run(&mut copy), Trap::Syscall);
    assert_eq!(copy.registers().rdi, 102);
    let mut frame = [0; arch::user::FPU_FRAME_MAX];
    let size = threads[1].fpu_bytes(&mut frame);
    assert_eq!(frame[160], 101);
    frame[160] = 55;
    threads[1].set_fpu_bytes(&frame[..size]).expect("valid");
    assert_eq!(space.run(&mut threads[1]), Trap::Syscall);
    assert_eq!((threads[1].registers().rdi, threads[1].registers().rsi), (55, 201));
    // A fresh state after execve, also for a thread that owns the registers.
    threads[1].reset_fpu();
    assert_eq!(space.run(&mut threads[1]), Trap::Syscall);
    assert_eq!((threads[1].registers().rdi, threads[1].registers().rsi), (0, 0));
}
kernel_test!("user_vector_registers", vector_registers);

user_code!(
    wide_vectors,
    "vmovq xmm1, rdi",
    "vinsertf128 ymm2, ymm1, xmm1, 1",
    "syscall",
    "2: vextractf128 xmm3, ymm2, 1",
    "vmovq rdi, xmm3",
    "syscall",
    "jmp 2b"
);

fn avx_registers() {
    if !arch::cpu::features().contains(arch::cpu::Features::AVX) {
        return;
    }
    let space = Space::new(wide_vectors());
    let mut threads = [space.thread(), space.thread()];
    for round in 0..3 {
        for (number, thread) in threads.iter_mut().enumerate() {
            thread.registers_mut().rdi = if round == 0 { 7 + number as u64 } else { 0 };
            assert_eq!(space.run(thread), Trap::Syscall);
            assert_eq!(thread.registers().rdi, 7 + number as u64);
        }
    }
}
kernel_test!("user_avx_registers", avx_registers);

fn frames_come_back() {
    memory::heap::trim();
    let before = memory::frames::stats().free;
    for _ in 0..100 {
        let space = Space::new(vectors());
        let mut thread = space.thread();
        assert_eq!(space.run(&mut thread), Trap::Syscall);
    }
    memory::heap::trim();
    assert_eq!(memory::frames::stats().free, before);
}
kernel_test!("user_frames_come_back", frames_come_back);

user_code!(call_for_ever, "2: mov eax, 110", "syscall", "jmp 2b");

/// The cost of the bare way in and out, in instructions when QEMU counts them (`-icount shift=0`).
fn round_trip_cost() {
    let space = Space::new(call_for_ever());
    let mut thread = space.thread();
    assert_eq!(space.run(&mut thread), Trap::Syscall);
    const ROUNDS: u64 = 1000;
    let start = clock::ticks_since_entry();
    for _ in 0..ROUNDS {
        let _trap = enter(&mut thread);
    }
    let ticks = clock::ticks_since_entry() - start;
    log::info!("a round trip takes {} ticks", ticks / ROUNDS);
    let line = alloc::format!("\x01figure bare-system-call {}\n", ticks / ROUNDS);
    arch::console::write(line.as_bytes());
}
kernel_test!("user_round_trip_cost", round_trip_cost);
