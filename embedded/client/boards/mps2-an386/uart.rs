//! UART 0, by interrupts: Arm's CMSDK APB UART, which has one register for each direction, and no FIFO. It
//! does not see a break of the line.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cortex_m::{interrupt::InterruptNumber, peripheral::NVIC};
use station::{link::Fault, ring::Ring};
use volatile_register::RW;

const BAUD: u32 = 115_200;

static RECEIVED: Ring<256> = Ring::new();
static TO_SEND: Ring<256> = Ring::new();
/// Whether a byte came before the one before it was read.
static OVERRUN: AtomicBool = AtomicBool::new(false);

#[repr(C)]
struct Registers {
    data: RW<u32>,
    state: RW<u32>,
    control: RW<u32>,
    /// Read: what interrupts. Write: what no longer does.
    interrupts: RW<u32>,
    divider: RW<u32>,
}

// Of `state`.
const SEND_FULL: u32 = 1;
const RECEIVE_FULL: u32 = 2;
const RECEIVE_OVERRUN: u32 = 8;
// Of `control`: both directions, with an interrupt each. Of `interrupts`: the same two.
const ENABLE: u32 = 0b1111;
const SEND: u32 = 1;
const RECEIVE: u32 = 2;

fn registers() -> &'static Registers {
    // SAFETY: UART 0 is there, for good, and its registers are laid out like this.
    unsafe { &*(0x4000_4000 as *const Registers) }
}

fn write(register: &RW<u32>, value: u32) {
    // SAFETY: no value of any register of this UART touches memory.
    unsafe { register.write(value) }
}

#[derive(Clone, Copy)]
#[repr(u16)]
enum Interrupt {
    Receive = 0,
    Send = 1,
}

// SAFETY: these are the numbers that the board's manual gives.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Begins. `clock` is that of the bus, in Hz.
pub(crate) fn begin(clock: u32) {
    let uart = registers();
    write(&uart.divider, clock / BAUD);
    write(&uart.control, ENABLE);
    for interrupt in [Interrupt::Receive, Interrupt::Send] {
        // SAFETY: the handlers share nothing with the program but the atomics above, and no critical section counts on
        // them to be silent.
        unsafe { NVIC::unmask(interrupt) }
    }
}

/// What has come.
pub(crate) fn receive(into: &mut [u8]) -> Result<usize, Fault> {
    if OVERRUN.load(Relaxed) {
        OVERRUN.store(false, Relaxed);
        RECEIVED.clear();
        NVIC::pend(Interrupt::Receive);
        return Err(Fault::Damage);
    }
    let was_full = RECEIVED.is_full();
    let read = RECEIVED.read(into);
    if was_full && read > 0 {
        // A byte may have been left in its register.
        NVIC::pend(Interrupt::Receive);
    }
    Ok(read)
}

/// Sends as much as there is room for.
pub(crate) fn send(bytes: &[u8]) -> usize {
    let written = TO_SEND.write(bytes);
    // The handler sends the first byte, and each next one when the one before has gone.
    NVIC::pend(Interrupt::Send);
    written
}

/// Whether something is there to be read.
pub(crate) fn has_received() -> bool {
    !RECEIVED.is_empty() || OVERRUN.load(Relaxed)
}

/// Whether something can be sent.
pub(crate) fn can_send() -> bool {
    !TO_SEND.is_full()
}

/// Whatever interrupt it is, does what there is to do.
pub(crate) fn interrupt() {
    let uart = registers();
    // First, so that what happens from now on interrupts again.
    write(&uart.interrupts, SEND | RECEIVE);
    if uart.state.read() & RECEIVE_OVERRUN != 0 {
        write(&uart.state, RECEIVE_OVERRUN);
        OVERRUN.store(true, Relaxed);
    }
    // Without room, the byte waits in its register, and a next one is an overrun.
    while !RECEIVED.is_full() && uart.state.read() & RECEIVE_FULL != 0 {
        RECEIVED.push(uart.data.read() as u8);
    }
    while uart.state.read() & SEND_FULL == 0 {
        let Some(byte) = TO_SEND.pop() else { break };
        write(&uart.data, byte.into());
    }
}
