//! `rondo mail preview`: a mail as it would look, from made-up facts. Sends nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::{ArgGroup, Args as ClapArgs, Subcommand};

use super::{output::say, settings};
use crate::mail::{self, Conventions, Locale, MessageKind, Overrides, Rendered, words};

/// Shows the mails that members get.
#[derive(Debug, ClapArgs)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  \
    rondo mail preview payment_failed --locale de-CH\n  \
    rondo mail preview receipt --html > receipt.html\n  \
    rondo mail preview receipt --words mail-words/mer_06ew5kkq3hx3d1qj9w2t7m8c0g\n  \
    rondo mail preview --all --out mails"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Preview(Preview),
}

/// Renders a mail from made-up facts.
#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("what").required(true).args(["kind", "all"]))]
#[command(after_help = "Examples:\n  \
    rondo mail preview payment_failed --locale de-CH\n  \
    rondo mail preview receipt --html > receipt.html\n  \
    rondo mail preview --all --out mails")]
struct Preview {
    /// The kind of mail, for example `payment_failed`; `--all` writes every kind.
    #[arg(value_name = "KIND", value_parser = kinds())]
    kind: Option<MessageKind>,

    /// The language: en, de or es; dates and amounts are a region's, if one follows, as in en-US.
    #[arg(long, value_name = "TAG", default_value = "en", value_parser = locale)]
    locale: Conventions,

    /// Which of the kind's made-up cases, from 1: other declines, long names, nothing optional.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = settings::whole(1_usize..=100), conflicts_with = "all")]
    sample: usize,

    /// A merchant's own words: their folder in the one that `mail_words` names.
    #[arg(long, value_name = "DIR")]
    words: Option<PathBuf>,

    /// Print the HTML.
    #[arg(long, conflicts_with_all = ["text", "all"])]
    html: bool,

    /// Print subject and text. This is what happens anyway.
    #[arg(long, conflicts_with = "all")]
    text: bool,

    /// Write every kind in every language, HTML and text.
    #[arg(long, requires = "out")]
    all: bool,

    /// The folder for `--all`; made if it is not there.
    #[arg(long, value_name = "DIR", requires = "all")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Preview(preview) = args.command;
    let words = preview.words.as_deref().map(own_words).transpose()?;
    let words = words.unwrap_or_default();
    match (preview.kind, preview.out) {
        (Some(kind), _) => {
            let mail = mail::preview(kind, preview.locale, &words, preview.sample)?;
            let shown = if preview.html { mail.html } else { as_text(&mail) };
            say(shown.trim_end())?;
        }
        (None, Some(folder)) => write_all(&folder, &words)?,
        (None, None) => unreachable!("the parser wants a kind, or a folder for all"),
    }
    Ok(ExitCode::SUCCESS)
}

fn own_words(folder: &Path) -> anyhow::Result<Overrides> {
    if !folder.is_dir() {
        bail!(
            "there is no folder {}: --words names a merchant's, with a folder for each language in \
             it ({})",
            folder.display(),
            languages()
        );
    }
    Ok(words::read_merchant(folder)?)
}

fn write_all(folder: &Path, words: &Overrides) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| {
        format!("cannot make the folder {}: name another with --out", folder.display())
    })?;
    for kind in MessageKind::ALL {
        for locale in Locale::ALL {
            let mail = mail::preview(kind, locale, words, 1)?;
            for (ending, text) in [("html", mail.html.clone()), ("txt", as_text(&mail))] {
                let path = folder.join(format!("{kind}.{locale}.{ending}"));
                fs::write(&path, text)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
    }
    let count = MessageKind::ALL.len() * Locale::ALL.len();
    eprintln!("{count} mails, each as HTML and text, are in {}", folder.display());
    Ok(())
}

fn as_text(mail: &Rendered) -> String {
    format!("Subject: {}\nPreheader: {}\n\n{}", mail.subject, mail.preheader, mail.text)
}

fn kinds() -> impl clap::builder::TypedValueParser<Value = MessageKind> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(MessageKind::ALL.map(MessageKind::name))
        .map(|name| name.parse().expect("the parser lets only kinds through"))
}

fn locale(tag: &str) -> Result<Conventions, String> {
    Conventions::from_tag(tag).ok_or_else(|| format!("mails are written in {}", languages()))
}

fn languages() -> String {
    Locale::ALL.map(Locale::tag).join(", ")
}
