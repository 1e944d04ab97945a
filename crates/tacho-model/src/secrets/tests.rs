use proptest::prelude::*;

use super::scrub_command;

/// Splits at single spaces; a `␣` stands for a space inside an argument.
fn scrub(line: &str) -> String {
    let arguments: Vec<String> = line.split(' ').map(|argument| argument.replace('␣', " ")).collect();
    scrub_command(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn secrets_are_hidden_and_their_surroundings_stay() {
    let check =
        |line: &str, expected: &str| assert_eq!(scrub(line), expected.replace('#', "********"), "{line}");
    check("app --password hunter2 --port 80", "app --password # --port 80");
    check("app --password=hunter2 x", "app --password=# x");
    check("app --password my␣pass␣phrase x", "app --password # x");
    check("app --db-password=my␣pass x", "app --db-password=# x");
    check("app -storepass changeit -keystore k", "app -storepass # -keystore k");
    check("app --password --port 80", "app --password --port 80");
    check("env PGPASSWORD=hunter2 psql -h db", "env PGPASSWORD=# psql -h db");
    check(
        "env GITHUB_TOKEN=abc AWS_SECRET_ACCESS_KEY=x/y+z AWS_ACCESS_KEY_ID=A run",
        "env GITHUB_TOKEN=# AWS_SECRET_ACCESS_KEY=# AWS_ACCESS_KEY_ID=A run",
    );
    check(
        "java -Djavax.net.ssl.keyStorePassword=x -Xmx1g -jar a.jar",
        "java -Djavax.net.ssl.keyStorePassword=# -Xmx1g -jar a.jar",
    );
    check("app --api-key k1 --api_key=k2 --apiKey k3", "app --api-key # --api_key=# --apiKey #");
    check("mysql -u root -phunter2 shop", "mysql -u root -p# shop");
    check("mysql -u root -p shop", "mysql -u root -p shop");
    check("sudo /usr/bin/mysqldump -phunter2 shop", "sudo /usr/bin/mysqldump -p# shop");
    check("sh -c mysql␣-u␣root␣-phunter2␣shop", "sh -c mysql -u root -p# shop");
    check("sh -c exec␣mysql␣-p'hunter␣2'␣shop", "sh -c exec mysql -p'#' shop");
    check("sh -c app␣--password␣'hunter␣2'␣x", "sh -c app --password '#' x");
    check("sh -c TOKEN='a␣b'␣run␣&&␣echo␣$HOME", "sh -c TOKEN='#' run && echo $HOME");
    check(
        "psql postgres://bob:hunter2@db:5432/shop?sslmode=require",
        "psql postgres://bob:#@db:5432/shop?sslmode=require",
    );
    check("app redis://:hunter2@cache:6379/0,redis://:x@b", "app redis://:#@cache:6379/0,redis://:#@b");
    check("app http://h/p?x=1&token=abc&y=2", "app http://h/p?x=1&token=#&y=2");
    check("psql host=db␣password=hunter2␣dbname=shop", "psql host=db password=# dbname=shop");
    check("app Server=db;Password=hunter2;Database=x", "app Server=db;Password=#;Database=x");
    check(
        r##"app {"user":"bob","password":"hunter␣2","port":5}"##,
        r##"app {"user":"bob","password":"#","port":5}"##,
    );
    check(r##"app {"password":␣"hunter2"}"##, r##"app {"password": "#"}"##);
    check(r##"sh -c app␣"{\"token\":\"abc\"}""##, r##"sh -c app "{\"token\":\"#\"}""##);
    check("curl -H Authorization:␣Bearer␣abc123 http://h", "curl -H Authorization: Bearer # http://h");
    check("curl -H X-Api-Key:␣abc -H X-Auth-Token:abc", "curl -H X-Api-Key: # -H X-Auth-Token:#");
    check("curl -u bob:hunter2 http://h", "curl -u bob:# http://h");
    check("curl -ubob:hunter2 --user a:b --proxy-user c:d", "curl -ubob:# --user a:# --proxy-user c:#");
    check("curl --user=bob:hunter2 -u bob", "curl --user=bob:# -u bob");
    check("sshpass -p hunter2 ssh h", "sshpass -p # ssh h");
    check("smbclient -U bob%hunter2 //h/s", "smbclient -U bob%# //h/s");
    check("openssl enc -pass pass:hunter2", "openssl enc -pass #");
    check("openssl rsa -passin pass:hunter2 -in k", "openssl rsa -passin pass:# -in k");
    check("docker login -u bob -p hunter2 reg", "docker login -u bob -p # reg");
    check("run Bearer abcdefgh12345", "run Bearer #");
    check("app ghp_0123456789abcdefghijklmnop", "app #");
    check(
        "git clone https://ghp_0123456789abcdefghijklmnop@github.com/a/b",
        "git clone https://#@github.com/a/b",
    );
    check("app eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk", "app #");
}

#[test]
fn ordinary_command_lines_stay_as_they_are() {
    for line in [
        "/usr/sbin/sshd -D -o Port=22",
        "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",
        "postgres: bob shop 127.0.0.1(5432) SELECT",
        "python3 -m http.server 8000 --bind 127.0.0.1",
        "mkdir -p /a/b/c",
        "docker run -p 8080:80 -v /a:/b mysql:8",
        "docker run vault/secret:1.0 secret:latest",
        "cp -pr a b",
        "ssh -p 22 host",
        "mysql --no-password -h db",
        "app --token-ttl 5 --password-file /run/p --bypass x --max-tokens 4096 --tokenizer t",
        "app --no-token 5 --secret-name s",
        "kubelet --config=/var/lib/kubelet/config.yaml --node-ip=10.0.0.1",
        "java -Xmx1g -cp a.jar:b.jar -Dfile.encoding=UTF-8 Main",
        "http://host:80/path?query=1#fragment mailto:bob@host user@host:/path",
        "the bearer of bad news",
        "curl -s http://h:80/x -u bob",
        "sk-short eyJ.a.b hf_model",
        "[kworker/0:2-events]",
        "",
        "  two  spaces  ",
    ] {
        assert_eq!(scrub(line), line);
    }
}

/// Ways to hand over a secret; `#` is where it stands.
const WAYS: [&str; 18] = [
    "app␣--password␣#",
    "app --password #",
    "app --password=# x",
    "app --client-secret # x",
    "sh -c app␣--token␣#␣x",
    "sh -c mysql␣-p#␣shop",
    "mysql -p# shop",
    "DB_PASSWORD=# app",
    "app postgres://bob:#@db/shop",
    "app x=http://bob:#@db:80/",
    "app ?a=1&access_token=#&b=2",
    "curl -H Authorization:␣Bearer␣#",
    "curl -H Authorization:␣Basic␣#␣x",
    "curl -H X-Api-Key:␣#",
    "curl -u bob:# http://h",
    "sshpass -p# ssh h",
    r##"app {"a":1,"password":"#","b":2}"##,
    "app dbname=x␣password=#␣port=5",
];

proptest! {
    #[test]
    fn no_text_makes_it_panic(arguments in prop::collection::vec(".{0,40}", 0..6)) {
        scrub_command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn pieces_of_secrets_in_any_order_make_no_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "--password", "=", ":", "\"", "'", "\\", " ", "mysql", "-p", "://", "@", "token", "Bearer", "é", "{", "curl", "-u", "pass:",
        ]), 0..14),
        split in 1usize..5,
    ) {
        let arguments: Vec<String> = pieces.chunks(split).map(|chunk| chunk.concat()).collect();
        scrub_command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn a_secret_never_gets_through(way in prop::sample::select(&WAYS[..]), secret in "[A-Za-z0-9+_.!^*~-]{4,20}") {
        // A value that begins with a dash is an option of its own, and a scheme is not a secret.
        prop_assume!(!secret.starts_with('-') && !super::is_scheme(&secret));
        let marked = format!("Zq{secret}qZ");
        let scrubbed = scrub(&way.replace('#', &marked));
        prop_assert!(!scrubbed.contains(&marked), "{scrubbed}");
        prop_assert!(scrubbed.contains(super::SCRUBBED));
    }

    #[test]
    fn words_without_marks_stay(words in prop::collection::vec("[a-z0-9/._+-]{0,12}", 0..8)) {
        let line = words.join(" ");
        prop_assume!(!words.iter().any(|word| {
            ["pass", "secret", "token", "key", "pw", "psk", "credential", "bearer"].iter().any(|mark| word.contains(mark))
                || super::Program::named(word).is_some() || word.len() > 19
        }));
        prop_assert_eq!(scrub(&line), line);
    }
}
