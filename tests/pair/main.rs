//! A client and a server against each other in virtual time, over a network that cuts, delays and splits, with crashes
//! and stores that fail.
//!
//! Each test makes a [`Setup`](setup::Setup), which is data, and has a [`World`](world::World) run it to its end. A
//! setup that fails is printed. Random ones come from seeds: `PAIR_SEED=n` repeats one, `PAIR_SECONDS=n` goes on for
//! that long, `PAIR_TRACE=1` prints each packet. Random runs are logged and replayed, with `PAIR_LOG=1` all of them.

mod app;
mod crash;
mod cuts;
mod faults;
mod ledger;
mod machine;
mod pump;
mod random;
mod restart;
mod rng;
mod setup;
mod side;
mod small;
mod store;
mod streams;
mod tables;
mod watch;
mod world;
