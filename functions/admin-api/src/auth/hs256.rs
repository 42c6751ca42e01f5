//! HS256, HMAC with SHA-256 (RFC 7518, 3.2), as the only algorithm of [`jsonwebtoken`]. The back ends of that crate would
//! add RSA and elliptic curves, or a second cryptographic library in C beside that of TLS.

use hmac::{Hmac, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwkUtils, JwtSigner, JwtVerifier};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use sha2::Sha256;

/// Crypto provider that verifies HS256 and signs nothing.
pub(crate) static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signs_nothing,
    verifier_factory: verifier,
    jwk_utils: JwkUtils::new_unimplemented(),
};

struct Hs256(Hmac<Sha256>);

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if *algorithm != Algorithm::HS256 {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let mac = Hmac::new_from_slice(key.try_get_hmac_secret()?).map_err(|_| ErrorKind::InvalidKeyFormat)?;
    Ok(Box::new(Hs256(mac)))
}

fn signs_nothing(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        // `verify_slice` compares in constant time, so that the time taken does not help to guess a signature.
        self.0.clone().chain_update(message).verify_slice(signature).map_err(signature::Error::from_source)
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// Example token of RFC 7515, A.1: header and claims.
    const SIGNED: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const SIGNATURE: [u8; 32] = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191,
        240, 91, 88, 5, 88, 83, 132, 141, 121,
    ];

    #[test]
    fn only_the_exact_example_of_rfc_7515_is_verified() {
        let key = DecodingKey::from_secret(&URL_SAFE_NO_PAD.decode(KEY).unwrap());
        let verifier = verifier(&Algorithm::HS256, &key).unwrap();
        assert!(verifier.verify(SIGNED.as_bytes(), &SIGNATURE.to_vec()).is_ok());
        let changed = SIGNED.replace("eyJpc3Mi", "eyJpc3Mj");
        assert!(verifier.verify(changed.as_bytes(), &SIGNATURE.to_vec()).is_err());
        for wrong in [Vec::new(), SIGNATURE[..31].to_vec(), [&SIGNATURE[..], &[0]].concat()] {
            assert!(verifier.verify(SIGNED.as_bytes(), &wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn no_other_algorithm_exists() {
        let key = DecodingKey::from_secret(b"invented-key-of-more-than-32-bytes");
        for other in [Algorithm::HS384, Algorithm::HS512, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert!(verifier(&other, &key).is_err(), "{other:?}");
        }
    }
}
