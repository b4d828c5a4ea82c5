//! Field masks against the definitions: every field of a resource can be named, and the comment of a mask
//! lists those that an update changes.

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::{DescriptorProto, FieldMask, field_descriptor_proto::Type};
use rondo::{domain::api_key::Role, grpc::descriptors::API};
use tonic_types::StatusExt as _;

use crate::{
    bad_input::methods,
    definitions, given,
    portal::{Portal, key},
    support::Engine::Sqlite,
    wire,
};

/// Named in a mask, this is refused with all that can be changed.
const NOWHERE: &str = "colour";

/// What is said of the mask of an update of `resource` that names `path` alone, if anything is.
async fn said_of(portal: &Portal, method: &str, name: &str, path: &str) -> Option<String> {
    let request = wire::request_of(method);
    let resource = resource_of(request);
    let described = API.message(resource.type_name()).unwrap();
    let text = |field: &str, value: &str| {
        wire::with_bytes(wire::field(described, field).unwrap(), value.as_bytes())
    };
    let mask = FieldMask { paths: vec![path.to_owned()] }.encode_to_vec();
    let asked = [
        wire::with_bytes(resource, &[text("name", name), text("etag", "\"1\"")].concat()),
        wire::with_bytes(wire::field(request, "update_mask").unwrap(), &mask),
        wire::with_number(wire::field(request, "validate_only").unwrap(), 1),
    ];
    // Administrators may change everything.
    let admin = key(&portal.world, Role::Admin, None).await;
    let merchant = portal.world.merchant_id;
    let answer = wire::call_for(&portal.channel, &admin, merchant, method, asked.concat()).await;
    let violations = answer.err()?.get_details_bad_request()?.field_violations;
    violations.into_iter().find(|said| said.field == "update_mask").map(|said| said.description)
}

/// What the request wants to be changed.
fn resource_of(request: &DescriptorProto) -> &prost_types::FieldDescriptorProto {
    let mut fields = request.field.iter().filter(|field| {
        field.r#type() == Type::Message && field.type_name() != ".google.protobuf.FieldMask"
    });
    fields.next().unwrap()
}

/// The fields of a message, and of those within it whose fields are named one by one.
fn paths_of(message: &DescriptorProto, changed: &BTreeSet<String>) -> Vec<String> {
    let mut paths = Vec::new();
    for field in &message.field {
        let (name, begin) = (field.name(), format!("{}.", field.name()));
        paths.push(name.to_owned());
        if changed.iter().any(|path| path.starts_with(&begin)) {
            let inner = API.message(field.type_name()).unwrap();
            paths.extend(inner.field.iter().map(|field| format!("{begin}{}", field.name())));
        }
    }
    paths
}

/// What stands between back ticks.
fn quoted(comment: &str) -> BTreeSet<String> {
    comment.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_mask_can_name_every_field_and_its_comment_names_those_that_change() {
    let portal = Portal::on(Sqlite).await;
    let names = given::one_of_each(&portal).await;
    let merchant = format!("merchants/{}", portal.world.merchant_id);
    let things = definitions::things();
    let masked = methods();
    let masked: Vec<_> = masked
        .into_iter()
        .filter(|method| wire::field(wire::request_of(method), "update_mask").is_some())
        .collect();
    assert_eq!(masked.len(), 6, "{masked:?}");
    for method in masked {
        let name = if method.ends_with("Merchant") { &merchant } else { names.of_method(method) };
        let told = said_of(&portal, method, name, NOWHERE).await.unwrap();
        let list = told.strip_prefix("must name ").unwrap();
        let list = list.strip_suffix(&format!(", or *, not `{NOWHERE}`")).unwrap();
        let changed: BTreeSet<_> = list.split(", ").map(str::to_owned).collect();

        let request = wire::request_of(method);
        let described = API.message(resource_of(request).type_name()).unwrap();
        let paths = paths_of(described, &changed);
        for path in &paths {
            assert_eq!(said_of(&portal, method, name, path).await, None, "{method}: {path}");
        }
        let unknown: Vec<_> = changed.iter().filter(|path| !paths.contains(path)).collect();
        assert!(unknown.is_empty(), "{method} changes what is no field: {unknown:?}");

        let mask = format!("{}.update_mask", request.name());
        let comment = &things.iter().find(|thing| thing.name == mask).unwrap().comment;
        let outer = changed.iter().filter_map(|path| Some(path.split_once('.')?.0.to_owned()));
        let mut expected: BTreeSet<_> = outer.chain(["*".to_owned()]).collect();
        expected.extend(changed.iter().cloned());
        assert_eq!(quoted(comment), expected, "{method}");
    }
}
