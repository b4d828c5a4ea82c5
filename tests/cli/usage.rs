//! Help, and wrong command lines and settings: one line that tells the next step.

use super::program::Room;

const COMMANDS: [&[&str]; 17] = [
    &["serve"],
    &["init"],
    &["migrate"],
    &["check-config"],
    &["stuck"],
    &["stuck", "list"],
    &["stuck", "retry"],
    &["keys"],
    &["keys", "list"],
    &["keys", "create"],
    &["keys", "revoke"],
    &["mail"],
    &["mail", "preview"],
    &["sandbox"],
    &["demo"],
    &["bench"],
    &["bench", "renewals"],
];

#[test]
fn every_command_explains_itself_on_standard_output() {
    let room = Room::new();
    for command in COMMANDS {
        let shown = room.run(&[command, &["--help"]].concat()).well();
        assert!(shown.out.contains("Usage: rondo "), "{command:?}: {}", shown.out);
        assert_eq!(shown.err, "", "{command:?}");
        if let [name] = command {
            assert!(shown.out.contains(&format!("\n  rondo {name}")), "{name} has no example");
        }
    }
    assert!(room.run(&["--help"]).well().out.contains("Exit codes: 0 done;"));
    assert!(room.run(&["--version"]).well().out.starts_with("rondo 0."));
    let nothing = room.run(&[]);
    assert_eq!(nothing.code, 2);
    assert!(nothing.err.contains("Usage: rondo <COMMAND>"), "{}", nothing.err);
}

#[test]
fn a_refusal_is_one_line_and_tells_the_next_step() {
    let room = Room::new();
    room.write("bad.toml", "liste = '127.0.0.1:1'");
    room.write("keyless.toml", "database_url = 'sqlite:keyless.db'");
    for (line, code, told) in [
        (&["sing"][..], 2, "unrecognized subcommand 'sing'; see `rondo --help`"),
        (&["serve", "--lisen", "x"], 2, "unexpected argument '--lisen' found; see `rondo serve"),
        (&["stuck", "retry"], 2, "arguments were not provided: <ID>; see `rondo stuck retry"),
        (&["mail", "preview", "birthday"], 2, "invalid value 'birthday' for '[KIND]'"),
        (&["mail", "preview", "receipt", "--locale", "fr"], 2, "mails are written in en, de, es"),
        (&["keys", "revoke", "inv_1"], 2, "must be an id like key_"),
        (&["demo", "--members", "0"], 2, "0 is not in 1..=99999"),
        (&["serve", "--tls-cert", "a.pem"], 2, "were not provided: --tls-key <FILE>"),
        (&["migrate", "--config", "absent.toml"], 1, "absent.toml: cannot be read"),
        (&["serve", "--config", "bad.toml"], 1, "`liste` is not a setting here; known are"),
        (&["serve", "--listen", "8080"], 1, "flag --listen: `listen` is not valid"),
        (&["serve", "--log-format", "xml"], 1, "`log.format` must be one of `text`, `json`"),
        (&["serve", "--config", "keyless.toml"], 1, "`rondo init` makes a new key"),
        (&["serve", "--database-url", "mysql://db"], 1, "`rondo check-config` lists them"),
        (&["keys", "list", "--database-url", "sqlite:new.db"], 1, "run `rondo migrate` first"),
        (
            &["keys", "create", "--name", "x", "--role", "merchant"],
            1,
            "a key with this role needs --merchant",
        ),
        (&["stuck", "--database-url", "postgres://127.0.0.1:1/x"], 1, "cannot open the database"),
    ] {
        let ended = room.run(line);
        assert_eq!(ended.code, code, "{line:?}: {}", ended.err);
        assert_eq!(ended.out, "", "{line:?}");
        assert!(ended.err.starts_with("error: "), "{line:?}: {}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{line:?}: {}", ended.err);
        assert!(ended.err.contains(told), "{line:?}\n told: {}wanted: {told}", ended.err);
    }
}

#[test]
fn check_config_ends_with_1_only_for_what_serve_would_refuse() {
    let room = Room::new();
    room.run(&["init"]).well();
    let sound = room.run(&["check-config", "--json"]).well().json();
    assert_eq!(sound["ok"], true);
    assert_eq!(sound["findings"][0]["severity"], "warning");
    assert!(room.run(&["check-config"]).well().out.contains("smtp.host"));

    room.write("rondo.toml", "listen = '0.0.0.0:80'\nsecret_key_file = 'rondo.key'");
    let refused = room.run(&["check-config", "--json"]);
    assert_eq!(refused.code, 1);
    let told = refused.json();
    assert_eq!(told["ok"], false);
    assert_eq!(told["findings"][0]["key"], "listen");
}
