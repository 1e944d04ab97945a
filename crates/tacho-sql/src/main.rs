//! `tacho-sql`: answers SQL over the history of a fleet.

fn main() -> std::process::ExitCode {
    tacho_sql::cli::main()
}
