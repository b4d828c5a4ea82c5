//! Where the sandbox's chance comes from: every draw has a name, and follows from the seed and the
//! name alone, so that the order in which calls arrive changes nothing.

use ring::digest::{SHA256, digest};

/// A seed to draw from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance(pub u64);

impl Chance {
    /// An id such as `ch_8f3c…`, 24 hexadecimal digits long.
    pub fn id(self, prefix: &str, name: &[&str]) -> String {
        let digits = hex::encode(&self.draw(prefix, name)[..12]);
        format!("{prefix}_{digits}")
    }

    /// A number below `bound`, which is not zero.
    pub fn below(self, bound: u64, purpose: &str, name: &[&str]) -> u64 {
        let first = self.draw(purpose, name)[..8].try_into().expect("eight of 32 bytes");
        u64::from_be_bytes(first) % bound
    }

    fn draw(self, purpose: &str, name: &[&str]) -> [u8; 32] {
        let mut text = self.0.to_be_bytes().to_vec();
        for part in [purpose].iter().chain(name) {
            text.extend_from_slice(part.as_bytes());
            text.push(0);
        }
        digest(&SHA256, &text).as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}
