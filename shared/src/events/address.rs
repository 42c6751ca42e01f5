//! Addresses that events may be posted to. The address of an endpoint is data, so that without a limit it could lead to services that
//! only this function can reach.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Blocks of IPv4 that are not globally reachable, as address and length of the prefix (IANA, "IPv4 Special-Purpose Address
/// Registry"), and multicast.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, with the metadata service.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, reserved and broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];
/// The block of IPv6 that is given to networks. Everything else is private, local, multicast or a translation of IPv4.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// Blocks within it that are not globally reachable, or that lead to an address of IPv4 (IANA, "IPv6 Special-Purpose Address
/// Registry").
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Addresses that are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Public ones alone.
    Public,
    /// Public ones and this machine, outside production.
    PublicAndLoopback,
}

/// Address that events are not posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its name leads to an address that is not public")]
pub(super) struct NotPublic;

/// Addresses of a name.
type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolver that gives a connection only addresses that are allowed. It is asked for each connection, and the connection goes to the
/// address that was checked, so that a name cannot change in between.
pub(super) struct Resolver {
    reach: Reach,
    look_up: Arc<dyn Fn(String) -> Found + Send + Sync>,
}

impl Reach {
    /// True if events may be posted to the address.
    pub(super) fn allows(self, address: IpAddr) -> bool {
        let is_loopback = address.to_canonical().is_loopback();
        is_public(address) || (self == Self::PublicAndLoopback && is_loopback)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|(block, length)| {
            let differing = u32::from(address) ^ u32::from(*block);
            differing.leading_zeros() >= *length
        }),
        IpAddr::V6(address) => {
            let is_in = |(block, length): &(Ipv6Addr, u32)| {
                let differing = u128::from(address) ^ u128::from(*block);
                differing.leading_zeros() >= *length
            };
            is_in(&GLOBAL_V6) && !NOT_PUBLIC_V6.iter().any(is_in)
        }
    }
}

impl Resolver {
    /// The system's resolver, limited to what is in reach.
    pub(super) fn new(reach: Reach) -> Self {
        let look_up = |name: String| -> Found {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) })
        };
        Self { reach, look_up: Arc::new(look_up) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, found) = (self.reach, (self.look_up)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = found.await?;
            // One address that is not public is enough: no endpoint of the business has any.
            if !found.iter().all(|address| reach.allows(*address)) {
                return Err(NotPublic.into());
            }
            // The port is that of the URL.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::platform::aws;

    const REFUSED: &str = "0.0.0.0 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.8.9.10 169.254.0.1 \
        169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.7 192.168.1.1 198.18.0.1 \
        198.19.255.255 198.51.100.3 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ::1 \
        ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::ffff:8.8.8.8 64:ff9b::a9fe:a9fe 64:ff9b:1::1 \
        100::1 2001::1 2001:db8::1 2002:a9fe:a9fe::1 3fff::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 \
        5f00::1";
    const ALLOWED: &str = "1.1.1.1 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255 \
        169.255.0.1 172.15.255.255 172.32.0.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1 \
        223.255.255.255 2400:cb00::1 2606:4700::1111 2001:200::1";

    #[test]
    fn private_local_and_reserved_addresses_are_out_of_reach_in_every_form() {
        for address in REFUSED.split(' ') {
            assert!(!Reach::Public.allows(address.parse().unwrap()), "{address}");
        }
        for address in ALLOWED.split(' ') {
            assert!(Reach::Public.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn outside_production_this_machine_is_in_reach_and_nothing_else_that_is_private() {
        for address in ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"] {
            assert!(Reach::PublicAndLoopback.allows(address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.0.1", "169.254.169.254", "0.0.0.0", "fe80::1", "::ffff:10.0.0.1"] {
            assert!(!Reach::PublicAndLoopback.allows(address.parse().unwrap()), "{address}");
        }
    }

    /// A resolver that finds these addresses at its first, second, … look-up.
    fn resolver(reach: Reach, found: &'static [&'static [&'static str]]) -> Resolver {
        let asked = AtomicUsize::new(0);
        let look_up = move |_: String| -> Found {
            let found = found.get(asked.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or_default();
            Box::pin(async move { Ok(found.iter().map(|address| address.parse().unwrap()).collect()) })
        };
        Resolver { reach, look_up: Arc::new(look_up) }
    }

    async fn resolved(resolver: &Resolver) -> Result<Vec<IpAddr>, String> {
        let found = resolver.resolve("app.invented.example".parse().unwrap()).await;
        found.map(|found| found.map(|address| address.ip()).collect()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_is_checked_at_each_look_up() {
        let resolver = resolver(Reach::Public, &[&["1.1.1.1"], &["169.254.169.254"], &["1.1.1.1", "10.0.0.1"]]);
        assert_eq!(resolved(&resolver).await, Ok(vec!["1.1.1.1".parse().unwrap()]));
        let refused = Err("its name leads to an address that is not public".to_owned());
        assert_eq!(resolved(&resolver).await, refused);
        assert_eq!(resolved(&resolver).await, refused, "one of several is enough");
    }

    #[tokio::test]
    async fn a_client_connects_to_no_address_that_its_second_look_up_finds() {
        // A server that would answer is on this machine; the first look-up leads to it, the second one to metadata.
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0_u8; 1_024];
            let _read = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
        });
        let resolver = resolver(Reach::PublicAndLoopback, &[&["127.0.0.1"], &["169.254.169.254"], &["10.1.2.3"]]);
        let client = aws::http().no_proxy().timeout(Duration::from_secs(5)).dns_resolver(Arc::new(resolver));
        let client = client.build().unwrap();
        let url = format!("http://app.invented.example:{port}/events");
        assert_eq!(client.post(&url).send().await.unwrap().status(), 204);
        served.await.unwrap();
        for _ in 0..2 {
            let error = client.post(&url).send().await.unwrap_err();
            assert!(error.is_connect() && crate::platform::logging::error_chain(&error).contains("not public"));
        }
    }
}
