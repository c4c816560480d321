//! What the payload of a message says: who sent it, which of its messages it is, and when.

/// The length of a payload without padding.
pub const LEN: usize = 16;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    pub publisher: u32,
    pub number: u32,
    /// In nanoseconds, by the clock of all connections.
    pub sent: u64,
}

impl Stamp {
    pub fn write(self, payload: &mut Vec<u8>) {
        payload.extend_from_slice(&self.publisher.to_be_bytes());
        payload.extend_from_slice(&self.number.to_be_bytes());
        payload.extend_from_slice(&self.sent.to_be_bytes());
    }

    /// `None` if that is no payload of ours.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (publisher, rest) = payload.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (sent, _padding) = rest.split_first_chunk()?;
        Some(Self {
            publisher: u32::from_be_bytes(*publisher),
            number: u32::from_be_bytes(*number),
            sent: u64::from_be_bytes(*sent),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let stamp = Stamp { publisher: 7, number: u32::MAX, sent: 1 << 60 };
        let mut payload = Vec::new();
        stamp.write(&mut payload);
        assert_eq!(payload.len(), LEN);
        assert_eq!(Stamp::read(&payload[..LEN - 1]), None);
        payload.push(0);
        assert_eq!(Stamp::read(&payload), Some(stamp));
    }
}
