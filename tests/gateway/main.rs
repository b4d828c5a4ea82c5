//! What every gateway adapter must do, over real HTTP: [`contract`] and [`pages`] ask it of all of
//! them, as far as their capabilities claim it. To plug one in, implement [`provider::Provider`]
//! and name it in [`provider::all`]. What only the sandbox promises is in [`sandbox_server`].

#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails there")]

mod contract;
mod pages;
mod provider;
mod sandbox;
mod sandbox_server;
mod webhooks;
