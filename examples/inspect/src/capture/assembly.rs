//! What one side of a connection sends, put in order.

use std::collections::{BTreeSet, VecDeque};
use std::mem;

use smoltcp::storage::Assembler;

/// How far ahead of what is missing bytes are kept.
const WINDOW: usize = 4 << 20;
/// How many beginnings of segments are remembered.
const BEGINS: usize = 4096;

/// The next that was sent.
pub(crate) enum Piece {
    /// Of one segment, or of a part of it.
    Bytes(Vec<u8>),
    /// So many bytes were not captured.
    Hole(usize),
}

/// What is to be said of a segment.
#[derive(Default)]
pub(crate) struct Remarks {
    /// So many bytes of it came before.
    pub(crate) repeated: usize,
    /// They were given up before.
    pub(crate) late: bool,
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
    /// How many bytes were in front of them.
    position: u64,
    /// The positions where segments begin, as packets often begin there, too.
    begins: BTreeSet<u64>,
    /// The other side has all that is in front of this.
    acked: Option<u32>,
    /// What was given up last: the sequence numbers where it begins and ends.
    given_up: Option<(u32, u32)>,
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
            position: 0,
            begins: BTreeSet::new(),
            acked: None,
            given_up: None,
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
            let end = seq.wrapping_add(old as u32);
            let late =
                self.given_up.is_some_and(|(from, to)| distance(end, from) > 0 && distance(to, seq) > 0);
            // Only the first that has to wait is worth a remark.
            let waits = before.is_empty() && !self.there.is_empty();
            return Remarks { repeated: old + again, late, early: if waits { offset } else { 0 }, differs };
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
        if self.begins.len() < BEGINS {
            self.begins.insert(self.position + offset as u64);
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
        let end = self.next.map(|next| next.wrapping_add(hole as u32));
        self.given_up = self.next.zip(end);
        self.next = end;
        self.position += hole as u64;
        self.hand_on(front - hole);
    }

    fn hand_on(&mut self, len: usize) {
        let end = self.position + len as u64;
        let behind = self.begins.split_off(&end);
        for begin in mem::replace(&mut self.begins, behind).into_iter().chain([end]) {
            let len = begin.saturating_sub(self.position) as usize;
            if len > 0 {
                self.ready.push_back(Piece::Bytes(self.window.drain(..len).collect()));
                self.next = self.next.map(|next| next.wrapping_add(len as u32));
                self.position = begin;
            }
        }
        if self.there.is_empty() {
            self.window = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of a stream of bytes in any order and any overlap, some of which are lost.
    #[test]
    fn every_order_gives_the_same() {
        let mut state = 1_u32;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        for round in 0..2000 {
            let sent: Vec<u8> = (0..1 + random(300)).map(|n| n as u8).collect();
            let begin = (round as u32).wrapping_sub(1000);
            let mut segments: Vec<(usize, usize)> = Vec::new();
            let mut at = 0;
            while at < sent.len() {
                let end = sent.len().min(at + 1 + random(20));
                segments.push((at.saturating_sub(random(10)), end));
                at = end;
            }
            for _ in 0..random(segments.len().min(4)) {
                segments.swap_remove(random(segments.len()));
            }
            for _ in 0..random(2 * segments.len() + 1) {
                let (one, other) = (random(segments.len()), random(segments.len()));
                segments.swap(one, other);
            }

            let mut assembly = Assembly::new();
            assembly.begin(begin);
            let came = |at: &usize| segments.iter().any(|(from, to)| (*from..*to).contains(at));
            let lost = (0..sent.len()).filter(|at| !came(at)).count();
            // Some captures show a segment behind its acknowledgement.
            let is_late = round % 2 == 1;
            for (from, to) in &segments {
                assembly.come(begin.wrapping_add(*from as u32), &sent[*from..*to]);
                if is_late && random(8) == 0 {
                    assembly.ack(begin.wrapping_add(random(to + 1) as u32));
                }
            }
            assembly.ack(begin.wrapping_add(sent.len() as u32 + 1));
            assembly.end();
            let (mut at, mut missing) = (0, 0);
            while let Some(piece) = assembly.next() {
                match piece {
                    Piece::Bytes(bytes) => {
                        assert_eq!(bytes, sent[at..at + bytes.len()]);
                        at += bytes.len();
                    }
                    Piece::Hole(len) => (at, missing) = (at + len, missing + len),
                }
            }
            assert_eq!((at, assembly.held()), (sent.len(), 0));
            assert!(missing == lost || is_late && missing > lost, "{missing} {lost}");
        }
    }
}
