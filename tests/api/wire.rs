//! Calls by a method's path with an encoded request: for what is asked of every method alike.

use axum::http::uri::PathAndQuery;
use prost::{
    Message,
    bytes::{Buf as _, BufMut as _},
};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use rondo::{grpc::descriptors::API, store::MerchantId};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

use crate::portal::with_key;

/// Calls the method at `path`, and gives its answer as it was sent.
pub async fn call(
    channel: &Channel,
    key: &str,
    path: &str,
    request: Vec<u8>,
) -> Result<Vec<u8>, Status> {
    send(channel, with_key(request, key), path).await
}

/// The same, with an administrator's key for a merchant.
pub async fn call_for(
    channel: &Channel,
    admin: &str,
    merchant: MerchantId,
    path: &str,
    request: Vec<u8>,
) -> Result<Vec<u8>, Status> {
    let mut request = with_key(request, admin);
    request.metadata_mut().insert("rondo-merchant", merchant.to_string().parse().unwrap());
    send(channel, request, path).await
}

/// The same, as it is.
pub async fn send(
    channel: &Channel,
    request: Request<Vec<u8>>,
    path: &str,
) -> Result<Vec<u8>, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::try_from(path).unwrap();
    Ok(client.unary(request, path, Bytes).await?.into_inner())
}

/// What the method at `path` takes.
pub fn request_of(path: &str) -> &'static DescriptorProto {
    API.request_of(path).unwrap()
}

/// A field of a message, if there is one of this name.
pub fn field<'a>(message: &'a DescriptorProto, name: &str) -> Option<&'a FieldDescriptorProto> {
    message.field.iter().find(|field| field.name() == name)
}

/// `bytes` as the value of a field: a text, or a message.
pub fn with_bytes(field: &FieldDescriptorProto, bytes: &[u8]) -> Vec<u8> {
    let mut encoded = vec![];
    encode_key(field, 2, &mut encoded);
    prost::encode_length_delimiter(bytes.len(), &mut encoded).unwrap();
    encoded.extend_from_slice(bytes);
    encoded
}

/// `number` as the value of a field: a whole number, an enum or a truth.
pub fn with_number(field: &FieldDescriptorProto, number: i32) -> Vec<u8> {
    let mut encoded = vec![];
    encode_key(field, 0, &mut encoded);
    // A message of one field of this type, less the key of that.
    let value = number.encode_to_vec();
    encoded.extend_from_slice(value.get(1..).unwrap_or(&[0]));
    encoded
}

fn encode_key(field: &FieldDescriptorProto, wire_type: usize, encoded: &mut Vec<u8>) {
    let number = usize::try_from(field.number()).unwrap();
    prost::encode_length_delimiter((number << 3) | wire_type, encoded).unwrap();
}

/// Messages as they travel.
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}
