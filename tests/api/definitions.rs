//! The definitions of the API themselves, as they were compiled: everything has a comment, and is named as
//! `proto/buf.yaml` asks (buf's STANDARD and COMMENTS, less the two rules that are left out there).

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use rondo::grpc::proto::DESCRIPTORS;

/// Something that has a name, and should have a comment.
#[derive(Debug)]
pub struct Thing {
    kind: Kind,
    /// With what it stands in: `Plan.State.STATE_ACTIVE`.
    pub name: String,
    /// What stands above it.
    pub comment: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    Method,
    Message,
    Field,
    Choice,
    Enum,
    Value,
}

/// Numbers of fields in descriptors: a thing is found in the source by the way that leads to it.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const SERVICES: i32 = 6;
const METHODS: i32 = 2;
const FIELDS: i32 = 2;
const NESTED: i32 = 3;
const ENUMS_WITHIN: i32 = 4;
const CHOICES: i32 = 8;
const VALUES: i32 = 2;

/// The API's own files.
fn files() -> Vec<FileDescriptorProto> {
    let mut files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    files.retain(|file| file.package().starts_with("rondo."));
    files
}

/// All things of all files.
pub fn things() -> Vec<Thing> {
    files().iter().flat_map(|file| Scan::of(file).found).collect()
}

/// A walk through one file.
struct Scan<'a> {
    file: &'a FileDescriptorProto,
    found: Vec<Thing>,
}

impl<'a> Scan<'a> {
    fn of(file: &'a FileDescriptorProto) -> Self {
        let mut scan = Self { file, found: Vec::new() };
        for (service, at) in file.service.iter().zip(0..) {
            let way = scan.note(Kind::Service, "", service.name(), &[SERVICES, at]);
            for (method, at) in service.method.iter().zip(0..) {
                scan.note(
                    Kind::Method,
                    service.name(),
                    method.name(),
                    &[&way[..], &[METHODS, at]].concat(),
                );
            }
        }
        for (message, at) in file.message_type.iter().zip(0..) {
            scan.message("", message, &[MESSAGES, at]);
        }
        for (listed, at) in file.enum_type.iter().zip(0..) {
            scan.values("", listed, &[ENUMS, at]);
        }
        scan
    }

    fn message(&mut self, outer: &str, message: &DescriptorProto, way: &[i32]) {
        // The entries of a map are nowhere in the source.
        if message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry) {
            return;
        }
        self.note(Kind::Message, outer, message.name(), way);
        let name = within(outer, message.name());
        for (field, at) in message.field.iter().zip(0..) {
            self.note(Kind::Field, &name, field.name(), &[way, &[FIELDS, at]].concat());
        }
        let optional = |at: i32| {
            let mut fields = message.field.iter().filter(|field| field.oneof_index == Some(at));
            fields.any(prost_types::FieldDescriptorProto::proto3_optional)
        };
        for (choice, at) in message.oneof_decl.iter().zip(0..).filter(|(_, at)| !optional(*at)) {
            self.note(Kind::Choice, &name, choice.name(), &[way, &[CHOICES, at]].concat());
        }
        for (nested, at) in message.nested_type.iter().zip(0..) {
            self.message(&name, nested, &[way, &[NESTED, at]].concat());
        }
        for (listed, at) in message.enum_type.iter().zip(0..) {
            self.values(&name, listed, &[way, &[ENUMS_WITHIN, at]].concat());
        }
    }

    fn values(&mut self, outer: &str, listed: &EnumDescriptorProto, way: &[i32]) {
        self.note(Kind::Enum, outer, listed.name(), way);
        let name = within(outer, listed.name());
        for (value, at) in listed.value.iter().zip(0..) {
            self.note(Kind::Value, &name, value.name(), &[way, &[VALUES, at]].concat());
        }
    }

    fn note(&mut self, kind: Kind, outer: &str, name: &str, way: &[i32]) -> Vec<i32> {
        let source = self.file.source_code_info.as_ref().unwrap();
        let place = source.location.iter().find(|location| location.path == way).unwrap();
        let comment = place.leading_comments().to_owned();
        self.found.push(Thing { kind, name: within(outer, name), comment });
        way.to_vec()
    }
}

fn within(outer: &str, name: &str) -> String {
    if outer.is_empty() { name.to_owned() } else { format!("{outer}.{name}") }
}

/// Whether a name is one of this case: `LikeThis`, `like_this` or `LIKE_THIS`.
fn is_named_as(kind: Kind, name: &str) -> bool {
    let is_word = |own: fn(&u8) -> bool| {
        let fits = |byte: u8| own(&byte) || byte.is_ascii_digit() || byte == b'_';
        name.as_bytes().first().is_some_and(own) && name.bytes().all(fits)
    };
    let is_of_case = match kind {
        Kind::Service | Kind::Method | Kind::Message | Kind::Enum => {
            name.starts_with(|first: char| first.is_ascii_uppercase())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
        Kind::Field | Kind::Choice => is_word(u8::is_ascii_lowercase),
        Kind::Value => is_word(u8::is_ascii_uppercase),
    };
    is_of_case && !name.contains("__") && !name.ends_with('_')
}

/// `DeclineClass` as its values begin: `DECLINE_CLASS_`.
fn prefix(name: &str) -> String {
    let words = name.chars().enumerate().map(|(at, letter)| {
        let gap = if at > 0 && letter.is_ascii_uppercase() { "_" } else { "" };
        format!("{gap}{}", letter.to_ascii_uppercase())
    });
    words.chain(["_".to_owned()]).collect()
}

#[test]
fn everything_has_a_comment() {
    let things = things();
    assert!(things.len() > 500, "{} things are found", things.len());
    let bare: Vec<_> = things
        .iter()
        .filter(|thing| thing.comment.trim().is_empty())
        .map(|thing| (thing.kind, &thing.name))
        .collect();
    assert!(bare.is_empty(), "{bare:?}");
}

#[test]
fn everything_is_named_by_the_rules() {
    let bare = |thing: &Thing| thing.name.rsplit('.').next().unwrap().to_owned();
    let mut wrong: Vec<_> = things()
        .iter()
        .filter(|thing| !is_named_as(thing.kind, &bare(thing)))
        .map(|thing| thing.name.clone())
        .collect();
    for file in files() {
        for service in &file.service {
            let methods = service.method.iter().filter(|method| {
                method.input_type() != format!(".rondo.v1.{}Request", method.name())
            });
            wrong.extend(methods.map(|method| method.name().to_owned()));
            wrong.extend((!service.name().ends_with("Service")).then(|| service.name().to_owned()));
        }
        let mut messages: Vec<_> = file.message_type.iter().collect();
        let mut enums: Vec<_> = file.enum_type.iter().collect();
        while let Some(message) = messages.pop() {
            messages.extend(&message.nested_type);
            enums.extend(&message.enum_type);
        }
        for listed in enums {
            let prefix = prefix(listed.name());
            let numbers: BTreeSet<_> =
                listed.value.iter().map(prost_types::EnumValueDescriptorProto::number).collect();
            let first = &listed.value[0];
            let is_right = listed.value.iter().all(|value| value.name().starts_with(&prefix))
                && (first.name(), first.number()) == (&format!("{prefix}UNSPECIFIED"), 0)
                && numbers.len() == listed.value.len();
            wrong.extend((!is_right).then(|| listed.name().to_owned()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_file_lies_where_its_package_says_and_imports_what_it_uses() {
    let all = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    for file in files() {
        let name = file.name().strip_prefix("rondo/v1/").unwrap().strip_suffix(".proto").unwrap();
        assert!(is_named_as(Kind::Field, name), "{name}");
        assert_eq!((file.package(), file.syntax()), ("rondo.v1", "proto3"), "{name}");
        assert_eq!((file.public_dependency.len(), file.weak_dependency.len()), (0, 0), "{name}");
        let used = types_used(&file);
        for import in &file.dependency {
            let imported = all.iter().find(|known| known.name() == import).unwrap();
            let messages = imported.message_type.iter().map(DescriptorProto::name);
            let mut given =
                messages.chain(imported.enum_type.iter().map(EnumDescriptorProto::name));
            let package = imported.package();
            // A type within another is used by the name of that.
            let is_used = given.any(|given| {
                let given = format!(".{package}.{given}");
                used.iter().any(|used| {
                    used.strip_prefix(&given)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                })
            });
            assert!(is_used, "{name} does not use {import}");
        }
    }
}

fn types_used(file: &FileDescriptorProto) -> BTreeSet<String> {
    let methods = file.service.iter().flat_map(|service| &service.method);
    let mut used: BTreeSet<_> = methods
        .flat_map(|method| [method.input_type().to_owned(), method.output_type().to_owned()])
        .collect();
    let mut messages: Vec<_> = file.message_type.iter().collect();
    while let Some(message) = messages.pop() {
        messages.extend(&message.nested_type);
        used.extend(message.field.iter().map(|field| field.type_name().to_owned()));
    }
    used
}
