//! The kernel's machine code, instruction by instruction: no vector registers, and nothing below the stack pointer.
//!
//! The kernel's target promises both. Vector instructions outside of the few places that move programs' registers would destroy those
//! registers; an access below the stack pointer would be overwritten by an interrupt.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind, Register};
use object::{Object, ObjectSection, ObjectSymbol};
use pollux::kernel_build;

/// Names that are part of the names of functions with vector registers: tests that move them on purpose.
const MAY_USE_VECTORS: [&str; 1] = ["ktest"];

pub fn check() -> Result<()> {
    let elf = std::fs::read(kernel_build::kernel_with_selftest()?.elf)?;
    let file = object::File::parse(&*elf)?;
    let text = file.section_by_name(".text").context("the kernel has no code")?;
    let (start, code) = (text.address(), text.data()?);
    let functions: BTreeMap<u64, &str> = file
        .symbols()
        .filter(|symbol| (start..start + code.len() as u64).contains(&symbol.address()))
        .filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?)))
        .collect();
    ensure!(functions.len() > 1000, "only {} symbols in the kernel's code", functions.len());
    let mut counts = (0_u32, 0_u32);
    for instruction in Decoder::with_ip(64, code, start, DecoderOptions::NONE) {
        let name = functions.range(..=instruction.ip()).next_back().map_or("", |(_, name)| name);
        counts.0 += 1;
        if below_the_stack(&instruction) {
            bail!("{name} touches memory below the stack pointer at {:#x}: {instruction}", instruction.ip());
        }
        if has_vector(&instruction) {
            counts.1 += 1;
            ensure!(MAY_USE_VECTORS.iter().any(|part| name.contains(part)), "{name} at {:#x}: {instruction}", instruction.ip());
        }
    }
    ensure!(counts.0 > 50_000, "only {} instructions were seen", counts.0);
    ensure!(counts.1 > 0, "not even the vector instructions of the tests were seen");
    Ok(())
}

fn has_vector(instruction: &Instruction) -> bool {
    (0..instruction.op_count()).any(|operand| {
        let register = instruction.op_register(operand);
        instruction.op_kind(operand) == OpKind::Register && (register.is_vector_register() || register.is_mm())
    })
}

/// A memory operand with the stack pointer as its base and a negative distance.
fn below_the_stack(instruction: &Instruction) -> bool {
    let memory = (0..instruction.op_count()).any(|operand| instruction.op_kind(operand) == OpKind::Memory);
    memory && instruction.memory_base() == Register::RSP && (instruction.memory_displacement64() as i64) < 0
}
