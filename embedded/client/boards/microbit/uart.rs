//! The UART of the nRF51, by interrupts. It sees a break of the line, by which the far end can say that a connection is
//! new.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cortex_m::peripheral::NVIC;
use station::{link::Fault, ring::Ring};

use crate::nrf51::{Interrupt, Peripheral};

/// 115,200 baud, in the unit of the chip.
const BAUD: u32 = 0x01D7_E000;
/// The pins of the board's USB interface.
const SEND_PIN: u32 = 24;
const RECEIVE_PIN: u32 = 25;

static RECEIVED: Ring<256> = Ring::new();
static TO_SEND: Ring<256> = Ring::new();
/// Whether a byte is on its way out.
static SENDING: AtomicBool = AtomicBool::new(false);
/// Whether there was a break, and whether bytes were lost.
static CUT: AtomicBool = AtomicBool::new(false);
static DAMAGED: AtomicBool = AtomicBool::new(false);

const UART: Peripheral = Peripheral(0x4000_2000);
// Tasks.
const START_RECEIVE: usize = 0x000;
const START_SEND: usize = 0x008;
// Events, and their bits among the interrupts.
const RECEIVE_READY: usize = 0x108;
const SEND_READY: usize = 0x11C;
const ERROR: usize = 0x124;
const ON_RECEIVE_READY: u32 = 1 << 2;
const ON_SEND_READY: u32 = 1 << 7;
const ON_ERROR: u32 = 1 << 9;
// Registers.
const SET_INTERRUPTS: usize = 0x304;
const CLEAR_INTERRUPTS: usize = 0x308;
const ERROR_SOURCE: usize = 0x480;
/// A break; in the emulator it is said to be an error of parity, which is not in use.
const BREAK: u32 = 1 << 3 | 1 << 1;
const ENABLE: usize = 0x500;
const SELECT_SEND: usize = 0x50C;
const SELECT_RECEIVE: usize = 0x514;
const RECEIVE: usize = 0x518;
const SEND: usize = 0x51C;
const BAUD_RATE: usize = 0x524;

const GPIO: Peripheral = Peripheral(0x5000_0000);
const SET_OUTPUT: usize = 0x508;
const SET_DIRECTION: usize = 0x518;

pub(crate) fn begin() {
    // A line at rest is high.
    GPIO.write(SET_OUTPUT, 1 << SEND_PIN);
    GPIO.write(SET_DIRECTION, 1 << SEND_PIN);
    UART.write(SELECT_SEND, SEND_PIN);
    UART.write(SELECT_RECEIVE, RECEIVE_PIN);
    UART.write(BAUD_RATE, BAUD);
    UART.write(ENABLE, 4);
    UART.write(START_RECEIVE, 1);
    UART.write(START_SEND, 1);
    UART.write(SET_INTERRUPTS, ON_RECEIVE_READY | ON_SEND_READY | ON_ERROR);
    // SAFETY: the handler shares nothing with the program but the atomics above, and no critical section counts on it to
    // be silent.
    unsafe { NVIC::unmask(Interrupt::Uart) }
}

/// What has come.
pub(crate) fn receive(into: &mut [u8]) -> Result<usize, Fault> {
    for (happened, fault) in [(&CUT, Fault::Cut), (&DAMAGED, Fault::Damage)] {
        if happened.load(Relaxed) {
            happened.store(false, Relaxed);
            RECEIVED.clear();
            UART.write(SET_INTERRUPTS, ON_RECEIVE_READY);
            return Err(fault);
        }
    }
    let read = RECEIVED.read(into);
    if !RECEIVED.is_full() {
        UART.write(SET_INTERRUPTS, ON_RECEIVE_READY);
    }
    Ok(read)
}

/// Sends as much as there is room for.
pub(crate) fn send(bytes: &[u8]) -> usize {
    let written = TO_SEND.write(bytes);
    // The handler sends the first byte, and each next one when the one before has gone.
    NVIC::pend(Interrupt::Uart);
    written
}

/// Whether something is there to be read.
pub(crate) fn has_received() -> bool {
    !RECEIVED.is_empty() || CUT.load(Relaxed) || DAMAGED.load(Relaxed)
}

/// Whether something can be sent.
pub(crate) fn can_send() -> bool {
    !TO_SEND.is_full()
}

pub(crate) fn interrupt() {
    if UART.read(ERROR) != 0 {
        UART.write(ERROR, 0);
        let source = UART.read(ERROR_SOURCE);
        UART.write(ERROR_SOURCE, source);
        let fault = if source & BREAK != 0 { &CUT } else { &DAMAGED };
        fault.store(true, Relaxed);
    }
    while UART.read(RECEIVE_READY) != 0 {
        if RECEIVED.is_full() {
            // It waits in the UART, as far as there is room, until some is here.
            UART.write(CLEAR_INTERRUPTS, ON_RECEIVE_READY);
            break;
        }
        UART.write(RECEIVE_READY, 0);
        RECEIVED.push(UART.read(RECEIVE) as u8);
    }
    if UART.read(SEND_READY) != 0 {
        UART.write(SEND_READY, 0);
        SENDING.store(false, Relaxed);
    }
    if !SENDING.load(Relaxed) {
        if let Some(byte) = TO_SEND.pop() {
            SENDING.store(true, Relaxed);
            UART.write(SEND, byte.into());
        }
    }
}
