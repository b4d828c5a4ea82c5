//! What stands before every pay page: how often one address may come, what a browser is allowed to
//! do with the page, and whether a form is ours (RULES RATE-1, WEB-1, WEB-2).

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    response::Response,
};
use chrono::TimeDelta;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

use crate::{
    app::{Rondo, pay::PayLink},
    security::links::Purpose,
    web::serve::Peer,
};

/// How long a form may stay open before it is sent.
const FORM_LIFE: TimeDelta = TimeDelta::hours(12);
/// The first letter of a form's token: no link has it, so that neither passes for the other.
const FORM: u8 = b'f';
/// Addresses that are remembered before those that are calm again are forgotten.
const REMEMBERED: usize = 10_000;

const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// How often one address may come. Forms, which can start a payment or store a card, have a narrower
/// limit of their own (RULES RATE-1: card testing).
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pages: Arc<DefaultKeyedRateLimiter<IpAddr>>,
    forms: Arc<DefaultKeyedRateLimiter<IpAddr>>,
}

impl Limits {
    /// So many pages a minute, and a fourth of that in forms. Zero counts as one.
    pub(super) fn new(pages_per_minute: u32) -> Self {
        let limiter = |per_minute: u32| {
            let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
            Arc::new(RateLimiter::keyed(quota))
        };
        Self { pages: limiter(pages_per_minute), forms: limiter(pages_per_minute / 4) }
    }

    /// Lets a request in, or says after how many seconds it may come again.
    pub(super) fn admit(&self, request: &Request) -> Result<(), u64> {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        let address = peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(Peer(at))| at.ip());
        let limiter = if request.method() == Method::POST { &self.forms } else { &self.pages };
        if limiter.len() > REMEMBERED {
            limiter.retain_recent();
        }
        limiter.check_key(&network_of(address)).map_err(|not_until| {
            not_until.wait_time_from(DefaultClock::default().now()).as_secs().saturating_add(1)
        })
    }
}

/// One household has one IPv4 address, and 2^64 of IPv6.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

/// Sets what a browser may do with the page: show it, style it, send its form back to us.
pub(super) fn with_headers(mut response: Response, is_over_tls: bool) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_over_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

/// Whether a form was sent from a page of ours. Browsers say so in `Sec-Fetch-Site`; older ones, and
/// plain HTTP, leave `Origin`, which our own no-referrer policy makes `null`. The form's token
/// decides what is left.
pub(super) fn is_from_our_page(headers: &HeaderMap, public_url: &str) -> bool {
    let told = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    match told(HeaderName::from_static("sec-fetch-site")) {
        Some(site) => site == b"same-origin",
        None => told(header::ORIGIN)
            .is_none_or(|origin| origin == b"null" || origin == public_url.as_bytes()),
    }
}

/// What a form of the page of `link` carries.
pub(super) fn form_token(rondo: &Rondo, link: PayLink) -> String {
    rondo.links.sign(Purpose::Pay, &form_payload(link), rondo.clock.now() + FORM_LIFE)
}

/// Whether a form's token was made for the page of `link`, not too long ago.
pub(super) fn is_our_form(rondo: &Rondo, link: PayLink, token: &str) -> bool {
    let told = rondo.links.verify(Purpose::Pay, token, rondo.clock.now());
    told.is_ok_and(|payload| payload == form_payload(link))
}

fn form_payload(link: PayLink) -> Vec<u8> {
    [&[FORM], link.payload().as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_from_our_own_pages_only() {
        for (name, value, expected) in [
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
            ("sec-fetch-site", "none", false),
            ("origin", "https://pay.academy.example", true),
            ("origin", "null", true),
            ("origin", "https://evil.example", false),
            ("origin", "https://pay.academy.example.evil.example", false),
            ("accept", "*/*", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            let told = is_from_our_page(&headers, "https://pay.academy.example");
            assert_eq!(told, expected, "{name}: {value}");
        }
    }

    #[test]
    fn one_household_counts_as_one() {
        for (one, other, expected) in [
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let [one, other] = [one, other].map(|ip| network_of(ip.parse().unwrap()));
            assert_eq!(one == other, expected, "{one} {other}");
        }
    }

    #[test]
    fn a_crowd_from_one_address_is_told_to_wait() {
        let limits = Limits::new(8);
        let request = |method| {
            let mut request = Request::new(axum::body::Body::empty());
            *request.method_mut() = method;
            request.extensions_mut().insert(ConnectInfo(Peer(([192, 0, 2, 1], 1).into())));
            request
        };
        for _ in 0..8 {
            assert!(limits.admit(&request(Method::GET)).is_ok());
        }
        assert!(limits.admit(&request(Method::GET)).is_err_and(|seconds| seconds >= 1));
        // Forms are counted apart, and two of them are many.
        assert!(limits.admit(&request(Method::POST)).is_ok());
        assert!(limits.admit(&request(Method::POST)).is_ok());
        assert!(limits.admit(&request(Method::POST)).is_err());
    }
}
