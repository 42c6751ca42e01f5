//! TLS in front of a server without it, for `localhost`, by an authority of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A server's certificate (ECDSA, P-256), its key, and the authority that signed it; each as PEM.
pub struct Identity {
    /// Certificate of the authority, in PEM.
    pub authority: String,
    /// Certificate of the server, in PEM.
    pub certificate: String,
    /// Private key of the server, in PEM.
    pub key: String,
}

impl Identity {
    /// Creates an authority and a certificate.
    #[must_use]
    pub fn invent() -> Self {
        let [signing, serving] = [(); 2].map(|()| KeyPair::generate().expect("a key"));
        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signed = authority.self_signed(&signing).expect("a certificate").pem();
        let server = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = server.signed_by(&serving, &Issuer::new(authority, signing)).expect("a certificate").pem();
        Self { authority: signed, certificate, key: serving.serialize_pem() }
    }

    /// Serves on a port of its own what is served at `behind`; returns the address.
    pub async fn serve(&self, behind: SocketAddr) -> String {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("its protocols")
            .with_no_client_auth()
            .with_single_cert(chain.expect("a certificate"), key)
            .expect("a certificate and its key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(acceptor.clone(), client, behind));
            }
        });
        format!("https://localhost:{port}")
    }
}

async fn pass_on(acceptor: TlsAcceptor, client: TcpStream, behind: SocketAddr) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(behind).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
