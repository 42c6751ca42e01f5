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

use crate::console::billing::order::facts::PaymentRow;
use crate::console::page::visit::Visit;
use crate::console::words::common::CommonWords;
use crate::console::words::operations::{OperationHints, OperationNames, OperationWords};
use crate::http::response::Failure;

/// Payments that a refund can name.
const REFUNDABLE: usize = 24;

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

/// Field of a form.
pub(super) struct Field {
    /// The API's name.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) input: Input,
    pub(super) value: String,
    pub(super) is_required: bool,
}

/// Kind of a field.
pub(super) enum Input {
    /// Text of at most that many characters.
    Text(usize),
    Email,
    /// Whole number of this range.
    Number(u32, u32),
    Date,
    /// Values with their labels.
    Choice(Vec<(String, String)>),
    /// Sent as `true` where it is marked.
    Check,
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
fn refundable(visit: &Visit, file: &OrderFile) -> Vec<(String, String)> {
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

fn form(visit: &Visit, name: Name, refundable: &[(String, String)], typed: &Typed) -> OperationForm {
    let (language, key) = (visit.language(), name.as_str());
    let common = CommonWords::of(language);
    let is_typed = typed.operation == key;
    let mut fields = fields(name, common, OperationWords::of(language), refundable);
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
    let language = visit.language();
    let fields = fields(name, CommonWords::of(language), OperationWords::of(language), &[]);
    fields.iter().find(|known| known.name == field).map_or(field, |known| known.label).to_owned()
}

fn fields(name: Name, common: &CommonWords, o: &OperationWords, refundable: &[(String, String)]) -> Vec<Field> {
    let field = |name, label, input| Field { name, label, input, value: String::new(), is_required: false };
    let required = |name, label, input| Field { is_required: true, ..field(name, label, input) };
    let days = || required("days", common.days, Input::Number(1, 60));
    let reference = || field("reference", o.reference, Input::Text(100));
    let money = Input::Number(1, 200_000);
    let own = match name {
        Name::ExtendGrace | Name::Pause => vec![days()],
        Name::Retry | Name::Resume | Name::Cancel | Name::UndoCancel => Vec::new(),
        Name::MarkPaid => vec![field("amount_twd", o.amount_optional, money), reference()],
        Name::Terms => {
            vec![field("amount_twd", o.new_amount, money), field("next_charge_on", o.next_charge_on, Input::Date)]
        }
        Name::Refund => vec![
            required("payment_id", o.payment, Input::Choice(refundable.to_vec())),
            required("amount_twd", common.amount_twd, money),
            reference(),
            field("end_access", o.end_access, Input::Check),
        ],
        Name::Email => vec![required("email", o.new_email, Input::Email)],
        Name::Note => return vec![required("note", o.note, Input::Text(500))],
    };
    own.into_iter().chain([required("why", common.why, Input::Text(500))]).collect()
}
