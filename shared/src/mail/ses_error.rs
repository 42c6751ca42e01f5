//! Error responses of SES, judged by code and message.
//!
//! A refusal of this mail alone is final. Any other may be the account's, the role's or the configuration's and pass, so the
//! mail is sent again later. An unknown refusal counts as such: a mail that is late harms less than one that is lost.

use crate::domain::values::send_outcome::SendOutcome;

/// Error response of SES.
#[derive(Clone, Copy, Debug)]
pub struct SesError<'a> {
    /// HTTP status.
    pub status: u16,
    /// AWS's error code; a response of a proxy has none.
    pub code: Option<&'a str>,
    /// Text of the error. SES repeats addresses in it, so it is compared and never stored.
    pub message: Option<&'a str>,
}

/// Meaning of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// This mail or its address will never be accepted.
    Mail,
    /// Every mail is refused until staff correct the account, the role or the configuration.
    Sender,
    /// Too many mails for now.
    Limit,
}

/// Verdict on an error code.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// Error codes.
    codes: &'static [&'static str],
    /// Words of the message in lower case, one of which it contains; any message where empty.
    words: &'static [&'static str],
    verdict: Verdict,
    /// Reason as it is stored after the code.
    reason: &'static str,
}

const fn rule(
    codes: &'static [&'static str],
    words: &'static [&'static str],
    verdict: Verdict,
    reason: &'static str,
) -> Rule {
    Rule { codes, words, verdict, reason }
}

/// Codes with which SES answers for the most different reasons: the message decides.
const UNSPECIFIC: &[&str] = &["MessageRejected", "BadRequestException", "InvalidParameterValue", "ValidationException"];

/// Rules in order; the first that fits decides.
const RULES: &[Rule] = &[
    // SES Developer Guide, "Amazon SES email sending errors": the sender, or in the sandbox of SES the recipient, is not
    // verified in this region.
    rule(UNSPECIFIC, &["not verified", "sandbox"], Verdict::Sender, "sender or recipient is not verified in SES"),
    // SES API Reference v1, `BulkEmailDestinationStatus`: AccountSuspended, AccountSendingPaused,
    // ConfigurationSetSendingPaused; "Amazon SES email sending errors" has the texts.
    rule(
        UNSPECIFIC,
        &["paused", "suspended", "shut down", "under review", "sending is disabled"],
        Verdict::Sender,
        "sending is paused",
    ),
    // SES Developer Guide, "Assigning default configuration sets": the call fails with a bad request if the identity's default
    // configuration set was deleted.
    rule(UNSPECIFIC, &["configuration set"], Verdict::Sender, "configuration set is missing or refused"),
    // SES Developer Guide, "Errors related to the sending quotas": both texts come with several codes.
    rule(UNSPECIFIC, &["sending rate exceeded", "message quota exceeded"], Verdict::Limit, "sending quota exceeded"),
    // SES API v2, SendEmail, "Errors": the message contains invalid content.
    rule(&["MessageRejected"], &[], Verdict::Mail, "content refused"),
    // SES API v2, `Destination`: only 7-bit ASCII before the @ and Punycode after it. The texts are those of
    // https://github.com/openstax/accounts/issues/253, https://github.com/brave/accounts/issues/35 and
    // https://github.com/18F/identity-idp/pull/7380.
    rule(
        UNSPECIFIC,
        &[
            "local address contains",
            "local address starts",
            "local address ends",
            "domain contains",
            "domain starts",
            "domain ends",
            "missing domain",
            "missing local",
            "missing final",
            "illegal address",
            "user name is missing",
            "invalid domain name",
        ],
        Verdict::Mail,
        "address refused",
    ),
    // SES API v2, "Common Errors". Also the answer where the role does not allow the configuration set, or the sender is not
    // the address of the role's condition.
    rule(
        &["AccessDeniedException", "AccessDenied", "NotAuthorized", "OptInRequired"],
        &[],
        Verdict::Sender,
        "the role does not allow it",
    ),
    // SES API v2, "Common Errors".
    rule(
        &[
            "ExpiredTokenException",
            "ExpiredToken",
            "RequestExpired",
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
        ],
        &[],
        Verdict::Sender,
        "credentials refused",
    ),
    // SES API v2, SendEmail, "Errors": five refusals of account, identity or configuration set.
    rule(&["MailFromDomainNotVerifiedException"], &[], Verdict::Sender, "the MAIL FROM domain is not verified"),
    rule(&["AccountSuspendedException"], &[], Verdict::Sender, "the account is suspended"),
    rule(&["SendingPausedException"], &[], Verdict::Sender, "sending is paused"),
    rule(&["NotFoundException"], &[], Verdict::Sender, "identity or configuration set not found"),
    // SES API v2, SendEmail, "Errors", and "Common Errors": rate, daily quota, calls of the API.
    rule(
        &["LimitExceededException", "TooManyRequestsException", "ThrottlingException", "Throttling"],
        &[],
        Verdict::Limit,
        "sending quota exceeded",
    ),
    // API Gateway's limit of a request; SES Developer Guide, "Service quotas": 40 MB per message in v2.
    rule(&["RequestEntityTooLargeException"], &[], Verdict::Mail, "message too large"),
];

impl SesError<'_> {
    /// Returns the outcome of the attempt that got this response.
    #[must_use]
    pub fn judge(self) -> SendOutcome {
        let message = self.message.unwrap_or_default().to_ascii_lowercase();
        let code = self.code.unwrap_or_default();
        let fits = |rule: &&Rule| {
            let is_said = rule.words.is_empty() || rule.words.iter().any(|word| message.contains(word));
            is_said && rule.codes.contains(&code)
        };
        match RULES.iter().find(fits) {
            Some(Rule { verdict: Verdict::Mail, reason, .. }) => SendOutcome::refused(format!("{code}: {reason}")),
            Some(Rule { verdict: Verdict::Sender, reason, .. }) => {
                SendOutcome::sender_refused(format!("{code}: {reason}"))
            }
            Some(Rule { verdict: Verdict::Limit, reason, .. }) => {
                SendOutcome::rate_limited(format!("{code}: {reason}"), None)
            }
            None => self.by_status(),
        }
    }

    /// Judges a code without a rule. SES Developer Guide, "Amazon SES email sending errors": a call that SES answers with an
    /// error sent no mail.
    fn by_status(self) -> SendOutcome {
        // A code is a word; anything else may be text with an address.
        let is_word =
            |code: &&str| !code.is_empty() && code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
        let code = self.code.filter(is_word);
        let reason =
            code.map_or_else(|| format!("HTTP {}", self.status), |code| format!("HTTP {}: {code}", self.status));
        match self.status {
            413 => SendOutcome::refused(reason),
            429 => SendOutcome::rate_limited(reason, None),
            // SES API v2, "Common Errors": 408 RequestTimeoutException, 500 InternalFailure, 503 ServiceUnavailable.
            408 | 500 | 503 => SendOutcome::unavailable(reason),
            400..500 => SendOutcome::sender_refused(reason),
            500..600 if code.is_some() => SendOutcome::unavailable(reason),
            // A proxy that answers 502 or 504 may have passed the request on.
            _ => SendOutcome::unknown(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::values::send_outcome::{NotSentCause, RefusalScope};

    /// Class of an outcome, and its reason.
    fn judged(status: u16, code: &str, message: &str) -> (&'static str, String) {
        let code = Some(code).filter(|code| !code.is_empty());
        match (SesError { status, code, message: Some(message) }).judge() {
            SendOutcome::Refused { reason, scope: RefusalScope::Message } => ("mail", reason),
            SendOutcome::Refused { reason, scope: RefusalScope::Sender } => ("sender", reason),
            SendOutcome::Refused { reason, scope: RefusalScope::Unrecognised } => ("unrecognised", reason),
            SendOutcome::NotSent { reason, cause: NotSentCause::RateLimit, .. } => ("limit", reason),
            SendOutcome::NotSent { reason, cause: NotSentCause::Unavailable, .. } => ("unavailable", reason),
            SendOutcome::Unknown { reason } => ("unknown", reason),
            SendOutcome::Sent { .. } => panic!("an error is no success"),
        }
    }

    #[test]
    fn code_and_message_distinguish_a_refusal_that_may_pass_from_one_of_this_mail() {
        let unverified = "Email address is not verified. The following identities failed the check in region \
                          AP-NORTHEAST-1: mei@customer.example";
        for (status, code, message, class) in [
            (403, "AccessDeniedException", "User is not authorized to perform ses:SendEmail", "sender"),
            (403, "ExpiredTokenException", "The security token included in the request is expired", "sender"),
            (403, "UnrecognizedClientException", "The security token included in the request is invalid.", "sender"),
            (403, "SomethingNew", "", "sender"),
            (401, "", "", "sender"),
            (400, "MessageRejected", unverified, "sender"),
            (400, "MessageRejected", "Sending paused for this account.", "sender"),
            (400, "BadRequestException", "Configuration set mail-events does not exist.", "sender"),
            (404, "NotFoundException", "Identity duekeeper.example does not exist.", "sender"),
            (400, "MailFromDomainNotVerifiedException", "", "sender"),
            (400, "SendingPausedException", "", "sender"),
            (400, "AccountSuspendedException", "", "sender"),
            (400, "BadRequestException", "something that no rule knows", "sender"),
            (418, "", "", "sender"),
            (400, "ThrottlingException", "Rate exceeded", "limit"),
            (429, "TooManyRequestsException", "Maximum sending rate exceeded.", "limit"),
            (400, "LimitExceededException", "Daily message quota exceeded.", "limit"),
            (400, "MessageRejected", "Daily message quota exceeded.", "limit"),
            (429, "", "", "limit"),
            (500, "InternalFailure", "", "unavailable"),
            (500, "", "", "unavailable"),
            (503, "", "", "unavailable"),
            (502, "InternalServiceErrorException", "", "unavailable"),
            (400, "MessageRejected", "Transaction failed: invalid content", "mail"),
            (400, "MessageRejected", "", "mail"),
            (400, "BadRequestException", "Domain contains illegal character", "mail"),
            (400, "BadRequestException", "Local address contains control or whitespace", "mail"),
            (400, "BadRequestException", "Missing domain", "mail"),
            (413, "", "", "mail"),
            (502, "", "", "unknown"),
            (504, "", "", "unknown"),
        ] {
            assert_eq!(judged(status, code, message).0, class, "{status} {code} {message}");
        }
    }

    #[test]
    fn the_reason_names_the_code_and_repeats_nothing_of_the_message() {
        let message = "Email address is not verified: mei@customer.example";
        let reason = "MessageRejected: sender or recipient is not verified in SES";
        assert_eq!(judged(400, "MessageRejected", message).1, reason);
        assert_eq!(judged(400, "SomethingNew", message).1, "HTTP 400: SomethingNew");
        assert_eq!(judged(400, "mei@customer.example", message).1, "HTTP 400");
    }
}
