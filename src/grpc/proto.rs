//! What is generated from `proto/`: messages, service traits and clients. Their documentation is in
//! the definitions.

pub use rondo::v1;

/// The descriptors of all definitions, with their comments, encoded.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rondo.v1.binpb"));

/// The packages under `rondo`.
pub mod rondo {
    /// The API's first version.
    #[expect(clippy::allow_attributes, clippy::all, clippy::pedantic, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("rondo.v1");
    }
}

/// The packages under `google`, of which the API uses money and dates.
pub mod google {
    /// Money and dates, as the Google APIs write them.
    pub mod r#type {
        tonic::include_proto!("google.r#type");
    }
}
