//! A machine for tests: scripted user programs on the hosted processor, a small table of system calls, and a root file system with one
//! ELF file for each program.
//!
//! A program is a list of steps, two bytes each, the length of a `syscall` instruction. So going back by one instruction, as the restart of a call
//! does, executes the step again, and a handler's address is simply that of a step.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use abi::process::WaitStatus;
use alloc::sync::Arc;
use arch::user::{Trap, UserContext};
use fs::mount::MountFlags;
use fs::{Credentials, FdTable, FsContext, Mount, OpenFlags, Path, Tmpfs, tmpfs::TmpfsOptions};
use memory::IoSource;

use super::table::Table;
use crate::init::{FirstProgram, become_init, spawn_program};
use crate::{Process, find_process, tree};

type Action = Rc<dyn Fn(&mut UserContext) -> Option<Trap>>;

thread_local! {
    static PROGRAMS: RefCell<BTreeMap<u64, Vec<Action>>> = const { RefCell::new(BTreeMap::new()) };
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

const SIZE: u64 = 0x10_0000;
/// Where each program has a page to scribble on, relative to its base.
pub const DATA: u64 = 0x1000;

/// Adds a line to the test's log.
pub fn log(line: impl Into<String>) {
    LOG.with_borrow_mut(|log| log.push(line.into()));
}

/// The lines so far, taken.
pub fn take_log() -> Vec<String> {
    LOG.take()
}

/// A program under construction.
pub struct Program {
    base: u64,
    steps: Vec<Action>,
}

impl Program {
    pub fn new(number: u64) -> Program {
        Program { base: number * SIZE, steps: Vec::new() }
    }

    /// The address of the next step.
    pub fn here(&self) -> u64 {
        self.base + self.steps.len() as u64 * 2
    }

    /// An address in the program's own data page.
    pub fn data(&self, offset: u64) -> u64 {
        self.base + DATA + offset
    }

    fn step(&mut self, action: impl Fn(&mut UserContext) -> Option<Trap> + 'static) -> &mut Program {
        self.steps.push(Rc::new(action));
        self
    }

    /// Something that the program does by itself.
    pub fn act(&mut self, action: impl Fn(&mut UserContext) + 'static) -> &mut Program {
        self.step(move |context| {
            action(context);
            None
        })
    }

    /// A trap other than a system call.
    pub fn trap(&mut self, trap: Trap) -> &mut Program {
        self.step(move |context| {
            context.registers_mut().orig_rax = u64::MAX;
            Some(trap)
        })
    }

    /// A system call with arguments that are worked out when it is made.
    pub fn call_with(&mut self, number: u64, arguments: impl Fn(&UserContext) -> [u64; 3] + 'static) -> &mut Program {
        self.act(move |context| {
            let [first, second, third] = arguments(context);
            let r = context.registers_mut();
            (r.rax, r.rdi, r.rsi, r.rdx) = (number, first, second, third);
        });
        self.step(|context| {
            context.registers_mut().orig_rax = context.registers().rax;
            Some(Trap::Syscall)
        })
    }

    pub fn call(&mut self, number: u64, arguments: [u64; 3]) -> &mut Program {
        self.call_with(number, move |_| arguments)
    }

    /// Logs the result of the last call.
    pub fn show(&mut self, what: &'static str) -> &mut Program {
        self.act(move |context| log(format!("{what} {}", context.registers().rax as i64)))
    }

    pub fn say(&mut self, what: &'static str) -> &mut Program {
        self.act(move |_| log(what))
    }

    /// Goes to the address that `target` gives, if it does.
    pub fn jump(&mut self, target: impl Fn(&UserContext) -> Option<u64> + 'static) -> &mut Program {
        self.act(move |context| {
            if let Some(target) = target(context) {
                context.registers_mut().rip = target;
            }
        })
    }

    /// In the child of a fork (result 0), goes to `target`.
    pub fn child_to(&mut self, target: u64) -> &mut Program {
        self.jump(move |context| (context.registers().rax == 0).then_some(target))
    }

    /// The end of a signal handler: the return through the restorer.
    pub fn handler_end(&mut self) -> &mut Program {
        self.act(|context| context.registers_mut().rsp += 8);
        self.call(15, [0; 3])
    }
}

/// A machine with a root file system and the kernel as process 1; one test at a time.
pub struct World {
    pub root: Path,
    _serial: MutexGuard<'static, ()>,
}

impl World {
    pub fn new() -> World {
        static SERIAL: Mutex<()> = Mutex::new(());
        let serial = SERIAL.lock().unwrap_or_else(PoisonError::into_inner);
        memory::frames::init_hosted(64 << 20);
        arch::interrupts::enable();
        if find_process(tree::INIT).is_none() {
            become_init().unwrap();
        }
        take_log();
        PROGRAMS.take();
        arch::hosted::script(interpret);
        let root = Path::root_of(&Mount::new(Tmpfs::new(&TmpfsOptions::unlimited()).unwrap(), "root", MountFlags::empty()));
        World { root, _serial: serial }
    }

    pub fn fs(&self) -> FsContext {
        FsContext::new(self.root.clone())
    }

    /// Makes a file with these bytes.
    pub fn file(&self, path: &str, mode: u32, bytes: &[u8]) {
        let flags = OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC;
        let file = self.fs().open(&Credentials::root(), None, path.as_bytes(), flags, mode).unwrap().now().unwrap();
        assert_eq!(file.write(&mut IoSource::kernel(bytes), u64::MAX).unwrap(), bytes.len());
    }

    /// Installs a program as `/pN`.
    pub fn install(&self, program: Program) {
        let number = program.base / SIZE;
        self.file(&format!("/p{number}"), 0o755, &elf(program.base));
        PROGRAMS.with_borrow_mut(|all| all.insert(program.base, program.steps));
    }

    /// Starts `/pN` in a session of its own.
    pub fn start(&self, number: u64) -> Arc<Process> {
        let path = format!("/p{number}");
        spawn_program::<Table>(FirstProgram {
            path: path.as_bytes(),
            argv: &[path.as_str(), "one"],
            envp: &["A=b"],
            fs: self.fs(),
            files: FdTable::new(),
            own_session: true,
        })
        .unwrap()
    }

    /// Lets everything run until nothing can.
    pub fn settle(&self) {
        executor::run_until_idle();
    }

    /// Runs until the process has ended, the clock going on when everybody sleeps.
    pub fn finish(&self, process: &Process) -> WaitStatus {
        for _ in 0..10_000 {
            self.settle();
            if process.has_ended() {
                return WaitStatus(process.status.load(core::sync::atomic::Ordering::Acquire));
            }
            arch::hosted::advance_clock(10_000_000);
        }
        panic!("process {} never ends; log: {:?}", process.pid(), take_log());
    }

    pub fn run(&self, number: u64) -> WaitStatus {
        let process = self.start(number);
        self.finish(&process)
    }
}

/// The least ELF file that holds a program of one code and one data page.
pub fn elf(base: u64) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [2u16, 62] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1u32.to_le_bytes());
    for word in [base, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 2, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    segment(&mut file, 5, [0, base, base, 0x1000, 0x1000, 0x1000]);
    segment(&mut file, 6, [0x1000, base + DATA, base + DATA, 16, 0x1800, 0x1000]);
    file.resize(0x1000, 0);
    file.extend([7; 16]);
    file
}

fn segment(file: &mut Vec<u8>, flags: u32, words: [u64; 6]) {
    file.extend(1u32.to_le_bytes());
    file.extend(flags.to_le_bytes());
    for word in words {
        file.extend(word.to_le_bytes());
    }
}

fn interpret(context: &mut UserContext) -> Trap {
    loop {
        let rip = context.registers().rip;
        let step = PROGRAMS.with_borrow(|all| {
            let (base, steps) = all.range(..=rip).next_back()?;
            steps.get((rip - base) as usize / 2).cloned()
        });
        let Some(step) = step else {
            context.registers_mut().orig_rax = u64::MAX;
            // Where nobody wrote a program there are no instructions.
            return Trap::Exception { vector: 6, error: 0 };
        };
        context.registers_mut().rip += 2;
        if let Some(trap) = step(context) {
            return trap;
        }
    }
}
