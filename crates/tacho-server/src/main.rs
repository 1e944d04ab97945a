//! `tacho-server`: keeps the history of a fleet, and shows it.

fn main() -> std::process::ExitCode {
    tacho_server::cli::main()
}
