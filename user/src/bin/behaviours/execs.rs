//! execve: what the new program gets, what it keeps, and how a bad one is refused.

use user::child::{self, fork};
use user::exec::{SELF, execve, output, run_self};
use user::files::*;
use user::memory::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("execs":
    arguments_arrive, environment_arrives, many_arguments, argv_zero_is_free, empty_argv_gets_one, same_pid, cloexec_closes, handlers_reset_ignored_stay,
    mask_and_pending_survive, cwd_survives, e2big_for_one_string, e2big_in_total, missing_enoent, directory_eacces, no_execute_bit_eacces,
    root_needs_execute_bit_too, empty_file_enoexec, garbage_enoexec, text_without_shebang_enoexec, not_a_folder_enotdir, bad_pointers_efault, loop_eloop,
    script_runs, script_with_argument, script_of_script, script_loop_eloop, script_missing_interpreter_enoent, script_without_interpreter_enoexec,
    script_by_relative_path, setuid_bit_changes_euid, text_busy_for_writing, write_open_cannot_exec, exec_after_failure_goes_on, auxiliary_vector,
    fexecve_by_descriptor, self_can_be_unlinked, heap_starts_fresh, alternate_stack_gone, no_new_privs_stops_setuid, output_through_pipeline,
);

fn arguments_arrive() {
    assert_eq!(run_self(&["--child", "args", "one", "two words", "", "ünïcode"]), "one\ntwo words\n\nünïcode\n");
}

fn environment_arrives() {
    let (text, status) = output(|| panic!("{:?}", execve(SELF, &["x", "--child", "env"], &["A=1", "LONG=a b c", "EMPTY="])));
    assert_eq!((text.as_str(), status.0), ("A=1\nLONG=a b c\nEMPTY=\n", 0));
}

fn many_arguments() {
    let words: Vec<String> = (0..5000).map(|i| format!("argument-number-{i}")).collect();
    let mut all = vec!["--child", "args"];
    all.extend(words.iter().map(String::as_str));
    assert_eq!(run_self(&all), words.join("\n") + "\n");
}

fn argv_zero_is_free() {
    let (text, _) = output(|| panic!("{:?}", execve(SELF, &["-any name", "--child", "name"], &[])));
    assert_eq!(text, "-any name\n");
}

/// Linux hands a program that was given no argument at all an empty argv[0] (since 5.18).
fn empty_argv_gets_one() {
    let status = fork(|| {
        close(2);
        panic!("{:?}", execve(SELF, &[], &[]))
    })
    .wait();
    assert_eq!(status.exit_code(), Some(2), "the usage message of this program");
}

fn same_pid() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        sys!(dup2, writer, 1).unwrap();
        panic!("{:?}", execve(SELF, &["x", "--child", "pid"], &[]));
    });
    let pid = child.0;
    child.passed();
    assert_eq!(read_some(reader, 100).unwrap(), format!("{pid}\n").as_bytes());
}

fn cloexec_closes() {
    let kept = create("kept");
    let closed = open("closed", libc::O_RDWR | libc::O_CREAT | libc::O_CLOEXEC).unwrap();
    assert_eq!((kept, closed), (3, 4));
    let (text, _) = output(|| panic!("{:?}", execve(SELF, &["x", "--child", "descriptors"], &[])));
    assert_eq!(text, "3\n");
}

fn handlers_reset_ignored_stay() {
    signals::record_on(libc::SIGUSR1, 0);
    signals::ignore(libc::SIGUSR2);
    assert_eq!(run_self(&["--child", "disposition", "10"]), "0\n");
    assert_eq!(run_self(&["--child", "disposition", "12"]), "1\n");
}

fn mask_and_pending_survive() {
    let (text, _) = output(|| {
        signals::block(&[libc::SIGUSR1, libc::SIGTERM]);
        signals::raise(libc::SIGUSR1).unwrap();
        panic!("{:?}", execve(SELF, &["x", "--child", "mask"], &[]))
    });
    assert_eq!(text, format!("{:x} {:x}\n", signals::set(&[libc::SIGUSR1, libc::SIGTERM]), signals::set(&[libc::SIGUSR1])));
}

fn copy_self(path: &str, mode: u32) {
    std::fs::copy(SELF, path).expect("copy this program");
    chmod(path, mode).unwrap();
}

fn cwd_survives() {
    mkdir("d");
    copy_self("d/program", 0o755);
    sys!(chdir, c"d").unwrap();
    let (text, _) = output(|| panic!("{:?}", execve("./program", &["x", "--child", "args", "found"], &[])));
    assert_eq!(text, "found\n");
}

fn e2big_for_one_string() {
    let long = "x".repeat(131_072);
    assert_eq!(execve(SELF, &["x", &long], &[]), E2BIG);
    assert_eq!(execve(SELF, &["x"], &[&long]), E2BIG);
    let fits = "x".repeat(131_071);
    assert_eq!(run_self(&["--child", "args", &fits]).len(), 131_072);
}

fn e2big_in_total() {
    let word = "y".repeat(100_000);
    let many: Vec<&str> = (0..100).map(|_| word.as_str()).collect();
    assert_eq!(execve(SELF, &many, &[]), E2BIG, "10 MB are more than a quarter of the stack limit and 6 MiB");
}

fn missing_enoent() {
    assert_eq!(execve("absent", &["x"], &[]), ENOENT);
    assert_eq!(execve("", &["x"], &[]), ENOENT);
}

fn directory_eacces() {
    mkdir("d");
    assert_eq!(execve("d", &["x"], &[]), EACCES);
}

fn no_execute_bit_eacces() {
    copy_self("program", 0o644);
    child::as_user(1000, || assert_eq!(execve("program", &["x"], &[]), EACCES)).passed();
    chmod("program", 0o700).unwrap();
    child::as_user(1000, || assert_eq!(execve("program", &["x"], &[]), EACCES)).passed();
}

fn root_needs_execute_bit_too() {
    copy_self("program", 0o644);
    assert_eq!(execve("program", &["x"], &[]), EACCES);
    chmod("program", 0o001).unwrap();
    fork(|| panic!("{:?}", execve("program", &["x", "--child", "exit", "0"], &[]))).passed();
}

fn executable(path: &str, content: &[u8]) {
    put(path, content);
    chmod(path, 0o755).unwrap();
}

fn empty_file_enoexec() {
    executable("f", b"");
    assert_eq!(execve("f", &["x"], &[]), ENOEXEC);
}

fn garbage_enoexec() {
    executable("f", &[0u8; 4096]);
    assert_eq!(execve("f", &["x"], &[]), ENOEXEC);
    executable("g", b"\x7fELF");
    assert_eq!(execve("g", &["x"], &[]), ENOEXEC);
}

fn text_without_shebang_enoexec() {
    executable("f", b"echo hello\n");
    assert_eq!(execve("f", &["x"], &[]), ENOEXEC);
}

fn not_a_folder_enotdir() {
    put("f", b"");
    assert_eq!(execve("f/program", &["x"], &[]), ENOTDIR);
}

fn bad_pointers_efault() {
    assert_eq!(sys!(execve, 8, 0, 0), Err(EFAULT));
    assert_eq!(sys!(execve, c"/proc/self/exe", 8, 0), Err(EFAULT));
    assert_eq!(sys!(execve, c"/proc/self/exe", &[8usize, 0], 0), Err(EFAULT));
    assert_eq!(sys!(execve, c"/proc/self/exe", &[c"x".as_ptr() as usize, 0], 8), Err(EFAULT));
    assert_eq!(sys!(execve, c"/proc/self/exe", &[KERNEL_ADDRESSES[0], 0], 0), Err(EFAULT));
}

fn loop_eloop() {
    symlink("b", "a").unwrap();
    symlink("a", "b").unwrap();
    assert_eq!(execve("a", &["x"], &[]), ELOOP);
}

fn script_runs() {
    executable("script", b"#!/proc/self/exe --script\nanything may stand here\n");
    let (text, status) = output(|| panic!("{:?}", execve("./script", &["ignored", "one", "two"], &[])));
    assert_eq!((text.as_str(), status.0), ("/proc/self/exe\n--script\n./script\none\ntwo\n", 0));
}

/// Everything behind the interpreter is one argument, without the blanks around it.
fn script_with_argument() {
    executable("script", b"#!  \t/proc/self/exe   --script  \n");
    let (text, _) = output(|| panic!("{:?}", execve("./script", &["x"], &[])));
    assert_eq!(text, "/proc/self/exe\n--script\n./script\n");
    executable("two", b"#!/proc/self/exe --child args a b\n");
    let status = fork(|| {
        close(2);
        panic!("{:?}", execve("./two", &["x"], &[]))
    })
    .wait();
    assert_eq!(status.exit_code(), Some(2), "one word with blanks in it, which this program does not know");
}

fn script_of_script() {
    executable("inner", b"#!/proc/self/exe --script\n");
    executable("outer", b"#!./inner middle\n");
    let (text, _) = output(|| panic!("{:?}", execve("./outer", &["x", "last"], &[])));
    assert_eq!(text, "/proc/self/exe\n--script\n./inner\nmiddle\n./outer\nlast\n");
}

fn script_loop_eloop() {
    executable("self", b"#!./self\n");
    assert_eq!(execve("./self", &["x"], &[]), ELOOP);
}

fn script_missing_interpreter_enoent() {
    executable("script", b"#!/absent/interpreter\n");
    assert_eq!(execve("./script", &["x"], &[]), ENOENT);
}

fn script_without_interpreter_enoexec() {
    executable("script", b"#!\n");
    assert_eq!(execve("./script", &["x"], &[]), ENOEXEC);
    executable("blank", b"#!   \t \n");
    assert_eq!(execve("./blank", &["x"], &[]), ENOEXEC);
}

fn script_by_relative_path() {
    mkdir("d");
    executable("d/script", b"#!/proc/self/exe --script\n");
    sys!(chdir, c"d").unwrap();
    let (text, _) = output(|| panic!("{:?}", execve("script", &["x"], &[])));
    assert_eq!(text, "/proc/self/exe\n--script\nscript\n");
}

fn setuid_bit_changes_euid() {
    copy_self("program", 0o4755);
    let (text, _) = output(|| {
        child::become_user(1000);
        panic!("{:?}", execve("./program", &["x", "--child", "ids"], &[]))
    });
    assert_eq!(text, "Ok(1000) Ok(0)\n");
}

fn no_new_privs_stops_setuid() {
    copy_self("program", 0o4755);
    let (text, _) = output(|| {
        child::become_user(1000);
        assert_eq!(sys!(prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), Ok(0));
        panic!("{:?}", execve("./program", &["x", "--child", "ids"], &[]))
    });
    assert_eq!(text, "Ok(1000) Ok(1000)\n");
}

/// `./program`, which sleeps; returns when it has been executed, which a close-on-exec pipe tells.
fn sleeping_program() -> child::Child {
    copy_self("program", 0o755);
    let (reader, writer) = pipe(libc::O_CLOEXEC);
    let child = fork(|| panic!("{:?}", execve("./program", &["x", "--child", "sleep"], &[])));
    close(writer);
    assert_eq!(read_some(reader, 1).unwrap(), b"");
    child
}

fn text_busy_for_writing() {
    let child = sleeping_program();
    assert_eq!(open("program", libc::O_WRONLY), Err(ETXTBSY));
    child.kill(libc::SIGKILL);
    child.wait();
    assert!(open("program", libc::O_WRONLY).is_ok());
}

fn write_open_cannot_exec() {
    copy_self("program", 0o755);
    let fd = open("program", libc::O_WRONLY).unwrap();
    assert_eq!(execve("./program", &["x"], &[]), ETXTBSY);
    close(fd);
    fork(|| panic!("{:?}", execve("./program", &["x", "--child", "exit", "0"], &[]))).passed();
}

fn exec_after_failure_goes_on() {
    let memory = pages(1);
    poke(memory, 5);
    for _ in 0..100 {
        assert_eq!(execve("absent", &["x"], &[]), ENOENT);
    }
    assert_eq!(peek(memory), 5);
}

fn auxiliary_vector() {
    assert_eq!(run_self(&["--child", "auxv"]), "4096 true\n");
}

fn fexecve_by_descriptor() {
    copy_self("program", 0o755);
    let fd = open("program", libc::O_PATH | libc::O_CLOEXEC).unwrap();
    unlink("program").unwrap();
    let (text, _) = output(|| {
        let words = [c"x", c"--child", c"args", c"by descriptor"].map(|word| word.as_ptr() as usize);
        let argv = [words[0], words[1], words[2], words[3], 0];
        panic!("{:?}", sys!(execveat, fd, c"", &argv, 0, libc::AT_EMPTY_PATH))
    });
    assert_eq!(text, "by descriptor\n");
}

fn self_can_be_unlinked() {
    let child = sleeping_program();
    unlink("program").unwrap();
    assert!(child.is_running());
    child.kill(libc::SIGTERM);
    assert_eq!(child.wait().signal(), Some(libc::SIGTERM));
}

fn heap_starts_fresh() {
    let big = pages(5000);
    for page in 0..5000 {
        poke(big + page * PAGE, 1);
    }
    assert_eq!(run_self(&["--child", "args", "fine"]), "fine\n");
    assert_eq!(peek(big), 1);
}

fn alternate_stack_gone() {
    let (text, _) = output(|| {
        let stack = [pages(4), 0, 4 * PAGE];
        sys!(sigaltstack, &stack, 0).unwrap();
        panic!("{:?}", execve(SELF, &["x", "--child", "args", "ok"], &[]))
    });
    assert_eq!(text, "ok\n");
}

fn output_through_pipeline() {
    let (reader, writer) = pipe(0);
    let producer = fork(|| {
        sys!(dup2, writer, 1).unwrap();
        close(reader);
        close(writer);
        panic!("{:?}", execve(SELF, &["x", "--child", "args", "through"], &[]));
    });
    close(writer);
    let (text, status) = output(|| {
        sys!(dup2, reader, 0).unwrap();
        close(reader);
        panic!("{:?}", execve(SELF, &["x", "--child", "cat"], &[]));
    });
    assert_eq!((text.as_str(), status.0), ("through\n", 0));
    producer.passed();
}
