//! Ends of the process.

use crate::types::ExitCode;

/// Ends the machine with this status.
pub fn exit(code: ExitCode) -> ! {
    std::process::exit(code as i32)
}

/// Switches the machine off.
pub fn off() -> ! {
    exit(ExitCode::Success)
}

/// Stops the machine.
pub fn halt_machine() -> ! {
    exit(ExitCode::Success)
}

/// Restarts the machine; on the host, ends it.
pub fn reboot() -> ! {
    exit(ExitCode::Success)
}
