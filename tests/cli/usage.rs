//! Help, and wrong command lines and settings: one line that tells the next step.

use super::program::Room;

const COMMANDS: [&[&str]; 25] = [
    &["serve"],
    &["init"],
    &["migrate"],
    &["check-config"],
    &["stuck"],
    &["stuck", "list"],
    &["stuck", "retry"],
    &["stuck", "settle"],
    &["audit"],
    &["reconcile"],
    &["backup"],
    &["restored"],
    &["keys"],
    &["keys", "list"],
    &["keys", "create"],
    &["keys", "revoke"],
    &["mail"],
    &["mail", "preview"],
    &["sandbox"],
    &["sandbox", "tokens"],
    &["demo"],
    &["bench"],
    &["bench", "renewals"],
    &["simulate"],
    &["crash-test"],
];

const MERCHANT: &str = "mer_06ew5kkq3hx3d1qj9w2t7m8c0g";
const ATTEMPT: &str = "att_06ew5kkq3hx3d1qj9w2t7m8c0g";
const KEY: &str = "key_06ew5kkq3hx3d1qj9w2t7m8c0g";

#[test]
fn every_command_explains_itself_on_standard_output() {
    let room = Room::new();
    for command in COMMANDS {
        let shown = room.run(&[command, &["--help"]].concat()).well();
        assert!(shown.out.contains("Usage: rondo "), "{command:?}: {}", shown.out);
        assert_eq!(shown.err, "", "{command:?}");
        let example = format!("\n  rondo {}", command.join(" "));
        assert!(shown.out.contains(&example), "{command:?} has no example");
    }
    assert!(room.run(&["--help"]).well().out.contains("Exit codes: 0 done;"));
    assert!(room.run(&["--version"]).well().out.starts_with("rondo 0."));
}

#[test]
fn help_lists_the_commands_that_are_known_here() {
    let help = Room::new().run(&["--help"]).well().out;
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let (listed, _) = listed.split_once("\n\n").unwrap();
    let listed: Vec<_> =
        listed.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    let known = COMMANDS.iter().filter(|command| command.len() == 1).map(|command| command[0]);
    assert_eq!(listed, known.collect::<Vec<_>>());
}

#[test]
fn a_command_without_the_part_that_it_needs_shows_its_help() {
    let room = Room::new();
    for group in [&[][..], &["keys"], &["mail"], &["bench"]] {
        let ended = room.run(group);
        assert_eq!((ended.code, &*ended.out), (2, ""), "{group:?}");
        let usage = format!("Usage: {} <COMMAND>", [&["rondo"], group].concat().join(" "));
        assert!(ended.err.contains(&usage), "{}", ended.err);
        assert!(ended.err.contains("\n\nExamples:\n  rondo "), "{}", ended.err);
    }
}

#[test]
fn a_flag_that_sets_a_setting_names_its_variable() {
    let room = Room::new();
    let shown = room.run(&["serve", "--help"]).well().out;
    for variable in [
        "RONDO_CONFIG",
        "RONDO_DATABASE_URL",
        "RONDO_LISTEN",
        "RONDO_PUBLIC_URL",
        "RONDO_TLS__CERT",
        "RONDO_TLS__KEY",
        "RONDO_LOG__FORMAT",
        "RONDO_LOG__FILTER",
        "RONDO_REFLECTION",
    ] {
        assert!(shown.contains(variable), "{variable} is not in\n{shown}");
    }
    let of_all = room.run(&["--help"]).well().out;
    assert!(of_all.contains("Every setting has a variable, RONDO_DATABASE_URL"), "{of_all}");
}

#[test]
fn a_refusal_is_one_line_and_tells_the_next_step() {
    let room = Room::new();
    room.write("bad.toml", "liste = '127.0.0.1:1'");
    room.write("keyless.toml", "database_url = 'sqlite:keyless.db'");
    room.write("empty.db", "");
    room.run(&["migrate"]).well();
    for (line, code, told) in [
        (&["sing"][..], 2, "unrecognized subcommand 'sing'; see `rondo --help`"),
        (&["serve", "--lisen", "x"], 2, "unexpected argument '--lisen' found; see `rondo serve"),
        (&["stuck", "retry"], 2, "arguments were not provided: <ID>...; see `rondo stuck retry"),
        (
            &["stuck", "settle", ATTEMPT, "--note", "Eva looked"],
            2,
            "were not provided: <--charged <REFERENCE>|--not-charged>; see `rondo stuck settle",
        ),
        (
            &["stuck", "settle", ATTEMPT, "--charged", "ch_1", "--not-charged", "--note", "x"],
            2,
            "'--charged <REFERENCE>' cannot be used with '--not-charged'",
        ),
        (&["stuck", "settle", ATTEMPT, "--not-charged"], 2, "not provided: --note <TEXT>; see"),
        (
            &["stuck", "settle", ATTEMPT, "--not-charged", "--note", "Eva looked"],
            1,
            "there is no att_06ew5kkq3hx3d1qj9w2t7m8c0g in this database; `rondo stuck` lists",
        ),
        (&["mail", "preview", "birthday"], 2, "invalid value 'birthday' for '[KIND]'"),
        (&["keys", "create", "--name", " ", "--role", "admin"], 2, "must have 1 to 200 characters"),
        (&["mail", "preview", "--all"], 2, "were not provided: --out <DIR>; see"),
        (&["mail", "preview", "receipt", "--all"], 2, "cannot be used with '--all'"),
        (&["mail", "preview"], 2, "were not provided: <KIND|--all>; see `rondo mail preview"),
        (
            &["mail", "preview", "receipt", "--sample", "99"],
            1,
            "error: receipt has the samples 1 to 3",
        ),
        (&["sandbox", "--webhook-url", "http://127.0.0.1"], 2, "provided: --webhook-secret"),
        (&["sandbox", "--webhook-secret", "x"], 2, "not provided: --webhook-url <URL>; see"),
        (&["sandbox", "--mail-listen", "127.0.0.1:0"], 2, "not provided: --mail; see"),
        (&["sandbox", "--mailbox-listen", "127.0.0.1:0"], 2, "not provided: --mail; see"),
        (
            &["sandbox", "--webhook-url", "portal", "--webhook-secret", "x"],
            2,
            "must be like http://127.0.0.1:8080/",
        ),
        (
            &["bench", "renewals", "--database-url", "mysql://db"],
            2,
            "must be like postgres://rondo@localhost/rondo",
        ),
        (
            &["bench", "renewals", "--database-url", "postgres://127.0.0.1:1/x"],
            1,
            "no Postgres answers at 127.0.0.1:1",
        ),
        (
            &["keys", "create", "--name", "x", "--role", "admin", "--merchant", MERCHANT],
            1,
            "an administrator's key takes no --merchant: leave it out, or choose --role merchant",
        ),
        (&["keys", "list", "--merchant", MERCHANT], 1, "there is no merchant mer_06ew5"),
        (&["stuck", "--merchant", MERCHANT], 1, "there is no merchant mer_06ew5"),
        (
            &["keys", "create", "--name", "x", "--role", "merchant", "--merchant", MERCHANT],
            1,
            "there is none yet: `CreateMerchant` makes one",
        ),
        (&["keys", "revoke", KEY], 1, "`rondo keys list` shows the administrators' keys, and with"),
        (
            &["mail", "preview", "receipt", "--words", "nope"],
            1,
            "there is no folder nope: --words names a merchant's, with a folder for each language in \
             it (en, de, es)",
        ),
        (&["demo", "--dir", "keyless.toml", "--exit"], 1, "cannot make the folder keyless.toml"),
        (
            &["sandbox", "--listen", "127.0.0.1:0", "--ledger", "absent/book.jsonl"],
            1,
            "with its ledger in absent/book.jsonl",
        ),
        (&["mail", "preview", "--all", "--out", "bad.toml"], 1, "cannot make the folder bad.toml"),
        (&["serve", "--tls-cert", "a.pem"], 2, "were not provided: --tls-key <FILE>"),
        (
            &["migrate", "--config", "absent.toml"],
            1,
            "absent.toml: cannot be read: correct --config or RONDO_CONFIG, or let `rondo init",
        ),
        (&["serve", "--config", "bad.toml"], 1, "`liste` is not a setting here; known are"),
        (&["serve", "--log-format", "xml"], 1, "`log.format` must be one of `text`, `json`"),
        (&["serve", "--config", "keyless.toml"], 1, "put the old one back"),
        (&["backup", "nowhere/x.db"], 1, "there is no folder nowhere: make it first"),
        (&["serve", "--database-url", "mysql://db"], 1, "`rondo check-config` shows all"),
        (&["keys", "list", "--database-url", "sqlite:empty.db"], 1, "run `rondo migrate` first"),
        (
            &["keys", "create", "--name", "x", "--role", "merchant"],
            1,
            "a key with this role needs --merchant mer_…: whose is it? `rondo keys list` names the",
        ),
    ] {
        is_refused(&room, line, code, told);
    }
}

#[test]
fn a_value_that_is_none_is_refused_with_what_would_be_right() {
    let room = Room::new();
    for (line, code, told) in [
        (
            &["mail", "preview", "receipt", "--locale", "fr"][..],
            2,
            "mails are written in en, de, es",
        ),
        (
            &["keys", "revoke", "inv_1"],
            2,
            "must be an id like key_06ew5kkq3hx3d1qj9w2t7m8c0g, as `rondo keys list` shows it",
        ),
        (&["demo", "--members", "0"], 2, "must be a whole number from 1 to 99999; see `rondo demo"),
        (
            &["demo", "--members", "-1"],
            2,
            "must be a whole number from 1 to 99999; see `rondo demo",
        ),
        (&["demo", "--months", "-1"], 2, "'--months <N>': must be a whole number from 1 to 120"),
        (
            &["demo", "--members", "abc"],
            2,
            "'--members <N>': must be a whole number from 1 to 99999",
        ),
        (&["demo", "--months", "1.5"], 2, "'--months <N>': must be a whole number from 1 to 120"),
        (&["demo", "--seed", "x"], 2, "must be a whole number from 0 to"),
        (
            &["stuck", "--limit", "0"],
            2,
            "must be a whole number from 1 to 100000; see `rondo stuck",
        ),
        (&["audit", "--late-after-minutes", "soon"], 2, "must be a whole number from 0 to 525600"),
        (
            &["stuck", "--merchant", "mer_1"],
            2,
            "must be an id like mer_06ew5kkq3hx3d1qj9w2t7m8c0g, or a name like merchants/mer_…",
        ),
        (
            &["stuck", "settle", "pay_1", "--not-charged", "--note", "x"],
            2,
            "must be an id like att_06ew5kkq3hx3d1qj9w2t7m8c0g, or a name like attempts/att_…",
        ),
        (
            &["stuck", "settle", ATTEMPT, "--charged", " ", "--note", "x"],
            2,
            "'--charged <REFERENCE>': must be set; see",
        ),
        (
            &["stuck", "settle", ATTEMPT, "--charged", "ch_1 or so", "--note", "x"],
            2,
            "'--charged <REFERENCE>': must be one word, as the gateway shows it; see",
        ),
        (
            &["stuck", "settle", ATTEMPT, "--not-charged", "--note", " "],
            2,
            "'--note <TEXT>': must be set; see",
        ),
        (
            &["stuck", "settle", ATTEMPT, "--not-charged", "--note", "4111 1111 1111 1111"],
            2,
            "must not hold a card number; see",
        ),
        (&["keys", "list", "--merchant", "merchants/portal"], 2, "or a name like merchants/mer_"),
        (&["keys", "create", "--name", "x", "--role", "king"], 2, "[possible values: admin,"),
        (
            &["keys", "create", "--name", "x", "--role", "admin", "--expires-in-days", "0"],
            2,
            "must be a whole number from 1 to 36500",
        ),
        (
            &["sandbox", "--listen", "8090"],
            2,
            "must be an IP address and a port like 127.0.0.1:8080;",
        ),
        (
            &["sandbox", "--mail-listen", "localhost:25"],
            2,
            "a name like localhost is not looked up",
        ),
        (&["bench", "renewals", "--subscriptions", "0"], 2, "must be a whole number from 1 to"),
        (&["serve", "--listen", "8080"], 1, "flag --listen: `listen` must be an IP address and a"),
        (
            &["serve", "--listen", "localhost:8080"],
            1,
            "must be an IP address and a port like 127.0.0.1:8080; a name like localhost is not \
             looked up",
        ),
    ] {
        is_refused(&room, line, code, told);
    }
}

#[track_caller]
fn is_refused(room: &Room, line: &[&str], code: i32, told: &str) {
    let ended = room.run(line);
    assert_eq!(ended.code, code, "{line:?}: {}", ended.err);
    assert_eq!(ended.out, "", "{line:?}");
    assert!(ended.err.starts_with("error: "), "{line:?}: {}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{line:?}: {}", ended.err);
    assert!(ended.err.contains(told), "{line:?}\n told: {}wanted: {told}", ended.err);
}

#[test]
fn check_config_ends_with_1_only_for_what_serve_would_refuse() {
    let room = Room::new();
    room.run(&["init"]).well();
    let sound = room.run(&["check-config", "--json"]).well().json();
    assert_eq!(sound["ok"], true);
    assert_eq!(sound["findings"][0]["severity"], "warning");
    let shown = room.run(&["check-config"]).well().out;
    let told = "warning: `smtp.host` is not set: mails wait in the outbox\n\
                warning: `gateways` is empty: nothing can be charged\n\
                The configuration is sound.\n";
    assert_eq!(shown, told);

    room.write("rondo.toml", "listen = '0.0.0.0:80'\nsecret_key_file = 'rondo.key'");
    let refused = room.run(&["check-config", "--json"]);
    assert_eq!(refused.code, 1);
    let told = refused.json();
    assert_eq!(told["ok"], false);
    assert_eq!(told["findings"][0]["key"], "listen");
    assert_eq!(told["findings"][0]["where"], "rondo.toml:1");
    let shown = room.run(&["check-config"]);
    assert_eq!(shown.code, 1);
    assert!(shown.out.starts_with("error: rondo.toml:1: `listen` is reachable"), "{}", shown.out);
    let served = room.run(&["serve"]);
    assert!(served.err.starts_with("error: rondo.toml:1: `listen` is reachable"), "{}", served.err);
}

#[test]
fn check_config_tells_what_cannot_be_read_in_one_line_with_its_place() {
    let room = Room::new();
    for (text, told) in [
        ("listen = '127.0.0.1:1'\nport = 1", "rondo.toml:2: `port` is not a setting here"),
        ("[engine]\n\nbatch = 'x'", "rondo.toml:3: `engine.batch` must be a whole number"),
        ("\nlisten = [", "rondo.toml:2: this is no TOML: "),
        (
            "\nlisten = \"127.0.0.1:1\n",
            "rondo.toml:2: this is no TOML: the text that begins here needs a closing \"",
        ),
    ] {
        room.write("rondo.toml", text);
        let shown = room.run(&["check-config"]);
        assert_eq!((shown.code, &*shown.err), (1, ""));
        assert!(shown.out.starts_with(&format!("error: {told}")), "{}", shown.out);
        assert_eq!(shown.out.matches(told).count(), 1, "{}", shown.out);
        let machine = room.run(&["check-config", "--json"]).json();
        assert_eq!(machine["ok"], false);
        let (place, _) = told.split_once(": ").unwrap();
        assert_eq!(machine["findings"][0]["where"], place);
    }
    let absent = room.run(&["check-config", "--config", "absent.toml", "--json"]);
    assert_eq!(absent.json()["findings"][0]["where"], "absent.toml");
}

#[test]
fn check_config_tells_all_that_is_wrong_in_one_go() {
    let room = Room::new();
    room.write(
        "rondo.toml",
        "listen = 'localhost:8080'
secret_key = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='
colour = 'blue'
[smtp]
port = 'submission'
tls = 'ssl'
from = 'Open Academy'
host = 'relay.example'
[gateways.main]
kind = 'stripes'
calls_per_second = -1
[gateways.spare]
webhook_secrets = 'whsec_hidden'
[engine]
batch = 0
lease = 30
",
    );
    let shown = room.run(&["check-config"]);
    assert_eq!((shown.code, &*shown.err), (1, ""));
    let told = [
        "error: rondo.toml:1: `listen` must be an IP address and a port like 127.0.0.1:8080; a name",
        "error: rondo.toml:3: `colour` is not a setting here; known are `database_url`,",
        "error: rondo.toml:5: `smtp.port` must be a whole number from 1 to 65535, not this text",
        "error: rondo.toml:6: `smtp.tls` must be one of `none`, `starttls`, `implicit`, not `ssl`",
        "error: rondo.toml:7: `smtp.from` must be like Open Academy <billing@academy.example>",
        "error: rondo.toml:9: `gateways.main` needs `secret_key`",
        "error: rondo.toml:10: `gateways.main.kind` must be one of `sandbox`, `stripe`, not `str",
        "error: rondo.toml:11: `gateways.main.calls_per_second` must be a whole number from 1 to",
        "error: rondo.toml:12: `gateways.spare` needs `kind`",
        "error: rondo.toml:12: `gateways.spare` needs `secret_key`",
        "error: rondo.toml:13: `gateways.spare.webhook_secrets` must be a list, not this text",
        "error: rondo.toml:15: `engine.batch` must be at least 1",
        "error: rondo.toml:16: `engine.lease` is not a setting here; known are `batch`,",
    ];
    let lines: Vec<_> = shown.out.lines().collect();
    assert_eq!(lines.len(), told.len(), "{}", shown.out);
    for (line, told) in lines.iter().zip(told) {
        assert!(line.starts_with(told), "\n told: {line}\nwanted: {told}");
    }
    assert!(!shown.out.contains("hidden"), "{}", shown.out);

    let machine = room.run(&["check-config", "--json"]).json();
    let findings = machine["findings"].as_array().unwrap();
    assert_eq!(findings.len(), told.len());
    assert_eq!(findings[3]["key"], "smtp.tls");
    assert_eq!(findings[3]["where"], "rondo.toml:6");
    let served = room.run(&["serve"]);
    let more = "(and 12 more: `rondo check-config` shows all)";
    assert!(served.err.contains(more), "{}", served.err);
    assert_eq!(served.err.lines().count(), 1, "{}", served.err);
}
