//! From a message and its envelope to subject, preheader, HTML and text.
//!
//! The frame (`templates/mail/frame.html`, `frame.txt`) is ours and the same for every mail; the
//! words are Fluent's, or the merchant's own where [`Overrides`] has a block. Both parts are written
//! from one [`Letter`], so they cannot state different facts.

use std::sync::LazyLock;

use minijinja::{
    AutoEscape, Environment, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Serde,
};
use serde::Serialize;

use super::{
    address::one_line,
    envelope::Envelope,
    error::MailError,
    letter::{Letter, Voice},
    message::{Message, MessageKind},
    overrides::{Block, Overrides},
    phrases::{self, Arg, Args},
};

/// The longest subject, in characters, without the note of test mode.
pub const SUBJECT_MAX: usize = 60;
/// The longest preheader, in characters.
pub const PREHEADER_MAX: usize = 90;
/// The largest HTML part, in bytes: some clients cut what is longer.
pub const HTML_MAX: usize = 60_000;
/// Where lines of the text part end.
const COLUMNS: usize = 72;
/// What a template may do before it is stopped, in instructions.
pub(super) const FUEL: u64 = 50_000;

const HTML: &str = include_str!("../../templates/mail/frame.html");
const TEXT: &str = include_str!("../../templates/mail/frame.txt");

/// A mail in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rendered {
    /// At most [`SUBJECT_MAX`] characters; in test mode, a note stands before it.
    pub subject: String,
    /// The line that mail programs show after the subject; at most [`PREHEADER_MAX`] characters.
    pub preheader: String,
    /// The HTML part.
    pub html: String,
    /// The text part, in lines of 72 columns; only a URL may be longer.
    pub text: String,
    /// SHA-256, in hexadecimal, of every template that took part: the evidence of which wording
    /// was sent (RULES CAL-4).
    pub template_hash: String,
}

/// What the frame shows. Everything is text; the HTML frame escapes it.
#[derive(Serialize)]
struct Frame<'a> {
    lang: &'static str,
    merchant: &'a str,
    test_mode: Option<String>,
    subject: &'a str,
    preheader: &'a str,
    heading: String,
    first: String,
    body: Vec<String>,
    facts: Vec<Row>,
    button: Link<'a>,
    second: Option<Link<'a>>,
    footer: Vec<String>,
    legal_lines: &'a [String],
}

#[derive(Serialize)]
struct Row {
    label: String,
    value: String,
}

#[derive(Serialize)]
struct Link<'a> {
    words: String,
    url: &'a str,
}

/// Puts `message` into words for the reader on `envelope`, in the merchant's own words where
/// `overrides` has them.
pub fn render(
    message: &Message,
    envelope: &Envelope,
    overrides: &Overrides,
) -> Result<Rendered, MailError> {
    let kind = message.kind();
    let locale = envelope.to.locale;
    let voice = Voice::to(envelope);
    let letter = Letter::of(message, &voice);
    let words = Words { kind, voice: &voice, overrides, args: around(&letter, envelope) };

    let subject = words.fitted("subject", Some(Block::Subject), SUBJECT_MAX);
    let preheader = words.fitted("preheader", None, PREHEADER_MAX);
    let test_mode = envelope.test_clock.map(|clock| {
        let args = Args::from([("date", Arg::Text(voice.formats.day(clock)))]);
        [voice.say("test-mode", &args), voice.say("test-mode-note", &args)]
    });
    let (note, test_mode) = test_mode.map(|[short, long]| (short, long)).unzip();
    let body = words.block("body", Some(Block::Body));
    let mut footer = vec![words.phrase("why"), words.phrase("reply")];
    footer.extend(envelope.from.contact.clone());
    footer.push(words.phrase("zone"));

    let frame = Frame {
        lang: locale.tag(),
        merchant: &envelope.from.name,
        test_mode,
        subject: &subject,
        preheader: &preheader,
        heading: words.block("heading", None),
        first: words.block("first", Some(Block::First)),
        body: paragraphs(&body),
        facts: letter
            .facts()
            .into_iter()
            .map(|fact| Row { label: fact.label, value: fact.value })
            .collect(),
        button: link(words.block("button", None), letter.button_url)?,
        second: letter.second_url.map(|url| link(words.block("second", None), url)).transpose()?,
        footer,
        legal_lines: &envelope.from.legal_lines,
    };
    let html = fill("frame.html", &frame)?;
    let text = fill("frame.txt", &frame)?;
    if html.len() > HTML_MAX {
        return Err(MailError::Template(format!("the HTML part has {} bytes", html.len())));
    }
    let template_hash = overrides.hash(kind, locale, &[HTML, TEXT, phrases::source(locale)]);
    let subject = note.map_or_else(|| subject.clone(), |note| format!("[{note}] {subject}"));
    Ok(Rendered { subject, preheader, html, text, template_hash })
}

/// What the sentences of `message` can be filled with.
pub(super) fn arguments(message: &Message, envelope: &Envelope) -> Args {
    let voice = Voice::to(envelope);
    around(&Letter::of(message, &voice), envelope)
}

/// The letter's arguments and what the envelope adds to them.
fn around(letter: &Letter<'_>, envelope: &Envelope) -> Args {
    let mut args = letter.args.clone();
    let customer = envelope.to.name.as_deref().map(one_line).filter(|name| !name.is_empty());
    args.insert("customer", customer.map_or(Arg::Absent, Arg::Text));
    args.insert("merchant", Arg::Text(envelope.from.name.clone()));
    let city = letter.zone_city();
    args.insert("city", Arg::Text(city));
    args
}

/// The sentences of one mail.
struct Words<'a> {
    kind: MessageKind,
    voice: &'a Voice,
    overrides: &'a Overrides,
    args: Args,
}

impl Words<'_> {
    fn phrase(&self, id: &str) -> String {
        self.voice.say(id, &self.args)
    }

    fn block(&self, part: &str, block: Option<Block>) -> String {
        self.filled(part, block, &self.args)
    }

    fn filled(&self, part: &str, block: Option<Block>, args: &Args) -> String {
        block
            .and_then(|block| self.overrides.say(self.kind, self.voice.locale, block, args))
            .unwrap_or_else(|| self.voice.say(&format!("{}-{part}", self.kind), args))
    }

    /// One line of at most `max` characters. Where it is too long the names of plans give way, as
    /// amounts and dates must not.
    fn fitted(&self, part: &str, block: Option<Block>, max: usize) -> String {
        let whole = one_line(&self.filled(part, block, &self.args));
        let excess = whole.chars().count().saturating_sub(max);
        let Some(Arg::Text(plan)) = self.args.get("plan").filter(|_| excess > 0) else {
            return shortened(&whole, max);
        };
        let room = plan.chars().count().saturating_sub(excess).max(12);
        let mut args = self.args.clone();
        args.insert("plan", Arg::Text(shortened(plan, room)));
        shortened(&one_line(&self.filled(part, block, &args)), max)
    }
}

/// `text` in at most `max` characters, the last of which tells that something is missing.
fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let start: String = text.chars().take(max - 1).collect();
    format!("{}…", start.trim_end())
}

/// Blank lines part paragraphs; other line breaks are spaces.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines().map(str::trim) {
        let last = paragraphs.last_mut().expect("there is always one");
        match (line.is_empty(), last.is_empty()) {
            (true, false) => paragraphs.push(String::new()),
            (true, true) => {}
            (false, true) => last.push_str(line),
            (false, false) => {
                last.push(' ');
                last.push_str(line);
            }
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

fn link(words: String, url: &str) -> Result<Link<'_>, MailError> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_clean =
        url.chars().all(|letter| letter.is_ascii_graphic() && !"\"'<>\\`".contains(letter));
    if is_web && is_clean {
        Ok(Link { words, url })
    } else {
        Err(MailError::Template(format!("{url:?} is not a link for a mail")))
    }
}

fn fill(name: &str, frame: &Frame<'_>) -> Result<String, MailError> {
    FRAMES
        .get_template(name)
        .and_then(|template| template.render(context! { mail => Value::from(Serde(frame)) }))
        .map_err(|error| MailError::Template(format!("{error:#}")))
}

static FRAMES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut frames = Environment::new();
    frames.set_fuel(Some(FUEL));
    frames.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    frames.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .expect("the delimiters are the usual ones"),
    );
    frames.set_auto_escape_callback(|name| {
        if name == "frame.html" { AutoEscape::Html } else { AutoEscape::None }
    });
    frames.add_filter("wrapped", |text: String| wrapped(&text));
    frames.add_filter("underlined", |text: String| {
        let width = text.chars().count().min(COLUMNS);
        format!("{text}\n{}", "=".repeat(width))
    });
    for (name, source) in [("frame.html", HTML), ("frame.txt", TEXT)] {
        frames.add_template(name, source).expect("the built-in frames are tried by every test");
    }
    frames
});

/// `text` in lines of at most 72 columns, broken at spaces only.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= COLUMNS {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}
