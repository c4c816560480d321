//! `run NAME TIMES` runs one operation, for instructions.sh to count its instructions, and prints the number of
//! allocations. Without arguments: lists the operations with their reference figures and the percentage that is allowed, 0
//! where there is none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all of it is the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn main() -> ExitCode {
    let mut operations = operations::operations();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, times] = &arguments[..] else {
        for operation in &operations {
            let (reference, percent) = operation.reference().unwrap_or_default();
            println!("{}\t{reference}\t{percent}", operation.name);
        }
        return ExitCode::SUCCESS;
    };
    let operation = operations.iter_mut().find(|operation| operation.name == *name);
    let (Some(operation), Ok(times)) = (operation, times.parse::<u32>()) else {
        eprintln!("there is no operation {name:?}, or {times:?} is no number");
        return ExitCode::FAILURE;
    };
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..times {
        (operation.run)();
    }
    println!("{}", ALLOCATIONS.load(Ordering::Relaxed) - before);
    ExitCode::SUCCESS
}
