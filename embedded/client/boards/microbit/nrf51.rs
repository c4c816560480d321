//! How to reach the peripherals of the nRF51.

use cortex_m::interrupt::InterruptNumber;
use volatile_register::RW;

/// By its address. To write to those that this program has is no danger to memory.
#[derive(Clone, Copy)]
pub(crate) struct Peripheral(pub usize);

impl Peripheral {
    fn register(self, offset: usize) -> &'static RW<u32> {
        // SAFETY: the addresses and offsets are those of the chip's manual: a register is there, for good.
        unsafe { &*((self.0 + offset) as *const RW<u32>) }
    }

    pub(crate) fn read(self, offset: usize) -> u32 {
        self.register(offset).read()
    }

    pub(crate) fn write(self, offset: usize, value: u32) {
        // SAFETY: UART, timer, clock and pins reach no memory of their own.
        unsafe { self.register(offset).write(value) }
    }
}

#[derive(Clone, Copy)]
#[repr(u16)]
pub(crate) enum Interrupt {
    Uart = 2,
    Timer = 8,
}

// SAFETY: these are the numbers of the chip's manual.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}
