//! Every mail, in every language, keeps the promises of its form (WEB §6).

use std::collections::BTreeSet;

use mail_parser::decoders::html::html_to_text;

use super::{
    Envelope, Locale, Message, MessageKind, Overrides, Rendered,
    message::{CancelledBy, PaymentFailed, Receipt},
    phrases, preview, render,
    template::{PREHEADER_MAX, SUBJECT_MAX, arguments},
};
use crate::domain::payment::decline::DeclineClass;

const OUR_HOST: &str = "https://my.course-house.example/";
const BUTTON: &str = "bgcolor=\"#2f62d0\"";

/// Each sample of each kind in each language, with a name to tell them apart by.
fn every_mail() -> impl Iterator<Item = (String, Rendered)> {
    every_message().map(|(name, message, locale)| {
        let mail = render(&message, &Envelope::sample(locale), &Overrides::default());
        (name, mail.unwrap())
    })
}

fn every_message() -> impl Iterator<Item = (String, Message, Locale)> {
    Locale::ALL.into_iter().flat_map(|locale| {
        MessageKind::ALL.into_iter().flat_map(Message::samples).enumerate().map(
            move |(number, message)| {
                (format!("{locale} {number} {}", message.kind()), message, locale)
            },
        )
    })
}

/// Who may write: live, on a test clock, and with a name that takes its time.
fn every_envelope(locale: Locale) -> [Envelope; 3] {
    let live = Envelope::sample(locale);
    let test_clock = Some("2027-09-30T12:00:00Z".parse().unwrap());
    let on_a_clock = Envelope { test_clock, ..live.clone() };
    let mut long = on_a_clock.clone();
    long.from.name = "Royal Academy of Navigation, Cartography and Related Sciences".into();
    [live, on_a_clock, long]
}

/// What a reader of the HTML part sees, and where its links lead.
fn seen(html: &str) -> String {
    let hrefs = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let hrefs = hrefs.map(|href| href.replace("&#x2f;", "/")).collect::<Vec<_>>().join(" ");
    let (_, body) = html.split_once("</div>").unwrap();
    format!("{} {hrefs}", html_to_text(body))
}

/// Amounts, dates, numbers and links: every word with a digit or a slash in it.
fn facts(text: &str) -> BTreeSet<String> {
    text.split_whitespace()
        .map(|word| word.trim_matches(|edge: char| ".,;:()[]".contains(edge)).to_owned())
        .filter(|word| word.chars().any(|letter| letter.is_ascii_digit()) || word.contains("://"))
        .collect()
}

#[test]
fn subjects_and_preheaders_keep_their_length_and_calm() {
    for (name, message, locale) in every_message() {
        for envelope in every_envelope(locale) {
            let mail = render(&message, &envelope, &Overrides::default()).unwrap();
            let [subject, preheader] =
                [&mail.subject, &mail.preheader].map(|line| line.chars().count());
            assert!((10..=SUBJECT_MAX).contains(&subject), "{name}: {subject} {}", mail.subject);
            assert!(
                (40..=PREHEADER_MAX).contains(&preheader),
                "{name}: {preheader} {}",
                mail.preheader
            );
            assert!(!format!("{}{}", mail.subject, mail.preheader).contains(['!', '¡']), "{name}");
            assert_ne!(mail.subject, mail.preheader, "{name}");
        }
    }
}

#[test]
fn what_gives_way_in_a_subject_or_preheader_is_whole_words() {
    let words = |line: &str| -> BTreeSet<String> {
        let edge = |letter: char| ".,;:…[]&".contains(letter);
        line.split(' ').map(|word| word.trim_matches(edge).to_owned()).collect()
    };
    for (name, message, locale) in every_message() {
        for envelope in every_envelope(locale) {
            let mail = render(&message, &envelope, &Overrides::default()).unwrap();
            let args = arguments(&message, &envelope);
            let mark = phrases::say(locale, "test-mark", &args);
            for (part, line) in [("subject", &mail.subject), ("preheader", &mail.preheader)] {
                let whole = phrases::say(locale, &format!("{}-{part}", message.kind()), &args);
                let known = words(&format!("{mark} {whole}"));
                let mut cut: Vec<_> = words(line).difference(&known).cloned().collect();
                // A name of one word has nowhere else to be cut.
                cut.retain(|word| !word.starts_with("<script>"));
                assert!(cut.is_empty(), "{name}: {cut:?} in {line}");
            }
        }
    }
}

#[test]
fn a_name_gives_way_in_a_subject_and_an_amount_or_a_date_does_not() {
    let receipt = |plan: &str| {
        let Message::Receipt(facts) = Message::samples(MessageKind::Receipt).remove(2) else {
            panic!("the sample is of its kind")
        };
        Message::Receipt(Receipt { plan: plan.into(), ..facts })
    };
    let envelopes = every_envelope(Locale::En);
    for (plan, live, on_a_clock) in [
        (
            "Fundamentals of Mediterranean cartography",
            "Receipt: KWD 20.000 for Fundamentals of…, 31 January",
            "[Test] Receipt: KWD 20.000 for Fundamentals of…, 31 January",
        ),
        // One word has nowhere else to be cut.
        (
            "Donaudampfschifffahrtsgesellschaft",
            "Receipt: KWD 20.000 for Donaudampfschifffahrtsg…, 31 January",
            "[Test] Receipt: KWD 20.000 for Donaudampfschiff…, 31 January",
        ),
    ] {
        for (envelope, expected) in envelopes.iter().zip([live, on_a_clock]) {
            let mail = render(&receipt(plan), envelope, &Overrides::default()).unwrap();
            assert_eq!(mail.subject.replace('\u{a0}', " "), expected);
        }
    }
}

#[test]
fn both_parts_state_the_same_facts() {
    for (name, mail) in every_mail() {
        let [html, text] = [facts(&seen(&mail.html)), facts(&mail.text)];
        assert_eq!(html, text, "{name}");
        let has_button = mail.html.contains(BUTTON);
        assert_eq!(html.iter().any(|fact| fact.starts_with(OUR_HOST)), has_button, "{name}");
    }
}

#[test]
fn nothing_leads_or_loads_from_elsewhere() {
    for (name, mail) in every_mail() {
        let whole = format!("{}\n{}", mail.html.replace("&#x2f;", "/"), mail.text);
        for (at, _) in whole.match_indices("://") {
            let start = whole[..at].rfind(['"', '\n', '>']).map_or(0, |quote| quote + 1);
            assert!(whole[start..].starts_with(OUR_HOST), "{name}: {}", &whole[start..start + 40]);
        }
        for foreign in ["src=", "url(", "@import", "<link", "<script", "<img", "javascript:"] {
            assert!(!mail.html.contains(foreign), "{name}: {foreign}");
        }
    }
}

#[test]
fn a_script_in_a_name_stays_text() {
    let hostile = &Message::samples(MessageKind::Welcome)[2];
    let mail = render(hostile, &Envelope::sample(Locale::En), &Overrides::default()).unwrap();
    assert!(!mail.html.contains("<script"));
    assert!(mail.html.contains("&lt;script&gt;"));
    assert!(mail.text.contains("<script>alert('paid')</script> & more"));
}

#[test]
fn a_mail_is_small_and_its_text_fits_in_72_columns() {
    for (name, mail) in every_mail() {
        assert!(mail.html.len() < 20_000, "{name}: {} bytes", mail.html.len());
        for line in mail.text.lines().filter(|line| !line.contains("://")) {
            assert!(line.chars().count() <= 72, "{name}: {line}");
        }
        assert!(!mail.text.contains("\n\n\n"), "{name}:\n{}", mail.text);
        for artefact in ["{ $", "none", "\u{2068}", "{{"] {
            assert!(!mail.text.contains(artefact), "{name}: {artefact}\n{}", mail.text);
        }
    }
}

#[test]
fn the_tables_of_facts_have_at_most_six_rows_and_at_most_one_button() {
    for (name, mail) in every_mail() {
        assert!((1..=6).contains(&mail.html.matches("<th scope=\"row\"").count()), "{name}");
        assert!(mail.html.matches(BUTTON).count() <= 1, "{name}");
        assert_eq!(mail.html.matches("<h1").count(), 1, "{name}");
    }
}

#[test]
fn without_a_portal_a_mail_says_how_to_reach_a_person() {
    for (name, mail) in every_mail() {
        let says_so =
            ["reply to this mail;", "antworten Sie auf diese Mail;", "responda a este correo;"]
                .iter()
                .any(|words| mail.text.replace('\n', " ").contains(words));
        assert_eq!(says_so, !mail.html.contains(BUTTON), "{name}:\n{}", mail.text);
    }
}

#[test]
fn only_a_cancellation_that_somebody_sent_was_received() {
    for (locale, label) in
        [(Locale::En, "Received"), (Locale::De, "Eingegangen"), (Locale::Es, "Recibida")]
    {
        for message in Message::samples(MessageKind::Cancelled) {
            let Message::Cancelled(facts) = &message else { panic!("a sample of its kind") };
            let was_sent = facts.by == CancelledBy::Customer;
            let mail = render(&message, &Envelope::sample(locale), &Overrides::default()).unwrap();
            let has_row = mail.text.contains(&format!("\n{label}: "));
            assert_eq!(has_row, was_sent, "{}", mail.text);
            let has_row = mail.html.contains(&format!(">{label}</"));
            assert_eq!(has_row, was_sent, "{}", mail.html);
        }
    }
}

#[test]
fn test_mode_is_told_in_the_subject_and_in_both_parts() {
    let message = &Message::samples(MessageKind::Receipt)[0];
    for (locale, mark, note) in [
        (Locale::En, "[Test] ", "Test mode, clock at 30 September 2027. No real money moves."),
        (
            Locale::De,
            "[Test] ",
            "Testmodus, die Uhr steht auf dem 30. September 2027. Es fließt kein echtes Geld.",
        ),
        (Locale::Es, "[Prueba] ", "Modo de prueba, el reloj marca el 30 de septiembre de 2027."),
    ] {
        let [_, envelope, _] = every_envelope(locale);
        let mail = render(message, &envelope, &Overrides::default()).unwrap();
        assert!(mail.subject.starts_with(mark), "{}", mail.subject);
        assert!(mail.html.contains(note), "{}", mail.html);
        assert!(mail.text.replace('\n', " ").contains(note), "{}", mail.text);
    }
}

#[test]
fn each_class_of_decline_says_what_helps_in_every_language() {
    for (class, en, de, es) in [
        (
            DeclineClass::WaitFunds,
            "there was not enough money",
            "nicht gedeckt",
            "dinero suficiente",
        ),
        (
            DeclineClass::NeedsSca,
            "Please call your bank",
            "rufen Sie Ihre Bank an",
            "Llame a su banco",
        ),
        (DeclineClass::StopMandate, "call your bank", "rufen Sie Ihre Bank an", "Llame a su banco"),
        (DeclineClass::FixData, "add a new card", "eine neue Karte", "una tarjeta nueva"),
        (
            DeclineClass::Never,
            "can no longer be used",
            "nicht mehr verwendet",
            "ya no se puede usar",
        ),
        (DeclineClass::Generic, "did not say why", "nicht gesagt, warum", "no dijo por qué"),
        (DeclineClass::HoldRisk, "did not say why", "nicht gesagt, warum", "no dijo por qué"),
        (
            DeclineClass::WaitIssuer,
            "It was not your doing",
            "nicht an Ihnen",
            "No ha sido culpa suya",
        ),
        (DeclineClass::Config, "It was not your doing", "nicht an Ihnen", "No ha sido culpa suya"),
    ] {
        let Message::PaymentFailed(facts) = Message::samples(MessageKind::PaymentFailed).remove(0)
        else {
            panic!("the sample is of its kind")
        };
        let message = Message::PaymentFailed(PaymentFailed { advice: class.into(), ..facts });
        for (locale, expected) in Locale::ALL.into_iter().zip([en, de, es]) {
            let mail = render(&message, &Envelope::sample(locale), &Overrides::default()).unwrap();
            let text = mail.text.replace('\n', " ");
            assert!(text.contains(expected), "{class:?}, {locale}: {text}");
            // Nobody is told of a code, or that anyone suspects them (WEB §6).
            let told = format!("{}{}{text}", mail.subject, mail.preheader).to_lowercase();
            for word in ["fraud", "betrug", "fraude", class.name()] {
                assert!(!told.contains(word), "{class:?}, {locale}: {word}");
            }
        }
    }
}

#[test]
fn no_english_stays_in_a_german_or_spanish_mail() {
    const ENGLISH: [&str; 14] = [
        "the", "of", "and", "to", "your", "with", "card", "ending", "free", "VAT", "Mon", "for",
        "charge", "payment",
    ];
    for (name, mail) in every_mail().filter(|(name, _)| !name.starts_with("en")) {
        // What the merchant named is the merchant's own, in whatever language.
        if ["Mediterranean", "& more", "beginners"].iter().any(|own| mail.text.contains(own)) {
            continue;
        }
        let told = format!("{} {} {}", mail.subject, mail.preheader, mail.text);
        let sentences = told.split_whitespace().filter(|word| !word.contains("://"));
        for word in sentences.map(|word| word.trim_matches(|edge: char| !edge.is_alphanumeric())) {
            assert!(!ENGLISH.contains(&word), "{name}: {word}\n{}", mail.text);
        }
    }
}

#[test]
fn dates_are_told_in_the_customers_zone() {
    let message = &Message::samples(MessageKind::Suspended)[0];
    let mut envelope = Envelope::sample(Locale::En);
    let text = |envelope| render(message, &envelope, &Overrides::default()).unwrap().text;
    assert!(text(envelope.clone()).contains("On hold since: 21 March 2027"));
    envelope.to.zone = chrono_tz::America::New_York;
    let told = text(envelope);
    assert!(told.contains("On hold since: 20 March 2027"));
    assert!(told.contains("Dates and times are those of New York."));
}

#[test]
fn a_link_that_is_no_link_stops_the_mail() {
    for bad in ["javascript:alert(1)", "https://my.example.com/\"onclick=x", "", "https://a b"] {
        let Some(Message::Recovered(mut facts)) =
            Message::samples(MessageKind::Recovered).into_iter().next()
        else {
            panic!("the sample is of its kind")
        };
        facts.invoice_url = bad.into();
        let message = Message::Recovered(facts);
        let result = render(&message, &Envelope::sample(Locale::En), &Overrides::default());
        assert!(matches!(result, Err(super::MailError::Template(_))), "{bad}");
    }
}

#[test]
fn each_kind_reads_as_reviewed() {
    for kind in MessageKind::ALL {
        let mail = preview(kind, Locale::En, &Overrides::default(), 1).unwrap();
        let whole =
            format!("Subject: {}\nPreheader: {}\n\n{}", mail.subject, mail.preheader, mail.text);
        insta::assert_snapshot!(kind.name(), whole);
    }
    insta::assert_snapshot!(
        "receipt_html",
        preview(MessageKind::Receipt, Locale::En, &Overrides::default(), 1).unwrap().html
    );
}
