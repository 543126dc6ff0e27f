//! /proc/cpuinfo.

use core::fmt::{self, Write};

use super::text::Text;

pub(super) fn cpuinfo(text: &mut Text<'_>) -> fmt::Result {
    let signature = arch::cpu::signature();
    let count = arch::cpu::count();
    // Hertz to MHz with three digits, as Linux prints it.
    let kilohertz = arch::clock::tsc_frequency() / 1000;
    for index in 0..count {
        writeln!(text, "processor\t: {index}")?;
        writeln!(text, "vendor_id\t: {}", arch::cpu::vendor())?;
        writeln!(text, "cpu family\t: {}", signature.family)?;
        writeln!(text, "model\t\t: {}", signature.model)?;
        writeln!(text, "model name\t: {}", arch::cpu::brand())?;
        writeln!(text, "stepping\t: {}", signature.stepping)?;
        writeln!(text, "cpu MHz\t\t: {}.{:03}", kilohertz / 1000, kilohertz % 1000)?;
        writeln!(text, "physical id\t: 0\nsiblings\t: {count}\ncore id\t\t: {index}\ncpu cores\t: {count}")?;
        text.write_str("flags\t\t:")?;
        for name in arch::cpu::feature_names() {
            write!(text, " {name}")?;
        }
        // A TSC frequency counts as two "MIPS" for each cycle, as in Linux's delay calibration.
        writeln!(text, "\nbogomips\t: {}.{:02}", kilohertz * 2 / 1000, kilohertz * 2 % 1000 / 10)?;
        text.write_str("clflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 40 bits physical, 48 bits virtual\n\n")?;
    }
    Ok(())
}
