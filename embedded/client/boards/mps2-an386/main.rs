//! The weather station on Arm's MPS2 with a Cortex-M4 (image AN386).
#![no_std]
#![no_main]

#[path = "../board.rs"]
mod board;
#[path = "../reset.rs"]
mod reset;
mod uart;

use board::Board;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::{entry, exception};
use sans_mqtt::Version;
use station::clock::{Clock, Ticks};
use station::link;
use station::weather::{Imitation, Station};

/// The clock of the processor and of the bus, in Hz.
const CLOCK: u32 = 25_000_000;

static TICKS: Ticks = Ticks::new();

#[exception]
fn SysTick() {
    TICKS.tick();
}

// SAFETY: what it uses is made for interrupts.
#[exception]
unsafe fn DefaultHandler(_number: i16) {
    uart::interrupt(); // no other is enabled
}

#[entry]
fn main() -> ! {
    if let Some(mut core) = cortex_m::Peripherals::take() {
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(CLOCK / 1000 - 1);
        core.SYST.clear_current();
        core.SYST.enable_counter();
        core.SYST.enable_interrupt();
    }
    uart::begin(CLOCK);
    let mut board = Board { clock: Clock::new(&TICKS) };
    // The station never disconnects, and its CONNECT is valid; without either it would begin anew.
    let _ = link::run(Version::V5_0, &mut board, &mut Station::new(Imitation));
    cortex_m::peripheral::SCB::sys_reset()
}
