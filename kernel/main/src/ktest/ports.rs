//! I/O ports of each width.

use arch::port::{Port, PortValue};

use crate::kernel_test;

/// The window through which a PC shows the configuration of its PCI devices: an address here …
const ADDRESS: u16 = 0xcf8;
/// … and its four bytes there.
const DATA: u16 = 0xcfc;

fn port<T: PortValue>(number: u16) -> Port<T> {
    // SAFETY: the configuration window of PCI, which nothing else uses in this test; only the interrupt line of a bridge is written, a byte
    // that is a note for software.
    unsafe { Port::new(number) }
}

/// One register of the chipset in words of 32, 16 and 8 bits, all of them parts of the same.
fn every_width() {
    port::<u32>(ADDRESS).write(0x8000_0000);
    assert_eq!(port::<u32>(ADDRESS).read(), 0x8000_0000);
    let whole = port::<u32>(DATA).read();
    assert_eq!(whole & 0xffff, 0x8086, "the vendor of QEMU's chipsets");
    let halves = [DATA, DATA + 2].map(|number| port::<u16>(number).read());
    assert_eq!(halves, [whole as u16, (whole >> 16) as u16]);
    let bytes = [DATA, DATA + 1, DATA + 2, DATA + 3].map(|number| port::<u8>(number).read());
    assert_eq!(bytes, whole.to_le_bytes());
    // A device that isn't there reads as ones.
    port::<u32>(ADDRESS).write(0x80ff_f800);
    assert_eq!((port::<u32>(DATA).read(), port::<u8>(DATA).read()), (u32::MAX, u8::MAX));
    // Written narrow, read wide: the interrupt line of the bridge to the old devices (00:1f.0).
    port::<u32>(ADDRESS).write(0x8000_f83c);
    let old = port::<u32>(DATA).read();
    port::<u8>(DATA).write(0x5a);
    assert_eq!(port::<u32>(DATA).read(), old & !0xff | 0x5a);
    port::<u16>(DATA).write(old as u16);
    assert_eq!(port::<u16>(DATA).read(), old as u16);
}
kernel_test!("ports_of_every_width", every_width);
