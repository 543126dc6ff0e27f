#![cfg_attr(target_os = "none", no_std, no_main)]
#[cfg(target_os = "none")]
mod t {
    extern crate arch;
    #[unsafe(no_mangle)]
    fn kernel_main(info: &'static arch::boot::BootInfo) -> ! {
        arch::console::write(b"hello\n");
        arch::console::write(info.command_line.as_bytes());
        arch::power::exit(arch::power::ExitCode::Success)
    }
    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
        struct W; impl core::fmt::Write for W { fn write_str(&mut self, s: &str) -> core::fmt::Result { arch::console::write(s.as_bytes()); Ok(()) } }
        let _ = core::fmt::Write::write_fmt(&mut W, format_args!("\x01panic\n{info}\n"));
        arch::power::exit(arch::power::ExitCode::Panic)
    }
    struct A;
    unsafe impl core::alloc::GlobalAlloc for A { unsafe fn alloc(&self, _: core::alloc::Layout) -> *mut u8 { core::ptr::null_mut() } unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {} }
    #[global_allocator] static G: A = A;
}
#[cfg(not(target_os = "none"))]
fn main() {}
