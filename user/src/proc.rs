//! Numbers out of /proc.

/// A line `NAME:  12345 kB` of a file like /proc/meminfo or /proc/self/status.
pub fn field(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Free memory in KiB: /proc/meminfo where it is mounted, else `sysinfo`.
pub fn free_kib() -> u64 {
    field("/proc/meminfo", "MemFree").unwrap_or_else(|| {
        let mut info = [0u64; 16];
        crate::sys!(sysinfo, &mut info).expect("sysinfo");
        // struct sysinfo: uptime, loads[3], totalram, freeram, …, procs at byte 80, …, mem_unit at byte 104.
        info[5] * (info[13] & 0xffff_ffff).max(1) / 1024
    })
}
