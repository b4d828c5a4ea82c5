//! Every mail, in every language, keeps the promises of its form (WEB §6).

use std::collections::BTreeSet;

use mail_parser::decoders::html::html_to_text;

use super::{
    Envelope, Locale, Message, MessageKind, Overrides, Rendered, preview, render,
    template::{PREHEADER_MAX, SUBJECT_MAX},
};

const OUR_HOST: &str = "https://my.course-house.example/";

/// Each sample of each kind in each language, with a name to tell them apart by.
fn every_mail() -> impl Iterator<Item = (String, Rendered)> {
    Locale::ALL.into_iter().flat_map(|locale| {
        MessageKind::ALL.into_iter().flat_map(Message::samples).enumerate().map(
            move |(number, message)| {
                let mail = render(&message, &Envelope::sample(locale), &Overrides::default());
                (format!("{locale} {number} {}", message.kind()), mail.unwrap())
            },
        )
    })
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
    for (name, mail) in every_mail() {
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

#[test]
fn a_long_name_gives_way_in_a_subject_and_an_amount_does_not() {
    let long = &Message::samples(MessageKind::Receipt)[2];
    let mail = render(long, &Envelope::sample(Locale::En), &Overrides::default()).unwrap();
    assert_eq!(mail.subject, "Receipt: KWD\u{a0}20.000 for Fundamentals of Mediter…, 31 January");
}

#[test]
fn both_parts_state_the_same_facts() {
    for (name, mail) in every_mail() {
        let [html, text] = [facts(&seen(&mail.html)), facts(&mail.text)];
        assert_eq!(html, text, "{name}");
        assert!(html.iter().any(|fact| fact.starts_with(OUR_HOST)), "{name}");
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
fn the_tables_of_facts_have_at_most_six_rows_and_one_button() {
    for (name, mail) in every_mail() {
        assert!((1..=6).contains(&mail.html.matches("<th scope=\"row\"").count()), "{name}");
        assert_eq!(mail.html.matches("bgcolor=\"#2f62d0\"").count(), 1, "{name}");
        assert_eq!(mail.html.matches("<h1").count(), 1, "{name}");
    }
}

#[test]
fn test_mode_is_told_in_the_subject_and_in_both_parts() {
    let message = &Message::samples(MessageKind::Receipt)[0];
    for (locale, note) in [
        (Locale::En, "Test mode, clock at 28 February 2027"),
        (Locale::De, "Testmodus, Uhr auf 28. Februar 2027"),
        (Locale::Es, "Modo de prueba, reloj en 28 de febrero de 2027"),
    ] {
        let test_clock = Some("2027-02-28T12:00:00Z".parse().unwrap());
        let envelope = Envelope { test_clock, ..Envelope::sample(locale) };
        let mail = render(message, &envelope, &Overrides::default()).unwrap();
        assert!(mail.subject.starts_with(&format!("[{note}] ")), "{}", mail.subject);
        assert!(mail.html.contains(note) && mail.text.contains(note));
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
        let mail = preview(kind, Locale::En).unwrap();
        let whole =
            format!("Subject: {}\nPreheader: {}\n\n{}", mail.subject, mail.preheader, mail.text);
        insta::assert_snapshot!(kind.name(), whole);
    }
    insta::assert_snapshot!(
        "receipt_html",
        preview(MessageKind::Receipt, Locale::En).unwrap().html
    );
}
