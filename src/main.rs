//! The doorbell: everything is behind [`rondo::cli`].

fn main() -> std::process::ExitCode {
    rondo::cli::main()
}
