//! Makes a panic of the kernel readable: the guest prints addresses and the functions that they lie in
//! (`  at 0xffffffff8… room::function+0x12`), and the kernel's file on this side knows the lines, and what was inlined there.

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

/// The part of a backtrace's line with the address alone, as a guest without a table of names prints it.
fn bare(line: &str) -> &str {
    let indent = line.len() - line.trim_start().len();
    let end = line.match_indices(' ').map(|(at, _)| at).find(|&at| at > indent + "at ".len());
    &line[..end.unwrap_or(line.len())]
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
    let bare = bare(line);
    let outermost = if bare.len() < line.len() { line.to_owned() } else { format!("{line}  {}", symbol()) };
    let mut lines = Vec::new();
    if let Ok(mut frames) = loader.find_frames(probe) {
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.and_then(|function| function.demangle().ok().map(|name| name.into_owned()));
            let place = frame.location.and_then(|place| Some(format!("{}:{}", place.file?, place.line?)));
            lines.push((name, place.unwrap_or_default()));
        }
    }
    let Some((_, place)) = lines.pop() else { return vec![outermost] };
    let inlined = lines.into_iter().map(|(name, place)| format!("{bare}  {}  {place}", name.unwrap_or_else(symbol)));
    inlined.chain([format!("{outermost}  {place}")]).collect()
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
    fn names_of_the_kernel_stay() {
        assert_eq!(bare("  at 0x12"), "  at 0x12");
        assert_eq!(bare("  at 0x12 a::b+0x1"), "  at 0x12");
        let this = std::env::current_exe().unwrap();
        let loader = Loader::new(&this).unwrap();
        assert_eq!(describe(&loader, 1 << 62, "  at 0x2 a::b+0x1"), ["  at 0x2 a::b+0x1"]);
        assert_eq!(describe(&loader, 1 << 62, "  at 0x2"), ["  at 0x2  ?"]);
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
