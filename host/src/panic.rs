//! Makes a panic of the kernel readable: the guest prints bare addresses (`  at 0xffffffff8…`), and the kernel's file on this
//! side knows the functions and lines behind them.

use std::path::Path;

use addr2line::Loader;

/// The text of a panic with function, file and line behind each address.
pub fn symbolise(elf: &Path, text: &[String]) -> Vec<String> {
    let Ok(loader) = Loader::new(elf) else { return text.to_vec() };
    let mut lines = Vec::new();
    for line in text {
        match address(line) {
            // These are return addresses: the call is just before, and may even be the last of its function.
            Some(address) => lines.extend(describe(&loader, address.saturating_sub(1), line)),
            None => lines.push(line.clone()),
        }
    }
    lines
}

/// The address of a line of a backtrace.
fn address(line: &str) -> Option<u64> {
    let digits = line.trim_start().strip_prefix("at 0x")?;
    u64::from_str_radix(digits.split_whitespace().next()?, 16).ok()
}

/// One line for the function at `probe`, and one for each function that was inlined there, innermost first.
fn describe(loader: &Loader, probe: u64, line: &str) -> Vec<String> {
    // Line tables name the functions that were inlined; the one that they were inlined into is in the symbol table alone.
    let symbol = || addr2line::demangle_auto(loader.find_symbol(probe).unwrap_or("?").into(), None).into_owned();
    let mut lines = Vec::new();
    if let Ok(mut frames) = loader.find_frames(probe) {
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.and_then(|function| function.demangle().ok().map(|name| name.into_owned()));
            let place = frame.location.and_then(|place| Some(format!("{}:{}", place.file?, place.line?)));
            lines.push(format!("{line}  {}  {}", name.unwrap_or_else(symbol), place.unwrap_or_default()));
        }
    }
    if lines.is_empty() {
        lines.push(format!("{line}  {}", symbol()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_their_lines() {
        assert_eq!(address("  at 0xffffffff80001234"), Some(0xffff_ffff_8000_1234));
        assert_eq!(address("  at 0x10 more"), Some(0x10));
        assert_eq!(address("panicked at 0x10"), None);
    }

    #[test]
    fn a_function_gets_its_name() {
        let this = std::env::current_exe().unwrap();
        let base = Loader::new(&this).unwrap().relative_address_base();
        // Symbols of a position-independent program count from its start; any named function serves.
        let elf = std::fs::read(&this).unwrap();
        use object::{Object, ObjectSymbol};
        let file = object::File::parse(&*elf).unwrap();
        let symbol = file.symbols().find(|symbol| symbol.name().is_ok_and(|name| name.contains("symbolise"))).unwrap();
        let line = format!("  at {:#x}", symbol.address() - base + 1);
        assert!(symbolise(&this, &[line])[0].contains("symbolise"));
    }

    #[test]
    fn without_the_file_the_text_stays() {
        let text = ["  at 0x1".to_owned()];
        assert_eq!(symbolise(Path::new("/nonexistent"), &text), text);
    }
}
