//! Who follows a link: which page they ask for, and in which language they read it.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{HeaderMap, Uri, header, request::Parts},
};

use crate::{
    app::{Rondo, pay::PayLink},
    domain::{customer::Customer, merchant::Merchant},
    mail::{Conventions, Locale},
};

use super::{Desk, frame::Frame, page::Note};

/// What happened just now, told after a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remark {
    Unreachable,
    UnderWay,
    NotOffered,
    Form,
}

impl Remark {
    const ALL: [Self; 4] = [Self::Unreachable, Self::UnderWay, Self::NotOffered, Self::Form];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::UnderWay => "under-way",
            Self::NotOffered => "not-offered",
            Self::Form => "form",
        }
    }

    pub(super) fn note(self, frame: &Frame) -> Note {
        Note { tone: "warn", text: frame.word(&format!("note-{}", self.name())) }
    }
}

/// Who is reading, and what their address asks for beside its page, as far as the request tells.
/// What cannot be read is as good as absent: whoever follows a link gets a page that they can read.
pub(super) struct Visit {
    pub(super) token: String,
    link: Option<Locale>,
    browser: Vec<String>,
    pub(super) remark: Option<Remark>,
}

impl FromRequestParts<Arc<Desk>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Infallible> {
        let token = Path::<String>::from_request_parts(parts, desk).await;
        let token = token.map(|Path(token)| token).unwrap_or_default();
        Ok(Self { token, ..Self::of(&parts.uri, &parts.headers) })
    }
}

impl Visit {
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let asked = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
        let told =
            |name| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let wishes = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Self {
            token: String::new(),
            link: told("lang").and_then(Locale::from_tag),
            browser: wishes.map(wished).unwrap_or_default(),
            remark: Remark::ALL.into_iter().find(|remark| told("note") == Some(remark.name())),
        }
    }

    /// The link's language, else the customer's, the browser's, the merchant's; and the region of who
    /// asks for this language.
    pub(super) fn locale(
        &self,
        merchant: Option<&Merchant>,
        customer: Option<&Customer>,
    ) -> Conventions {
        let link = self.link.map(Locale::tag);
        let customer = customer.and_then(|customer| customer.locale.as_deref());
        let browser = self.browser.iter().map(String::as_str);
        let merchant = merchant.map(|merchant| merchant.locale.as_str());
        Conventions::negotiate(link.into_iter().chain(customer).chain(browser).chain(merchant))
    }

    pub(super) fn frame(&self, merchant: &Merchant, customer: Option<&Customer>) -> Frame {
        let zone = customer.and_then(|customer| customer.zone).unwrap_or(merchant.zone);
        Frame::of(merchant, self.locale(Some(merchant), customer), zone)
    }

    /// The page that `link` leads to, for the one who was sent it.
    pub(super) async fn frame_of(
        &self,
        rondo: &Rondo,
        merchant: &Merchant,
        link: PayLink,
    ) -> Frame {
        let reader = link.reader(rondo).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a page does not know its reader's language");
            None
        });
        self.frame(merchant, reader.as_ref())
    }

    /// An address under `/pay/`, in the language that the link asked for.
    pub(super) fn path(&self, token: &str, rest: &str, remark: Option<Remark>) -> String {
        let lang = self.link.map(|locale| format!("lang={}", locale.tag()));
        let note = remark.map(|remark| format!("note={}", remark.name()));
        let query: Vec<_> = lang.into_iter().chain(note).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("/pay/{token}{rest}{mark}{}", query.join("&"))
    }
}

/// The languages of an `Accept-Language` header, the best liked first.
fn wished(header: &str) -> Vec<String> {
    let mut wishes: Vec<(f32, &str)> = header
        .split(',')
        .filter_map(|wish| {
            let (tag, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let weight = weight.trim().strip_prefix("q=")?.trim().parse().ok()?;
            Some((weight, tag.trim()))
        })
        .filter(|(weight, _)| *weight > 0.0)
        .collect();
    // Stable: of those that are liked equally, the first comes first.
    wishes.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    wishes.into_iter().map(|(_, tag)| tag.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_liked_best_comes_first() {
        for (header, expected) in [
            ("de-AT,de;q=0.9,en;q=0.5", &["de-AT", "de", "en"][..]),
            ("en;q=0.2, es;q=0.8,  de", &["de", "es", "en"]),
            ("en;q=0, *;q=0.1", &["*"]),
            ("de;q=much, es", &["es"]),
            ("", &[""]),
        ] {
            assert_eq!(wished(header), expected, "{header}");
        }
    }
}
