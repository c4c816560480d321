//! What the link needs of a board, made of its UART and its clock.

use sans_mqtt::Instant;
use station::clock::Clock;
use station::link::{Fault, Port};

use crate::uart;

pub(crate) struct Board {
    pub(crate) clock: Clock,
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
