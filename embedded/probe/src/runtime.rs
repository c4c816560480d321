//! Start, print, stop. A debugger, or an emulator in its place, does the work ("semihosting").
use core::panic::PanicInfo;

// Semihosting operations, as Arm numbers them; RISC-V took them over.
const WRITE_CHARACTER: usize = 0x03;
const EXIT_WITH_STATUS: usize = 0x20;
const APPLICATION_EXIT: usize = 0x20026;

/// Prints, one character at a time: slow, and needs neither a buffer nor an index.
pub fn print(text: &str) {
    for byte in text.as_bytes() {
        board::semihosting(WRITE_CHARACTER, core::ptr::from_ref(byte).addr());
    }
}

/// Prints bytes in hexadecimal, and ends the line.
pub fn print_bytes(bytes: &[u8]) {
    for half in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        let digit = if half < 10 { b'0' + half } else { b'a' + half - 10 };
        board::semihosting(WRITE_CHARACTER, core::ptr::from_ref(&digit).addr());
    }
    print("\n");
}

/// Ends the emulator; its exit status is 0 for success and 1 for failure.
pub fn exit(success: bool) -> ! {
    let request = [APPLICATION_EXIT, usize::from(!success)];
    board::semihosting(EXIT_WITH_STATUS, request.as_ptr().addr());
    loop {
        core::hint::spin_loop();
    }
}

/// Kept out of line: its symbol in an image says that something in there can panic.
#[panic_handler]
#[inline(never)]
fn panic(info: &PanicInfo<'_>) -> ! {
    print("panic in ");
    print(info.location().map_or("?", |place| place.file()));
    print("\n");
    exit(false)
}

#[cfg(target_os = "none")]
unsafe extern "Rust" {
    /// The program; each binary brings its own.
    safe fn run() -> bool;
}

/// Runs the program, and prints how much stack it took.
#[cfg(target_os = "none")]
extern "C" fn main() -> ! {
    let top = board::stack_pointer();
    paint(top);
    let success = run();
    print("stack ");
    print_number(top - deepest());
    exit(success)
}

/// Prints a number, and ends the line.
#[cfg(target_os = "none")]
fn print_number(number: usize) {
    let mut power = 10_000;
    while power > 0 {
        let digit = b'0' + (number / power % 10) as u8;
        board::semihosting(WRITE_CHARACTER, core::ptr::from_ref(&digit).addr());
        power /= 10;
    }
    print("\n");
}

/// What the stack is filled with, so that one sees how far it was used.
#[cfg(target_os = "none")]
const PAINT: u32 = 0xCCCC_CCCC;

#[cfg(target_os = "none")]
unsafe extern "C" {
    static mut stack_end: u32;
}

/// Paints the stack from its end to near `top`, where it is used already.
#[cfg(target_os = "none")]
#[inline(never)]
fn paint(top: usize) {
    let end = &raw mut stack_end;
    let words = (top - end.addr()) / 4 - 16;
    for at in 0..words {
        // SAFETY: nothing is on the stack there yet, nor anything else in memory.
        unsafe { end.add(at).write_volatile(PAINT) };
    }
}

/// The address of the first word that is not painted any more.
#[cfg(target_os = "none")]
fn deepest() -> usize {
    let mut end = &raw const stack_end;
    // SAFETY: as far as it goes there is stack, whose top is in use.
    while unsafe { end.read_volatile() } == PAINT {
        end = unsafe { end.add(1) };
    }
    end.addr()
}

#[cfg(all(target_os = "none", target_arch = "arm"))]
mod board {
    use super::{exit, main, print};
    use core::arch::asm;

    unsafe extern "C" {
        static stack_top: u32;
    }

    pub(super) fn stack_pointer() -> usize {
        let top: usize;
        // SAFETY: it reads a register.
        unsafe { asm!("mov {}, sp", out(reg) top, options(nomem, nostack)) };
        top
    }

    /// The core loads its stack pointer and its first instruction from here, so that Rust runs at once.
    #[repr(C)]
    struct Vectors {
        stack: *const u32,
        reset: extern "C" fn() -> !,
        not_maskable: extern "C" fn() -> !,
        hard_fault: extern "C" fn() -> !,
    }

    // SAFETY: never written, and the pointer in it is an address for the hardware, not followed here.
    unsafe impl Sync for Vectors {}

    #[used]
    #[unsafe(export_name = "start")]
    #[unsafe(link_section = ".start")]
    static START: Vectors =
        Vectors { stack: &raw const stack_top, reset: main, not_maskable: fault, hard_fault: fault };

    extern "C" fn fault() -> ! {
        print("fault\n");
        exit(false)
    }

    pub(super) fn semihosting(operation: usize, argument: usize) {
        // SAFETY: the debugger reads the argument, and writes nothing but r0.
        unsafe {
            asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack));
        }
    }
}

#[cfg(all(target_os = "none", target_arch = "riscv32"))]
mod board {
    use super::{exit, main, print};
    use core::arch::{asm, global_asm};

    pub(super) fn stack_pointer() -> usize {
        let top: usize;
        // SAFETY: it reads a register.
        unsafe { asm!("mv {}, sp", out(reg) top, options(nomem, nostack)) };
        top
    }

    // A hart starts without a stack, and a trap needs an aligned address to go to.
    global_asm!(
        ".section .start, \"ax\"",
        ".global start",
        "start: la sp, stack_top",
        "la t0, trap",
        "csrw mtvec, t0",
        "j {main}",
        ".balign 4",
        "trap: la sp, stack_top",
        "j {fault}",
        ".text",
        main = sym main,
        fault = sym fault,
    );

    extern "C" fn fault() -> ! {
        print("fault\n");
        exit(false)
    }

    #[inline(never)]
    pub(super) fn semihosting(operation: usize, argument: usize) {
        // The debugger knows a request by these three instructions, uncompressed and within one page.
        // SAFETY: it reads the argument, and writes nothing but a0.
        unsafe {
            asm!(
                ".balign 16",
                ".option push",
                ".option norvc",
                "slli zero, zero, 0x1f",
                "ebreak",
                "srai zero, zero, 7",
                ".option pop",
                inout("a0") operation => _,
                in("a1") argument,
                options(nostack),
            );
        }
    }
}

/// No board: the library is only built or linked there.
#[cfg(not(target_os = "none"))]
mod board {
    pub(super) fn semihosting(_: usize, _: usize) {}
}
