//! Keys, tokens and chance.
