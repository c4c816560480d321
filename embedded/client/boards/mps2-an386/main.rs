//! The weather station on Arm's MPS2 with a Cortex-M4 (image AN386).
#![no_std]
#![no_main]

#[path = "../reset.rs"]
mod reset;
mod uart;

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::{entry, exception};
use sans_mqtt::{Instant, Version};
use station::clock::{Clock, Ticks};
use station::link::{self, Fault, Port};
use station::weather::{Imitation, Station};

/// The clock of the processor and of the bus, in Hz.
const CLOCK: u32 = 25_000_000;

static TICKS: Ticks = Ticks::new();

struct Board {
    clock: Clock,
}

impl Port for Board {
    fn now(&mut self) -> Instant {
        self.clock.now()
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        uart::receive(into)
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        uart::send(bytes)
    }

    fn sleep(&mut self, until: Instant) {
        let could_send = uart::can_send();
        // An interrupt between the question and the sleep is noticed with the next tick.
        while !uart::has_received() && uart::can_send() == could_send && self.clock.now() < until {
            cortex_m::asm::wfi();
        }
    }
}

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
