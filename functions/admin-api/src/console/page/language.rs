//! Language of the console: chosen on a page, kept in a cookie, else the one that the browser prefers.

use accept_language::intersection;
use lambda_http::http::header::ACCEPT_LANGUAGE;
use lambda_http::http::request::Parts;

use crate::billing::subscriptions::translations::Language;

/// Parameter of an address with which the language is chosen.
pub(crate) const PARAMETER: &str = "lang";

/// Languages in the order in which they are offered.
pub(crate) const ALL: [Language; 3] = [Language::ZhTw, Language::En, Language::Id];

/// Tag of a language (BCP 47), in addresses, the cookie and the pages.
pub(crate) const fn tag(language: Language) -> &'static str {
    match language {
        Language::ZhTw => "zh-TW",
        Language::En => "en",
        Language::Id => "id",
    }
}

/// Name of a language in itself.
pub(crate) const fn own_name(language: Language) -> &'static str {
    match language {
        Language::ZhTw => "中文",
        Language::En => "English",
        Language::Id => "Indonesia",
    }
}

/// Language of a tag.
pub(crate) fn of_tag(text: &str) -> Option<Language> {
    ALL.into_iter().find(|language| tag(*language) == text)
}

/// The language of a request as it was found out before its page.
pub(crate) fn of_request(parts: &Parts) -> Language {
    parts.extensions.get::<Language>().copied().unwrap_or(Language::En)
}

/// The language that the browser prefers among those of the console; English where it names none of them.
pub(crate) fn preferred(parts: &Parts) -> Language {
    let header = parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // `zh` alone, and Chinese as in other places, is better than English.
    const KNOWN: [(&str, Language); 9] = [
        ("zh-TW", Language::ZhTw),
        ("zh-Hant", Language::ZhTw),
        ("zh-HK", Language::ZhTw),
        ("zh-CN", Language::ZhTw),
        ("zh", Language::ZhTw),
        ("en", Language::En),
        ("id", Language::Id),
        ("id-ID", Language::Id),
        // The former code of Indonesian (ISO 639), which old Java programs send.
        ("in", Language::Id),
    ];
    let wanted = intersection(header, &KNOWN.map(|(tag, _)| tag));
    let first = wanted.first().and_then(|first| KNOWN.iter().find(|(tag, _)| tag == first));
    first.map_or(Language::En, |(_, language)| *language)
}

#[cfg(test)]
mod tests {
    use lambda_http::http::Request;

    use super::*;

    #[test]
    fn the_most_wanted_language_of_the_browser_counts() {
        for (header, language) in [
            ("zh-TW,zh;q=0.9,en;q=0.8", Language::ZhTw),
            ("zh-CN", Language::ZhTw),
            ("id-ID,id;q=0.9,en-US;q=0.8", Language::Id),
            ("id", Language::Id),
            ("en-US,en;q=0.5", Language::En),
            ("ja,id;q=0.5,en;q=0.9", Language::En),
            ("ja", Language::En),
            ("", Language::En),
            (";;;=,", Language::En),
        ] {
            let request = Request::builder().header("accept-language", header).body(()).unwrap();
            assert_eq!(preferred(&request.into_parts().0), language, "{header}");
        }
        for language in ALL {
            assert_eq!(of_tag(tag(language)), Some(language));
        }
        assert_eq!(of_tag("fr"), None);
    }
}
