//! How property tests draw their cases, for all of them.
//!
//! In: how many cases. Out: a configuration of `proptest`.
//! Always: the same cases each time, so that a change is judged by what it changes; nothing is written beside
//! the sources. To look further, run with another seed: `PROPTEST_RNG_SEED=7 cargo test`.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// So many cases, from one seed unless the environment gives another.
pub fn cases(cases: u32) -> ProptestConfig {
    let given = ProptestConfig::with_cases(cases);
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0x0EA2_0717),
        RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
    };
    ProptestConfig { failure_persistence: None, rng_seed, ..given }
}
