//! Timer 0 of the nRF51, which has no SysTick: an interrupt every millisecond.

use cortex_m::peripheral::NVIC;
use station::clock::Ticks;

use crate::nrf51::{Interrupt, Peripheral};

pub(crate) static TICKS: Ticks = Ticks::new();

const TIMER: Peripheral = Peripheral(0x4000_8000);
const START: usize = 0x000;
const COMPARED: usize = 0x140;
const SHORTCUTS: usize = 0x200;
const SET_INTERRUPTS: usize = 0x304;
const WIDTH: usize = 0x508;
const PRESCALER: usize = 0x510;
const COMPARE: usize = 0x540;

pub(crate) fn begin() {
    TIMER.write(WIDTH, 3); // 32 bits
    TIMER.write(PRESCALER, 4); // 16 MHz / 2^4
    TIMER.write(COMPARE, 1000);
    TIMER.write(SHORTCUTS, 1); // back to 0 then
    TIMER.write(SET_INTERRUPTS, 1 << 16);
    TIMER.write(START, 1);
    // SAFETY: the handler shares nothing with the program but the ticks, and no critical section counts on it to be silent.
    unsafe { NVIC::unmask(Interrupt::Timer) }
}

pub(crate) fn interrupt() {
    TIMER.write(COMPARED, 0);
    TICKS.tick();
}
