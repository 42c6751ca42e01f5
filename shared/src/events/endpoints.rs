//! Endpoints of the business's app: a secret `{"endpoints": [{"name", "url", "types", "keys"}]}`, with the keys that sign what is
//! posted to each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use reqwest::Url;
use serde::Deserialize;
use standardwebhooks::Webhook;

use crate::domain::billing::app_events::AppEventType;
use crate::domain::billing::app_events::delivery::is_endpoint_name;
use crate::domain::values::time::Timestamp;
use crate::ecpay::order_form::Environment;
use crate::events::address::Reach;
use crate::platform::secrets::cached::CachedSecret;
use crate::platform::secrets::{Error, Secret};

/// Stale limit in minutes: an outage of Secrets Manager of an hour delays no event, and an endpoint refuses a key that was
/// withdrawn anyway.
const STALE_MINUTES: i64 = 60;
const DOCUMENT: &str = "JSON with endpoints, each with name, url, keys and, where it does not take all, types";
/// Most endpoints.
const MOST_ENDPOINTS: usize = 5;
/// Most keys of one endpoint: the present one and, while it is changed, the next.
const MOST_KEYS: usize = 2;
/// Fewest characters of a key in base64 without its prefix: 24 bytes (Standard Webhooks, "Secrets").
const SHORTEST_KEY: usize = 32;

/// Endpoint to which events are posted.
#[derive(Clone)]
pub struct Endpoint {
    /// Types that it takes; `None` for all.
    types: Option<BTreeSet<AppEventType>>,
    /// Address and keys, or the fault of the secret because of which nothing can be posted.
    target: Result<Target, &'static str>,
}

/// Address and keys of an endpoint. Neither is in a log: the address may contain a secret.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) url: Url,
    /// Keys that sign each request, at least one.
    pub(super) keys: Arc<Vec<Webhook>>,
}

/// Endpoints by name.
pub type Endpoints = BTreeMap<String, Endpoint>;

/// The events secret, and its copy in memory.
pub struct EndpointSecret {
    secret: Secret,
    reach: Reach,
    cached: CachedSecret<Arc<Endpoints>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    endpoints: Vec<EndpointDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointDocument {
    name: String,
    url: String,
    types: Option<Vec<String>>,
    keys: Vec<String>,
}

impl Endpoint {
    /// True if the endpoint takes events of that type. A test goes to every endpoint.
    #[must_use]
    pub fn takes(&self, kind: AppEventType) -> bool {
        kind == AppEventType::Test || self.types.as_ref().is_none_or(|types| types.contains(&kind))
    }

    /// Address and keys, or the fault of the secret because of which nothing can be posted.
    pub(super) const fn target(&self) -> Result<&Target, &'static str> {
        match &self.target {
            Ok(target) => Ok(target),
            Err(fault) => Err(*fault),
        }
    }
}

impl EndpointSecret {
    /// The endpoints stored under `id`. Outside production they may be on this machine.
    #[must_use]
    pub fn new(client: Client, id: String, environment: Environment) -> Self {
        let cached = CachedSecret::new(id.clone(), STALE_MINUTES);
        let reach = reach(environment);
        Self { secret: Secret::new(client, id), reach, cached }
    }

    /// Returns the endpoints at `wall`.
    ///
    /// # Errors
    /// [`Error`] where the secret cannot be read and no copy is younger than an hour, and where it has another shape. A fault of one
    /// endpoint's address or keys is an error of the deliveries to it alone.
    pub async fn get(&self, wall: Timestamp) -> Result<Arc<Endpoints>, Error> {
        self.cached.get(wall, self.read()).await
    }

    async fn read(&self) -> Result<Arc<Endpoints>, Error> {
        let document = self.secret.json::<Document>(DOCUMENT).await?;
        let endpoints = endpoints(document, self.reach).map_err(|faults| {
            Error::InvalidFields(
                faults.into_iter().map(|fault| format!("secret {}: {fault}", self.secret.id())).collect(),
            )
        })?;
        Ok(Arc::new(endpoints))
    }
}

/// Addresses in reach of an environment.
pub(super) fn reach(environment: Environment) -> Reach {
    if environment == Environment::Production { Reach::Public } else { Reach::PublicAndLoopback }
}

fn endpoints(document: Document, reach: Reach) -> Result<Endpoints, Vec<String>> {
    let (mut endpoints, mut faults) = (Endpoints::new(), Vec::new());
    if document.endpoints.len() > MOST_ENDPOINTS {
        faults.push(format!("endpoints: at most {MOST_ENDPOINTS}"));
    }
    for (place, EndpointDocument { name, url, types, keys }) in document.endpoints.into_iter().enumerate() {
        let field = |field: &str| format!("endpoints[{place}].{field}");
        if !is_endpoint_name(&name) {
            faults.push(format!("{}: must be 1 to 32 letters, digits, - and _", field("name")));
            continue;
        }
        let parsed: Option<Result<BTreeSet<AppEventType>, _>> =
            types.map(|types| types.into_iter().map(AppEventType::try_from).collect());
        // With a fault it takes all types: what it would not have taken waits with the rest until the fault is mended.
        let (types, fault) = match parsed.transpose() {
            Ok(types) => (types, None),
            Err(_) => (None, Some("types: names a type that is none")),
        };
        let target = address(&url, reach).and_then(|url| Ok(Target { url, keys: Arc::new(signers(&keys)?) }));
        let target = fault.map_or(target, Err);
        if let Err(fault) = &target {
            tracing::error!(endpoint = name, fault, "an endpoint of events cannot be used");
        }
        if endpoints.insert(name, Endpoint { types, target }).is_some() {
            faults.push(format!("{}: is that of another endpoint", field("name")));
        }
    }
    if faults.is_empty() { Ok(endpoints) } else { Err(faults) }
}

fn address(text: &str, reach: Reach) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "url: is not an address")?;
    let host = url.host_str().ok_or("url: has no host")?;
    // The parser has brought every notation of an address of IPv4 into the usual one.
    let literal: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    if literal.is_some_and(|address| !reach.allows(address)) {
        return Err("url: is not a public address");
    }
    let is_local = literal.is_some_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => {}
        // Only where the reach has this machine at all.
        "http" if is_local => {}
        _ => return Err("url: must begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("url: must not contain a user");
    }
    Ok(url)
}

fn signers(keys: &[String]) -> Result<Vec<Webhook>, &'static str> {
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err("keys: must be one key, or two while it is changed");
    }
    let signer = |key: &String| {
        let encoded = key.strip_prefix("whsec_").ok_or("keys: must begin with whsec_")?;
        if encoded.len() < SHORTEST_KEY {
            return Err("keys: must have at least 24 bytes");
        }
        Webhook::new(encoded).map_err(|_| "keys: must be base64")
    };
    keys.iter().map(signer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_aW52ZW50ZWQta2V5LW9mLWFuLWVuZHBvaW50LTAx";

    fn parsed(text: &str, reach: Reach) -> Result<Endpoints, Vec<String>> {
        endpoints(serde_json::from_str(text).unwrap(), reach)
    }

    fn fault(url: &str, keys: &str, reach: Reach) -> Option<&'static str> {
        let text = format!(r#"{{"endpoints": [{{"name": "app", "url": "{url}", "keys": {keys}}}]}}"#);
        parsed(&text, reach).unwrap()["app"].target().err()
    }

    #[test]
    fn an_endpoint_is_https_on_a_public_host() {
        let keys = format!(r#"["{KEY}"]"#);
        let public = |url: &str| fault(url, &keys, Reach::Public);
        for url in ["https://app.invented.example/events?key=1", "https://1.1.1.1:8443/", "https://[2606:4700::1111]/"]
        {
            assert_eq!(public(url), None, "{url}");
        }
        for (url, fault) in [
            ("app.invented.example", "url: is not an address"),
            ("http://app.invented.example/", "url: must begin with https://"),
            ("ftp://app.invented.example/", "url: must begin with https://"),
            ("https://user:word@app.invented.example/", "url: must not contain a user"),
            ("https://127.0.0.1/", "url: is not a public address"),
            ("https://2130706433/", "url: is not a public address"),
            ("https://0x7f.1/", "url: is not a public address"),
            ("https://169.254.169.254/latest/meta-data", "url: is not a public address"),
            ("https://[::1]/", "url: is not a public address"),
            ("https://[::ffff:169.254.169.254]/", "url: is not a public address"),
            ("https://[fd00:ec2::254]/", "url: is not a public address"),
        ] {
            assert_eq!(public(url), Some(fault), "{url}");
        }
    }

    #[test]
    fn outside_production_an_endpoint_may_be_on_this_machine_without_tls() {
        let keys = format!(r#"["{KEY}"]"#);
        let local = |url: &str| fault(url, &keys, Reach::PublicAndLoopback);
        assert_eq!(local("http://127.0.0.1:8787/app/events"), None);
        assert_eq!(local("http://[::1]:8787/app/events"), None);
        assert_eq!(local("http://10.0.0.1/"), Some("url: is not a public address"));
        // A name is looked up at each connection; without TLS it is not accepted.
        assert_eq!(local("http://localhost:8787/"), Some("url: must begin with https://"));
    }

    #[test]
    fn one_key_or_two_of_24_bytes() {
        let of = |keys: &str| fault("https://app.invented.example/", keys, Reach::Public);
        assert_eq!(of(&format!(r#"["{KEY}", "{KEY}"]"#)), None);
        assert_eq!(of("[]"), Some("keys: must be one key, or two while it is changed"));
        assert_eq!(
            of(&format!(r#"["{KEY}", "{KEY}", "{KEY}"]"#)),
            Some("keys: must be one key, or two while it is changed")
        );
        assert_eq!(of(r#"["whsec_c2hvcnQ="]"#), Some("keys: must have at least 24 bytes"));
        assert_eq!(of(r#"["aW52ZW50ZWQta2V5LW9mLWFuLWVuZHBvaW50LTAx"]"#), Some("keys: must begin with whsec_"));
        assert_eq!(of(r#"["whsec_!!!!ZWQta2V5LW9mLWFuLWVuZHBvaW50LTAx"]"#), Some("keys: must be base64"));
    }

    #[test]
    fn a_fault_of_one_endpoint_leaves_the_others_usable() {
        let text = format!(
            r#"{{"endpoints": [{{"name": "a", "url": "http://x.example", "keys": ["{KEY}"]}},
                {{"name": "b", "url": "https://y.example", "types": ["payment.failed"], "keys": ["{KEY}"]}}]}}"#
        );
        let endpoints = parsed(&text, Reach::Public).unwrap();
        assert!(endpoints["a"].target().is_err() && endpoints["b"].target().is_ok());
        assert!(endpoints["a"].takes(AppEventType::Renewed));
        assert!(endpoints["b"].takes(AppEventType::PaymentFailed) && endpoints["b"].takes(AppEventType::Test));
        assert!(!endpoints["b"].takes(AppEventType::Renewed));
    }

    #[test]
    fn names_are_checked_all_at_once_and_a_type_that_is_none_is_a_fault_of_its_endpoint() {
        let endpoint = |name: &str, types: &str| {
            format!(r#"{{"name": "{name}", "url": "https://x.example", "types": {types}, "keys": ["{KEY}"]}}"#)
        };
        let wrong = format!(r#"{{"endpoints": [{}]}}"#, endpoint("c", r#"["invoice.paid"]"#));
        let fault = parsed(&wrong, Reach::Public).unwrap()["c"].target().err();
        assert_eq!(fault, Some("types: names a type that is none"));
        let list = [endpoint("a b", "null"), endpoint("d", "[]"), endpoint("d", "[]")];
        let faults = parsed(&format!(r#"{{"endpoints": [{}]}}"#, list.join(",")), Reach::Public).err().unwrap();
        assert_eq!(
            faults,
            [
                "endpoints[0].name: must be 1 to 32 letters, digits, - and _",
                "endpoints[2].name: is that of another endpoint",
            ]
        );
        let six: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|name| endpoint(name, "null")).to_vec();
        let faults = parsed(&format!(r#"{{"endpoints": [{}]}}"#, six.join(",")), Reach::Public).err().unwrap();
        assert_eq!(faults, ["endpoints: at most 5"]);
    }
}
