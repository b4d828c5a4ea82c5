//! Mails leave over real SMTP, arrive as they were meant, and fail as the caller can use.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use mail_parser::{Message as Parsed, MessageParser, MimeHeaders};
use rondo::{
    domain::ids::Mint,
    mail::{
        Envelope, Fate, Locale, MailError, Mailer, Message, MessageKind, Outgoing, Overrides,
        Remedy, SmtpConfig, SmtpMailer,
        catcher::{Catcher, CatcherHandle, CaughtMail, Fault, Verb},
        render,
        transport::SmtpTls,
    },
};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LOOPBACK: &str = "127.0.0.1:0";

fn noon() -> DateTime<Utc> {
    "2027-02-28T12:00:00Z".parse().unwrap()
}

async fn catcher() -> CatcherHandle {
    let any = LOOPBACK.parse().unwrap();
    Catcher::new().start(any, any).await.unwrap()
}

fn config(catcher: &CatcherHandle) -> SmtpConfig {
    config_of(catcher.smtp_addr.port())
}

fn config_of(port: u16) -> SmtpConfig {
    SmtpConfig {
        host: "127.0.0.1".into(),
        port,
        tls: SmtpTls::None,
        ca_pem: None,
        username: None,
        password: None,
        from: "billing@rondo.example".parse().unwrap(),
        timeout_seconds: 20,
        connections: 2,
    }
}

fn mailer(catcher: &CatcherHandle) -> SmtpMailer {
    SmtpMailer::new(&config(catcher)).unwrap()
}

fn outgoing(kind: MessageKind, envelope: &Envelope) -> Outgoing {
    let message = &Message::samples(kind)[0];
    let rendered = render(message, envelope, &Overrides::default()).unwrap();
    let id = Mint::seeded([7; 32]).id(noon());
    Outgoing::new(id, kind, rendered, envelope, noon()).unwrap()
}

fn receipt() -> Outgoing {
    outgoing(MessageKind::Receipt, &Envelope::sample(Locale::En))
}

fn parsed(mail: &CaughtMail) -> Parsed<'_> {
    MessageParser::default().parse(&mail.source).unwrap()
}

#[tokio::test]
async fn every_kind_arrives_in_every_language_as_it_was_written() {
    let catcher = catcher().await;
    let mailer = mailer(&catcher);
    let all = Locale::ALL
        .into_iter()
        .flat_map(|locale| MessageKind::ALL.into_iter().map(move |kind| (kind, locale)));
    for (number, (kind, locale)) in all.enumerate() {
        let envelope = Envelope::sample(locale);
        let written = render(&Message::samples(kind)[0], &envelope, &Overrides::default()).unwrap();
        mailer.send(&outgoing(kind, &envelope)).await.unwrap();

        let caught = &catcher.mails()[number];
        let arrived = parsed(caught);
        assert_eq!(arrived.subject(), Some(written.subject.as_str()));
        assert_eq!(caught.kind.as_deref(), Some(kind.name()));
        assert_eq!(caught.to, ["ana@example.org"]);
        let unix = |text: String| text.replace("\r\n", "\n");
        assert_eq!(caught.html().map(unix), Some(written.html));
        assert_eq!(caught.text().map(unix), Some(written.text));
        assert_eq!(arrived.attachment_count(), 0);
    }
    assert_eq!(catcher.counts().len(), MessageKind::ALL.len());
    assert!(catcher.counts().values().all(|&count| count == 3));
}

#[tokio::test]
async fn a_mail_bears_the_headers_of_service_mail() {
    let catcher = catcher().await;
    let accepted = mailer(&catcher).send(&receipt()).await.unwrap();

    let mails = catcher.mails();
    let mail = parsed(&mails[0]);
    assert_eq!(mail.message_id().map(|id| format!("<{id}>")), Some(accepted.message_id));
    assert!(mail.message_id().is_some_and(|id| id.ends_with("@course-house.example")));
    assert_eq!(mail.date().map(mail_parser::DateTime::to_timestamp), Some(noon().timestamp()));
    assert_eq!(mails[0].header("Auto-Submitted").as_deref(), Some("auto-generated"));
    let from = mail.from().and_then(|from| from.first()).unwrap();
    assert_eq!(from.name(), Some("Lisbon Course House"));
    assert_eq!(from.address(), Some("billing@course-house.example"));
    let reply_to = mail.reply_to().and_then(|reply_to| reply_to.first()).unwrap();
    assert_eq!(reply_to.address(), Some("help@course-house.example"));
    assert!(mail.content_type().is_some_and(|kind| kind.subtype() == Some("alternative")));
    // Service mail has neither promotion nor unsubscription (RULES EML-1).
    assert_eq!(mails[0].header("List-Unsubscribe"), None);
    assert_eq!(mails[0].header("References"), None);
}

#[tokio::test]
async fn the_mails_of_a_dunning_case_are_one_thread_and_receipts_are_not() {
    let catcher = catcher().await;
    let mailer = mailer(&catcher);
    let thread = Some("<mail_first@course-house.example>".to_owned());
    let envelope = Envelope { thread: thread.clone(), ..Envelope::sample(Locale::En) };
    for kind in [MessageKind::Suspended, MessageKind::Receipt] {
        mailer.send(&outgoing(kind, &envelope)).await.unwrap();
    }
    let mails = catcher.mails();
    assert_eq!([mails[0].header("References"), mails[1].header("References")], [thread, None]);
}

#[tokio::test]
async fn a_line_break_in_a_name_adds_no_header() {
    let catcher = catcher().await;
    let mut envelope = Envelope::sample(Locale::En);
    envelope.to.name = Some("Ana\r\nBcc: eve@example.net".into());
    envelope.from.name = "House\nX-Evil: yes".into();
    mailer(&catcher).send(&outgoing(MessageKind::Welcome, &envelope)).await.unwrap();

    let mail = &catcher.mails()[0];
    assert_eq!([mail.header("Bcc"), mail.header("X-Evil")], [None, None]);
    assert_eq!(mail.to, ["ana@example.org"]);
}

#[tokio::test]
async fn an_answer_of_4xx_is_temporary_at_any_verb() {
    let catcher = catcher().await;
    for verb in [Verb::Connect, Verb::Hello, Verb::Mail, Verb::Rcpt, Verb::Data, Verb::Content] {
        catcher.misbehave(Fault::Answer { verb, code: 451, text: "4.3.0 come back".into() });
        let error = mailer(&catcher).send(&receipt()).await.unwrap_err();
        let is_surely_not_sent = matches!(error, MailError::Temporary { fate: Fate::NotSent, .. });
        assert!(is_surely_not_sent, "{verb:?}: {error:?}");
        assert_eq!(error.remedy(), Remedy::Retry);
    }
    assert_eq!(catcher.mails().len(), 0);
}

#[tokio::test]
async fn an_answer_of_5xx_is_for_good() {
    let catcher = catcher().await;
    for verb in [Verb::Rcpt, Verb::Data, Verb::Content] {
        catcher.misbehave(Fault::Answer { verb, code: 550, text: "5.1.1 nobody here".into() });
        match mailer(&catcher).send(&receipt()).await.unwrap_err() {
            MailError::Permanent { code, answer } => {
                assert_eq!((code, answer.as_str()), (550, "5.1.1 nobody here"), "{verb:?}");
            }
            other => panic!("{verb:?}: {other:?}"),
        }
    }
    assert_eq!(catcher.mails().len(), 0);
}

#[tokio::test]
async fn a_refused_password_is_our_fault_and_not_the_addresss() {
    let catcher = catcher().await;
    let config = SmtpConfig {
        username: Some("rondo".into()),
        password: Some("wrong".into()),
        ..config(&catcher)
    };
    let mailer = SmtpMailer::new(&config).unwrap();
    catcher.misbehave(Fault::Answer { verb: Verb::Auth, code: 535, text: "5.7.8 no".into() });
    assert_eq!(mailer.send(&receipt()).await.unwrap_err().remedy(), Remedy::TellStaff);

    catcher.misbehave(Fault::None);
    mailer.send(&receipt()).await.unwrap();
}

#[tokio::test]
async fn a_line_dropped_after_the_content_leaves_the_fate_unknown() {
    let catcher = catcher().await;
    let mailer = mailer(&catcher);
    for (kept, arrived) in [(false, 0), (true, 1)] {
        catcher.misbehave(Fault::DropAfterData { kept });
        let error = mailer.send(&receipt()).await.unwrap_err();
        assert!(matches!(error, MailError::Temporary { fate: Fate::Unknown, .. }), "{error:?}");
        assert_eq!(catcher.mails().len(), arrived);
    }
    // Sent again it is the same mail, so that the reader's programs can drop one of the two.
    catcher.misbehave(Fault::None);
    mailer.send(&receipt()).await.unwrap();
    let [first, second] = &catcher.mails()[..] else { panic!("two mails are there") };
    assert_eq!(first.header("Message-ID"), second.header("Message-ID"));
}

#[tokio::test]
async fn a_dead_server_delays_a_mail_and_a_living_one_takes_it() {
    let catcher = catcher().await;
    let mailer = mailer(&catcher);
    mailer.send(&receipt()).await.unwrap();
    catcher.misbehave(Fault::HangUp);
    assert_eq!(mailer.send(&receipt()).await.unwrap_err().remedy(), Remedy::Retry);
    catcher.misbehave(Fault::None);
    mailer.send(&receipt()).await.unwrap();
    assert_eq!(catcher.mails().len(), 2);

    let (smtp, http) = (catcher.smtp_addr, catcher.http_addr);
    catcher.shutdown().await;
    let error = mailer.send(&receipt()).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Retry, "{error:?}");
    let refused = SmtpMailer::new(&config_of(smtp.port())).unwrap();
    let error = refused.send(&receipt()).await.unwrap_err();
    assert!(matches!(error, MailError::Temporary { fate: Fate::NotSent, .. }), "{error:?}");

    let back = Catcher::new().start(smtp, http).await.unwrap();
    mailer.send(&receipt()).await.unwrap();
    assert_eq!(back.mails().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_too_slow_is_temporary() {
    let catcher = catcher().await;
    let mailer = SmtpMailer::new(&SmtpConfig { timeout_seconds: 1, ..config(&catcher) }).unwrap();
    catcher.misbehave(Fault::Slow(Duration::from_mins(1)));
    assert_eq!(mailer.send(&receipt()).await.unwrap_err().remedy(), Remedy::Retry);
}

#[tokio::test]
async fn a_server_that_falls_silent_spoils_no_later_mail() {
    let catcher = catcher().await;
    let config = SmtpConfig { timeout_seconds: 1, connections: 1, ..config(&catcher) };
    let mailer = SmtpMailer::new(&config).unwrap();
    let mut expected = Vec::new();
    for (verb, fate, is_kept) in [
        (Verb::Hello, Fate::NotSent, false),
        (Verb::Data, Fate::Unknown, false),
        (Verb::Content, Fate::Unknown, true),
    ] {
        catcher.misbehave(Fault::Silent(verb));
        let error = mailer.send(&receipt()).await.unwrap_err();
        let MailError::Temporary { fate: told, .. } = error else { panic!("{verb:?}: {error:?}") };
        assert_eq!(told, fate, "{verb:?}");
        expected.extend(is_kept.then_some("receipt"));

        // Sent on a line of its own, with an answer of its own.
        catcher.misbehave(Fault::None);
        let envelope = Envelope::sample(Locale::De);
        mailer.send(&outgoing(MessageKind::Refund, &envelope)).await.unwrap();
        expected.push("refund");
        let refused = Fault::Answer { verb: Verb::Rcpt, code: 550, text: "5.1.1 nobody".into() };
        catcher.misbehave(refused);
        let error = mailer.send(&receipt()).await.unwrap_err();
        assert!(matches!(error, MailError::Permanent { code: 550, .. }), "{verb:?}: {error:?}");
    }
    let mails = catcher.mails();
    let kinds: Vec<_> = mails.iter().filter_map(|mail| mail.kind.as_deref()).collect();
    assert_eq!(kinds, expected);
    for mail in &mails {
        assert_eq!(parsed(mail).parts.len(), 3, "one text, one HTML, and what holds them");
    }
}

#[tokio::test]
async fn no_more_lines_are_open_than_allowed_and_all_mails_leave() {
    let catcher = catcher().await;
    let mailer = SmtpMailer::new(&SmtpConfig { connections: 2, ..config(&catcher) }).unwrap();
    catcher.misbehave(Fault::Slow(Duration::from_millis(1)));
    let mails = (0..20).map(|_| receipt()).collect::<Vec<_>>();
    let sent = futures::future::join_all(mails.iter().map(|mail| mailer.send(mail))).await;
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!(catcher.mails().len(), 20);
    assert!(catcher.most_lines() <= 2, "{} lines were open at once", catcher.most_lines());
}

#[tokio::test]
async fn a_server_without_starttls_or_log_in_is_a_matter_for_staff() {
    let catcher = catcher().await;
    let config = SmtpConfig { tls: SmtpTls::Starttls, ..config(&catcher) };
    let error = SmtpMailer::new(&config).unwrap().send(&receipt()).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::TellStaff, "{error:?}");
    assert!(error.to_string().contains("STARTTLS"), "{error}");
}

#[tokio::test]
async fn starttls_is_used_with_a_certificate_that_we_trust_and_with_no_other() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let any = LOOPBACK.parse().unwrap();
    let catcher = Catcher::new().with_starttls(Arc::new(tls)).start(any, any).await.unwrap();
    let config =
        SmtpConfig { host: "localhost".into(), tls: SmtpTls::Starttls, ..config(&catcher) };

    let trusting = SmtpConfig { ca_pem: Some(issued.cert.pem()), ..config.clone() };
    SmtpMailer::new(&trusting).unwrap().send(&receipt()).await.unwrap();
    assert_eq!(catcher.mails().len(), 1);

    let doubting = SmtpMailer::new(&config).unwrap();
    assert!(doubting.send(&receipt()).await.is_err());
    assert_eq!(catcher.mails().len(), 1);
}

/// What the catcher answers to `GET path`, head and body.
async fn get(catcher: &CatcherHandle, path: &str, host: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(catcher.http_addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn caught_mails_can_be_looked_at_in_a_browser() {
    let catcher = catcher().await;
    let mailer = mailer(&catcher);
    assert!(get(&catcher, "/", "127.0.0.1").await.contains("None has come yet."));
    for kind in [MessageKind::Receipt, MessageKind::Refund] {
        mailer.send(&outgoing(kind, &Envelope::sample(Locale::En))).await.unwrap();
    }

    let list = get(&catcher, "/", "localhost:8025").await;
    assert!(list.contains("2 mails caught") && list.contains("2027-02-28 12:00 UTC"));
    assert!(list.contains("Receipt: €20.00 for Course monthly, 31 January"));
    let refunds = get(&catcher, "/?kind=refund", "localhost").await;
    assert!(refunds.contains("€13.55 is on its way back") && !refunds.contains("Receipt:"));
    let nothing = get(&catcher, "/?q=nobody%20here", "localhost").await;
    assert!(nothing.contains("Clear filters"));

    let one = get(&catcher, "/mails/1", "[::1]:8025").await;
    assert!(one.contains("<iframe src=\"/mails/1/html\"") && one.contains("sandbox="));
    let html = get(&catcher, "/mails/1/html", "localhost").await;
    assert!(html.contains("sandbox allow-popups") && html.contains("<base target=\"_blank\">"));
    let text = get(&catcher, "/mails/1?view=text", "localhost").await;
    assert!(text.contains("<pre") && text.contains("We received €20.00"));
    let source = get(&catcher, "/mails/1/source", "localhost").await;
    assert!(source.contains("text/plain") && source.contains("X-Rondo-Kind: receipt"));

    assert!(get(&catcher, "/mails/9", "localhost").await.starts_with("HTTP/1.1 404"));
    assert!(get(&catcher, "/", "evil.example").await.starts_with("HTTP/1.1 421"));
}
