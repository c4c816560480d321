//! Runs operations, for instructions.sh to count their instructions. `run [NAME...]` runs all of them, or these, and
//! prints names, allocations, and limits in percent (0 without a bound). `run --often NAME ours|bound` runs one.

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

/// instructions.sh has callgrind write a part of its report here: what was counted since the last one.
#[inline(never)]
fn part() {
    std::hint::black_box(());
}

/// Runs it, and once more between two [`part`]s; gives the allocations of the second time.
fn measure(run: &mut dyn FnMut()) -> usize {
    run();
    part();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    run();
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    part();
    allocations
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut operations = operations::operations();
    let names = match &arguments[..] {
        [often, name, _] if often == "--often" => std::slice::from_ref(name),
        names => names,
    };
    for name in names {
        if !operations.iter().any(|operation| operation.name == *name) {
            eprintln!("there is no operation {name:?}");
            return ExitCode::FAILURE;
        }
    }
    operations.retain(|operation| names.is_empty() || names.contains(&operation.name));
    for operation in &mut operations {
        match &arguments[..] {
            [often, _, ours] if often == "--often" && ours == "ours" => repeat(&mut operation.run),
            [often, ..] if often == "--often" => match &mut operation.bound {
                Some(bound) => repeat(&mut bound.run),
                None => eprintln!("{:?} has no bound", operation.name),
            },
            _ => {
                let allocations = measure(&mut operation.run);
                let limit = operation.bound.as_mut().map(|bound| {
                    measure(&mut bound.run);
                    bound.limit
                });
                println!("{}\t{allocations}\t{}", operation.name, limit.unwrap_or_default());
            }
        }
    }
    ExitCode::SUCCESS
}

/// So often that what prepares it does not count.
fn repeat(run: &mut dyn FnMut()) {
    (0..10_000).for_each(|_| run());
}
