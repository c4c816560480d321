//! Counts what is allocated, while it is asked to: else it would slow down those that allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// `added` bytes are there, and `gone` are not any more.
#[inline]
fn count(added: usize, gone: usize) {
    if IS_COUNTING.load(Relaxed) {
        ALLOCATIONS.fetch_add(usize::from(added > 0), Relaxed);
        LIVE.fetch_add(added.wrapping_sub(gone), Relaxed);
    }
}

// SAFETY: all of it is the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What `run` gives, and how often it allocates.
pub fn allocations<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.load(Relaxed);
    IS_COUNTING.store(true, Relaxed);
    let given = run();
    IS_COUNTING.store(false, Relaxed);
    (given, ALLOCATIONS.load(Relaxed) - before)
}

/// What `prepare` gives; what it allocates does not count.
pub fn uncounted<T>(prepare: impl FnOnce() -> T) -> T {
    let was = IS_COUNTING.swap(false, Relaxed);
    let given = prepare();
    IS_COUNTING.store(was, Relaxed);
    given
}

/// How many bytes of the heap belong to what `make` makes, once it is on the heap itself.
pub fn bytes_of<T>(make: impl FnOnce() -> T) -> usize {
    let before = LIVE.load(Relaxed);
    let (made, _) = allocations(|| Box::new(make()));
    let live = LIVE.load(Relaxed).wrapping_sub(before);
    drop(made);
    live
}
