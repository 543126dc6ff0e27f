//! What ordinary Rust programs do through the standard library: files, folders, processes, time, arguments.

use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use user::exec::SELF;

table!("programs":
    files_read_and_write, buffered_lines, seek_and_set_length, folders_walk, remove_whole_tree, copy_and_rename, metadata_and_times, permissions_change,
    links_of_both_kinds, canonical_paths, not_found_is_told, command_output, command_with_pipes, command_status_codes, command_environment, command_in_folder,
    command_not_found, command_killed, command_many_at_once, instant_and_sleep, system_time_is_now, formatted_output, big_vectors, deep_recursion,
    hash_maps_and_sorting, temp_dir_exists, exit_code_of_process, stdin_of_command, pipes_between_commands, current_exe_is_known, available_parallelism,
);

fn files_read_and_write() {
    fs::write("f", "some text\n").unwrap();
    assert_eq!(fs::read_to_string("f").unwrap(), "some text\n");
    fs::OpenOptions::new().append(true).open("f").unwrap().write_all(b"more\n").unwrap();
    assert_eq!(fs::read("f").unwrap(), b"some text\nmore\n");
}

fn buffered_lines() {
    let text: String = (0..1000).map(|i| format!("line {i}\n")).collect();
    fs::write("f", text).unwrap();
    let lines = BufReader::new(fs::File::open("f").unwrap()).lines();
    assert!(lines.enumerate().all(|(i, line)| line.unwrap() == format!("line {i}")));
}

fn seek_and_set_length() {
    let mut file = fs::File::options().read(true).write(true).create_new(true).open("f").unwrap();
    file.write_all(b"0123456789").unwrap();
    file.seek(SeekFrom::End(-3)).unwrap();
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "789");
    file.set_len(2).unwrap();
    assert_eq!(fs::read("f").unwrap(), b"01");
    assert!(fs::File::options().write(true).create_new(true).open("f").is_err());
    file.sync_all().unwrap();
}

fn folders_walk() {
    fs::create_dir_all("a/b/c").unwrap();
    fs::write("a/f", "").unwrap();
    fs::write("a/b/g", "").unwrap();
    fn walk(path: &std::path::Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            found.push(entry.path().to_string_lossy().into_owned());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            }
        }
    }
    let mut found = Vec::new();
    walk("a".as_ref(), &mut found);
    found.sort();
    assert_eq!(found, ["a/b", "a/b/c", "a/b/g", "a/f"]);
}

fn remove_whole_tree() {
    for i in 0..20 {
        fs::create_dir_all(format!("tree/{i}/deep/er")).unwrap();
        fs::write(format!("tree/{i}/deep/f"), "x").unwrap();
    }
    fs::remove_dir_all("tree").unwrap();
    assert!(!fs::exists("tree").unwrap());
}

fn copy_and_rename() {
    fs::write("f", vec![7; 100_000]).unwrap();
    assert_eq!(fs::copy("f", "g").unwrap(), 100_000);
    fs::rename("g", "h").unwrap();
    assert_eq!(fs::read("h").unwrap(), fs::read("f").unwrap());
}

fn metadata_and_times() {
    let before = SystemTime::now() - Duration::from_secs(5);
    fs::write("f", "12345").unwrap();
    let data = fs::metadata("f").unwrap();
    assert!(data.is_file() && data.len() == 5 && data.modified().unwrap() > before);
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open("f").unwrap().set_modified(then).unwrap();
    assert_eq!(fs::metadata("f").unwrap().modified().unwrap(), then);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

fn permissions_change() {
    fs::write("f", "").unwrap();
    fs::set_permissions("f", fs::Permissions::from_mode(0o400)).unwrap();
    let data = fs::metadata("f").unwrap();
    assert!(data.permissions().readonly());
    assert_eq!(data.mode() & 0o777, 0o400);
}

fn links_of_both_kinds() {
    fs::write("f", "x").unwrap();
    fs::hard_link("f", "hard").unwrap();
    std::os::unix::fs::symlink("f", "soft").unwrap();
    assert_eq!(fs::metadata("hard").unwrap().nlink(), 2);
    assert_eq!(fs::read_link("soft").unwrap().to_str(), Some("f"));
    assert!(fs::symlink_metadata("soft").unwrap().is_symlink());
}

fn canonical_paths() {
    fs::create_dir_all("a/b").unwrap();
    std::os::unix::fs::symlink("a/b", "l").unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!(fs::canonicalize("l/../b/.").unwrap(), here.join("a/b"));
}

fn not_found_is_told() {
    use std::io::ErrorKind::*;
    assert_eq!(fs::read("absent").unwrap_err().kind(), NotFound);
    fs::write("f", "").unwrap();
    assert_eq!(fs::create_dir("f").unwrap_err().kind(), AlreadyExists);
    assert_eq!(fs::read_dir("f").unwrap_err().kind(), NotADirectory);
    assert_eq!(fs::remove_file(".").unwrap_err().kind(), IsADirectory);
    fs::create_dir_all("d/e").unwrap();
    assert_eq!(fs::remove_dir("d").unwrap_err().kind(), DirectoryNotEmpty);
}

fn this(words: &[&str]) -> Command {
    let mut command = Command::new(SELF);
    command.arg("--child").args(words);
    command
}

fn command_output() {
    let output = this(&["args", "one", "two"]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, b"one\ntwo\n");
    assert!(output.stderr.is_empty());
}

fn command_with_pipes() {
    let mut child = this(&["cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&vec![b'z'; 300_000]).unwrap());
    let mut text = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut text).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success() && text == vec![b'z'; 300_000]);
}

fn command_status_codes() {
    for code in [0, 1, 42, 255] {
        assert_eq!(this(&["exit", &code.to_string()]).status().unwrap().code(), Some(code));
    }
}

fn command_environment() {
    let output = this(&["env"]).env_clear().env("B", "two").env("A", "one").output().unwrap();
    assert_eq!(output.stdout, b"A=one\nB=two\n");
}

fn command_in_folder() {
    fs::create_dir("d").unwrap();
    fs::copy(SELF, "d/program").unwrap();
    let here = std::env::current_dir().unwrap();
    let output = Command::new(here.join("d/program")).current_dir("d").args(["--child", "name"]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), here.join("d/program").to_string_lossy());
}

fn command_not_found() {
    assert_eq!(Command::new("/absent/program").spawn().unwrap_err().kind(), std::io::ErrorKind::NotFound);
    fs::write("f", "").unwrap();
    assert_eq!(Command::new("./f").spawn().unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
}

fn command_killed() {
    let mut child = this(&["sleep"]).spawn().unwrap();
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
}

fn command_many_at_once() {
    let children: Vec<_> = (0..20).map(|i| this(&["exit", &i.to_string()]).spawn().unwrap()).collect();
    for (i, mut child) in children.into_iter().enumerate() {
        assert_eq!(child.wait().unwrap().code(), Some(i as i32));
    }
}

fn instant_and_sleep() {
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(30));
    assert!(start.elapsed() >= Duration::from_millis(30));
}

fn system_time_is_now() {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert!(since > Duration::from_secs(1_600_000_000));
}

fn formatted_output() {
    let output = this(&["args", "ünïcode", "tab\there"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "ünïcode\ntab\there\n");
}

fn big_vectors() {
    let mut numbers: Vec<u64> = (0..2_000_000).collect();
    numbers.reverse();
    numbers.sort_unstable();
    assert!(numbers.iter().enumerate().all(|(i, &number)| number == i as u64));
    for _ in 0..20 {
        let block = vec![1u8; 3 << 20];
        assert_eq!(block[block.len() - 1], 1);
    }
}

fn deep_recursion() {
    fn depth(n: u64) -> u64 {
        if n == 0 { 0 } else { 1 + depth(std::hint::black_box(n - 1)) }
    }
    assert_eq!(depth(50_000), 50_000);
}

fn hash_maps_and_sorting() {
    let map: std::collections::HashMap<u32, String> = (0..10_000).map(|i| (i, i.to_string())).collect();
    assert!((0..10_000).all(|i| map[&i] == i.to_string()));
    let mut words: Vec<_> = map.values().collect();
    words.sort();
    assert_eq!((words[0].as_str(), words[1].as_str(), words[2].as_str()), ("0", "1", "10"));
}

fn temp_dir_exists() {
    assert!(std::env::temp_dir().is_dir());
}

fn exit_code_of_process() {
    let status = user::child::fork(|| std::process::exit(17)).wait();
    assert_eq!(status.exit_code(), Some(17));
    assert_eq!(user::child::fork(|| std::process::abort()).wait().signal(), Some(libc::SIGABRT));
}

fn stdin_of_command() {
    fs::write("input", "from a file").unwrap();
    let output = this(&["cat"]).stdin(fs::File::open("input").unwrap()).output().unwrap();
    assert_eq!(output.stdout, b"from a file");
    assert_eq!(this(&["cat"]).stdin(Stdio::null()).output().unwrap().stdout, b"");
}

fn pipes_between_commands() {
    let mut first = this(&["args", "down", "the", "pipe"]).stdout(Stdio::piped()).spawn().unwrap();
    let second = this(&["cat"]).stdin(first.stdout.take().unwrap()).stdout(Stdio::piped()).spawn().unwrap();
    let output = second.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"down\nthe\npipe\n");
    assert!(first.wait().unwrap().success());
}

fn current_exe_is_known() {
    assert!(std::env::current_exe().unwrap().is_absolute());
}

fn available_parallelism() {
    assert!(std::thread::available_parallelism().unwrap().get() >= 1);
}
