//! The weather station on the BBC micro:bit, with the nRF51 and its Cortex-M0.
#![no_std]
#![no_main]

#[path = "../board.rs"]
mod board;
mod nrf51;
#[path = "../reset.rs"]
mod reset;
mod timer;
mod uart;

use board::Board;
use cortex_m_rt::{entry, exception};
use sans_mqtt::Version;
use station::clock::Clock;
use station::link;
use station::weather::{Imitation, Station};

// SAFETY: what it uses is made for interrupts.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    if number == nrf51::Interrupt::Timer as i16 {
        timer::interrupt();
    } else {
        uart::interrupt(); // no other is enabled
    }
}

#[entry]
fn main() -> ! {
    const CLOCK: nrf51::Peripheral = nrf51::Peripheral(0x4000_0000);
    CLOCK.write(0, 1); // the crystal, which is what a UART needs
    timer::begin();
    uart::begin();
    let mut board = Board { clock: Clock::new(&timer::TICKS) };
    // The station never disconnects, and its CONNECT is valid; without either it would begin anew.
    let _ = link::run(Version::V5_0, &mut board, &mut Station::new(Imitation));
    cortex_m::peripheral::SCB::sys_reset()
}
