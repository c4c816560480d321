//! What the firmware of a weather station does, whatever the board: to be copied.
//!
//! `link` is the MQTT client on a serial line, for any application; `weather` is the application, which writes `text`; `ring` and
//! `clock` are what a driver needs. A board is a program in `boards/`: it implements [`link::Port`] and calls [`link::run`].
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod clock;
pub mod link;
pub mod ring;
pub mod text;
pub mod weather;
