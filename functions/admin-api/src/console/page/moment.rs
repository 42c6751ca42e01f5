//! Times as pages show them: in the zone of the business, which stands beside them, and in UTC on pointing at them.

use std::fmt;

use askama::filters::HtmlSafe;
use shared::domain::values::time::{Timestamp, Zone};

use crate::billing::subscriptions::translations::Language;

/// Time of day of a page, as a `time` element.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    pub(crate) zone: Zone,
    pub(crate) language: Language,
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, zone, language } = self;
        let utc = at.to_string().replace('T', " ").replace('Z', "");
        let (local, zone) = (at.to_local(*zone), zone_name(*zone, *language));
        write!(formatter, "<time datetime=\"{at}\" title=\"{utc} UTC\">{local} <small>{zone}</small></time>")
    }
}

/// Dates, times and names of zones hold no markup.
impl HtmlSafe for Moment {}

/// Name of a zone beside a time.
const fn zone_name(zone: Zone, language: Language) -> &'static str {
    match (zone, language) {
        (Zone::Taipei, Language::ZhTw) => "台北",
        (Zone::Taipei, Language::En | Language::Id) => "Taipei",
        (Zone::Jakarta, Language::En) => "Jakarta",
        (Zone::Jakarta, Language::ZhTw) => "雅加達",
        (Zone::Jakarta, Language::Id) => "WIB",
        (Zone::Makassar, Language::En) => "Makassar",
        (Zone::Makassar, Language::ZhTw) => "望加錫",
        (Zone::Makassar, Language::Id) => "WITA",
        (Zone::Jayapura, Language::En) => "Jayapura",
        (Zone::Jayapura, Language::ZhTw) => "查亞普拉",
        (Zone::Jayapura, Language::Id) => "WIT",
    }
}
