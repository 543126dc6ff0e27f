//! execve: good programs, and files that are none.

use abi::process::WaitStatus;
use abi::{Errno, Signal};
use fs::{Credentials, LookupFlags};
use memory::{MapRequest, Protection, UserPtr};

use super::machine::{DATA, Program, World, elf, log, take_log};
use super::table::Table;
use crate::exec::Arguments;
use crate::init::{FirstProgram, spawn_program};

const CLONE_THREAD: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000;

#[test]
fn a_program_finds_its_stack() {
    let world = World::new();
    let mut program = Program::new(1);
    program.act(|context| {
        let stack = context.registers().rsp as usize;
        assert_eq!(stack % 16, 0);
        let word = |at: usize| UserPtr::<u64>::new(stack + at * 8).read().unwrap();
        let text = |at: u64| String::from_utf8(memory::user::read_c_string(at as usize, 100).unwrap()).unwrap();
        log(format!("{} {} {} {}", word(0), text(word(1)), text(word(2)), text(word(4))));
        assert_eq!((word(3), word(5)), (0, 0));
        let auxv: Vec<(u64, u64)> = (0..).map(|n| (word(6 + 2 * n), word(7 + 2 * n))).take_while(|pair| pair.0 != 0).collect();
        let find = |key: u64| auxv.iter().find(|pair| pair.0 == key).unwrap().1;
        assert_eq!((find(6), find(4), find(5), find(3), find(9), find(7)), (4096, 56, 2, 0x10_0040, 0x10_0000, 0));
        assert_eq!((find(17), find(23), text(find(31)), text(find(15))), (100, 0, "/p1".into(), "x86_64".into()));
    });
    // Data from the file, zeros behind it, in the page of the file and in the next.
    program.act(|_| {
        let byte = |at: u64| UserPtr::<u8>::new((0x10_0000 + DATA + at) as usize).read().unwrap();
        log(format!("{} {} {} {}", byte(15), byte(16), byte(0xfff), byte(0x17ff)));
    });
    program.call(231, [0; 3]);
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::exited(0));
    assert_eq!(take_log(), ["2 /p1 one A=b", "7 0 0 0"]);
}

#[test]
fn execute_replaces_the_program_and_ends_other_threads() {
    let world = World::new();
    let mut program = Program::new(1);
    let word = program.data(64);
    let (sleeper, executor) = (program.here() + 40, program.here() + 60);
    program.call(13, [10, 0x1234, 0]);
    program.call_with(56, |context| [CLONE_THREAD, context.registers().rsp - 4096, 0]).child_to(sleeper);
    program.call_with(56, |context| [CLONE_THREAD, context.registers().rsp - 8192, 0]).child_to(executor);
    program.call(34, [0; 3]).say("never");
    while program.here() < sleeper {
        program.act(|_| {});
    }
    program.call(1000, [word, 0, 0]).say("never");
    while program.here() < executor {
        program.act(|_| {});
    }
    program.call(24, [0; 3]).call(59, [99, 0, 0]).show("missing").call(59, [2, 0, 0]).say("never");
    world.install(program);
    let mut second = Program::new(2);
    second.act(|_| {
        let thread = crate::current().unwrap();
        log(format!(
            "alone {} leader {} name {}",
            thread.process().thread_count(),
            thread.is_leader(),
            String::from_utf8_lossy(&thread.name())
        ));
    });
    second.call(13, [10, 0, 0]).show("action").call(231, [4, 0, 0]);
    world.install(second);
    assert_eq!(world.run(1), WaitStatus::exited(4));
    assert_eq!(take_log(), ["missing -2", "alone 1 leader true name p2", "action 0"]);
}

/// The old memory takes several polls to empty. Who looks in between finds the new program already under its new owner, and out of reach.
#[test]
fn a_set_user_id_program_is_never_seen_with_the_old_identity() {
    const PAGES: usize = 4096;
    let world = World::new();
    let mut program = Program::new(1);
    program.act(|_| {
        let space = crate::current().unwrap().process().space().unwrap();
        let start = space.map(MapRequest::anonymous(PAGES * arch::PAGE_SIZE, Protection::READ | Protection::WRITE)).unwrap();
        for page in 0..PAGES {
            UserPtr::<u8>::new(start + page * arch::PAGE_SIZE).write(&1).unwrap();
        }
    });
    program.call(59, [2, 0, 0]).say("never");
    world.install(program);
    let mut second = Program::new(2);
    second.say("runs").call(231, [0; 3]);
    world.install(second);
    let place = world.fs().resolve(&Credentials::root(), None, b"/p2", LookupFlags::FOLLOW_LAST).unwrap();
    place.set_owner(&Credentials::root(), Some(7), None).unwrap();
    place.set_mode(&Credentials::root(), 0o4755).unwrap();

    let process = world.start(1);
    let (old, seen) = (process.space_id(), process.clone());
    let mut observer = Program::new(3);
    let again = observer.here();
    observer.call(24, [0; 3]);
    observer.jump(move |_| (seen.space_id() == old).then_some(again));
    let seen = process.clone();
    observer.act(move |_| log(format!("user {} dumpable {}", seen.credentials().unwrap().euid, seen.is_dumpable())));
    observer.call(231, [0; 3]);
    world.install(observer);
    let observer = world.start(3);
    world.finish(&process);
    world.finish(&observer);
    assert_eq!(take_log(), ["user 7 dumpable false", "runs"]);
}

fn start(world: &World, path: &str) -> Result<WaitStatus, Errno> {
    let process = spawn_program::<Table>(FirstProgram {
        path: path.as_bytes(),
        argv: &[path, "first"],
        envp: &[],
        fs: world.fs(),
        files: fs::FdTable::new(),
        own_session: true,
    })?;
    Ok(world.finish(&process))
}

#[test]
fn scripts_run_their_interpreter() {
    let world = World::new();
    let mut program = Program::new(1);
    program.act(|context| {
        let stack = context.registers().rsp as usize;
        let word = |at: usize| UserPtr::<u64>::new(stack + at * 8).read().unwrap();
        let text = |at: u64| String::from_utf8(memory::user::read_c_string(at as usize, 100).unwrap()).unwrap();
        log((0..word(0) as usize).map(|n| text(word(1 + n))).collect::<Vec<_>>().join("|"));
    });
    program.call(231, [0; 3]);
    world.install(program);
    world.file("/a", 0o755, b"#! /p1  x y \nrest");
    world.file("/b", 0o755, b"#!/a\n");
    world.file("/plain", 0o644, b"#!/p1\n");
    world.file("/loop", 0o755, b"#!/loop\n");
    world.file("/empty", 0o755, b"#!  \n");
    world.file("/missing", 0o755, b"#!/nowhere\n");
    world.file("/none", 0o755, b"");
    assert_eq!(start(&world, "/a"), Ok(WaitStatus::exited(0)));
    assert_eq!(start(&world, "/b"), Ok(WaitStatus::exited(0)));
    assert_eq!(take_log(), ["/p1|x y|/a|first", "/p1|x y|/a|/b|first"]);
    assert_eq!(start(&world, "/plain"), Err(Errno::EACCES));
    assert_eq!(start(&world, "/loop"), Err(Errno::ELOOP));
    assert_eq!(start(&world, "/empty"), Err(Errno::ENOEXEC));
    assert_eq!(start(&world, "/missing"), Err(Errno::ENOENT));
    assert_eq!(start(&world, "/none"), Err(Errno::ENOEXEC));
    assert_eq!(start(&world, "/"), Err(Errno::EACCES));
}

#[test]
fn bad_headers_are_refused() {
    let world = World::new();
    let good = elf(0x10_0000);
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: Errno| {
        let mut file = good.clone();
        change(&mut file);
        world.file("/bad", 0o755, &file);
        assert_eq!(start(&world, "/bad").err(), Some(expected), "{:?}", &file[..file.len().min(120)]);
    };
    for length in [1, 4, 63, 64, 119, 175] {
        check(&|file| file.truncate(length), Errno::ENOEXEC);
    }
    check(&|file| file[4] = 1, Errno::ENOEXEC);
    check(&|file| file[18] = 3, Errno::ENOEXEC);
    check(&|file| file[16] = 4, Errno::ENOEXEC);
    check(&|file| file[54] = 55, Errno::ENOEXEC);
    check(&|file| file[56..58].fill(0), Errno::ENOEXEC);
    check(&|file| file[56..58].fill(0xff), Errno::ENOEXEC);
    check(&|file| file[32..40].fill(0xff), Errno::ENOEXEC);
}

#[test]
fn bad_segments_kill_the_process() {
    let world = World::new();
    let mut program = Program::new(1);
    program.call(59, [9, 0, 0]).say("went on");
    world.install(program);
    let good = elf(0x90_0000);
    // Address in the kernel; size of all memory; file part larger than memory part; offset and address that don't fit; below the lowest page.
    let changes: [(usize, u64); 6] = [
        (64 + 16, 0xffff_8000_0000_0000),
        (64 + 40, 0x7fff_ffff_ffff_0000),
        (64 + 40, 1),
        (64 + 8, 123),
        (64 + 16, 0),
        (64 + 32, u64::MAX),
    ];
    for (at, value) in changes {
        let mut file = good.clone();
        file[at..at + 8].copy_from_slice(&value.to_le_bytes());
        world.file("/p9", 0o755, &file);
        assert_eq!(world.run(1), WaitStatus::killed(Signal::SIGSEGV, false), "{at} {value:#x}");
        assert!(take_log().is_empty());
    }
}

#[test]
fn random_headers_do_no_harm() {
    let world = World::new();
    let good = elf(0x90_0000);
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let interesting = [0u64, 1, 0xfff, 0x1000, 0x7fff_ffff_f000, 0x8000_0000_0000, u64::MAX, i64::MAX as u64];
    for _ in 0..300 {
        let mut file = good.clone();
        for _ in 0..1 + random() % 3 {
            let at = (random() % 168) as usize & !7;
            let value = if random() % 2 == 0 { interesting[(random() % 8) as usize] } else { random() };
            file[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        world.file("/p9", 0o755, &file);
        // Whatever it is: an error, or a process that ends by a signal because there is no script for it.
        if let Ok(status) = start(&world, "/p9") {
            assert!(status.signal().is_some());
        }
    }
}

#[test]
fn arguments_have_limits() {
    let _world = World::new();
    let long = vec![b'x'; 131_072];
    let fits = vec![b'x'; 131_071];
    let new = |strings: &[&[u8]], stack| Arguments::from_kernel(strings, &[] as &[&[u8]], stack);
    assert_eq!(new(&[&long], 8 << 20).err(), Some(Errno::E2BIG));
    assert!(new(&[&fits], 8 << 20).is_ok());
    let many: Vec<&[u8]> = vec![&fits; 16];
    assert_eq!(new(&many, 8 << 20).err(), Some(Errno::E2BIG));
    assert!(new(&many[..15], 8 << 20).is_ok());
    assert_eq!(new(&many[..1], 0).err(), Some(Errno::E2BIG));
    assert!(new(&[b"a"], 0).is_ok());
}
