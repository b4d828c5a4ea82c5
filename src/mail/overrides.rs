//! A merchant's own words for some blocks of some mails, and whether they are fit to be sent.
//!
//! The words are templates with the values of the kind, such as `{{ amount }}`, and `{% if %}`;
//! nothing else of the template language, so that what they make is never much longer than they
//! are. They are plain text: the frame escapes them, and the facts, links and footer stay ours.

use std::{collections::BTreeMap, fmt, str::FromStr};

use minijinja::{Environment, UndefinedBehavior, value::Serde};
use ring::digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    envelope::Envelope,
    locale::Locale,
    message::{Message, MessageKind},
    phrases::Args,
    template::{FUEL, SUBJECT_MAX, arguments},
};

/// The longest text of one block, in bytes.
pub const SOURCE_MAX: usize = 4_000;
/// The statements that words may contain.
const STATEMENTS: [&str; 4] = ["if", "elif", "else", "endif"];

/// A part of a mail that a merchant may word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// The subject; at most 60 characters once filled.
    Subject,
    /// The first sentence.
    First,
    /// The paragraphs after it, parted by blank lines.
    Body,
}

impl Block {
    /// Every block.
    pub const ALL: [Self; 3] = [Self::Subject, Self::First, Self::Body];

    /// The block's name: `subject`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::First => "first",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no block.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be subject, first or body")]
pub struct UnknownBlock;

impl FromStr for Block {
    type Err = UnknownBlock;

    fn from_str(name: &str) -> Result<Self, UnknownBlock> {
        Self::ALL.into_iter().find(|block| block.name() == name).ok_or(UnknownBlock)
    }
}

/// What is wrong with a merchant's words, told so that staff can mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The kind of mail.
    pub kind: MessageKind,
    /// The language.
    pub locale: Locale,
    /// The block.
    pub block: Block,
    /// The line of the text, from 1, if the fault stands in one.
    pub line: Option<usize>,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, locale, block, line, text } = self;
        write!(f, "{kind}, {locale}, {block}")?;
        if let Some(line) = line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {text}")
    }
}

/// A merchant's own words. Empty means: ours everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<(MessageKind, Locale, Block), String>);

impl Overrides {
    /// Words `block` of mails of `kind` in `locale` as `text`.
    pub fn set(
        &mut self,
        kind: MessageKind,
        locale: Locale,
        block: Block,
        text: impl Into<String>,
    ) {
        self.0.insert((kind, locale, block), text.into());
    }

    /// Every block that has words of its own.
    pub fn iter(&self) -> impl Iterator<Item = (MessageKind, Locale, Block, &str)> {
        self.0.iter().map(|(&(kind, locale, block), text)| (kind, locale, block, text.as_str()))
    }

    /// Tries every block on the samples of its kind, and tells what is wrong. Words may be saved
    /// only if nothing is.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let faults: Vec<Fault> = self
            .iter()
            .flat_map(|(kind, locale, block, text)| {
                let found = tried(kind, locale, block, text);
                found.into_iter().map(move |(line, text)| Fault { kind, locale, block, line, text })
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The merchant's words for a block, if there are any and they can be filled. Words that fail
    /// although they passed the check give way to ours, and are counted: the mail still leaves.
    pub(super) fn say(
        &self,
        kind: MessageKind,
        locale: Locale,
        block: Block,
        args: &Args,
    ) -> Option<String> {
        let source = self.0.get(&(kind, locale, block))?;
        match filled(source, args) {
            Ok(text) if !text.trim().is_empty() => Some(text),
            Ok(_) | Err(_) => {
                metrics::counter!("rondo_mail_override_fault_total", "kind" => kind.name())
                    .increment(1);
                tracing::warn!(%kind, %locale, %block, "a merchant's words cannot be filled; ours are sent");
                None
            }
        }
    }

    /// SHA-256 over the built-in `sources` and the words for this kind and language.
    pub(super) fn hash(&self, kind: MessageKind, locale: Locale, sources: &[&str]) -> String {
        let own = Block::ALL.map(|block| self.0.get(&(kind, locale, block)).map(String::as_str));
        let mut hash = digest::Context::new(&digest::SHA256);
        for source in sources.iter().copied().map(Some).chain(own) {
            // The length keeps two neighbouring texts apart.
            let source = source.unwrap_or_default();
            hash.update(&u64::try_from(source.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(source.as_bytes());
        }
        hex::encode(hash.finish())
    }
}

type Found = (Option<usize>, String);

/// All that is wrong with the words of one block.
fn tried(kind: MessageKind, locale: Locale, block: Block, source: &str) -> Vec<Found> {
    if let Some(fault) = too_long(source) {
        return vec![fault];
    }
    let envelope = Envelope::sample(locale);
    let messages = Message::samples(kind);
    let mut found = strange_tags(source);
    if let Some(message) = messages.first() {
        found.extend(unknown_values(source, &arguments(message, &envelope)));
    }
    if !found.is_empty() {
        return found;
    }
    let mut tries = messages.iter().enumerate();
    let fault = tries.find_map(|(number, message)| {
        // Only the plain sample counts: a long plan's name is shortened when the mail is made.
        let counts = block == Block::Subject && number == 0;
        tried_on(source, &arguments(message, &envelope), block, counts).err()
    });
    fault.into_iter().collect()
}

fn tried_on(source: &str, args: &Args, block: Block, length_counts: bool) -> Result<(), Found> {
    let text = filled(source, args)?;
    if text.trim().is_empty() {
        return Err((None, "must not be empty".into()));
    }
    let length = text.trim().chars().count();
    if length_counts && length > SUBJECT_MAX {
        return Err((None, format!("must have at most {SUBJECT_MAX} characters, has {length}")));
    }
    if block == Block::Subject && text.trim().lines().count() > 1 {
        return Err((None, "must be one line".into()));
    }
    Ok(())
}

fn filled(source: &str, args: &Args) -> Result<String, Found> {
    if let Some(fault) = too_long(source) {
        return Err(fault);
    }
    if let Some(fault) = strange_tags(source).into_iter().next() {
        return Err(fault);
    }
    language().render_str(source, Serde(args)).map_err(|error| told(&error))
}

/// Neither filters nor functions: a value and `if` are the whole language.
fn language() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
}

fn told(error: &minijinja::Error) -> Found {
    let text = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    (error.line(), text)
}

fn too_long(source: &str) -> Option<Found> {
    let is_long = source.len() > SOURCE_MAX;
    is_long.then(|| (None, format!("must have at most {SOURCE_MAX} bytes")))
}

/// The tags of a text: what opens each, what stands in it, and its line.
fn tags(source: &str) -> impl Iterator<Item = (&'static str, &str, usize)> {
    [("{%", "%}"), ("{{", "}}")].into_iter().flat_map(move |(opening, closing)| {
        source.match_indices(opening).map(move |(at, _)| {
            let rest = &source[at + opening.len()..];
            let tag = rest.split(closing).next().unwrap_or(rest).trim_matches('-').trim();
            (opening, tag, source[..at].matches('\n').count() + 1)
        })
    })
}

/// Statements other than `if`, and whatever could make much out of little: operators, filters, calls,
/// lists.
fn strange_tags(source: &str) -> Vec<Found> {
    let strange = |(opening, tag, line): (&str, &str, usize)| {
        let statement = tag.split_whitespace().next().unwrap_or_default();
        if opening == "{%" && !STATEMENTS.contains(&statement) {
            return Some((Some(line), format!("{{% {statement} %}} is not for mails; if is")));
        }
        let is_plain = |sign: char| sign.is_alphanumeric() || " _=!<>'\"".contains(sign);
        let sign = tag.chars().find(|sign| !is_plain(*sign))?;
        Some((Some(line), format!("{sign:?} is not for mails; values and if are")))
    };
    tags(source).filter_map(strange).collect()
}

/// Values that mails of this kind do not have, with those they have; or why nobody can tell.
fn unknown_values(source: &str, args: &Args) -> Vec<Found> {
    let language = language();
    let template = match language.template_from_str(source) {
        Ok(template) => template,
        Err(error) => return vec![told(&error)],
    };
    let mut unknown: Vec<_> = template.undeclared_variables(false).into_iter().collect();
    unknown.retain(|name| !args.contains_key(name.as_str()));
    unknown.sort_unstable();
    let known = args.keys().copied().collect::<Vec<_>>().join(", ");
    let line_of = |name: &str| {
        let names = |tag: &str| {
            tag.split(|sign: char| !(sign.is_alphanumeric() || sign == '_'))
                .any(|word| word == name)
        };
        tags(source).filter(|(_, tag, _)| names(tag)).map(|(_, _, line)| line).min()
    };
    let told = unknown
        .iter()
        .map(|name| (line_of(name), format!("there is no value {name}; known are {known}")));
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::template::render;

    fn with(block: Block, text: &str) -> Overrides {
        let mut overrides = Overrides::default();
        overrides.set(MessageKind::PaymentFailed, Locale::En, block, text);
        overrides
    }

    fn fault(block: Block, text: &str) -> String {
        let faults = with(block, text).check().unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_merchants_words_replace_a_block_and_nothing_else() {
        let message = &Message::samples(MessageKind::PaymentFailed)[0];
        let envelope = Envelope::sample(Locale::En);
        let mut overrides = with(Block::Subject, "{{ amount }} did not arrive");
        overrides.set(
            MessageKind::PaymentFailed,
            Locale::En,
            Block::Body,
            "Ola {{ customer }},\nplease look.\n\n{% if next_try %}Next: {{ next_try }}.{% endif %}",
        );
        assert_eq!(overrides.check(), Ok(()));

        let [ours, theirs] = [&Overrides::default(), &overrides]
            .map(|overrides| render(message, &envelope, overrides).unwrap());
        assert_eq!(theirs.subject, "€20.00 did not arrive");
        assert!(theirs.text.contains("\n\nOla Ana Silva, please look.\n\nNext: 3 March 2027.\n"));
        assert!(theirs.html.contains("Ola Ana Silva, please look.</p>"));
        assert!(theirs.text.contains("Amount: €20.00") && theirs.text.contains("/u/fix"));
        assert_eq!(theirs.preheader, ours.preheader);
        assert_ne!(theirs.template_hash, ours.template_hash);

        let german = render(message, &Envelope::sample(Locale::De), &overrides).unwrap();
        assert_eq!(german.subject, "20,00\u{a0}€ für Course monthly nicht abgebucht");
    }

    #[test]
    fn a_merchants_markup_stays_text() {
        let message = &Message::samples(MessageKind::PaymentFailed)[0];
        let overrides = with(Block::First, "<b onclick=x>{{ amount }}</b>{{ '<i>' }}");
        let html = render(message, &Envelope::sample(Locale::En), &overrides).unwrap().html;
        assert!(!html.contains("<b onclick") && !html.contains("<i>"));
        assert!(html.contains("&lt;b onclick"));
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        for (block, text, expected) in [
            (
                Block::Body,
                "One\n{{ no_such }}",
                "payment_failed, en, body, line 2: there is no value no_such; known are access_until, ",
            ),
            (Block::Body, "{% if nope %}x{% endif %}", "line 1: there is no value nope; known are"),
            (Block::Body, "One\nTwo\n{% if amount %}", "payment_failed, en, body, line 3: "),
            (Block::Body, "{% set a = 1 %}", "line 1: {% set %} is not for mails; if is"),
            (Block::Body, "\n{%- for a in [1] %}{% endfor %}", "line 2: {% for %} is not"),
            (Block::Body, "{{ amount | safe }}", "line 1: '|' is not for mails"),
            (Block::Body, "\n{{ 'x' * 90000000 }}", "line 2: '*' is not for mails"),
            (Block::First, "{% if amount == '' %}x{% endif %}", "first: must not be empty"),
            (Block::Subject, "a\nb", "subject: must be one line"),
            (
                Block::Subject,
                "{{ amount }} and a great many words that nobody will ever read to the end",
                "must have at most 60 characters, has 67",
            ),
            (Block::Body, "{{ range(100000) }}", "line 1: '(' is not for mails"),
        ] {
            let told = fault(block, text);
            assert!(told.contains(expected), "{text:?} is told as {told:?}");
        }
        assert!(fault(Block::Body, &"x".repeat(SOURCE_MAX + 1)).contains("at most 4000 bytes"));
    }

    #[test]
    fn values_that_no_mail_has_are_refused() {
        for (kind, name) in [
            (MessageKind::Welcome, "withdraw_until"),
            (MessageKind::Receipt, "tax"),
            (MessageKind::Suspended, "reopen_by"),
            (MessageKind::Cancelled, "refund"),
            (MessageKind::Refund, "credit_note"),
        ] {
            let mut overrides = Overrides::default();
            let text = format!("{{% if {name} %}}{{{{ {name} }}}}{{% endif %}} as agreed");
            overrides.set(kind, Locale::De, Block::Body, text);
            let faults = overrides.check().unwrap_err();
            let told = faults[0].to_string();
            assert!(told.contains(&format!("there is no value {name}; known are")), "{told}");
        }
    }

    #[test]
    fn words_that_cannot_be_filled_give_way_to_ours() {
        let message = &Message::samples(MessageKind::PaymentFailed)[0];
        let overrides = with(Block::Subject, "{{ no_such }}");
        let mail = render(message, &Envelope::sample(Locale::En), &overrides).unwrap();
        assert_eq!(mail.subject, "We could not take €20.00 for Course monthly");
    }
}
