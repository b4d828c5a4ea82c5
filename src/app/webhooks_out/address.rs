//! Which addresses a webhook may be sent to: public ones over TLS, so that no portal can make us call
//! into our own network, unless the operator lets it (RULES SSRF-1, SSRF-2, SSRF-3). What can be said of an address without
//! resolving its host is asked when an endpoint is made and again at each delivery, the rest at each
//! delivery.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use url::Url;

/// The longest address, in characters.
const URL_MAX_CHARS: usize = 2_000;

/// How far webhooks may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To public hosts, over TLS alone.
    Public,
    /// To this machine itself too, over plain HTTP and on any port: for a demo and for tests.
    ThisMachineToo,
    /// To private networks and link-local addresses too, over plain HTTP and on any port: for a
    /// portal that lives beside this server.
    PrivateToo,
}

/// Why an address is not called, as what would be right of it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody can read so much.
    #[error("must have at most {URL_MAX_CHARS} characters")]
    TooLong,
    /// It is no address.
    #[error("must be an address like https://portal.example/rondo")]
    Unreadable,
    /// It is not encrypted.
    #[error("must begin with https://")]
    NotTls,
    /// On this machine too, it is neither encrypted nor plain HTTP.
    #[error("must begin with http:// or https://")]
    NotWeb,
    /// It names a port.
    #[error("must not name another port than 443")]
    Port,
    /// It holds a secret of the host's.
    #[error("must not hold a user name or a password")]
    Credentials,
    /// It holds what no server gets.
    #[error("must not hold a fragment, the part after #")]
    Fragment,
    /// It names no host that can prove who it is.
    #[error("must name a host, not a number")]
    Literal,
    /// It names a place within, and the operator lets nobody in.
    #[error(
        "must lead to a public host: this machine and private networks are written to only where the \
         operator allows it (the setting `webhook_reach`)"
    )]
    Inward,
    /// Its host has no address.
    #[error("must name a host that has an address")]
    Unknown,
    /// Its host leads into a network that is none of the portal's.
    #[error(
        "must lead to a public address, not to {0}, unless the operator allows it (the setting \
         `webhook_reach`)"
    )]
    NotPublic(IpAddr),
}

/// Where to connect, and under which name.
#[derive(Debug)]
pub(super) struct Vetted {
    pub(super) url: Url,
    pub(super) host: String,
    pub(super) addresses: Vec<SocketAddr>,
}

/// Reads the address and resolves its host, anew at each delivery. One address that is not public is
/// one too many.
pub(super) async fn vet(url: &str, reach: Reach) -> Result<Vetted, Refusal> {
    let url = read(url, reach)?;
    let host = url.host_str().ok_or(Refusal::Unreadable)?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or(Refusal::Unreadable)?;
    let found = tokio::net::lookup_host((host.as_str(), port));
    let addresses: Vec<_> = found.await.map_err(|_| Refusal::Unknown)?.collect();
    admit(&url, &addresses, reach)?;
    Ok(Vetted { url, host, addresses })
}

/// Whether what the host's name leads to may be called.
fn admit(url: &Url, addresses: &[SocketAddr], reach: Reach) -> Result<(), Refusal> {
    if addresses.is_empty() {
        return Err(Refusal::Unknown);
    }
    let private = addresses.iter().map(SocketAddr::ip).find(|ip| !may_call(*ip, reach));
    if let Some(ip) = private {
        return Err(Refusal::NotPublic(ip));
    }
    // A name says nothing of where it leads, and nothing goes out into the world in the clear.
    if url.scheme() != "https" && addresses.iter().any(|address| is_public(address.ip())) {
        return Err(Refusal::NotTls);
    }
    Ok(())
}

/// What can be said of an address before its host is resolved.
pub fn read(text: &str, reach: Reach) -> Result<Url, Refusal> {
    if text.chars().count() > URL_MAX_CHARS {
        return Err(Refusal::TooLong);
    }
    let url: Url = text.parse().map_err(|_| Refusal::Unreadable)?;
    let host = url.host_str().ok_or(Refusal::Unreadable)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Credentials);
    }
    if url.fragment().is_some() {
        return Err(Refusal::Fragment);
    }
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let place = literal.or_else(|| names_this_machine(host).then_some(Ipv4Addr::LOCALHOST.into()));
    let is_within = match (reach, place) {
        (_, Some(ip)) => !is_public(ip) && may_call(ip, reach),
        // Where a name leads is seen at each delivery.
        (Reach::PrivateToo, None) => true,
        (Reach::Public | Reach::ThisMachineToo, None) => false,
    };
    if is_within {
        let is_web = matches!(url.scheme(), "http" | "https");
        return if is_web { Ok(url) } else { Err(Refusal::NotWeb) };
    }
    if place.is_some_and(|ip| !is_public(ip)) {
        return Err(Refusal::Inward);
    }
    if url.scheme() != "https" {
        return Err(Refusal::NotTls);
    }
    if literal.is_some() {
        return Err(Refusal::Literal);
    }
    // The parser drops the port that goes without saying.
    if url.port().is_some() { Err(Refusal::Port) } else { Ok(url) }
}

/// By RFC 6761 these names lead home everywhere.
fn names_this_machine(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}

fn may_call(ip: IpAddr, reach: Reach) -> bool {
    is_public(ip)
        || match reach {
            Reach::Public => false,
            Reach::ThisMachineToo => ip.is_loopback(),
            Reach::PrivateToo => is_near(ip),
        }
}

/// Loopback, private and link-local addresses: where a portal beside this server may live.
fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => NEAR_V4.iter().any(|range| range.holds(ip.to_bits())),
        IpAddr::V6(ip) => NEAR_V6.iter().any(|range| range.holds(ip.to_bits())),
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !PRIVATE_V4.iter().any(|range| range.holds(ip.to_bits())),
        IpAddr::V6(ip) => !PRIVATE_V6.iter().any(|range| range.holds(ip.to_bits())),
    }
}

/// The addresses that begin with the same bits.
struct Range<Bits> {
    first: Bits,
    prefix: u32,
}

impl Range<u32> {
    const fn holds(&self, bits: u32) -> bool {
        (bits ^ self.first).leading_zeros() >= self.prefix
    }
}

impl Range<u128> {
    const fn holds(&self, bits: u128) -> bool {
        (bits ^ self.first).leading_zeros() >= self.prefix
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32) -> Range<u32> {
    Range { first: Ipv4Addr::new(a, b, c, d).to_bits(), prefix }
}

const fn v6(start: [u16; 4], prefix: u32) -> Range<u128> {
    let [a, b, c, d] = start;
    Range { first: Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_bits(), prefix }
}

/// Loopback, RFC 1918, carrier-grade NAT and link-local.
const NEAR_V4: [Range<u32>; 6] = [
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
];

/// Loopback, unique local and link-local.
const NEAR_V6: [Range<u128>; 3] = [
    Range { first: Ipv6Addr::LOCALHOST.to_bits(), prefix: 128 },
    v6([0xfc00, 0, 0, 0], 7),
    v6([0xfe80, 0, 0, 0], 10),
];

/// RULES SSRF-3.
const PRIVATE_V4: [Range<u32>; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// RULES SSRF-3: the unspecified address, loopback, and what wraps or tunnels an IPv4 address too.
const PRIVATE_V6: [Range<u128>; 14] = [
    v6([0, 0, 0, 0], 128),
    Range { first: Ipv6Addr::LOCALHOST.to_bits(), prefix: 128 },
    Range { first: Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().to_bits(), prefix: 96 },
    v6([0x64, 0xff9b, 0, 0], 96),
    v6([0x64, 0xff9b, 1, 0], 48),
    v6([0x100, 0, 0, 0], 64),
    v6([0x2001, 0, 0, 0], 32),
    v6([0x2001, 0xdb8, 0, 0], 32),
    v6([0x2002, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0], 20),
    v6([0xfc00, 0, 0, 0], 7),
    v6([0xfe80, 0, 0, 0], 10),
    v6([0xfec0, 0, 0, 0], 10),
    v6([0xff00, 0, 0, 0], 8),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_public_hosts_over_tls_are_written_to_unless_the_operator_allows_more() {
        use Reach::{PrivateToo, Public, ThisMachineToo};
        use Refusal::{
            Credentials, Fragment, Inward, Literal, NotTls, NotWeb, Port, TooLong, Unreadable,
        };
        let long = format!("https://portal.example/{}", "x".repeat(URL_MAX_CHARS));
        for (url, public, at_home, nearby) in [
            ("https://portal.example/hooks?x=1", Ok(()), Ok(()), Ok(())),
            ("https://portal.example:443/", Ok(()), Ok(()), Ok(())),
            (long.as_str(), Err(TooLong), Err(TooLong), Err(TooLong)),
            ("", Err(Unreadable), Err(Unreadable), Err(Unreadable)),
            ("portal.example/hooks", Err(Unreadable), Err(Unreadable), Err(Unreadable)),
            ("mailto:ana@portal.example", Err(Unreadable), Err(Unreadable), Err(Unreadable)),
            ("https://portal.example:8443/", Err(Port), Err(Port), Ok(())),
            ("http://portal.example/", Err(NotTls), Err(NotTls), Ok(())),
            ("ftp://portal.example/", Err(NotTls), Err(NotTls), Err(NotWeb)),
            ("https://ana@portal.example/", Err(Credentials), Err(Credentials), Err(Credentials)),
            ("https://:x@portal.example/", Err(Credentials), Err(Credentials), Err(Credentials)),
            ("https://portal.example/#rondo", Err(Fragment), Err(Fragment), Err(Fragment)),
            ("https://8.8.8.8/", Err(Literal), Err(Literal), Err(Literal)),
            ("https://[2606:4700::1111]/", Err(Literal), Err(Literal), Err(Literal)),
            ("http://8.8.8.8/", Err(NotTls), Err(NotTls), Err(NotTls)),
            ("https://10.0.0.1/", Err(Inward), Err(Inward), Ok(())),
            ("http://192.168.1.7:3000/", Err(Inward), Err(Inward), Ok(())),
            ("http://169.254.169.254/", Err(Inward), Err(Inward), Ok(())),
            ("https://[fe80::1]/", Err(Inward), Err(Inward), Ok(())),
            ("https://[fd00::1]/", Err(Inward), Err(Inward), Ok(())),
            ("https://0.0.0.0/", Err(Inward), Err(Inward), Err(Inward)),
            ("https://[::ffff:10.0.0.1]/", Err(Inward), Err(Inward), Err(Inward)),
            // Other ways to write 127.0.0.1.
            ("https://2130706433/", Err(Inward), Ok(()), Ok(())),
            ("https://0x7f.1/", Err(Inward), Ok(()), Ok(())),
            ("https://[::1]/", Err(Inward), Ok(()), Ok(())),
            ("https://127.0.0.1/x", Err(Inward), Ok(()), Ok(())),
            ("http://127.0.0.1:9000/hooks", Err(Inward), Ok(()), Ok(())),
            ("http://localhost:8080/x", Err(Inward), Ok(()), Ok(())),
            ("http://portal.localhost:8080/", Err(Inward), Ok(()), Ok(())),
            ("https://localhost./", Err(Inward), Ok(()), Ok(())),
            ("http://[::1]:9000/", Err(Inward), Ok(()), Ok(())),
            ("ftp://localhost/hooks", Err(Inward), Err(NotWeb), Err(NotWeb)),
        ] {
            for (reach, expected) in
                [(Public, public), (ThisMachineToo, at_home), (PrivateToo, nearby)]
            {
                assert_eq!(read(url, reach).map(|_| ()), expected, "{url}, {reach:?}");
            }
        }
        assert!(!may_call("10.0.0.1".parse().unwrap(), ThisMachineToo));
        assert!(may_call("10.0.0.1".parse().unwrap(), PrivateToo));
        assert!(!may_call("224.0.0.1".parse().unwrap(), PrivateToo));
    }

    proptest! {
        #[test]
        fn no_address_makes_it_panic(text: String) {
            let _ = read(&text, Reach::Public);
            let _ = read(&text, Reach::ThisMachineToo);
            let _ = read(&text, Reach::PrivateToo);
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_when_it_is_resolved() {
        use Reach::{PrivateToo, Public, ThisMachineToo};
        use Refusal::{NotPublic, NotTls, Unknown};
        let [out, home, near] =
            ["8.8.8.8:80", "127.0.0.1:80", "10.0.0.1:80"].map(|ip| ip.parse().unwrap());
        let ip = |address: SocketAddr| address.ip();
        for (url, leads_to, reach, expected) in [
            ("https://portal.example/", vec![out], Public, Ok(())),
            ("https://portal.example/", vec![], Public, Err(Unknown)),
            ("https://portal.example/", vec![out, home], Public, Err(NotPublic(ip(home)))),
            ("https://portal.example/", vec![out, near], Public, Err(NotPublic(ip(near)))),
            ("https://portal.example/", vec![home], ThisMachineToo, Ok(())),
            ("https://portal.example/", vec![near], ThisMachineToo, Err(NotPublic(ip(near)))),
            ("http://portal.example/", vec![near], PrivateToo, Ok(())),
            ("http://portal.example/", vec![near, out], PrivateToo, Err(NotTls)),
        ] {
            assert_eq!(admit(&url.parse().unwrap(), &leads_to, reach), expected, "{leads_to:?}");
        }
        assert!(
            matches!(vet("https://127.0.0.1/", ThisMachineToo).await, Ok(vetted) if vetted.host == "127.0.0.1")
        );
    }

    #[test]
    fn only_public_addresses_are_public() {
        for (ip, expected) in [
            ("8.8.8.8", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("198.20.0.1", true),
            ("223.255.255.255", true),
            ("2606:4700::1111", true),
            ("2a00:1450::1", true),
            ("0.1.2.3", false),
            ("10.1.2.3", false),
            ("100.127.255.255", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.31.255.255", false),
            ("192.0.0.8", false),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("192.168.1.1", false),
            ("198.19.255.255", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:8.8.8.8", false),
            ("64:ff9b::808:808", false),
            ("64:ff9b:1::1", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2002:808:808::1", false),
            ("3fff::1", false),
            ("fd00::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
