//! What can't go on begins anew. Neither is to be expected: the image has nothing that panics, and a fault is a stack that
//! is too small, or broken hardware.

use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

#[panic_handler]
#[inline(never)]
fn panic(_: &PanicInfo<'_>) -> ! {
    SCB::sys_reset()
}

// SAFETY: it uses nothing of the state in which the fault left the program.
#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    SCB::sys_reset()
}
