//! Forms of the operations that the order's state allows. The API's own decision says which those are.

use shared::domain::billing::decide::operation::{OperationDecision, decide_operation};
use shared::domain::billing::decide::retry::{RetryRefusal, retry_refusal};
use shared::domain::billing::decision::{DecisionContext, Versioned};
use shared::domain::billing::operations::{Actor, Operation, OperationContext};
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::EmailAddress;
use shared::domain::values::money::Twd;
use shared::domain::values::time::Zone;
use shared::store::billing::reads::OrderFile;

use crate::billing::subscriptions::translations::Language;
use crate::console::billing::rows::PaymentRow;
use crate::console::page::field::{Choice, Field, FieldKind};
use crate::console::page::visit::Visit;
use crate::console::words::common::CommonWords;
use crate::console::words::operations::{OperationHints, OperationNames, OperationWords};
use crate::http::response::Failure;

/// Payments that a refund can name.
const REFUNDABLE: usize = 24;

/// Id of a payment of which money can go back, with its label.
type Refundable = (String, String);

/// Form of an operation.
pub(super) struct OperationForm {
    /// Name in the address, as in the API.
    pub(super) name: &'static str,
    /// Key under which this form is sent once.
    pub(super) key: String,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) fields: Vec<Field>,
    /// Label of the button: operations that cannot be undone show first what they do.
    pub(super) button: &'static str,
    /// Sentences about what was wrong with what was sent before.
    pub(super) faults: Vec<String>,
    /// True if the form is shown open.
    pub(super) is_open: bool,
}

/// What was typed into a form that was refused, and why it was.
#[derive(Default)]
pub(super) struct Typed {
    /// Name of the operation.
    pub(super) operation: String,
    pub(super) values: Vec<(String, String)>,
    pub(super) faults: Vec<String>,
}

/// Operation of the page, by its name in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Retry,
    ExtendGrace,
    Pause,
    Resume,
    Cancel,
    UndoCancel,
    MarkPaid,
    Terms,
    Refund,
    Email,
    Note,
}

impl Name {
    pub(super) const ALL: [Self; 11] = [
        Self::Retry,
        Self::ExtendGrace,
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::UndoCancel,
        Self::MarkPaid,
        Self::Terms,
        Self::Refund,
        Self::Email,
        Self::Note,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::ExtendGrace => "extend-grace",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::UndoCancel => "undo-cancel",
            Self::MarkPaid => "mark-paid",
            Self::Terms => "terms",
            Self::Refund => "refund",
            Self::Email => "email",
            Self::Note => "note",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// True for an operation whose effect is shown before it is done.
    pub(super) const fn is_confirmed(self) -> bool {
        matches!(self, Self::Cancel | Self::MarkPaid | Self::Refund)
    }
}

/// Forms of the operations that would be applied now.
pub(super) fn available(visit: &Visit, file: &OrderFile, typed: &Typed) -> Result<Vec<OperationForm>, Failure> {
    let refundable = refundable(visit, file);
    let order = &file.order.value;
    let is_open = |name: Name| match sample(name, order) {
        Some(operation) => applies(visit, &file.order, &operation),
        None if name == Name::Retry => matches!(retry_refusal(order), None | Some(RetryRefusal::LastFailureAllowed)),
        None => !refundable.is_empty(),
    };
    // What was typed is shown again also where the state has changed meanwhile.
    let is_wanted = |name: Name| is_open(name) || typed.operation == name.as_str();
    let names = Name::ALL.into_iter().filter(|name| is_wanted(*name));
    let key = Visit::new_key()?;
    let with_key = |name: Name| OperationForm {
        // A form whose outcome is unknown is sent again under its key; one that was refused has not used it.
        key: visit
            .key()
            .filter(|_| typed.operation == name.as_str())
            .unwrap_or_else(|| format!("{key}-{}", name.as_str())),
        ..form(visit, name, &refundable, typed)
    };
    Ok(names.map(with_key).collect())
}

/// The operation with values with which it is applied if any are.
fn sample(name: Name, order: &Subscription) -> Option<Operation> {
    Some(match name {
        Name::ExtendGrace => Operation::ExtendGrace { days: 1 },
        Name::Pause => Operation::Pause { days: 1 },
        Name::Resume => Operation::Resume,
        Name::Cancel => Operation::Cancel,
        Name::UndoCancel => Operation::UndoCancel,
        Name::MarkPaid => Operation::MarkPaid { amount: None, reference: None },
        Name::Terms => Operation::Terms { amount: Some(order.terms.price.plus(Twd::new(1))), next_charge_on: None },
        Name::Email => Operation::ChangeEmail { email: EmailAddress::parse("other@customer.example").ok()? },
        Name::Note => Operation::Note,
        Name::Retry | Name::Refund => return None,
    })
}

fn applies(visit: &Visit, order: &Versioned<Subscription>, operation: &Operation) -> bool {
    let by = Actor::Staff(visit.visitor.token.name.clone());
    let cause = OperationContext { by, why: None, key: None };
    let context = DecisionContext::new(&visit.api.config.policy, visit.now());
    matches!(decide_operation(order, operation, &cause, context), OperationDecision::Apply(_))
}

/// Payments of which money can go back, with their labels.
fn refundable(visit: &Visit, file: &OrderFile) -> Vec<Refundable> {
    let refund = |payment: &Payment| Operation::Refund {
        payment: Box::new(payment.clone()),
        amount: Twd::new(1),
        reference: None,
        end_access: false,
    };
    let payments = file.payments.iter().filter(|payment| applies(visit, &file.order, &refund(payment)));
    let label = |payment: &Payment| {
        let row = PaymentRow::of(visit, payment);
        let day = payment.processed_at.day(Zone::Taipei);
        format!("{day} {} {}", row.amount, row.refund.unwrap_or_default()).trim().to_owned()
    };
    payments.take(REFUNDABLE).map(|payment| (payment.id.to_string(), label(payment))).collect()
}

fn form(visit: &Visit, name: Name, refundable: &[Refundable], typed: &Typed) -> OperationForm {
    let (language, key) = (visit.language(), name.as_str());
    let common = CommonWords::of(language);
    let is_typed = typed.operation == key;
    let choices = refundable.iter().map(|(id, label)| Choice::new(id, label)).collect();
    let mut fields = fields(language, name, choices);
    for field in &mut fields {
        let value = typed.values.iter().find(|(name, _)| is_typed && name == field.name);
        field.value = value.map_or_else(|| std::mem::take(&mut field.value), |(_, value)| value.clone());
    }
    OperationForm {
        name: key,
        key: String::new(),
        label: OperationNames::of(language).get(key).unwrap_or(key),
        hint: OperationHints::of(language).get(key).unwrap_or_default(),
        fields,
        button: if name.is_confirmed() { common.check } else { common.send },
        faults: if is_typed { typed.faults.clone() } else { Vec::new() },
        is_open: is_typed,
    }
}

/// Label of a field of an operation's form; the API's name where the form has no such field.
pub(super) fn label(visit: &Visit, name: Name, field: &str) -> String {
    let fields = fields(visit.language(), name, Vec::new());
    fields.iter().find(|known| known.name == field).map_or(field, |known| known.label).to_owned()
}

fn fields(language: Language, name: Name, refundable: Vec<Choice>) -> Vec<Field> {
    let (common, o) = (CommonWords::of(language), OperationWords::of(language));
    let days = || Field::new("days", common.days, FieldKind::Number { least: 1, most: 60 }).required();
    let reference = || Field::text("reference", o.reference, 100);
    let amount = |label| Field::new("amount_twd", label, FieldKind::Number { least: 1, most: 200_000 });
    let own = match name {
        Name::ExtendGrace | Name::Pause => vec![days()],
        Name::Retry | Name::Resume | Name::Cancel | Name::UndoCancel => Vec::new(),
        Name::MarkPaid => vec![amount(o.amount_optional), reference()],
        Name::Terms => vec![amount(o.new_amount), Field::day("next_charge_on", o.next_charge_on)],
        Name::Refund => vec![
            Field::choice("payment_id", o.payment, refundable).required(),
            amount(common.amount_twd).required(),
            reference(),
            Field::new("end_access", o.end_access, FieldKind::Check),
        ],
        Name::Email => vec![Field::email("email", o.new_email).required()],
        Name::Note => return vec![Field::note("note", o.note)],
    };
    own.into_iter().chain([Field::why(language)]).collect()
}
