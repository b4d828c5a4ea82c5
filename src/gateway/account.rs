//! How to reach one account at one gateway, as the configuration says it.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// How to reach one account at one gateway: from the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// Which adapter speaks to it.
    pub kind: GatewayKind,
    /// Where it is; the adapter's public address if absent.
    pub base_url: Option<String>,
    /// The secret key.
    pub secret_key: SecretString,
    /// The secrets that its webhooks may be signed with; two during a rotation.
    #[serde(default)]
    pub webhook_secrets: Vec<SecretString>,
    /// Calls a second that the account allows.
    #[serde(default = "AccountConfig::default_rate")]
    pub calls_per_second: u32,
    /// Calls that may be open at once.
    #[serde(default = "AccountConfig::default_concurrency")]
    pub calls_in_flight: u32,
}

impl AccountConfig {
    const fn default_rate() -> u32 {
        20
    }

    const fn default_concurrency() -> u32 {
        16
    }
}

/// The adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayKind {
    /// Rondo's own gateway that lies like real ones do.
    Sandbox,
    /// Stripe's payment intents.
    Stripe,
}
