//! The only source of random names.

/// The operating system returned no entropy.
#[derive(Debug, thiserror::Error)]
#[error("no entropy")]
pub struct NoEntropy;

/// Returns `length` characters of `0-9A-Z` without I, L, O and U, with 5 bits each; from 26 on unguessable (128 bits).
#[expect(clippy::disallowed_methods, reason = "the only source of entropy")]
pub fn random_id(length: usize) -> Result<String, NoEntropy> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|_| NoEntropy)?;
    // 32 characters divide a byte's 256 values evenly, so each is equally likely.
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    Ok(bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).map(|letter| char::from(*letter)).collect())
}
