//! Random numbers that are the same in every language: a seed is worth little if only one program
//! can make the same trades of it.

/// Made by Guy Steele, Doug Lea and Christine Flood: three lines, and 64 good bits each time.
/// For simulations; whoever sees a number knows the next ones.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Begins with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next number, brought into 0 to `n` − 1: the upper half of the product with `n`.
    pub fn below(&mut self, n: u32) -> u32 {
        let product = u128::from(self.draw()) * u128::from(n);
        // Less than `n`, so it fits.
        u32::try_from(product >> 64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_numbers() {
        // The first ones of seed 1234567 in the reference implementation.
        let mut random = SplitMix64::new(1_234_567);
        let first = [(); 3].map(|()| random.draw());
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn all_of_a_range_and_nothing_else() {
        let mut random = SplitMix64::new(7);
        let mut seen = [0; 6];
        for _ in 0..6_000 {
            seen[random.below(6) as usize] += 1;
        }
        assert!(
            seen.iter().all(|count| (850..1150).contains(count)),
            "{seen:?}"
        );
    }
}
