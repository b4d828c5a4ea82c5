//! The loops that time drives.
