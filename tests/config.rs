//! The configuration as an operator meets it: who wins, what is refused and in which words, and
//! whether `docs/configuration.md` tells the truth.

#![expect(clippy::unwrap_used, reason = "tests may unwrap, in their helpers too")]

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use rondo::config::{Config, Loaded, Overrides, Severity, SmtpTls, Sources, check, load_from};
use secrecy::ExposeSecret;

/// 32 bytes, in base64.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A room with a `rondo.toml` in it.
struct Room(tempfile::TempDir);

impl Room {
    fn with(toml: &str) -> Self {
        let room = tempfile::tempdir().unwrap();
        fs::write(room.path().join("rondo.toml"), toml).unwrap();
        Self(room)
    }

    fn sources(&self, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
        Sources {
            file: Some(self.0.path().join("rondo.toml")),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            flags: flags
                .iter()
                .fold(Overrides::default(), |flags, (key, value)| flags.set(key, Some(*value))),
        }
    }
}

fn load(toml: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Loaded {
    load_from(Room::with(toml).sources(environment, flags)).unwrap()
}

/// What the operator reads, with the file's folder left out.
fn refusal(toml: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    let room = Room::with(toml);
    let error = load_from(room.sources(environment, flags)).unwrap_err();
    error.to_string().replace(&format!("{}/", room.0.path().display()), "")
}

#[test]
fn without_any_source_the_defaults_stand() {
    let config = load_from(Sources::default()).unwrap().config;
    assert_eq!(config.database_url.expose(), "sqlite:rondo.db");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.engine.lease_seconds, 30);
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let file = "listen = '127.0.0.1:1'\n[engine]\nlease_seconds = 41\ntick_seconds = 1\n";
    let environment = [("RONDO_LISTEN", "127.0.0.1:2"), ("RONDO_ENGINE__LEASE_SECONDS", "42")];
    let config = load(file, &environment, &[("listen", "127.0.0.1:3")]).config;
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.engine.lease_seconds, 42);
    assert_eq!(config.engine.tick_seconds, 1);
    assert_eq!(config.engine.batch, 200);
}

#[test]
fn the_environment_alone_can_set_everything() {
    let config = load(
        "",
        &[
            ("RONDO_DATABASE_URL", "postgres://rondo:secret@db/rondo"),
            ("RONDO_REFLECTION", "true"),
            ("RONDO_TLS__CERT", "cert.pem"),
            ("RONDO_TLS__KEY", "key.pem"),
            ("RONDO_SMTP__TLS", "implicit"),
            // Digits, and still a text.
            ("RONDO_SMTP__PASSWORD", "12345678"),
            ("RONDO_GATEWAYS__MAIN__KIND", "stripe"),
            ("RONDO_GATEWAYS__MAIN__SECRET_KEY", "sk_test_1"),
            ("RONDO_GATEWAYS__MAIN__WEBHOOK_SECRETS", r#"["whsec_new", "whsec_old"]"#),
            // Not ours, or not settings.
            ("PATH", "/usr/bin"),
            ("RONDO_CONFIG", "elsewhere.toml"),
            ("RONDO_API_KEY", "rk_live_1"),
            ("RONDO_ADDRESS", "127.0.0.1:8080"),
            ("RONDO_SANDBOX_SECRET_KEY", "sk_sandbox"),
            ("RONDO_TEST_PG", "postgres://localhost/test"),
        ],
        &[],
    )
    .config;
    assert!(config.reflection);
    assert_eq!(config.tls.unwrap().cert, Path::new("cert.pem"));
    assert_eq!(config.smtp.tls, SmtpTls::Implicit);
    assert_eq!(config.smtp.password.unwrap().expose_secret(), "12345678");
    let account = &config.gateways["main"];
    assert_eq!(account.secret_key.expose_secret(), "sk_test_1");
    let secrets: Vec<_> = account.webhook_secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets, ["whsec_new", "whsec_old"]);
}

#[test]
fn a_refusal_names_the_source_the_key_and_what_would_be_right() {
    for (toml, environment, flags, told) in [
        (
            "liste = '127.0.0.1:1'",
            &[][..],
            &[][..],
            "rondo.toml:1: `liste` is not a setting here; known are `database_url`,",
        ),
        (
            "[engine]\nlease = 1",
            &[],
            &[],
            "rondo.toml:2: `engine.lease` is not a setting here; known are `batch`,",
        ),
        (
            "",
            &[("RONDO_ENGINE__LEASE", "1")],
            &[],
            "environment variable RONDO_ENGINE__LEASE: `engine.lease` is not a setting here;",
        ),
        (
            "",
            &[("RONDO_LISTEN", "8080")],
            &[],
            "environment variable RONDO_LISTEN: `listen` must be an IP address and a port like \
             127.0.0.1:8080; a name like localhost is not looked up",
        ),
        (
            "",
            &[],
            &[("engine.tick_seconds", "soon")],
            "flag --engine-tick-seconds: `engine.tick_seconds` must be a whole number from 1 to \
             4294967295, not this text",
        ),
        (
            "[smtp]\npassword = 12345678",
            &[],
            &[],
            "rondo.toml:2: `smtp.password` must be a text, not this number",
        ),
        (
            "[engine]\nbatch = 'many'",
            &[],
            &[],
            "rondo.toml:2: `engine.batch` must be a whole number from 1 to 4294967295, not this text",
        ),
        (
            "[engine]\nlease_seconds = -1",
            &[],
            &[],
            "rondo.toml:2: `engine.lease_seconds` must be a whole number from 6 to 4294967295",
        ),
        ("engine = 7", &[], &[], "rondo.toml:1: `engine` must be a table, not this number"),
        (
            "[log]\nformat = 'xml'",
            &[],
            &[],
            "rondo.toml:2: `log.format` must be one of `text`, `json`, not `xml`",
        ),
        ("[tls]\ncert = 'cert.pem'", &[], &[], "rondo.toml:1: `tls` needs `key`"),
        (
            "[gateways.main]\nkind = 'stripe'",
            &[],
            &[],
            "rondo.toml:1: `gateways.main` needs `secret_key`",
        ),
        (
            "secret_key = hidden",
            &[],
            &[],
            "rondo.toml:1: this is no TOML: invalid string, expected",
        ),
    ] {
        let refusal = refusal(toml, environment, flags);
        assert!(refusal.starts_with(told), "\n told: {refusal}\nwanted: {told}");
        for secret in ["12345678", "hidden"] {
            assert!(!refusal.contains(secret), "{refusal}");
        }
    }
}

#[test]
fn a_text_that_does_not_end_is_told_where_it_begins() {
    for (toml, line, quotes) in [
        ("log.filter = \"info\"\nsecret_key = \"hidden\nlisten = \"127.0.0.1:1\"", 2, "\""),
        ("secret_key = 'hidden", 1, "'"),
        ("secrets = [\n'whsec_1',\n'hidden\n]", 3, "'"),
        ("reflection = true\nsecret_key = \"\"\"\nhidden\n\nlisten = 1\n", 2, "\"\"\""),
        ("secret_key = '''\nhidden\nlisten = 'x'\n", 1, "'''"),
    ] {
        let told = format!(
            "rondo.toml:{line}: this is no TOML: the text that begins here needs a closing {quotes}"
        );
        assert_eq!(refusal(toml, &[], &[]), told);
    }
}

#[test]
fn a_number_out_of_its_range_and_a_switch_that_is_none_are_refused() {
    for (toml, environment, told) in [
        (
            "[smtp]\nport = 65536",
            &[][..],
            "rondo.toml:2: `smtp.port` must be a whole number from 1 to 65535",
        ),
        (
            "[smtp]\ntimeout_seconds = 'long'",
            &[][..],
            "rondo.toml:2: `smtp.timeout_seconds` must be a whole number from 1 to 120",
        ),
        (
            "reflection = 'yes'",
            &[][..],
            "rondo.toml:1: `reflection` must be true or false, not this text",
        ),
        (
            "",
            &[("RONDO_REFLECTION", "1")],
            "environment variable RONDO_REFLECTION: `reflection` must be true or false, not this text",
        ),
        (
            "reflection = 7",
            &[][..],
            "rondo.toml:1: `reflection` must be true or false, not this number",
        ),
    ] {
        let refusal = refusal(toml, environment, &[]);
        assert!(refusal.starts_with(told), "\n told: {refusal}\nwanted: {told}");
    }
}

#[test]
fn a_named_file_must_be_there() {
    let sources = Sources { file: Some("absent.toml".into()), ..Sources::default() };
    let told = "absent.toml: cannot be read: correct --config or RONDO_CONFIG, or let `rondo init \
                --config absent.toml` write it";
    assert_eq!(load_from(sources).unwrap_err().to_string(), told);
}

const SOUND: &str = "
public_url = 'https://pay.academy.example'
secret_key = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='
[smtp]
host = 'relay.example'
from = 'Open Academy <billing@academy.example>'
[gateways.main]
kind = 'stripe'
secret_key = 'sk_live_1'
webhook_secrets = ['whsec_1']
";

#[test]
fn a_sound_configuration_has_no_findings() {
    assert!(SOUND.contains(SECRET));
    assert_eq!(check(&load(SOUND, &[], &[])), []);
}

#[test]
fn check_config_says_what_is_wrong_and_where() {
    use Severity::{Error, Warning};
    for (key, value, severity, at, told) in [
        ("database_url", "mysql://db", Error, "database_url", "must begin with `sqlite:`"),
        ("database_url", "sqlite:", Error, "database_url", "must name a file"),
        ("database_url", "postgres://", Error, "database_url", "must name a host"),
        ("mail_words", "/absent", Error, "mail_words", "/absent cannot be read"),
        ("database_connections", "0", Error, "database_connections", "at least 1"),
        ("listen", "0.0.0.0:8080", Error, "listen", "without TLS configured"),
        ("public_url", "academy", Error, "public_url", "must be like https://"),
        ("public_url", "http://academy.example", Warning, "public_url", "in the clear"),
        ("secret_key", "c2hvcnQ=", Error, "secret_key", "32 bytes in base64"),
        ("smtp.tls", "none", Error, "smtp.tls", "on this machine only"),
        ("smtp.from", "Open Academy", Error, "smtp.from", "must be like"),
        ("smtp.username", "ana", Error, "smtp.password", "is missing"),
        ("smtp.password", "hidden", Error, "smtp.username", "is missing"),
        ("smtp.port", "0", Error, "smtp.port", "at least 1"),
        ("smtp.timeout_seconds", "0", Error, "smtp.timeout_seconds", "at least 1"),
        ("smtp.timeout_seconds", "121", Error, "smtp.timeout_seconds", "must be at most 120"),
        ("smtp.ca_pem", "/absent/ca.pem", Error, "smtp.ca_pem", "/absent/ca.pem: cannot be read"),
        ("gateways.main.base_url", "stripe", Error, "gateways.main.base_url", "must be like"),
        ("gateways.main.base_url", "http://a.example", Error, "gateways.main.base_url", "https"),
        ("gateways.main.secret_key", " ", Error, "gateways.main.secret_key", "is empty"),
        ("gateways.main.secret_key", "hidden", Error, "gateways.main.secret_key", "`rk_test_`"),
        ("gateways.main.secret_key", "pk_live_hidden", Error, "gateways.main.secret_key", "`pk_…`"),
        ("gateways.main.secret_key", "sk_test_hidden", Warning, "gateways.main.secret_key", "test"),
        ("gateways.main.secret_key", "rk_test_hidden", Warning, "gateways.main.secret_key", "test"),
        (
            "gateways.main.webhook_secrets",
            "[]",
            Warning,
            "gateways.main.webhook_secrets",
            "is empty",
        ),
        (
            "gateways.main.calls_in_flight",
            "0",
            Error,
            "gateways.main.calls_in_flight",
            "at least 1",
        ),
        ("engine.batch", "0", Error, "engine.batch", "at least 1"),
        ("engine.call_seconds", "0", Error, "engine.call_seconds", "at least 1"),
        ("engine.call_seconds", "26", Error, "engine.lease_seconds", "at least 31"),
        ("engine.lease_seconds", "29", Error, "engine.lease_seconds", "at least 30"),
        ("engine.shutdown_grace_seconds", "5", Warning, "engine.shutdown_grace_seconds", "shorter"),
        ("log.filter", "rondo=loud", Error, "log.filter", "is no filter"),
        ("log.filter", "inof", Error, "log.filter", "`inof` would show nothing"),
        (
            "public_url",
            "https://academy.example/?pay=1",
            Error,
            "public_url",
            "without `?` and `#`",
        ),
        ("rate_limit.burst", "0", Error, "rate_limit.burst", "at least 1"),
    ] {
        let findings = check(&load(SOUND, &[], &[(key, value)]));
        let [finding] = &findings[..] else { panic!("{key} = {value}: {findings:?}") };
        assert_eq!((finding.severity, &*finding.key), (severity, at), "{finding}");
        assert!(finding.message.contains(told), "{finding}");
        assert!(!finding.message.contains("hidden"), "{finding}");
    }
}

#[test]
fn what_is_wrong_is_told_in_the_order_in_which_the_sources_are_read() {
    let file = "[engine]\nbatch = 0\n[smtp]\ntls = 'none'\nhost = 'relay.example'\n\
                [log]\nfilter = 'rondo=loud'\n";
    let found = check(&load(file, &[("RONDO_SECRET_KEY", "short")], &[("listen", "0.0.0.0:1")]));
    let keys: Vec<_> = found.iter().map(|finding| &*finding.key).collect();
    let in_the_file = ["engine.batch", "smtp.from", "smtp.tls", "log.filter"];
    assert_eq!(keys[..4], in_the_file, "the line of a table stands for what is missing in it");
    assert_eq!(keys[4..], ["secret_key", "listen", "public_url", "gateways"]);
}

#[test]
fn a_refusal_counts_what_else_is_wrong_of_whatever_kind() {
    let file = "[engine]\nbatch = 0\ncolour = 'blue'\n[rate_limit]\nburst = 'big'\n";
    let told = refusal(file, &[("RONDO_SECRET_KEY", SECRET)], &[]);
    let first = "rondo.toml:2: `engine.batch` must be at least 1";
    assert_eq!(told, format!("{first} (and 2 more: `rondo check-config` shows all)"));
}

#[test]
fn check_config_looks_into_the_files_that_are_named() {
    let findings = |toml: &str| {
        let found = check(&load(toml, &[], &[]));
        let shown =
            found.iter().map(|one| format!("{}: `{}` {}", one.severity, one.key, one.message));
        shown.collect::<Vec<_>>().join("\n")
    };
    let absent = findings(
        "secret_key_file = '/absent/rondo.key'\n[tls]\ncert = '/absent/c'\nkey = '/absent/k'",
    );
    assert!(
        absent.contains("error: `secret_key_file` cannot read /absent/rondo.key: put the old"),
        "{absent}"
    );
    assert!(absent.contains("error: `tls` /absent/c: cannot be read"), "{absent}");
    let sandbox = findings("[gateways.sandbox]\nkind = 'sandbox'\nsecret_key = 'k'");
    assert!(sandbox.contains("error: `gateways.sandbox.base_url` is missing"), "{sandbox}");
    let bare = findings("");
    assert!(bare.contains("warning: `smtp.host` is not set: mails wait in the outbox"), "{bare}");
    assert!(bare.contains("warning: `gateways` is empty: nothing can be charged"), "{bare}");
    let headless = findings("[smtp]\nfrom = 'billing@academy.example'");
    assert!(headless.contains("error: `smtp.host` is missing"), "{headless}");
    let named = findings("[gateways.'My Bank']\nkind = 'sandbox'\nsecret_key = 'k'");
    assert!(named.contains("error: `gateways.My Bank` must be named with lower-case"), "{named}");
}

#[test]
fn a_restricted_key_and_any_key_of_the_sandboxs_own_are_sound() {
    let restricted = load(SOUND, &[], &[("gateways.main.secret_key", "rk_live_1")]);
    assert_eq!(check(&restricted), []);
    let sandbox = SOUND.replace("'stripe'", "'sandbox'\nbase_url = 'http://127.0.0.1:8090'");
    let any = load(&sandbox, &[], &[("gateways.main.secret_key", "anything")]);
    assert_eq!(check(&any), []);
}

#[test]
fn links_that_no_member_could_open_are_told_before_a_mail_leaves() {
    let local = SOUND.replace("public_url = 'https://pay.academy.example'", "");
    let [finding] = &check(&load(&local, &[], &[]))[..] else { panic!("not told") };
    assert_eq!((finding.severity, &*finding.key), (Severity::Warning, "public_url"));
    let told = "should be set: no member can open a link to http://127.0.0.1:8080";
    assert_eq!(finding.message, told);
    // A catcher on this machine is read on this machine.
    let caught = load(&local, &[], &[("smtp.host", "127.0.0.1"), ("smtp.tls", "none")]);
    assert_eq!(check(&caught), []);
}

#[test]
fn a_relay_on_this_machine_needs_no_tls() {
    for host in ["localhost", "127.0.0.1", "::1"] {
        let config = load(SOUND, &[], &[("smtp.host", host), ("smtp.tls", "none")]);
        assert_eq!(check(&config), [], "{host}");
    }
}

#[test]
fn no_secret_is_printed_with_the_configuration() {
    let config = load(
        SOUND,
        &[],
        &[("smtp.password", "hidden-1"), ("database_url", "postgres://rondo:hidden-2@db/rondo")],
    )
    .config;
    let printed = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
    for secret in ["hidden-1", "hidden-2", "sk_live_1", "whsec_1", SECRET] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

/// Where the schema's documentation stands.
const SCHEMA: [&str; 2] = ["src/config/schema.rs", "src/gateway/account.rs"];
const DOCUMENT: &str = "docs/configuration.md";
const NAME: &str = "NAME";

/// With `RONDO_TEST_WRITE_DOCS=1` the document is written instead.
#[test]
fn the_document_says_what_the_schema_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts = SCHEMA.map(|path| fs::read_to_string(root.join(path)).unwrap());
    let structs = texts.iter().flat_map(|text| structs(text)).collect();
    let made = document(&structs);
    let path = root.join(DOCUMENT);
    if std::env::var_os("RONDO_TEST_WRITE_DOCS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == made,
        "{DOCUMENT} is not what the schema says; make it with\n\
         RONDO_TEST_WRITE_DOCS=1 cargo test --test config the_document\n\n{made}"
    );
}

struct Field {
    name: String,
    kind: String,
    meaning: String,
}

/// The public fields of each struct, with the first paragraph of their documentation.
fn structs(text: &str) -> BTreeMap<String, Vec<Field>> {
    let mut found: BTreeMap<String, Vec<Field>> = BTreeMap::new();
    let (mut inside, mut meaning): (Option<String>, Vec<&str>) = (None, Vec::new());
    for line in text.lines() {
        let bare = line.trim();
        if let Some(words) = bare.strip_prefix("///") {
            meaning.push(words.trim());
        } else if let Some(name) =
            line.strip_prefix("pub struct ").and_then(|rest| rest.strip_suffix(" {"))
        {
            inside = Some(name.to_owned());
            meaning.clear();
        } else if line == "}" {
            inside = None;
        } else if let (Some(owner), Some(field)) = (&inside, bare.strip_prefix("pub ")) {
            let (name, kind) = field.trim_end_matches(',').split_once(": ").unwrap();
            let paragraph = meaning.split(|line| line.is_empty()).next().unwrap_or_default();
            assert!(!paragraph.is_empty(), "{owner}.{name} is documented");
            let (name, kind, meaning) = (name.to_owned(), kind.to_owned(), paragraph.join(" "));
            found.entry(owner.clone()).or_default().push(Field { name, kind, meaning });
        } else if !bare.starts_with("#[") {
            meaning.clear();
        }
        if !bare.starts_with("///") && !bare.starts_with("#[") {
            meaning.clear();
        }
    }
    found
}

fn document(structs: &BTreeMap<String, Vec<Field>>) -> String {
    let mut defaults = serde_json::to_value(Config::default()).unwrap();
    let bare = load(&SOUND.replace("webhook_secrets = ['whsec_1']", ""), &[], &[]).config;
    let account = &bare.gateways["main"];
    defaults["gateways"] = serde_json::json!({ NAME: {
        "kind": "required",
        "secret_key": "required",
        "webhook_secrets": [],
        "calls_per_second": account.calls_per_second,
        "calls_in_flight": account.calls_in_flight,
    }});
    defaults["tls"] = serde_json::json!({ "cert": "required", "key": "required" });
    let mut text = "# Configuration

Rondo reads its settings from four places; the later wins:

1. the defaults below;
2. the file `rondo.toml` in the working directory, or the one named by `--config` or `RONDO_CONFIG`;
3. environment variables: `RONDO_`, then the key in capitals, with two underscores for each dot; a
   list is written `[\"one\", \"two\"]`. `RONDO_CONFIG`, `RONDO_SANDBOX_…` (of `rondo sandbox`) and
   `RONDO_ADDRESS`, `RONDO_API_KEY` and `RONDO_BIN` (of the examples) are no settings;
4. flags of the command line.

A key that is not listed here is refused. `rondo check-config` says what is wrong and where: the file
with its line, the variable or the flag.

| Key | Default | Environment | Meaning |
| --- | --- | --- | --- |
"
    .to_owned();
    rows(structs, "Config", "", &defaults, &mut text);
    text
}

fn rows(
    structs: &BTreeMap<String, Vec<Field>>,
    owner: &str,
    prefix: &str,
    defaults: &serde_json::Value,
    text: &mut String,
) {
    for field in &structs[owner] {
        let key = format!("{prefix}{}", field.name);
        let default = &defaults[&field.name];
        let inner = field.kind.trim_start_matches("Option<").trim_end_matches('>');
        if let Some(entry) = inner.strip_prefix("BTreeMap<String, ") {
            rows(structs, entry, &format!("{key}.{NAME}."), &default[NAME], text);
        } else if structs.contains_key(inner) {
            rows(structs, inner, &format!("{key}."), default, text);
        } else {
            let default = match default {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(word) if word == "required" => word.clone(),
                serde_json::Value::String(word) => format!("`{word}`"),
                other => format!("`{other}`"),
            };
            let variable = format!("RONDO_{}", key.to_uppercase().replace('.', "__"));
            let meaning = field.meaning.replace('|', "\\|");
            writeln!(text, "| `{key}` | {default} | `{variable}` | {meaning} |").unwrap();
        }
    }
}
