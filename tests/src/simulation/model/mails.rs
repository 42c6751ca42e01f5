//! Mail: no notice is sent twice.

use std::collections::{BTreeMap, BTreeSet};

use shared::mail::customer_page::MASKED_TOKEN;
use shared::mail::templates::Templates;
use shared::store::billing::notices::StoredNotice;

use super::Checked;
use super::table_mirror::{Diff, text};
use crate::harness::TestDeployment;
use crate::support::mails::{templates, without_link};

/// Notices so far.
pub(crate) struct Mails {
    templates: Templates,
    /// The notices by their text.
    notices: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Mails {
    /// No notice yet.
    pub(crate) fn new() -> Self {
        Self { templates: templates(), notices: BTreeMap::new() }
    }

    /// Notices that changed: none comes back from its end.
    pub(crate) fn noticed(&mut self, differs: &[Diff]) -> Checked {
        for diff in differs.iter().filter(|diff| diff.sk.starts_with("NOTICE#")) {
            let state = text(&diff.new["data"]["state"]);
            let waits = matches!(state, "queued" | "claimed");
            if matches!(text(&diff.old["data"]["state"]), "sent" | "unclear" | "dead") {
                return Err(format!("{} was at its end and is {state} now", diff.sk));
            }
            if waits != (diff.new["queue"] == "send-mail") {
                return Err(format!("{} is {state} in queue {}", diff.sk, diff.new["queue"]));
            }
            let notice: StoredNotice =
                serde_json::from_value(diff.new["data"].clone()).map_err(|error| error.to_string())?;
            let mail = self.templates.render(notice.kind, &notice.fields, Some(MASKED_TOKEN));
            let mail = mail.map_err(|error| format!("{}: {error}", diff.sk))?;
            self.notices.entry((mail.subject, without_link(&mail.text))).or_default().insert(notice.id);
        }
        Ok(())
    }

    /// A mail arrived: as often as there are notices that say it, and no more.
    pub(crate) fn sent(&self, deployment: &TestDeployment) -> Checked {
        let messages = deployment.messages();
        let latest = messages.last().ok_or("a mail without a recipient")?;
        let said = without_link(&latest.body.to_string());
        let copies = messages.iter().filter(|one| one.to == latest.to && without_link(&one.body.to_string()) == said);
        let copies = copies.count();
        let subject = latest.subject.clone().unwrap_or_default();
        let notices = self.notices.get(&(subject.clone(), said)).map_or(0, BTreeSet::len);
        if copies <= notices {
            Ok(())
        } else {
            Err(format!("{subject:?} was sent {copies} times for {notices} notices"))
        }
    }
}
