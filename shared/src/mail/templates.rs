//! Templates of all mails, compiled once at start. A text is rendered into paragraphs, from which both parts of a mail to a
//! customer are made: HTML and plain text say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use crate::domain::billing::notices::NoticeKind;
use crate::domain::billing::subscription::Locale;
use crate::ecpay::order_form::OrderUrls;
use crate::mail::customer_page::{business_page, customer_page};
use crate::mail::overrides::Overrides;
use crate::mail::render::{Error, InvalidTemplate, Mail};
use crate::mail::sample::sample_fields;
use crate::mail::template_files::{FILES, TemplateFile};

/// Prefix of the name under which a file's first line is compiled.
const SUBJECT_OF: &str = "subject of ";
/// Address of the logo within a mail, where it is attached under this name.
pub const LOGO_LINK: &str = "cid:logo";
/// Marks of the paragraph that is the label of the button.
const BUTTON: [&str; 2] = ["[[", "]]"];

/// Values on which the advice after a failed charge depends.
const ADVICE: [[(&str, &str); 2]; 3] = [
    [("hard_decline", "true"), ("retries", "false")],
    [("hard_decline", "false"), ("retries", "true")],
    [("hard_decline", "false"), ("retries", "false")],
];
/// Variables that every mail to a customer has.
const OF_EVERY_CUSTOMER: [&str; 5] = ["business", "locale", "subscription", "plan", "amount"];

/// Compiled templates, with the business for which they speak.
#[derive(Clone, Debug)]
pub struct Templates {
    environment: Arc<Environment<'static>>,
    /// Variables of each text.
    variables: Arc<BTreeMap<String, BTreeSet<String>>>,
    brand: Brand,
    /// PNG of the business's logo.
    logo: Option<Arc<[u8]>>,
}

/// The business in mails to its customers.
#[derive(Clone, Debug)]
pub struct Brand {
    /// Name of the business, in one line.
    pub business: String,
    /// Addresses below which customers find their subscription.
    pub urls: OrderUrls,
}

/// Parts of a mail to a customer, from which both layouts are filled.
struct Parts {
    before: Vec<Vec<String>>,
    button: String,
    after: Vec<Vec<String>>,
}

impl Templates {
    /// Compiles the templates, and renders each mail once with sample values, so that no fault is left to be found at sending.
    ///
    /// # Errors
    /// [`InvalidTemplate`] for the first file with a fault.
    pub fn new(brand: Brand, overrides: &Overrides) -> Result<Self, InvalidTemplate> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(escaping);
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
            environment.set_syntax(syntax);
        }
        for file in FILES {
            let text = overrides.text(file.name, file.text);
            check_variables(file, text)?;
            if file.is_layout() || file.name.ends_with("/advice.txt") {
                add(&mut environment, file.name, text)?;
            } else {
                let (subject, body) = subject_and_body(file.name, text)?;
                add(&mut environment, &format!("{SUBJECT_OF}{}", file.name), subject)?;
                // With the lines before it, so that a fault names the line of the file.
                add(&mut environment, file.name, &format!("\n\n{body}"))?;
            }
        }
        let variables = environment.templates().map(|(name, template)| {
            (name.to_owned(), template.undeclared_variables(false).into_iter().collect::<BTreeSet<String>>())
        });
        let variables = Arc::new(variables.collect());
        let templates = Self { environment: Arc::new(environment), variables, brand, logo: overrides.logo() };
        templates.check(overrides)?;
        Ok(templates)
    }

    /// Renders every mail with sample values, with each advice.
    fn check(&self, overrides: &Overrides) -> Result<(), InvalidTemplate> {
        let line_of = |file: &str, words: &str| {
            let default = FILES.iter().find(|known| known.name == file).map_or("", |known| known.text);
            let lines = overrides.text(file, default).lines();
            lines.zip(1..).find(|(line, _)| line.contains(words)).map(|(_, number)| number)
        };
        let mails = NoticeKind::ALL.iter().flat_map(|kind| Locale::ALL.map(|locale| (*kind, locale)));
        for ((kind, locale), advice) in mails.flat_map(|mail| ADVICE.map(|advice| (mail, advice))) {
            let mut fields = sample_fields(locale);
            fields.extend(advice.map(|(name, value)| (name.to_owned(), value.to_owned())));
            let Err(error) = self.render(kind, &fields, None) else { continue };
            let reason = error.to_string();
            let own = Self::file(kind, locale, kind.name());
            let (file, line) = match error {
                Error::Unusable { file, line, .. } => (file.trim_start_matches(SUBJECT_OF).to_owned(), line),
                Error::MissingVariable { variable, .. } => {
                    let files = [own.clone(), Self::file(kind, locale, "advice")];
                    let place = files.into_iter().find_map(|file| line_of(&file, &variable).map(|line| (file, line)));
                    place.unwrap_or((own, 1))
                }
                Error::Button { .. } => {
                    let line = line_of(&own, "[[").unwrap_or(1);
                    (own, line)
                }
                Error::BrokenSubject { .. } => (own, 1),
            };
            return Err(InvalidTemplate { file, line, reason });
        }
        Ok(())
    }

    /// The file of a text.
    fn file(kind: NoticeKind, locale: Locale, name: &str) -> String {
        if kind.is_for_staff() { format!("staff/{name}.txt") } else { format!("customer/{}/{name}.txt", locale.name()) }
    }

    /// Logo of the business, a PNG; mails to customers show it in place of the name.
    #[must_use]
    pub fn logo(&self) -> Option<&[u8]> {
        self.logo.as_deref()
    }

    /// Name of the business, as mails show it.
    #[must_use]
    pub fn business(&self) -> &str {
        &self.brand.business
    }

    /// Renders the mail of a notice from its fields: to staff as plain text, to a customer in the order's language as HTML and
    /// plain text, with a button to the customer page of that token, or to the business's page.
    ///
    /// # Errors
    /// [`Error`] where a variable has no value or a value would break the subject.
    pub fn render(
        &self,
        kind: NoticeKind,
        fields: &BTreeMap<String, String>,
        token: Option<&str>,
    ) -> Result<Mail, Error> {
        if kind.is_for_staff() {
            let file = Self::file(kind, Locale::default(), kind.name());
            let fields = staff_fields(kind, fields);
            let subject = self.subject(kind, &file, &fields)?;
            return Ok(Mail { subject, text: self.fill(kind, &file, &fields)?, html: None });
        }
        let locale = locale(fields);
        let file = |name: &str| Self::file(kind, locale, name);
        // Each value is a part of one line: no value makes a paragraph of its own.
        let one_line = |text: &String| text.replace(char::is_control, " ");
        let mut values: BTreeMap<String, String> =
            fields.iter().map(|(name, value)| (name.clone(), one_line(value))).collect();
        if values.contains_key("hard_decline") {
            values.entry("retries".to_owned()).or_insert_with(|| "true".to_owned());
            let advice = self.fill(kind, &file("advice"), &values)?;
            values.insert("advice".to_owned(), advice.trim().to_owned());
        }
        values.insert("business".to_owned(), self.brand.business.clone());
        let subject = self.subject(kind, &file(kind.name()), &values)?;
        let Parts { before, button, after } =
            Parts::of(&self.fill(kind, &file(kind.name()), &values)?).ok_or(Error::Button { template: kind.name() })?;
        let urls = &self.brand.urls;
        let link = token.map_or_else(|| business_page(urls), |token| customer_page(urls, token));
        let values = context! {
            subject => subject.as_str(),
            locale => locale.name(),
            business => self.brand.business.as_str(),
            logo => if self.logo.is_some() { LOGO_LINK } else { "" },
            link => in_html_as_it_is(link),
            button,
            before,
            after,
        };
        let layout = |name: &str| self.filled(name, &values);
        let (text, html) = (layout("customer/layout.txt")?, layout("customer/layout.html")?);
        Ok(Mail { subject, text, html: Some(html) })
    }

    fn subject(&self, kind: NoticeKind, file: &str, values: &BTreeMap<String, String>) -> Result<String, Error> {
        let subject = self.fill(kind, &format!("{SUBJECT_OF}{file}"), values)?;
        if subject.contains(char::is_control) {
            Err(Error::BrokenSubject { template: kind.name() })
        } else {
            Ok(subject)
        }
    }

    /// Fills a text. An empty value counts as missing.
    fn fill(&self, kind: NoticeKind, file: &str, values: &BTreeMap<String, String>) -> Result<String, Error> {
        let needed = self.variables.get(file).into_iter().flatten();
        let has_value = |name: &&String| values.get(*name).is_some_and(|value| !value.is_empty());
        if let Some(variable) = needed.into_iter().find(|name| !has_value(name)) {
            return Err(Error::MissingVariable { template: kind.name(), variable: variable.clone() });
        }
        let filled = self.filled(file, &Value::from(values.clone()))?;
        Ok(filled.trim_start_matches('\n').to_owned())
    }

    fn filled(&self, file: &str, values: &Value) -> Result<String, Error> {
        let unusable = |error: minijinja::Error| Error::Unusable {
            file: file.to_owned(),
            line: error.line().unwrap_or(1),
            reason: error.kind().to_string(),
        };
        self.environment.get_template(file).and_then(|template| template.render(values)).map_err(unusable)
    }
}

impl Parts {
    /// The paragraphs of a text before and after its button; `None` unless it has exactly one.
    fn of(text: &str) -> Option<Self> {
        let paragraphs =
            text.split("\n\n").map(|paragraph| paragraph.trim_matches('\n')).filter(|text| !text.is_empty());
        let paragraphs: Vec<&str> = paragraphs.collect();
        let [opening, closing] = BUTTON;
        let label = |text: &str| Some(text.strip_prefix(opening)?.strip_suffix(closing)?.trim().to_owned());
        let place = paragraphs.iter().position(|text| label(text).is_some())?;
        let (before, rest) = paragraphs.split_at_checked(place)?;
        let (button, after) = rest.split_first()?;
        if after.iter().any(|text| label(text).is_some()) {
            return None;
        }
        let lines = |part: &[&str]| part.iter().map(|text| text.lines().map(str::to_owned).collect()).collect();
        Some(Self { before: lines(before), button: label(button)?, after: lines(after) })
    }
}

/// An address without a character that HTML escapes, so that the slashes stay readable there as well.
fn in_html_as_it_is(address: String) -> Value {
    let is_plain = !address.contains(['&', '<', '>', '"', '\'']);
    if is_plain { Value::from_safe_string(address) } else { Value::from(address) }
}

/// Language of a mail; of notices that do not name one, that of most customers.
fn locale(fields: &BTreeMap<String, String>) -> Locale {
    let is_english = fields.get("locale").is_some_and(|locale| locale == Locale::En.name());
    if is_english { Locale::En } else { Locale::default() }
}

fn escaping(name: &str) -> AutoEscape {
    if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
}

fn subject_and_body<'a>(file: &str, text: &'a str) -> Result<(&'a str, &'a str), InvalidTemplate> {
    let reason = "needs a subject, an empty line and a body";
    let fault = || InvalidTemplate { file: file.to_owned(), line: 1, reason: reason.to_owned() };
    text.split_once("\n\n").filter(|(subject, _)| !subject.contains('\n')).ok_or_else(fault)
}

/// Fields of a mail to staff. A notice of a refund that waits without its reason is about a whole charge by ECPay.
fn staff_fields(kind: NoticeKind, fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut fields = fields.clone();
    if kind == NoticeKind::RefundDue && !fields.contains_key("outside_ecpay") {
        let charged = fields.get("amount").cloned().map(|amount| ("charged", amount));
        let reason = "the order was over, replaced or cancelled by its customer".to_owned();
        let whole = [("outside_ecpay", "false".to_owned()), ("payment", "-".to_owned()), ("reason", reason)];
        for (name, value) in whole.into_iter().chain(charged) {
            fields.entry(name.to_owned()).or_insert(value);
        }
    }
    fields
}

/// Checks that a text uses no variable that its mails lack: those of its default, and in a mail to a customer those of every
/// one.
fn check_variables(file: &TemplateFile, text: &str) -> Result<(), InvalidTemplate> {
    if file.is_layout() {
        return Ok(());
    }
    let environment = Environment::new();
    let used = |text: &str| {
        let template = environment.template_from_str(text).ok();
        template.map(|template| template.undeclared_variables(false)).unwrap_or_default()
    };
    let known = used(file.text);
    let is_known = |name: &str| {
        let is_of_advice = known.contains("advice") && ["hard_decline", "retries"].contains(&name);
        let is_of_all = file.name.starts_with("customer/") && OF_EVERY_CUSTOMER.contains(&name);
        known.contains(name) || is_of_advice || is_of_all
    };
    // In the order of the lines, which the set has not.
    let unknown: Vec<String> = used(text).into_iter().filter(|name| !is_known(name)).collect();
    let fault = text.lines().zip(1..).find_map(|(words, line)| {
        let name = unknown.iter().find(|name| words.contains(name.as_str()))?;
        Some((line, format!("the mail has no variable {name}")))
    });
    match fault {
        Some((line, reason)) => Err(InvalidTemplate { file: file.name.to_owned(), line, reason }),
        None => Ok(()),
    }
}

fn add(environment: &mut Environment<'static>, name: &str, text: &str) -> Result<(), InvalidTemplate> {
    environment.add_template_owned(name.to_owned(), text.to_owned()).map_err(|error| InvalidTemplate {
        file: name.trim_start_matches(SUBJECT_OF).to_owned(),
        line: error.line().unwrap_or(1),
        reason: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
    })
}
