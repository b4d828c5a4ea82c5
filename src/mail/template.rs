//! From a message and its envelope to subject, preheader, HTML and text.
//!
//! The frame (`templates/mail/frame.html`, `frame.txt`) is ours and the same for every mail; the
//! words are Fluent's, or the merchant's own where [`Overrides`] has a block. Both parts are written
//! from one [`Letter`], so they cannot state different facts.

use std::{collections::BTreeMap, sync::LazyLock};

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

/// The longest subject, in characters, with the mark of test mode.
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
    /// At most [`SUBJECT_MAX`] characters; in test mode, a mark stands before it.
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
    /// Absent where the merchant has no place to lead to; then `instead` says what to do.
    button: Option<Link<'a>>,
    instead: Option<String>,
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
    let locale = envelope.to.conventions.language;
    let voice = Voice::to(envelope);
    let letter = Letter::of(message, &voice);
    let args = around(&letter, envelope);
    let words = Words { kind, voice: &voice, overrides, args, short: &letter.short };

    let mark = envelope.test_clock.map(|_| format!("[{}] ", words.phrase("test-mark")));
    let mark = mark.unwrap_or_default();
    let room = SUBJECT_MAX - mark.chars().count();
    let subject = mark + &words.fitted("subject", Some(Block::Subject), room);
    let preheader = words.fitted("preheader", None, PREHEADER_MAX);
    let test_mode = envelope.test_clock.map(|clock| {
        voice.say("test-mode", &Args::from([("date", Arg::Text(voice.formats.day(clock)))]))
    });
    let body = words.block("body", Some(Block::Body));
    let mut footer = vec![words.phrase("why"), words.phrase("reply")];
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
        button: letter.button_url.map(|url| link(words.block("button", None), url)).transpose()?,
        instead: letter.button_url.is_none().then(|| words.phrase("no-portal")),
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
    short: &'a BTreeMap<&'static str, String>,
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

    /// One line of at most `max` characters. Where it is too long, prices and cards are said
    /// shorter; then names give way, word by word. Amounts and dates stay whole.
    fn fitted(&self, part: &str, block: Option<Block>, max: usize) -> String {
        let mut args = self.args.clone();
        let excess = |args: &Args| {
            let line = one_line(&self.filled(part, block, args));
            (line.chars().count().saturating_sub(max), line)
        };
        for (name, short) in self.short {
            if excess(&args).0 > 0 {
                args.insert(name, Arg::Text(short.clone()));
            }
        }
        for name in NAMES {
            while let (over @ 1.., before) = excess(&args) {
                let Some(Arg::Text(whole)) = args.get(name) else { break };
                let Some(shorter) = shorter(whole, over) else { break };
                args.insert(name, Arg::Text(shorter));
                if excess(&args).1 == before {
                    break;
                }
            }
        }
        whole_words(&excess(&args).1, max)
    }
}

/// The arguments that are names, in the order in which they give way.
const NAMES: [&str; 4] = ["plan", "new_plan", "customer", "merchant"];

/// A name that is one word is cut, as it must be named somehow, but not to less than this.
const SHORTEST_NAME: usize = 12;

/// A name without its last word; a single word without its end, by `excess` letters. `None` if it is
/// as short as it may be.
fn shorter(name: &str, excess: usize) -> Option<String> {
    let bare = name.trim_end_matches('…').trim_end();
    if let Some((start, _)) = bare.rsplit_once(' ') {
        let start = start.trim_end_matches(|last: char| " ,;:–-&".contains(last));
        return Some(format!("{start}…"));
    }
    let length = bare.chars().count();
    let kept = length.saturating_sub(excess + 1).max(SHORTEST_NAME);
    let start: String = bare.chars().take(kept).collect();
    (kept + 1 < length).then(|| format!("{start}…"))
}

/// As many whole words of `line` as fit into `max` characters, and a sign that there were more.
fn whole_words(line: &str, max: usize) -> String {
    if line.chars().count() <= max {
        return line.to_owned();
    }
    let start: String = line.chars().take(max).collect();
    let words = start.rsplit_once(' ').map(|(words, _)| words.to_owned());
    let words = words.unwrap_or_else(|| start.chars().take(max - 1).collect());
    format!("{}…", words.trim_end())
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
