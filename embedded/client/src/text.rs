//! Text without `core::fmt`, which can panic.

use sans_mqtt::{Buffer, Sink};

/// At most 64 bytes of text; what is beyond is left out.
#[derive(Clone, Debug, Default)]
pub struct Text(Buffer<64>);

impl Text {
    pub fn text(self, text: &str) -> Self {
        self.put(text.as_bytes())
    }

    pub fn number(self, number: u32) -> Self {
        let (mut digits, mut left) = ([b'0'; 10], number);
        for digit in digits.iter_mut().rev() {
            *digit += (left % 10) as u8;
            left /= 10;
        }
        let first = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len() - 1);
        self.put(digits.get(first..).unwrap_or_default())
    }

    fn put(mut self, bytes: &[u8]) -> Self {
        if self.0.reserve(bytes.len()) {
            self.0.put(bytes);
        }
        self
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 1, 9, 10, 999, 1000, 4_294_967_295] {
            let text = Text::default().text("n ").number(number);
            assert_eq!(text.bytes(), std::format!("n {number}").as_bytes());
        }
    }
}
