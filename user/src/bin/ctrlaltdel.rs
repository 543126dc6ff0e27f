//! `ctrlaltdel`, to be run as process 1: takes Ctrl-Alt-Del for itself, waits for the SIGINT that it then is (reboot(2)), says so, and
//! gives it back to the kernel, for which it means to restart.

use user::sys;

const MAGIC: [u32; 2] = [0xfee1_dead, 672_274_793];
const CAD_ON: u32 = 0x89ab_cdef;
const CAD_OFF: u32 = 0;

fn main() {
    let interrupt = 1u64 << (libc::SIGINT - 1);
    sys!(rt_sigprocmask, libc::SIG_BLOCK, &interrupt, 0, 8).expect("SIGINT is blocked");
    sys!(reboot, MAGIC[0], MAGIC[1], CAD_OFF, 0).expect("Ctrl-Alt-Del is ours");
    println!("started");
    assert_eq!(sys!(rt_sigtimedwait, &interrupt, 0, 0, 8), Ok(libc::SIGINT as usize));
    println!("process {} got SIGINT", std::process::id());
    sys!(reboot, MAGIC[0], MAGIC[1], CAD_ON, 0).expect("Ctrl-Alt-Del restarts");
    println!("given back");
    loop {
        std::thread::park();
    }
}
