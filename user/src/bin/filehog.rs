//! `filehog [MIB]`: writes a file in the working directory (or /tmp) until the file system is full, a limit is met, or MIB MiB are
//! written (by default 4096); then makes empty files until that is refused (or 100,000 are there). Removes all and shows that files can be
//! written again.

use user::files::{close, create, open, unlink, write};
use user::sys;

fn main() {
    let mut words = std::env::args().skip(1);
    let limit: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(4096);
    let folder = format!("/tmp/filehog-{}", std::process::id());
    std::fs::create_dir_all(&folder).expect("a folder");
    // A full file system must answer with an error; a size limit would send SIGXFSZ, whose default action kills.
    user::signals::ignore(libc::SIGXFSZ);
    let big = format!("{folder}/big");
    let fd = create(&big);
    let piece = vec![0x5au8; 1 << 20];
    let mut written = 0usize;
    let why = loop {
        if written >= limit << 20 {
            break String::from("the limit of this program");
        }
        match write(fd, &piece) {
            Ok(n) => written += n,
            Err(error) => break format!("{error:?}"),
        }
    };
    println!("filehog: {} KiB in one file, then {why}", written / 1024);
    close(fd);
    unlink(&big).expect("unlink the big file");
    let mut count = 0;
    let why = loop {
        if count == 100_000 {
            break String::from("the limit of this program");
        }
        match open(&format!("{folder}/{count}"), libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL) {
            Ok(fd) => {
                count += 1;
                close(fd);
            }
            Err(error) => break format!("{error:?}"),
        }
    };
    println!("filehog: {count} files, then {why}");
    for number in 0..count {
        unlink(&format!("{folder}/{number}")).expect("unlink");
    }
    let fd = create(&big);
    assert_eq!(write(fd, &piece), Ok(piece.len()));
    assert_eq!(sys!(fsync, fd), Ok(0));
    close(fd);
    std::fs::remove_dir_all(&folder).expect("remove the folder");
    println!("filehog: the system writes files again");
}
