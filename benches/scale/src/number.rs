//! How numbers are written.

/// A whole number, with a comma between thousands.
pub fn whole(number: impl TryInto<i128, Error: std::fmt::Debug>) -> String {
    let digits = number.try_into().expect("no figure is that large").to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// About three digits of a number.
pub fn decimals(number: f64) -> String {
    match number.abs() {
        0.0 => "0".into(),
        at if at < 0.1 => format!("{number:.5}"),
        at if at < 10.0 => format!("{number:.2}"),
        at if at < 100.0 => format!("{number:.1}"),
        _ => whole(number.round() as i128),
    }
}
