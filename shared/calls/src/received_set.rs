//! Which calls of a conversation have arrived: one bit per call.

use crate::call::SequenceCode;

/// A set of SequenceCodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedSet(Vec<u8>);

impl ReceivedSet {
    /// The bytes of the header record.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let mut received = Self(bytes);
        received.trim();
        received
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn insert(&mut self, sequence: SequenceCode) {
        let (byte, bit) = position(sequence);
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        self.0[byte] |= bit;
    }

    pub fn contains(&self, sequence: SequenceCode) -> bool {
        let (byte, bit) = position(sequence);
        self.0.get(byte).is_some_and(|bits| bits & bit != 0)
    }

    pub fn count(&self) -> u32 {
        self.0.iter().map(|bits| bits.count_ones()).sum()
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = SequenceCode> + '_ {
        (1..)
            .take(self.0.len() * 8)
            .filter_map(SequenceCode::new)
            .filter(|sequence| self.contains(*sequence))
    }

    /// Two equal sets have equal bytes.
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

fn position(sequence: SequenceCode) -> (usize, u8) {
    let index = sequence.get() - 1;
    (
        usize::try_from(index / 8).unwrap_or(usize::MAX),
        1 << (index % 8),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(number: u32) -> SequenceCode {
        SequenceCode::new(number).expect("not zero")
    }

    #[test]
    fn holds_what_was_put_in() {
        let mut received = ReceivedSet::default();
        for number in [3, 1, 9, 10_000] {
            assert!(!received.contains(code(number)));
            received.insert(code(number));
            received.insert(code(number));
        }
        assert_eq!(received.count(), 4);
        assert_eq!(
            received.iter().map(SequenceCode::get).collect::<Vec<_>>(),
            [1, 3, 9, 10_000]
        );
        assert_eq!(received.as_bytes().len(), 1_250);
        assert_eq!(
            ReceivedSet::from_bytes(received.as_bytes().to_vec()),
            received
        );
    }

    #[test]
    fn an_empty_set_is_no_bytes() {
        assert_eq!(ReceivedSet::from_bytes(vec![0, 0]), ReceivedSet::default());
        assert_eq!(ReceivedSet::default().iter().count(), 0);
    }
}
