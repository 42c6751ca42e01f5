//! Clients of AWS and of other services, set up for a short cold start. docs/decisions/0015-cold-start.md compares them with
//! the libraries' defaults; for that measurement this file and no other is replaced
//! (`tests/src/cold_start/default_clients.rs`).

#[cfg(feature = "http")]
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
#[cfg(feature = "http")]
use rustls::{ClientConfig, RootCertStore};

use crate::platform::config;

/// Certificate authorities of AWS's endpoints (<https://www.amazontrust.com/repository/>). These five are parsed faster than
/// the system's whole bundle.
const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

/// Longest time that a start waits for the connection to the table.
const WARM_UP: Duration = Duration::from_secs(1);
/// Longest time to connect, for one attempt, and for a call with its retries: ECPay is said to wait 10 s for the response
/// to a callback.
const TIMEOUTS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(7)];

/// One connector with one connection pool and one TLS configuration for all clients of AWS: the SDK makes two for each.
#[derive(Debug)]
struct Shared(SharedHttpConnector);

impl HttpClient for Shared {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

/// Returns the configuration of AWS's clients from the variables that Lambda sets and nothing else: profiles, single
/// sign-on and metadata services are not read. `AWS_ENDPOINT_URL` names a simulated AWS.
pub async fn sdk_config() -> SdkConfig {
    let lookup = config::environment;
    let [connect, attempt, operation] = TIMEOUTS;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(connect)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build();
    let mut config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).timeout_config(timeouts);
    // Where it cannot be built, every call reports that there is none.
    let connector = connector(AMAZON_ROOTS, Some(connect));
    config.set_http_client(connector.map(|connector| Shared(connector).into_shared()));
    config.set_region(lookup("AWS_REGION").map(Region::new));
    // An empty value counts as absent: the SDK would panic.
    config.set_endpoint_url(lookup("AWS_ENDPOINT_URL").filter(|url| !url.is_empty()));
    if let Some((id, secret)) = lookup("AWS_ACCESS_KEY_ID").zip(lookup("AWS_SECRET_ACCESS_KEY")) {
        let credentials = Credentials::new(id, secret, lookup("AWS_SESSION_TOKEN"), None, "Environment");
        config.set_credentials_provider(Some(aws_credential_types::provider::SharedCredentialsProvider::new(
            credentials,
        )));
    }
    config.build()
}

/// Returns what `start` comes to, while the connection to the table of `TABLE_NAME` is opened.
pub async fn while_connecting<T>(aws: &SdkConfig, start: impl Future<Output = T>) -> T {
    let connected = async {
        if let Some(table) = config::environment("TABLE_NAME") {
            Box::pin(connect(aws, &table)).await;
        }
    };
    tokio::join!(start, connected).0
}

/// Opens the connection by reading an item that never exists, so that the first invocation finds it open. Errors are
/// ignored here; the first query reports them.
async fn connect(aws: &SdkConfig, table: &str) {
    let client = aws_sdk_dynamodb::Client::new(aws);
    let absent = || AttributeValue::S("NOTHING".to_owned());
    let read = client.get_item().table_name(table).key("pk", absent()).key("sk", absent()).send();
    let _ignored = tokio::time::timeout(WARM_UP, read).await;
}

/// Returns a builder for clients of other services, which trusts Mozilla's authorities. They are compiled in, since reading and
/// parsing the system's takes longer than the rest of a start.
#[cfg(feature = "http")]
pub(crate) fn http() -> reqwest::ClientBuilder {
    trusting(mozillas())
}

#[cfg(feature = "http")]
fn mozillas() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

#[cfg(feature = "http")]
fn trusting(roots: RootCertStore) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(tls) => builder.tls_backend_preconfigured(tls.with_root_certificates(roots).with_no_client_auth()),
        // This is no TLS configuration, so building the client fails.
        Err(_) => builder.tls_backend_preconfigured(()),
    }
}

fn connector(roots: &str, connect_timeout: Option<Duration>) -> Option<SharedHttpConnector> {
    let mut settings = HttpConnectorSettings::builder();
    settings.set_connect_timeout(connect_timeout);
    let roots = TrustStore::empty().with_pem_certificate(roots);
    let connector = Connector::builder()
        .connector_settings(settings.build())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(roots).build().ok()?);
    Some(SharedHttpConnector::new(connector.build()))
}

#[cfg(test)]
#[cfg(feature = "http")]
#[expect(unreachable_pub, reason = "the file belongs to the crate of tests, which has it public")]
#[path = "../../../tests/src/tls.rs"]
mod tls;

#[cfg(test)]
#[cfg(feature = "http")]
mod tests {
    use std::net::SocketAddr;

    use aws_smithy_runtime_api::client::http::HttpConnector;
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use sha2::{Digest, Sha256};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::tls::Identity;
    use super::*;

    #[test]
    fn amazons_authorities_are_those_that_it_publishes() {
        let digests: Vec<String> = CertificateDer::pem_slice_iter(AMAZON_ROOTS.as_bytes())
            .filter_map(|certificate| certificate.ok().map(|certificate| hex::encode(Sha256::digest(certificate))))
            .collect();
        // As published at <https://www.amazontrust.com/repository/>.
        let published = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ];
        assert_eq!(digests, published);
        // The connector panics on a certificate that it cannot use.
        assert!(connector(AMAZON_ROOTS, None).is_some());
    }

    #[test]
    fn mozillas_authorities_are_public_ones() {
        let named = |name: &str| mozillas().roots.iter().any(|root| contains(&root.subject, name.as_bytes()));
        assert!(named("ISRG Root X1") && named("DigiCert Global Root G2") && !named("invented"));
    }

    fn contains(whole: &[u8], part: &[u8]) -> bool {
        whole.windows(part.len()).any(|window| window == part)
    }

    /// Serves 204 for every request.
    async fn served() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let read = client.read(&mut [0; 4096]).await.unwrap_or_default();
                let answer: &[u8] = if read > 0 { b"HTTP/1.1 204 No Content\r\n\r\n" } else { b"" };
                client.write_all(answer).await.unwrap();
            }
        });
        address
    }

    fn causes(error: &dyn std::error::Error) -> String {
        let causes = std::iter::successors(Some(error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    #[tokio::test]
    async fn others_are_reached_where_a_trusted_authority_signs_for_them_and_nowhere_else() {
        let [ours, other] = [Identity::invent(), Identity::invent()];
        let url = ours.serve(served().await).await;
        let ask = async |builder: reqwest::ClientBuilder| {
            builder.no_proxy().build().unwrap().get(&url).send().await.map(|answer| answer.status().as_u16())
        };
        let store = |identity: &Identity| {
            let mut store = RootCertStore::empty();
            store.add(CertificateDer::from_pem_slice(identity.authority.as_bytes()).unwrap()).unwrap();
            store
        };
        assert_eq!(ask(trusting(store(&ours))).await.unwrap(), 204);
        // The other authority has the same name.
        for (builder, why) in [(trusting(store(&other)), "BadSignature"), (http(), "UnknownIssuer")] {
            let refused = causes(&ask(builder).await.unwrap_err());
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[tokio::test]
    async fn aws_is_reached_where_a_trusted_authority_signs_for_it_and_nowhere_else() {
        let [ours, other] = [Identity::invent(), Identity::invent()];
        let url = ours.serve(served().await).await;
        let ask = async |roots: &str| {
            let request = HttpRequest::get(url.as_str()).unwrap();
            connector(roots, None).unwrap().call(request).await.map(|answer| answer.status().as_u16())
        };
        assert_eq!(ask(&ours.authority).await.unwrap(), 204);
        for (roots, why) in [(other.authority.as_str(), "BadSignature"), (AMAZON_ROOTS, "UnknownIssuer")] {
            let refused = causes(&ask(roots).await.unwrap_err());
            assert!(refused.contains(why), "{refused}");
        }
    }
}
