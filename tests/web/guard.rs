//! What the pages let nobody do.

use rondo::{
    app::pay,
    domain::{changes::Changes, customer::Customer, merchant::Merchant, payment::PaymentState},
};

use crate::{site::Site, support::Engine::Sqlite};

#[tokio::test]
async fn every_page_says_what_browsers_may_do_with_it_and_runs_no_script() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let link = site.mailed_link("Bo");
    for url in [link.clone(), format!("{link}/return"), format!("{link}x")] {
        let response = site.browser().get(&url).send().await.unwrap();
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                 frame-ancestors 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(response.headers()[name], value, "{url}");
        }
        assert!(response.headers().get("set-cookie").is_none());
        let html = response.text().await.unwrap();
        let tags = html.split('<').filter_map(|tag| tag.split('>').next());
        for tag in tags {
            let runs = tag.starts_with("script") || tag.contains("javascript:");
            let reacts = tag.contains(" on") && !tag.contains("content=");
            assert!(!runs && !reacts && !tag.contains("style="), "{url}: {tag}");
        }
        assert!(html.len() < 14_000, "{} bytes", html.len());
    }
    let css = site.browser().get(site.absolute("/assets/rondo.css")).send().await.unwrap();
    assert_eq!(css.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn a_form_that_another_site_sends_does_nothing() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let page = site.open(&site.mailed_link("Bo")).await;
    let before = site.payment(bo.invoice).await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let forged = site.form(&page, &[("with", "page")]).header(name, value);
        assert_eq!(forged.send().await.unwrap().status(), 403, "{name}");
    }
    for fields in [vec![("form", "x")], vec![("with", "page")], vec![("form", page.url.as_str())]] {
        let url = site.absolute(page.action());
        let response = site.browser().post(url).form(&fields).send().await.unwrap();
        assert!(response.url().as_str().ends_with("note=form"), "{fields:?}");
    }
    assert_eq!(site.payment(bo.invoice).await, before);
    assert_eq!(before.state, PaymentState::Waiting);
}

#[tokio::test]
async fn who_comes_too_often_is_told_when_to_come_back() {
    let site = Site::with_limit(Sqlite, "2026-01-31", 5).await;
    for _ in 0..5 {
        assert_eq!(site.open("/pay/x").await.status, 404);
    }
    let response = site.browser().get(site.absolute("/pay/x")).send().await.unwrap();
    assert_eq!(response.status(), 429);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
}

#[tokio::test]
async fn a_page_speaks_the_readers_language_and_tells_that_it_is_a_test() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let link = site.mailed_link("Bo");
    for (url, languages, title, band) in [
        (
            link.clone(),
            "de-AT,de;q=0.9,en;q=0.5",
            "€\u{a0}20,00 sind noch offen für Membership",
            "Testmodus, die Uhr steht auf dem 15. Februar 2026",
        ),
        (
            link.clone(),
            "pt,es;q=0.8",
            "Quedan 20,00\u{a0}€ por pagar de Membership",
            "Modo de prueba, el reloj marca el 15 de febrero de 2026",
        ),
        (
            format!("{link}?lang=en"),
            "de",
            "€20.00 is still open for Membership",
            "Test mode, clock at 15 February 2026",
        ),
    ] {
        let page = site.open_in(&url, languages).await;
        assert_eq!(page.title(), title);
        assert!(page.says(band), "{}", page.html);
    }
    // A member's own language comes before the browser's, and what a browser likes best first.
    let likes_german = "en;q=0.3, de;q=0.9";
    let page = site.open_in(&link, likes_german).await;
    assert_eq!(page.title(), "20,00\u{a0}€ sind noch offen für Membership");
    let bo = site.customer(&bo.member).await;
    let reads_spanish = Customer { locale: Some("es-MX".into()), ..bo };
    site.world.write(Changes { customers: vec![reads_spanish], ..Changes::default() }).await;
    let page = site.open_in(&link, likes_german).await;
    assert_eq!(page.title(), "Quedan €20.00 por pagar de Membership", "as Mexico writes it");
    let why = "1 × €20.00 del 14 de febrero de 2026 al 13 de marzo de 2026.";
    assert!(page.says(why), "{}", page.html);
    assert!(!page.says("lang=\"en\""), "{}", page.html);
    // The language stays for the way there and back.
    let page = site.open_in(&format!("{link}?lang=de"), "en").await;
    let gateway = site.pay(&page, &[("with", "page")]).await;
    let back = site.choose(&gateway, "tok_visa").await;
    assert_eq!(back.title(), "20,00\u{a0}€ für Membership sind bezahlt");
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_told_in_the_readers_language() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let bo = site.debtor("Bo", "tok_visa_insufficient_funds").await;
    let merchant = site.world.merchant().await;
    let invoice = site.link(bo.invoice).await;
    let card =
        pay::card_url(site.rondo(), merchant.id, bo.member.id, merchant.test_clock.unwrap().now);
    for bad in ["/pay/", "/pay/x", "/pay/%FF", "/pay/x/return?lang=xx&note=nonsense&note=form"] {
        for (languages, title) in [
            ("de", "Diese Seite gibt es nicht"),
            ("en;q=0.1, es", "Esta página no existe"),
            ("ja", "There is no such page"),
        ] {
            let page = site.open_in(bad, languages).await;
            assert_eq!((page.status.as_u16(), page.title()), (404, title), "{bad}");
        }
        let page = site
            .open_in(&format!("{bad}{}lang=de", if bad.contains('?') { "&" } else { "?" }), "es")
            .await;
        assert!(page.title().starts_with(if bad.contains("lang=xx") { "Esta" } else { "Diese" }));
    }

    site.world.advance_to("2026-04-20").await;
    for (url, said) in [(&invoice, "410"), (&card, "410")] {
        for (ending, languages, title) in [
            ("", "de", "Dieser Link ist zu alt"),
            ("?lang=es", "de", "Este enlace es demasiado antiguo"),
            ("", "ja", "This link is too old"),
        ] {
            let page = site.open_in(&format!("{url}{ending}"), languages).await;
            assert_eq!((page.status.as_str(), page.title()), (said, title));
        }
    }
    // Whom the link was sent to is known, and what they read; the merchant's language comes last.
    let customer = site.customer(&bo.member).await;
    let customer = Customer { locale: Some("es".into()), ..customer };
    site.world.write(Changes { customers: vec![customer], ..Changes::default() }).await;
    for url in [&invoice, &card] {
        let page = site.open_in(url, "de").await;
        assert_eq!(page.title(), "Este enlace es demasiado antiguo");
        assert!(!page.says("Bo") && !page.says("bo@example.org"));
    }
    let customer = site.customer(&bo.member).await;
    let customer = Customer { locale: None, ..customer };
    let merchant = Merchant { locale: "de".into(), ..site.world.merchant().await };
    let changes =
        Changes { customers: vec![customer], merchants: vec![merchant], ..Changes::default() };
    site.world.write(changes).await;
    assert_eq!(site.open_in(&card, "ja").await.title(), "Dieser Link ist zu alt");
}
