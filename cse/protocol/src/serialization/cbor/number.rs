//! Numbers between their digits, which JSON has without limits, and what CBOR has for them.

use super::MAX_BIGNUM;

/// No whole number of [`MAX_BIGNUM`] bytes has more digits.
const MAX_DIGITS: usize = 1234;

/// What a number is in CBOR.
#[derive(Debug, PartialEq)]
pub(super) enum Form {
    /// Major type 0.
    Unsigned(u64),
    /// Major type 1: minus one minus this.
    Negative(u64),
    /// Tags 2 and 3: the bytes of the number, or of minus one minus the number.
    Big {
        is_negative: bool,
        bytes: Vec<u8>,
    },
    Single(f32),
    Double(f64),
    /// Tag 4: a number that no float has exactly, as `mantissa`, a whole number, times ten to the `exponent`.
    Decimal {
        mantissa: Box<Form>,
        exponent: i64,
    },
    /// Beyond what this node writes: a text.
    Text,
}

/// The form of a JSON number. A number without fraction and exponent is whole, another a float if reading the
/// float gives the same number.
pub(super) fn form(text: &str) -> Form {
    // Minus zero is a float.
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') && text != "-0" {
        return whole(text);
    }
    let decimal = Decimal::parse(text);
    let float: f64 = text.parse().unwrap_or(f64::NAN);
    if float.is_finite() && Decimal::parse(&format!("{float:e}")) == decimal {
        #[expect(clippy::cast_possible_truncation, reason = "what is cut off shows in the comparison")]
        let single = float as f32;
        let is_exact = f64::from(single).to_bits() == float.to_bits();
        return if is_exact { Form::Single(single) } else { Form::Double(float) };
    }
    let sign = if decimal.is_negative { "-" } else { "" };
    match (whole(&format!("{sign}{}", decimal.digits)), decimal.exponent) {
        (Form::Text, _) | (_, None) => Form::Text,
        (mantissa, Some(exponent)) => Form::Decimal { mantissa: Box::new(mantissa), exponent },
    }
}

fn whole(text: &str) -> Form {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    if let Ok(number) = digits.parse::<u128>() {
        // At least one, as minus zero is none of these.
        let offset = if is_negative { number.saturating_sub(1) } else { number };
        if let Ok(offset) = u64::try_from(offset) {
            return if is_negative { Form::Negative(offset) } else { Form::Unsigned(offset) };
        }
    }
    if digits.len() > MAX_DIGITS {
        return Form::Text;
    }
    let mut bytes = to_bytes(digits);
    if is_negative {
        decrement(&mut bytes);
    }
    if bytes.len() > MAX_BIGNUM { Form::Text } else { Form::Big { is_negative, bytes } }
}

/// The digits of a whole number of at most [`MAX_BIGNUM`] bytes; for a negative one, of what tag 3 has.
pub(super) fn digits(is_negative: bool, bytes: &[u8]) -> Option<String> {
    if bytes.len() > MAX_BIGNUM {
        return None;
    }
    let mut bytes = bytes.to_vec();
    if is_negative {
        increment(&mut bytes);
    }
    let sign = if is_negative { "-" } else { "" };
    Some(format!("{sign}{}", to_digits(&bytes)))
}

/// A whole number times a power of ten, as JSON writes it.
pub(super) fn decimal(mantissa: &str, exponent: i128) -> String {
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    match usize::try_from(exponent.unsigned_abs()) {
        Ok(places) if exponent < 0 && places <= 40 => {
            let padded = format!("{digits:0>width$}", width = places + 1);
            let (before, behind) = padded.split_at(padded.len() - places);
            format!("{sign}{before}.{behind}")
        }
        _ => format!("{mantissa}e{exponent}"),
    }
}

/// The number of a half-precision float (RFC 8949 appendix D).
pub(super) fn from_half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 0 { magnitude } else { -magnitude }
}

/// A number by its digits, so that two ways to write it compare as equal.
#[derive(PartialEq)]
struct Decimal {
    is_negative: bool,
    /// Without zeros at either end.
    digits: String,
    /// Of ten; `None` if it is beyond all measure.
    exponent: Option<i64>,
}

impl Decimal {
    fn parse(text: &str) -> Self {
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (number, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (before, behind) = number.split_once('.').unwrap_or((number, ""));
        let all = format!("{before}{behind}");
        let trimmed = all.trim_end_matches('0');
        let shift = i64::try_from(all.len() - trimmed.len()).ok();
        let places = i64::try_from(behind.len()).ok();
        let digits = trimmed.trim_start_matches('0').to_owned();
        let exponent = power.parse::<i64>().ok().zip(shift).zip(places);
        let exponent = match exponent {
            _ if digits.is_empty() => Some(0),
            Some(((power, shift), places)) => power.checked_add(shift - places),
            None => None,
        };
        Self { is_negative, digits, exponent }
    }
}

/// Digits that go into a step at a time, and ten to that many.
const STEP: usize = 9;
const STEP_BASE: u64 = 1_000_000_000;

/// The number of some digits, big-endian without leading zeros.
fn to_bytes(digits: &str) -> Vec<u8> {
    // 32 bits each, the least significant first.
    let mut limbs = Vec::<u32>::new();
    let first = digits.len() % STEP;
    let (head, rest) = digits.split_at_checked(first).unwrap_or(("", digits));
    let steps = rest.as_bytes().chunks(STEP).map(|chunk| std::str::from_utf8(chunk).unwrap_or_default());
    for step in std::iter::once(head).chain(steps) {
        let mut carry = step.parse::<u64>().unwrap_or(0);
        for limb in &mut limbs {
            let sum = u64::from(*limb) * STEP_BASE + carry;
            *limb = low(sum);
            carry = sum >> 32;
        }
        if carry != 0 {
            limbs.push(low(carry));
        }
    }
    let bytes: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// The digits of a big-endian number.
fn to_digits(bytes: &[u8]) -> String {
    let limb = |chunk: &[u8]| chunk.iter().fold(0_u32, |limb, byte| limb << 8 | u32::from(*byte));
    // The most significant first.
    let mut limbs: Vec<u32> = bytes.rchunks(4).rev().map(limb).collect();
    let mut steps = Vec::new();
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0;
        for limb in &mut limbs {
            let dividend = rest << 32 | u64::from(*limb);
            *limb = low(dividend / STEP_BASE);
            rest = dividend % STEP_BASE;
        }
        steps.push(rest);
    }
    let mut digits = steps.pop().unwrap_or(0).to_string();
    digits.extend(steps.iter().rev().map(|step| format!("{step:09}")));
    digits
}

/// The lower half.
fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// One more: a byte more if all bits are set.
fn increment(bytes: &mut Vec<u8>) {
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return;
        }
    }
    bytes.insert(0, 1);
}

/// One less; the number is not zero.
fn decrement(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_sub(1);
        if *byte != u8::MAX {
            return;
        }
    }
}
