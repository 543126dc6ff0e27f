//! What the processor and its clocks say.

use arch::{clock, cpu, random};

use crate::kernel_test;

fn knows_itself() {
    assert_eq!(cpu::id(), 0);
    assert_eq!(cpu::count(), 1);
    assert_eq!(cpu::vendor().len(), 12);
    assert!(!cpu::brand().is_empty());
    assert!(cpu::signature().family > 0);
    assert_ne!(cpu::hardware_capabilities() & 1 << 25, 0, "SSE");
    for name in ["fpu", "sse2", "syscall", "lm"] {
        assert!(cpu::feature_names().any(|found| found == name), "{name}");
    }
}
kernel_test!("processor_knows_itself", knows_itself);

fn each_processor_has_its_own() {
    static VALUES: cpu::PerCpu<super::Counter> = cpu::PerCpu::new([const { super::Counter::new() }; arch::MAX_CPUS]);
    VALUES.get().add();
    assert_eq!(VALUES.of(0).map(super::Counter::get), Some(1));
    assert_eq!(VALUES.of(1).map(super::Counter::get), Some(0));
    assert!(VALUES.of(arch::MAX_CPUS).is_none());
}
kernel_test!("processor_has_its_own_data", each_processor_has_its_own);

fn clock_runs_forward() {
    let mut last = clock::now();
    for _ in 0..10_000 {
        let now = clock::now();
        assert!(now >= last);
        last = now;
    }
    assert!(clock::tsc_frequency() > 10_000_000);
    let year_2020 = 1_577_836_800_000_000_000;
    assert!(clock::boot_wall_time() > year_2020, "{}", clock::boot_wall_time());
}
kernel_test!("processor_clock_runs_forward", clock_runs_forward);

fn random_numbers_differ() {
    let numbers: [Option<u64>; 4] = core::array::from_fn(|_| random::hardware());
    if cpu::features().contains(cpu::Features::RDRAND) {
        assert!(numbers.iter().all(Option::is_some));
        assert!(numbers.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
kernel_test!("processor_random_numbers_differ", random_numbers_differ);
