//! The API's own description, read back: which methods there are, what their messages hold, and
//! which values their enums have.

use std::{collections::HashMap, sync::LazyLock};

use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};

use super::proto::DESCRIPTORS;

/// What was compiled into the program.
pub static API: LazyLock<Descriptors> = LazyLock::new(|| {
    Descriptors::of(
        &FileDescriptorSet::decode(DESCRIPTORS).expect("the build script encoded the descriptors"),
    )
});

/// Methods and messages by name.
#[derive(Debug)]
pub struct Descriptors {
    /// The request message of each method, by the path of its calls:
    /// `/rondo.v1.PlansService/GetPlan`.
    requests: HashMap<String, String>,
    /// The messages by their full names, which begin with a point: `.rondo.v1.Plan`.
    messages: HashMap<String, DescriptorProto>,
    /// The enums by theirs: `.rondo.v1.Plan.State`.
    enums: HashMap<String, EnumDescriptorProto>,
}

impl Descriptors {
    fn of(files: &FileDescriptorSet) -> Self {
        let mut all =
            Self { requests: HashMap::new(), messages: HashMap::new(), enums: HashMap::new() };
        for file in &files.file {
            let package = format!(".{}", file.package());
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    all.requests.insert(path, method.input_type().to_owned());
                }
            }
            for message in &file.message_type {
                all.add(&package, message);
            }
            all.add_enums(&package, &file.enum_type);
        }
        all
    }

    fn add(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for nested in &message.nested_type {
            self.add(&name, nested);
        }
        self.add_enums(&name, &message.enum_type);
        self.messages.insert(name, message.clone());
    }

    fn add_enums(&mut self, scope: &str, enums: &[EnumDescriptorProto]) {
        let named = enums.iter().map(|found| (format!("{scope}.{}", found.name()), found.clone()));
        self.enums.extend(named);
    }

    /// The paths of all methods, in no particular order.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.requests.keys().map(String::as_str)
    }

    /// The request message of the method at `path`, if there is such a method.
    pub fn request_of(&self, path: &str) -> Option<&DescriptorProto> {
        self.message(self.requests.get(path)?)
    }

    /// A message by its full name, which begins with a point.
    pub fn message(&self, name: &str) -> Option<&DescriptorProto> {
        self.messages.get(name)
    }

    /// An enum by its full name, which begins with a point.
    pub fn named_enum(&self, name: &str) -> Option<&EnumDescriptorProto> {
        self.enums.get(name)
    }
}
