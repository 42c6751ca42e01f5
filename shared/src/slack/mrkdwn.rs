//! Foreign texts within Slack's markup.

use crate::domain::values::text::is_invisible;

/// Escapes a text for mrkdwn, in at most `longest` characters. The three control characters become entities
/// (<https://docs.slack.dev/messaging/formatting-message-text>), so that no name mentions a user; the formatting characters,
/// which have no escape, become their full-width forms; a line break becomes a blank.
pub(super) fn escaped(text: &str, longest: usize) -> String {
    let mut escaped = String::new();
    let mut length = 0;
    for c in text.trim().chars().filter(|c| !is_invisible(*c)) {
        let mut buffer = [0; 4];
        let piece: &str = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '*' => "＊",
            '_' => "＿",
            '~' => "～",
            '`' => "｀",
            '|' => "｜",
            c if c.is_control() || c.is_whitespace() => " ",
            c => c.encode_utf8(&mut buffer),
        };
        let more = piece.chars().count();
        if length + more >= longest {
            escaped.push('…');
            break;
        }
        length += more;
        escaped.push_str(piece);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_neither_markup_nor_a_ping() {
        assert_eq!(escaped("<!channel> & <b>", 100), "&lt;!channel&gt; &amp; &lt;b&gt;");
        assert_eq!(escaped("&lt;", 100), "&amp;lt;");
        assert_eq!(escaped("*a* _b_ ~c~ `d`", 100), "＊a＊ ＿b＿ ～c～ ｀d｀");
        assert_eq!(escaped(" 一\n二\t三\u{202e} ", 100), "一 二 三");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_never_within_an_entity() {
        assert_eq!(escaped("一二三四", 5), "一二三四");
        assert_eq!(escaped("一二三四五", 5), "一二三四…");
        assert_eq!(escaped("一二&五六", 5), "一二…");
        assert_eq!(escaped(&"<".repeat(10_000), 200).chars().count(), 197);
    }
}
