//! What one side of a connection sends, put in order.

use std::collections::VecDeque;

use smoltcp::storage::Assembler;

/// How far ahead of what is missing bytes are kept.
const WINDOW: usize = 4 << 20;

/// The next that was sent.
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// So many bytes were not captured.
    Hole(usize),
}

/// What is to be said of a segment.
#[derive(Default)]
pub(crate) struct Remarks {
    /// So many bytes of it came before.
    pub(crate) repeated: usize,
    /// It waits for so many bytes.
    pub(crate) early: usize,
    /// It repeats bytes otherwise than they came before.
    pub(crate) differs: bool,
}

pub(crate) struct Assembly {
    /// The sequence number of the first byte that is not in order; not known before anything came.
    next: Option<u32>,
    /// The bytes from there on, as far as they are there.
    window: Vec<u8>,
    there: Assembler,
    /// The other side has all that is in front of this.
    acked: Option<u32>,
    /// Where the FIN is.
    fin: Option<u32>,
    ready: VecDeque<Piece>,
}

/// How far one sequence number is from another; they wrap around.
fn distance(to: u32, from: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

impl Assembly {
    pub(crate) fn new() -> Self {
        Self {
            next: None,
            window: Vec::new(),
            there: Assembler::new(),
            acked: None,
            fin: None,
            ready: VecDeque::new(),
        }
    }

    /// Says where the bytes of this side begin.
    pub(crate) fn begin(&mut self, seq: u32) {
        self.next.get_or_insert(seq);
    }

    /// Takes the data of a segment.
    pub(crate) fn come(&mut self, seq: u32, data: &[u8]) -> Remarks {
        // One without data may have the number of another; that keeps connections alive.
        if data.is_empty() {
            return Remarks::default();
        }
        loop {
            let ahead = distance(seq, *self.next.get_or_insert(seq));
            let old = data.len().min(ahead.min(0).unsigned_abs() as usize);
            let (offset, new) = (ahead.max(0) as usize, &data[old..]);
            let before: Vec<_> = self.there.iter_data(0).collect();
            let is_far = offset > 0 && offset + new.len() > WINDOW;
            let front = if is_far { None } else { self.there.add_then_remove_front(offset, new.len()).ok() };
            let Some(front) = front else {
                // There is no room for it, and there will be none while something in front of it is missing.
                self.give_up(offset);
                continue;
            };
            let (again, differs) = self.keep(offset, new, &before);
            self.hand_on(front);
            self.settle();
            let is_first = before.is_empty() && !new.is_empty();
            return Remarks { repeated: old + again, early: if is_first { offset } else { 0 }, differs };
        }
    }

    /// The other side has everything in front of `ack`.
    pub(crate) fn ack(&mut self, ack: u32) {
        if self.acked.is_none_or(|acked| distance(ack, acked) > 0) {
            self.acked = Some(ack);
        }
        self.settle();
    }

    /// Says where the FIN is, unless that is known.
    pub(crate) fn fin(&mut self, seq: u32) -> bool {
        let is_new = self.fin.is_none();
        self.fin.get_or_insert(seq);
        is_new
    }

    /// Whether everything up to the FIN is there.
    pub(crate) fn is_at_end(&self) -> bool {
        self.fin.zip(self.next).is_some_and(|(fin, next)| distance(fin, next) <= 0)
    }

    /// Nothing more will come.
    pub(crate) fn end(&mut self) {
        while let Some((hole, _)) = self.there.iter_data(0).next() {
            self.give_up(hole);
        }
        let Some(next) = self.next else { return };
        // A FIN that was not captured is acknowledged, too.
        let end = self.fin.or(self.acked.map(|acked| acked.wrapping_sub(1))).unwrap_or(next);
        let missing = distance(end, next);
        if missing > 0 {
            self.give_up(missing as usize);
        }
    }

    pub(crate) fn next(&mut self) -> Option<Piece> {
        self.ready.pop_front()
    }

    /// How many bytes it takes.
    pub(crate) fn held(&self) -> usize {
        self.window.capacity()
    }

    /// Keeps what is new in a segment, so that the first of two that overlap counts. Gives how many bytes were there
    /// `before`, and whether they differ.
    fn keep(&mut self, offset: usize, new: &[u8], before: &[(usize, usize)]) -> (usize, bool) {
        let end = offset + new.len();
        let (mut kept, mut again) = (new.to_vec(), 0);
        for (from, to) in before.iter().map(|(from, to)| (*from.max(&offset), *to.min(&end))) {
            if from < to {
                kept[from - offset..to - offset].copy_from_slice(&self.window[from..to]);
                again += to - from;
            }
        }
        self.window.resize(self.window.len().max(end), 0);
        self.window[offset..end].copy_from_slice(&kept);
        (again, kept != new)
    }

    /// Hands on what is in order, and gives up what the other side has although it was not captured.
    fn settle(&mut self) {
        while let (Some((hole, _)), Some(acked), Some(next)) =
            (self.there.iter_data(0).next(), self.acked, self.next)
        {
            if distance(acked, next.wrapping_add(hole as u32)) < 0 {
                return;
            }
            self.give_up(hole);
        }
    }

    /// Waits no longer for what is missing, of which there are `most` bytes at most.
    fn give_up(&mut self, most: usize) {
        let hole = self.there.iter_data(0).next().map_or(most, |(hole, _)| hole.min(most));
        let front = self.there.add_then_remove_front(0, hole).unwrap_or(hole);
        self.ready.push_back(Piece::Hole(hole));
        self.window.drain(..hole.min(self.window.len()));
        self.next = self.next.map(|next| next.wrapping_add(hole as u32));
        self.hand_on(front - hole);
    }

    fn hand_on(&mut self, len: usize) {
        if len > 0 {
            self.ready.push_back(Piece::Bytes(self.window.drain(..len).collect()));
            self.next = self.next.map(|next| next.wrapping_add(len as u32));
        }
        if self.there.is_empty() {
            self.window = Vec::new();
        }
    }
}
