//! Variable byte integers: seven bits a byte, low group first, at most four bytes.

/// The largest value of four bytes.
pub(crate) const MAX: usize = 268_435_455;

/// What the first bytes of a slice say.
pub(crate) enum VarInt<'a> {
    /// A value, and what is behind it.
    Value(u32, &'a [u8]),
    /// The bytes end within the integer.
    Incomplete,
    /// The fourth byte announces a fifth.
    TooLong,
}

impl<'a> VarInt<'a> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        // Nearly every length is one byte.
        match bytes.split_first() {
            Some((&byte, rest)) if byte < 0x80 && !cfg!(feature = "small") => {
                Self::Value(u32::from(byte), rest)
            }
            _ => Self::read_long(bytes),
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn read_long(bytes: &'a [u8]) -> Self {
        let mut value = 0;
        let mut rest = bytes;
        let mut shift = 0;
        while shift < 28 {
            let Some((&byte, behind)) = rest.split_first() else { return Self::Incomplete };
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Self::Value(value, behind);
            }
            rest = behind;
            shift += 7;
        }
        Self::TooLong
    }
}

/// The number of bytes that `value` takes, 1 to 4.
#[cfg_attr(feature = "small", inline(never))]
pub(crate) const fn varint_len(value: usize) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Writer;

    #[test]
    fn every_boundary_there_and_back() {
        for (value, len) in
            [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (2_097_151, 3), (2_097_152, 4), (MAX, 4)]
        {
            let mut bytes = [0; 4];
            Writer(&mut &mut bytes[..]).varint(value);
            assert_eq!(varint_len(value), len);
            match VarInt::read(&bytes) {
                VarInt::Value(read, rest) => {
                    assert_eq!((read as usize, bytes.len() - rest.len()), (value, len));
                }
                _ => panic!("{value}"),
            }
            assert!(matches!(VarInt::read(&bytes[..len - 1]), VarInt::Incomplete));
        }
        assert!(matches!(VarInt::read(&[0x80, 0x80, 0x80, 0x80, 1]), VarInt::TooLong));
    }
}
