//! Programs that take secrets in options whose names do not tell.

/// A family of programs and its options with secrets.
#[derive(Debug)]
pub(super) struct Program {
    names: &'static [&'static str],
    options: &'static [SecretOption],
}

/// One option with a secret.
#[derive(Debug)]
pub(super) struct SecretOption {
    pub(super) text: &'static str,
    pub(super) value: Value,
}

/// Where the secret stands, and what else is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// Only behind the option, in the same word.
    Attached,
    /// Behind it, or in the next word.
    Either,
    /// Only in the next word.
    Separate,
    /// Behind it or in the next word, as `user:password`.
    Credentials,
}

const fn option(text: &'static str, value: Value) -> SecretOption {
    SecretOption { text, value }
}

static PROGRAMS: [Program; 13] = [
    Program {
        names: &[
            "mariadb",
            "mariadb-admin",
            "mariadb-backup",
            "mariadb-binlog",
            "mariadb-check",
            "mariadb-dump",
            "mariadb-import",
            "mariadb-show",
            "mariadb-slap",
            "mysql",
            "mysqladmin",
            "mysqlbinlog",
            "mysqlcheck",
            "mysqldump",
            "mysqlimport",
            "mysqlpump",
            "mysqlsh",
            "mysqlshow",
            "mysqlslap",
            "xtrabackup",
        ],
        options: &[option("-p", Value::Attached)],
    },
    Program { names: &["sshpass"], options: &[option("-p", Value::Either)] },
    Program { names: &["redis-cli", "valkey-cli", "keydb-cli"], options: &[option("-a", Value::Either)] },
    Program {
        names: &[
            "mongo",
            "mongodump",
            "mongoexport",
            "mongoimport",
            "mongorestore",
            "mongosh",
            "mongostat",
            "mongotop",
        ],
        options: &[option("-p", Value::Either)],
    },
    Program {
        names: &["ldapadd", "ldapdelete", "ldapmodify", "ldappasswd", "ldapsearch", "ldapwhoami"],
        options: &[option("-w", Value::Either)],
    },
    Program {
        names: &["curl"],
        options: &[
            option("-u", Value::Credentials),
            option("-U", Value::Credentials),
            option("--user", Value::Credentials),
            option("--user=", Value::Credentials),
            option("--proxy-user", Value::Credentials),
            option("--proxy-user=", Value::Credentials),
        ],
    },
    Program { names: &["smbclient", "rpcclient"], options: &[option("-U", Value::Credentials)] },
    Program { names: &["7z", "7za", "7zr", "7zz"], options: &[option("-p", Value::Attached)] },
    Program { names: &["unzip", "zip"], options: &[option("-P", Value::Separate)] },
    Program {
        names: &["ipmitool", "mosquitto_pub", "mosquitto_sub", "sqlcmd", "bcp"],
        options: &[option("-P", Value::Either)],
    },
    Program {
        names: &["snmpget", "snmpset", "snmpwalk", "snmpbulkwalk"],
        options: &[option("-A", Value::Either), option("-X", Value::Either)],
    },
    Program { names: &["xfreerdp", "wlfreerdp"], options: &[option("/p:", Value::Attached)] },
    // `docker login -p`, `podman login -p`, `helm registry login -p`.
    Program { names: &["login"], options: &[option("-p", Value::Separate)] },
];

impl Program {
    /// The family of the program that `word` names, with or without its path.
    pub(super) fn named(word: &str) -> Option<&'static Self> {
        let name = word.rsplit('/').next()?;
        PROGRAMS.iter().find(|program| program.names.contains(&name))
    }

    /// The option that `word` is or begins with.
    pub(super) fn secret_option(&self, word: &str) -> Option<&'static SecretOption> {
        self.options.iter().find(|option| {
            let Some(value) = word.strip_prefix(option.text) else { return false };
            match (value.is_empty() || value.starts_with(char::is_whitespace), option.value) {
                (alone, Value::Attached) => !alone,
                (alone, Value::Separate) => alone,
                // A long option has its value behind an equals sign, or in the next word.
                (alone, _) => alone || !option.text.starts_with("--") || option.text.ends_with('='),
            }
        })
    }
}
