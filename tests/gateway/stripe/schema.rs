//! Judges a request by Stripe's own published description of it (`request-schemas.json`).
//!
//! Strict where the description is: a name that it does not know, a value outside its list, a
//! missing requirement are violations. An object that lists its members has no others.

use std::sync::LazyLock;

use serde_json::{Map, Value};

static REQUESTS: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("request-schemas.json");
    let file: Value = serde_json::from_str(text).expect("the schema file is JSON");
    file["requests"].clone()
});

/// What is wrong with these names and values as a request `method path`; empty if nothing.
pub fn violations(method: &str, path: &str, pairs: &[(String, String)]) -> Vec<String> {
    let segments = path.split('/').map(|segment| match segment {
        id if id.starts_with("pi_") => "{intent}",
        id if id.starts_with("cs_") => "{session}",
        word => word,
    });
    let request = format!("{method} {}", segments.collect::<Vec<_>>().join("/"));
    let mut found = Vec::new();
    match REQUESTS.get(&request) {
        Some(schema) => judge(&nested(pairs), schema, "", &mut found),
        None => found.push(format!("{request} is not described")),
    }
    found
}

/// The tree that the brackets in the names mean. A list is an object with the keys 0, 1, 2.
fn nested(pairs: &[(String, String)]) -> Value {
    let mut tree = Value::Object(Map::new());
    for (name, value) in pairs {
        let place = name.split('[').fold(&mut tree, |place, key| {
            let key = key.trim_end_matches(']');
            let place = place.as_object_mut().expect("a name is a value or a parent, not both");
            place.entry(key).or_insert_with(|| Value::Object(Map::new()))
        });
        assert_eq!(*place, Value::Object(Map::new()), "{name} is sent twice");
        *place = Value::String(value.clone());
    }
    tree
}

fn judge(value: &Value, schema: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = choices.iter().any(|choice| {
            let mut found = Vec::new();
            judge(value, choice, at, &mut found);
            found.is_empty()
        });
        if !fits {
            found.push(format!("{at} = {value} fits none of its forms"));
        }
        return;
    }
    let kind = schema["type"].as_str().expect("every schema without anyOf has a type");
    match (kind, value) {
        ("object", Value::Object(members)) => judge_object(members, schema, at, found),
        ("array", Value::Object(members)) => {
            for (place, (key, item)) in members.iter().enumerate() {
                if *key != place.to_string() {
                    found.push(format!("{at}[{key}] is not the list's next place"));
                }
                judge(item, &schema["items"], &format!("{at}[{key}]"), found);
            }
        }
        ("string" | "integer" | "boolean", Value::String(text)) => {
            judge_text(text, kind, schema, at, found);
        }
        _ => found.push(format!("{at} is not of type {kind}")),
    }
}

fn judge_object(members: &Map<String, Value>, schema: &Value, at: &str, found: &mut Vec<String>) {
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !members.contains_key(name) {
            found.push(format!("{at}[{name}] is missing"));
        }
    }
    for (name, member) in members {
        let at = if at.is_empty() { name.clone() } else { format!("{at}[{name}]") };
        let known = schema["properties"].get(name);
        match known.or(schema.get("additionalProperties").filter(|more| more.is_object())) {
            Some(schema) => judge(member, schema, &at, found),
            None => found.push(format!("{at} is not known")),
        }
    }
}

fn judge_text(text: &str, kind: &str, schema: &Value, at: &str, found: &mut Vec<String>) {
    let is_of_kind = match kind {
        "integer" => text.parse::<i64>().is_ok(),
        "boolean" => ["true", "false"].contains(&text),
        _ => true,
    };
    let is_listed = schema["enum"].as_array().is_none_or(|list| list.contains(&text.into()));
    let is_short = schema["maxLength"]
        .as_u64()
        .is_none_or(|most| text.chars().count() <= usize::try_from(most).unwrap_or(usize::MAX));
    if !(is_of_kind && is_listed && is_short) {
        found.push(format!("{at} = {text:?} is not a valid {kind}"));
    }
}

#[test]
fn the_judge_finds_what_is_wrong() {
    let judged = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        violations("POST", "/v1/payment_intents", &pairs)
    };
    let good = [("amount", "1999"), ("currency", "usd")];
    let with = |pair| judged(&[good[0], good[1], pair]);
    assert_eq!(judged(&good), [""; 0]);
    assert_eq!(judged(&good[..1]), ["[currency] is missing"]);
    assert_eq!(with(("colour", "red")), ["colour is not known"]);
    assert_eq!(with(("confirm", "yes")), [r#"confirm = "yes" is not a valid boolean"#]);
    assert_eq!(with(("expand[1]", "a")), ["expand[1] is not the list's next place"]);
    assert_eq!(with(("off_session", "true")), [""; 0]);
    assert_eq!(with(("off_session", "often")).len(), 1);
    assert_eq!(with(("metadata[any]", "thing")), [""; 0]);
}
