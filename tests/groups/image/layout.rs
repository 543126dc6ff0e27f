//! What is in an image, looked at with nothing but the formats' own definitions: ECMA-119 (ISO 9660), the El Torito specification 1.0, and
//! the UEFI specification 2.10, chapter 5 (partition tables) and section 13.3 (file systems).

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::{Image, kernel_in};
use crate::trial;

const SECTOR: usize = 2048;
const BLOCK: usize = 512;

pub fn tests() -> Vec<Trial> {
    vec![trial("image::is_a_cd_and_a_disk_for_both_firmwares", layout)]
}

fn u16_at(bytes: &[u8], at: usize) -> Result<usize> {
    Ok(u16::from_le_bytes(bytes.get(at..at + 2).context("too short")?.try_into()?).into())
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize> {
    Ok(u32::from_le_bytes(bytes.get(at..at + 4).context("too short")?.try_into()?) as usize)
}

fn layout() -> Result<()> {
    let image = Image::make("layout", &[])?.bytes()?;
    ensure!(image.len().is_multiple_of(SECTOR) && image.len() < 16 << 20, "{} bytes", image.len());
    kernel_in(&image)?;
    let (start, length) = efi_partition(&image)?;
    holds_loader(&image[start..start + length])?;
    check_file_system(&image)?;
    let efi = check_boot_catalogue(&image)?;
    ensure!(efi == start, "El Torito's EFI image is at {efi:#x}, the partition at {start:#x}");
    Ok(())
}

/// A master boot record with code and its signature, which protects a partition table whose checksums are right and whose partitions lie in
/// the image; one of them is an EFI system partition. Start and length of that in bytes.
fn efi_partition(image: &[u8]) -> Result<(usize, usize)> {
    const PROTECTIVE: u8 = 0xee;
    /// C12A7328-F81F-11D2-BA4B-00A0C93EC93B.
    const EFI_SYSTEM: [u8; 16] = [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];
    ensure!(image[510..512] == [0x55, 0xaa], "no boot signature");
    ensure!(image[..440].iter().any(|&byte| byte != 0), "no boot code");
    let (kind, start, blocks) = (image[446 + 4], u32_at(image, 446 + 8)?, u32_at(image, 446 + 12)?);
    ensure!(kind == PROTECTIVE && (start + blocks) * BLOCK <= image.len(), "the first partition has type {kind:#x}");
    let header = &image[BLOCK..2 * BLOCK];
    let length = u32_at(header, 12)?;
    ensure!(header.starts_with(b"EFI PART") && (92..=BLOCK).contains(&length), "no partition table");
    let mut checked = header[..length].to_vec();
    checked[16..20].fill(0);
    ensure!(crc32(&checked) as usize == u32_at(header, 16)?, "the partition table's header is damaged");
    let (at, count, size) = (u32_at(header, 72)? * BLOCK, u32_at(header, 80)?, u32_at(header, 84)?);
    let entries = &image[at..at + count * size];
    ensure!(crc32(entries) as usize == u32_at(header, 88)?, "the partition table is damaged");
    let mut found = None;
    for entry in entries.chunks(size).filter(|entry| entry[..16] != [0; 16]) {
        let (first, last) = (u32_at(entry, 32)? * BLOCK, (u32_at(entry, 40)? + 1) * BLOCK);
        ensure!(first < last && last <= image.len(), "a partition from {first:#x} to {last:#x}");
        if entry[..16] == EFI_SYSTEM {
            found = Some((first, last - first));
        }
    }
    found.context("no EFI system partition")
}

/// The checksum of the partition table (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 != 0 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

/// A FAT file system with the program that UEFI firmware starts from removable media.
fn holds_loader(partition: &[u8]) -> Result<()> {
    ensure!(partition[510..512] == [0x55, 0xaa] && partition[54..].starts_with(b"FAT"), "no FAT file system: {:x?}", &partition[..64]);
    // Long enough names are entries of a directory: eight characters and three.
    ensure!(partition.windows(11).any(|window| window == b"BOOTX64 EFI"), "no BOOTX64.EFI");
    Ok(())
}

/// The primary volume descriptor is in sector 16, and the descriptors end.
fn check_file_system(image: &[u8]) -> Result<()> {
    let descriptors: Vec<&[u8]> = image.chunks(SECTOR).skip(16).take_while(|sector| &sector[1..6] == b"CD001").collect();
    let kinds: Vec<u8> = descriptors.iter().map(|sector| sector[0]).collect();
    ensure!(kinds.first() == Some(&1) && kinds.contains(&255), "descriptors of types {kinds:?}");
    let (sectors, size) = (u32_at(descriptors[0], 80)?, u16_at(descriptors[0], 128)?);
    ensure!(size == SECTOR && sectors * SECTOR <= image.len(), "{sectors} sectors of {size} bytes");
    Ok(())
}

/// A boot record in sector 17 that leads to a catalogue with an entry for BIOS and one for EFI. Start of EFI's image in bytes.
fn check_boot_catalogue(image: &[u8]) -> Result<usize> {
    const EFI: u8 = 0xef;
    const BOOTABLE: u8 = 0x88;
    let record = &image[17 * SECTOR..18 * SECTOR];
    ensure!(record[0] == 0 && record[7..].starts_with(b"EL TORITO SPECIFICATION"), "no El Torito boot record");
    let catalogue = &image[u32_at(record, 71)? * SECTOR..][..SECTOR];
    let sum = catalogue[..32].chunks(2).fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
    ensure!(catalogue[0] == 1 && catalogue[1] == 0 && sum == 0, "the validation entry is {:x?}", &catalogue[..32]);
    ensure!(catalogue[32] == BOOTABLE, "the entry for BIOS is {:x?}", &catalogue[32..64]);
    // A section header with the platform, then its entries.
    ensure!(matches!(catalogue[64], 0x90 | 0x91) && catalogue[65] == EFI, "the second section is {:x?}", &catalogue[64..96]);
    ensure!(catalogue[96] == BOOTABLE, "the entry for EFI is {:x?}", &catalogue[96..128]);
    Ok(u32_at(catalogue, 96 + 8)? * SECTOR)
}
