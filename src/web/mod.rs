//! Pages and hooks.
