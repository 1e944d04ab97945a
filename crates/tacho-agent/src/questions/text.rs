//! Names of files as text that hides nothing: any bytes go in, and can be read back from what comes out.

use std::fmt::Write as _;

use tacho_model::scrub_command;

/// What shows nothing or turns the text around it: a name must not look like another one.
const INVISIBLE: [std::ops::RangeInclusive<char>; 6] = [
    '\u{ad}'..='\u{ad}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{e0000}'..='\u{e007f}',
];

/// The name with escapes (`\n`, `\t`, `\\`, `\xHH`) for what is no text and what does not show, and with asterisks in
/// place of what the scrubber of command lines knows to be a secret.
pub(super) fn shown(name: &[u8]) -> String {
    scrub_command(&[&escape(name)])
}

/// All but the asterisks of [`shown`].
pub(super) fn escape(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str(r"\\"),
                '\n' => text.push_str(r"\n"),
                '\t' => text.push_str(r"\t"),
                _ if is_hidden(character) => {
                    push_bytes(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut text);
                }
                _ => text.push(character),
            }
        }
        push_bytes(chunk.invalid(), &mut text);
    }
    text
}

fn is_hidden(character: char) -> bool {
    character.is_control() || INVISIBLE.iter().any(|range| range.contains(&character))
}

fn push_bytes(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        // Text takes everything.
        write!(text, r"\x{byte:02x}").ok();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `escape` was given.
    fn unescape(text: &str) -> Vec<u8> {
        let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first != b'\\' {
                bytes.push(*first);
                continue;
            }
            let (byte, length) = match rest {
                [b'n', ..] => (b'\n', 1),
                [b't', ..] => (b'\t', 1),
                [b'\\', ..] => (b'\\', 1),
                [b'x', digits @ ..] => {
                    let digits = std::str::from_utf8(&digits[..2]).unwrap();
                    (u8::from_str_radix(digits, 16).unwrap(), 3)
                }
                other => panic!("{other:?}"),
            };
            bytes.push(byte);
            rest = &rest[length..];
        }
        bytes
    }

    #[test]
    fn what_does_not_show_is_escaped_and_secrets_are_starred() {
        assert_eq!(shown("/srv/日本 b".as_bytes()), "/srv/日本 b");
        assert_eq!(shown(b"/a\nb\\c\x1b[1m\xff"), r"/a\nb\\c\x1b[1m\xff");
        assert_eq!(shown("/a\u{202e}txt.exe".as_bytes()), r"/a\xe2\x80\xaetxt.exe");
        assert_eq!(shown(b"/tmp/password=hunter22"), "/tmp/password=********");
    }

    proptest! {
        #[test]
        fn any_name_can_be_read_back(name in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = escape(&name);
            prop_assert!(!text.chars().any(is_hidden));
            prop_assert_eq!(unescape(&text), name);
            shown(text.as_bytes());
        }

        #[test]
        fn any_text_can_be_read_back(name in "\\PC{0,60}|[\\\\nxt0-9\u{200b}\u{202e}]{0,20}") {
            prop_assert_eq!(unescape(&escape(name.as_bytes())), name.as_bytes());
        }
    }
}
