//! `tacho-agent`: records this host and every process on it.

fn main() -> std::process::ExitCode {
    tacho_agent::cli::main()
}
