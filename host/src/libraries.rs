//! Finds everything that a dynamically linked program needs to start: its interpreter (PT_INTERP) and, transitively, the
//! libraries it names (DT_NEEDED), searched where ld.so(8) searches: DT_RPATH, LD_LIBRARY_PATH, DT_RUNPATH, the folders of
//! /etc/ld.so.conf, and the default folders.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use object::Endianness;
use object::elf::{DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, ET_DYN, FileHeader64, PT_DYNAMIC, PT_INTERP, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

/// Where ld.so looks without being told; a guest needs no ld.so.cache for these.
const DEFAULTS: [&str; 4] = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"];
/// More default folders, of systems that call them so.
const MORE_DEFAULTS: [&str; 2] = ["/lib64", "/usr/lib64"];

/// What the dynamic section of an ELF file says about its needs.
#[derive(Debug, Default, PartialEq)]
pub struct Needs {
    /// Path of the program interpreter. Absent in static programs and in libraries.
    pub interpreter: Option<PathBuf>,
    pub needed: Vec<String>,
    rpath: Option<String>,
    runpath: Option<String>,
}

/// One file that must travel with a program.
#[derive(Debug, PartialEq, Eq)]
pub struct Library {
    /// Where the program (or its interpreter) will look for it.
    pub path: PathBuf,
    /// The guest's ld.so would not look there by itself, so a link in a default folder has to lead to it.
    pub needs_link: bool,
}

/// True for an ELF program that starts without an interpreter.
pub fn is_static(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|elf| elf.starts_with(b"\x7fELF") && needs(&elf).is_ok_and(|needs| needs.interpreter.is_none()))
}

/// Reads the needs of an ELF file for x86_64.
pub fn needs(elf: &[u8]) -> Result<Needs> {
    let header = FileHeader64::<Endianness>::parse(elf).context("not a 64-bit ELF file")?;
    let endian = header.endian()?;
    if header.e_machine(endian) != object::elf::EM_X86_64 {
        bail!("the program is not made for x86_64");
    }
    let segments = header.program_headers(endian, elf)?;
    let mut needs = Needs::default();
    for segment in segments {
        if segment.p_type(endian) == PT_INTERP {
            let data = segment.data(endian, elf).ok().context("PT_INTERP lies outside of the file")?;
            needs.interpreter = Some(PathBuf::from(text(data, 0)?));
        }
    }
    let Some(dynamic) = segments.iter().find(|segment| segment.p_type(endian) == PT_DYNAMIC) else { return Ok(needs) };
    let entries = dynamic.dynamic(endian, elf)?.unwrap_or_default();
    let value = |tag| entries.iter().find(|entry| entry.d_tag(endian) == tag).map(|entry| entry.d_val(endian));
    let (Some(table), Some(size)) = (value(DT_STRTAB), value(DT_STRSZ)) else { return Ok(needs) };
    // The string table is given by its address in memory; the segment that is loaded there tells where it is in the file.
    let holder = segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
    let strings = holder
        .filter_map(|segment| segment.data_range(endian, elf, table, size).ok().flatten())
        .next()
        .context("DT_STRTAB lies in no segment")?;
    for entry in entries.iter().take_while(|entry| entry.d_tag(endian) != DT_NULL) {
        let string = || text(strings, entry.d_val(endian));
        match entry.d_tag(endian) {
            DT_NEEDED => needs.needed.push(string()?),
            DT_RPATH => needs.rpath = Some(string()?),
            DT_RUNPATH => needs.runpath = Some(string()?),
            _ => {}
        }
    }
    Ok(needs)
}

/// The NUL-terminated text at `offset`.
fn text(table: &[u8], offset: u64) -> Result<String> {
    let start = usize::try_from(offset)?;
    let rest = table.get(start..).context("a name lies outside of the string table")?;
    let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
    Ok(String::from_utf8(rest[..end].to_vec())?)
}

/// All files that `program` (a path on this machine) needs beside itself, the interpreter first. Empty for a static program.
pub fn closure(program: &Path) -> Result<Vec<Library>> {
    let elf = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let first = needs(&elf).with_context(|| format!("{}", program.display()))?;
    let configured = configured_folders(Path::new("/etc/ld.so.conf"));
    let mut found: BTreeMap<String, ()> = BTreeMap::new();
    let mut libraries = Vec::new();
    if let Some(interpreter) = &first.interpreter {
        // The interpreter is a library too: glibc's libc.so.6 names it as needed.
        found.insert(interpreter.file_name().unwrap_or_default().to_string_lossy().into_owned(), ());
        libraries.push(Library { path: interpreter.clone(), needs_link: false });
    }
    // $ORIGIN of the program is the folder it really lies in, see proc(5) on /proc/self/exe.
    let origin = program.canonicalize()?.parent().unwrap_or(Path::new("/")).to_path_buf();
    let inherited = first.rpath_folders(&origin);
    let mut queue = VecDeque::from([(first, origin)]);
    while let Some((object, origin)) = queue.pop_front() {
        for name in &object.needed {
            if found.insert(name.clone(), ()).is_some() {
                continue;
            }
            let Some(library) = search(name, &object, &origin, &inherited, &configured) else {
                bail!("{}: needs the library {name}, which is nowhere on this machine", program.display());
            };
            let needs = needs(&std::fs::read(&library.path)?).with_context(|| format!("{}", library.path.display()))?;
            queue.push_back((needs, library.path.parent().unwrap_or(Path::new("/")).to_path_buf()));
            libraries.push(library);
        }
    }
    Ok(libraries)
}

impl Needs {
    /// Folders of DT_RPATH, which counts only where DT_RUNPATH is absent.
    fn rpath_folders(&self, origin: &Path) -> Vec<PathBuf> {
        if self.runpath.is_some() { Vec::new() } else { folders(self.rpath.as_deref(), origin) }
    }
}

/// The folders of a search path with its tokens replaced.
fn folders(list: Option<&str>, origin: &Path) -> Vec<PathBuf> {
    let origin = origin.to_string_lossy();
    let expand = |folder: &str| {
        let mut folder = folder.to_owned();
        for (token, value) in [("ORIGIN", &*origin), ("LIB", "lib/x86_64-linux-gnu"), ("PLATFORM", "x86_64")] {
            folder = folder.replace(&format!("${{{token}}}"), value).replace(&format!("${token}"), value);
        }
        PathBuf::from(folder)
    };
    list.unwrap_or_default().split(':').filter(|folder| !folder.is_empty()).map(expand).collect()
}

/// Finds the library `name` for `object`, which lies in `origin`; `inherited` is the program's DT_RPATH.
fn search(name: &str, object: &Needs, origin: &Path, inherited: &[PathBuf], configured: &[PathBuf]) -> Option<Library> {
    if name.contains('/') {
        let path = folders(Some(name), origin).into_iter().next()?;
        return fits(&path).then_some(Library { path, needs_link: false });
    }
    let mut told = object.rpath_folders(origin);
    if object.runpath.is_none() {
        told.extend_from_slice(inherited);
    }
    let told = told.into_iter().chain(folders(object.runpath.as_deref(), origin));
    let defaults = DEFAULTS.iter().map(PathBuf::from);
    let from_environment = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let elsewhere = folders(Some(&from_environment), origin).into_iter().chain(configured.iter().cloned());
    let elsewhere = elsewhere.chain(MORE_DEFAULTS.iter().map(PathBuf::from));
    let candidates = told.chain(defaults).map(|folder| (folder, false)).chain(elsewhere.map(|folder| (folder, true)));
    let mut paths = candidates.map(|(folder, needs_link)| Library { path: folder.join(name), needs_link });
    paths.find(|library| fits(&library.path))
}

/// ld.so passes over libraries for other machines.
fn fits(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|elf| {
        FileHeader64::<Endianness>::parse(&*elf).is_ok_and(|header| {
            header.endian().is_ok_and(|endian| header.e_machine(endian) == object::elf::EM_X86_64 && header.e_type(endian) == ET_DYN)
        })
    })
}

/// The folders named in ld.so.conf, with its `include` lines followed.
fn configured_folders(file: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    read_configuration(file, &mut folders, &mut HashSet::new());
    folders
}

fn read_configuration(file: &Path, folders: &mut Vec<PathBuf>, seen: &mut HashSet<PathBuf>) {
    // One file has many names: only the real one tells that it was read already.
    let Ok(real) = file.canonicalize() else { return };
    if !seen.insert(real) {
        return;
    }
    let text = std::fs::read_to_string(file).unwrap_or_default();
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(pattern) = line.strip_prefix("include ") {
            let pattern = file.parent().unwrap_or(Path::new("/")).join(pattern.trim());
            for included in matching(&pattern) {
                read_configuration(&included, folders, seen);
            }
        } else if line.starts_with('/') {
            folders.push(PathBuf::from(line));
        }
    }
}

/// The files that match a pattern with one `*` in its last component: all that ld.so.conf uses in practice.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((start, end)) = name.split_once('*') else { return vec![pattern.to_path_buf()] };
    let folder = pattern.parent().unwrap_or(Path::new("/"));
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let fits = |name: &String| name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end);
    let mut paths: Vec<PathBuf> = names.filter(fits).map(|name| folder.join(name)).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_brings_its_interpreter_and_libraries() {
        let this = std::env::current_exe().unwrap();
        let libraries = closure(&this).unwrap();
        assert!(libraries[0].path.to_string_lossy().contains("ld-linux"), "{libraries:?}");
        assert!(libraries.iter().any(|library| library.path.ends_with("libc.so.6")), "{libraries:?}");
        assert!(!is_static(&this));
    }

    #[test]
    fn tokens_are_replaced() {
        let origin = Path::new("/opt/app/bin");
        let expected = [PathBuf::from("/opt/app/bin/../lib"), PathBuf::from("/x/opt/app/bin")];
        assert_eq!(folders(Some("$ORIGIN/../lib::/x${ORIGIN}"), origin), expected);
    }

    #[test]
    fn damaged_files_are_errors() {
        let elf = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(needs(&elf[..200]).is_err());
        assert!(needs(b"#!/bin/sh").is_err());
    }

    #[test]
    fn includes_of_the_configuration_are_followed() {
        let folder = std::env::temp_dir().join(format!("pollux-ldconf-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("d")).unwrap();
        std::fs::write(folder.join("ld.so.conf"), "# comment\ninclude d/*.conf\n/last\n").unwrap();
        std::fs::write(folder.join("d/b.conf"), "/second # note\n").unwrap();
        std::fs::write(folder.join("d/a.conf"), "/first\ninclude ../ld.so.conf\n").unwrap();
        let expected = ["/first", "/second", "/last"].map(PathBuf::from);
        assert_eq!(configured_folders(&folder.join("ld.so.conf")), expected);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
