//! Operations that gRPC, web and engine share: load, decide, write.
