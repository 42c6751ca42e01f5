//! Frame of a page: head, navigation, search and language.

use serde_json::Value;

use crate::api::ApiState;
use crate::auth::scope::Scope;
use crate::billing::subscriptions::translations::Language;
use crate::console::page::address;
use crate::console::page::address::SAID;
use crate::console::page::language;
use crate::console::page::visitor::Visitor;
use crate::console::words::common::CommonWords;
use crate::console::words::said::SaidWords;
use crate::http::assets::{CONSOLE_STYLE, HTMX, ICON};
use crate::http::request::Sent;

/// Frame of a page.
pub(crate) struct Frame {
    pub(crate) words: &'static CommonWords,
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) icon: String,
    /// Tag of the page's language.
    pub(crate) language: &'static str,
    pub(crate) business: String,
    /// Name of the visitor's token; none on the sign-in.
    pub(crate) name: Option<String>,
    pub(crate) links: Vec<NavLink>,
    pub(crate) has_search: bool,
    /// Text in the search box.
    pub(crate) searched: String,
    /// Outcome of the form that was sent before.
    pub(crate) said: Option<&'static str>,
    pub(crate) languages: Vec<LanguageLink>,
}

/// Link of the navigation.
pub(crate) struct NavLink {
    pub(crate) path: &'static str,
    pub(crate) label: &'static str,
    /// True on the page of the link and on those below it.
    pub(crate) is_current: bool,
}

/// Link to the same page in another language.
pub(crate) struct LanguageLink {
    pub(crate) tag: &'static str,
    pub(crate) name: &'static str,
    pub(crate) address: String,
}

impl Frame {
    /// Frame of a page without a session, whose links to other languages keep these parameters.
    pub(crate) fn signed_out(api: &ApiState, of: Language, path: &str, kept: &[(&str, &str)]) -> Self {
        Self {
            words: CommonWords::of(of),
            style: CONSOLE_STYLE.address(),
            script: HTMX.address(),
            icon: ICON.address(),
            language: language::tag(of),
            business: api.config.templates.business().to_owned(),
            name: None,
            links: Vec::new(),
            has_search: false,
            searched: String::new(),
            said: None,
            languages: languages(path, kept, of),
        }
    }

    /// Frame of the page at a path, with the query with which it was asked for.
    pub(crate) fn of(api: &ApiState, visitor: &Visitor, path: &str, query: &Sent) -> Self {
        let text = |name: &str| query.values.get(name).and_then(Value::as_str).unwrap_or_default();
        // A message of the form before and the language belong to one request alone.
        let kept = query.values.iter().filter(|(name, _)| ![SAID, language::PARAMETER].contains(&name.as_str()));
        let kept: Vec<(&str, &str)> = kept.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
        Self {
            name: Some(visitor.token.name.clone()),
            links: links(visitor, path),
            has_search: visitor.may(Scope::Read) || visitor.may(Scope::Customers),
            searched: text("q").to_owned(),
            said: SaidWords::of(visitor.language).get(text(SAID)),
            ..Self::signed_out(api, visitor.language, path, &kept)
        }
    }
}

/// Links to the pages that the visitor may see.
fn links(visitor: &Visitor, path: &str) -> Vec<NavLink> {
    let words = CommonWords::of(visitor.language);
    let all = [
        ("/console", words.today, Scope::Read),
        ("/console/subscriptions", words.subscriptions, Scope::Read),
        ("/console/messages", words.messages, Scope::Read),
        ("/console/quarantine", words.quarantine, Scope::Read),
        ("/console/runs", words.runs, Scope::Read),
        ("/console/vehicles", words.vehicles, Scope::Customers),
        ("/console/customers", words.customers, Scope::Customers),
        ("/console/import", words.import, Scope::Customers),
        ("/console/schedule", words.schedule, Scope::Reminders),
        ("/console/institutions", words.institutions, Scope::Institutions),
        ("/console/figures", words.figures, Scope::Read),
    ];
    let allowed = all.into_iter().filter(|(_, _, scope)| visitor.may(*scope));
    let is_at = |link: &str| {
        path.strip_prefix(link).is_some_and(|rest| rest.is_empty() || (link != "/console" && rest.starts_with('/')))
    };
    allowed.map(|(link, label, _)| NavLink { path: link, label, is_current: is_at(link) }).collect()
}

fn languages(path: &str, kept: &[(&str, &str)], present: Language) -> Vec<LanguageLink> {
    let others = language::ALL.into_iter().filter(|other| *other != present);
    let link = |other| {
        let tag = language::tag(other);
        let parameters = kept.iter().copied().chain([(language::PARAMETER, tag)]);
        let address = address::with(path, parameters.map(|(name, value)| (name, Some(value.to_owned()))));
        LanguageLink { tag, name: language::own_name(other), address }
    };
    others.map(link).collect()
}
