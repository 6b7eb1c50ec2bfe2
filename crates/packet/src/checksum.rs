//! Incremental update of the internet checksum (RFC 1624, equation 3).
//!
//! Owns the arithmetic. Called by `edit`; must never read more than the changed words and the stored
//! checksum, so that a wrong checksum stays wrong and its receiver can notice. Costs two additions
//! per changed 16-bit word.

/// What edits add to a checksum: the one's complement sum of `~m + m'` over the changed words.
#[derive(Clone, Copy, Default)]
pub(crate) struct Delta(u32);

impl Delta {
    /// Writes `new` over `field` and notes the difference. Both have the same even length, and the
    /// field starts at an even offset of what the checksum covers.
    pub(crate) fn overwrite(&mut self, field: &mut [u8], new: &[u8]) {
        for (old, new) in field.chunks_exact(2).zip(new.chunks_exact(2)) {
            self.0 += u32::from(!word(old)) + u32::from(word(new));
        }
        field.copy_from_slice(new);
    }

    /// The checksum after the noted changes.
    ///
    /// A checksum computed from scratch is never 0xffff here, because no header is all zeros, and
    /// equation 3 keeps it so: a sum that starts above zero cannot fold to zero.
    pub(crate) fn apply(self, checksum: u16) -> u16 {
        let mut sum = u32::from(!checksum) + self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

/// The big-endian word in the first two bytes.
fn word(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 1624, section 4, on which the older equation fails.
    #[test]
    fn rfc_1624_example() {
        let mut field = [0x55, 0x55];
        let mut delta = Delta::default();
        delta.overwrite(&mut field, &[0x32, 0x85]);
        assert_eq!(field, [0x32, 0x85]);
        assert_eq!(delta.apply(0xdd2f), 0x0000);
    }

    #[test]
    fn no_change_keeps_the_checksum() {
        for checksum in 0..=u16::MAX {
            let mut delta = Delta::default();
            delta.overwrite(&mut [0xab, 0xcd], &[0xab, 0xcd]);
            let expected = if checksum == u16::MAX { 0 } else { checksum };
            // 0xffff and 0 are the two zeros of one's complement.
            assert_eq!(delta.apply(checksum), expected);
        }
    }
}
