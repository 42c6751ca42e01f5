//! The one room that makes random names.

/// The operating system gave no entropy.
#[derive(Debug, thiserror::Error)]
#[error("no entropy")]
pub struct NoEntropy;

/// `length` characters of `0-9A-Z`, about 5 bits each; unguessable from about 26 on.
///
/// # Errors
/// [`NoEntropy`].
#[expect(clippy::disallowed_methods, reason = "this is the room")]
pub fn random_id(length: usize) -> Result<String, NoEntropy> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|_| NoEntropy)?;
    // 32 of the 36 characters, so that every one is as likely as any other.
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    Ok(bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).map(|letter| char::from(*letter)).collect())
}
