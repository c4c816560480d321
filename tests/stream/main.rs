//! Messages too large for any buffer, in pieces, both ways, in virtual time and through four KiB.

mod cuts;
mod large;
mod link;
mod peer;
mod receiving;
mod sending;
mod silence;
