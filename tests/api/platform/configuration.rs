//! Settings of the functions: all faults reported at once, impossible settings refused, no value repeated that may be a
//! secret.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use sandbox::aws::template::Template;
use shared::platform::config::Invalid;

use testing::support::project::TEMPLATE;

const FUNCTIONS: [&str; 5] =
    ["EcpayWebhook", "SubscriptionMaintenance", "AdminApi", "MaintenanceReminder", "MmsExpiryScan"];
/// Those that have to do with ECPay.
const OF_ECPAY: [&str; 3] = ["EcpayWebhook", "SubscriptionMaintenance", "AdminApi"];

/// Variables that each of these functions needs.
const COMMON: [&str; 8] = [
    "TABLE_NAME is missing",
    "ECPAY_ENVIRONMENT is missing",
    "ECPAY_MERCHANT_ID is missing",
    "ECPAY_SECRET_ID is missing",
    "DUNNING_RETRY_DAYS is missing",
    "DUNNING_GRACE_DAYS is missing",
    "DUNNING_EXTRA_GRACE_DAYS is missing",
    "RECEIPTS is missing",
];

/// A function's variables as the template gives them for these parameters.
pub(crate) fn deployed(function: &str) -> BTreeMap<String, String> {
    let template = Template::parse(TEMPLATE).unwrap();
    let parameter = |name: &str| {
        let value = match name {
            "Table" => "duekeeper-table",
            "EcpayMerchantId" => "3002607",
            "ApiBaseUrl" => "https://api.duekeeper.example",
            "FrontendUrl" => "https://shop.duekeeper.example",
            "BusinessName" => "Moonpine",
            "MailSender" => "billing@duekeeper.example",
            "StaffEmail" => "staff@duekeeper.example",
            "SubscriptionMaintenance" => "duekeeper-SubscriptionMaintenance-INVENTED",
            "MaintenanceReminder" => "duekeeper-MaintenanceReminder-INVENTED",
            "MmsExpiryScan" => "duekeeper-MmsExpiryScan-INVENTED",
            "WhatsappPhoneNumberId" => "100000000000042",
            "AWS::StackName" => "duekeeper",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let names = template.variable_names(function);
    names.map(|name| (name.to_owned(), template.variable(function, name, &parameter).unwrap())).collect()
}

/// The faults that a function finds in its variables, in alphabetical order.
pub(crate) fn faults(function: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let parsed = match function {
        "EcpayWebhook" => ecpay_webhook::Config::parse(lookup).map(drop),
        "SubscriptionMaintenance" => subscription_maintenance::Config::parse(lookup).map(drop),
        "AdminApi" => admin_api::Config::parse(lookup).map(drop),
        "MaintenanceReminder" => maintenance_reminder::Config::parse(lookup).map(drop),
        "MmsExpiryScan" => mms_expiry_scan::Config::parse(lookup).map(drop),
        _ => panic!("no function {function}"),
    };
    let mut faults = parsed.err().map(|Invalid(faults)| faults).unwrap_or_default();
    faults.sort();
    faults
}

/// The faults of the deployed variables with some of them changed.
pub(crate) fn changed(function: &str, changes: &[(&str, &str)]) -> Vec<String> {
    let mut variables = deployed(function);
    variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    faults(function, &|name| variables.get(name).cloned())
}

fn sorted(faults: &[&str]) -> Vec<String> {
    let mut faults: Vec<String> = faults.iter().map(|fault| (*fault).to_owned()).collect();
    faults.sort();
    faults
}

#[test]
fn every_function_starts_with_what_the_template_gives_it() {
    for function in ["MaintenanceReminder", "MmsExpiryScan"] {
        assert_eq!(changed(function, &[]), Vec::<String>::new(), "{function}");
    }
    for function in OF_ECPAY {
        assert_eq!(changed(function, &[]), Vec::<String>::new(), "{function}");
        let production = [("ECPAY_ENVIRONMENT", "production"), ("ECPAY_MERCHANT_ID", "3999999")];
        assert_eq!(changed(function, &production), Vec::<String>::new(), "{function}");
    }
}

#[test]
fn the_template_gives_each_function_what_it_reads_and_nothing_else() {
    for function in FUNCTIONS {
        let variables = deployed(function);
        // Read by main.rs, before there is a configuration; and settings that are read only where they count.
        let sometimes = [
            "WHATSAPP_PHONE_NUMBER_ID",
            "WHATSAPP_TEMPLATE",
            "WHATSAPP_TEMPLATE_LANGUAGE",
            "WHATSAPP_TEMPLATE_SALUTATION",
            "WHATSAPP_FOLLOW_UP_TEMPLATE",
            "REMINDER_FOLLOW_UP_TEXT",
            "WHATSAPP_GROUP_TEMPLATE",
            "REMINDER_GROUP_TEXT",
        ];
        let of_gateway = sometimes.into_iter().filter(|_| function == "MaintenanceReminder");
        let unread = ["LOG_LEVEL", "STACK_NAME"].into_iter().chain(of_gateway).map(str::to_owned);
        // Set by Lambda.
        let of_lambda = "AWS_LAMBDA_FUNCTION_NAME";
        let read = RefCell::new(unread.collect::<BTreeSet<String>>());
        if OF_ECPAY.contains(&function) {
            read.borrow_mut().insert("ECPAY_APPLY_SIMULATED".to_owned());
        }
        let found = faults(function, &|name| {
            read.borrow_mut().insert(name.to_owned());
            variables.get(name).cloned()
        });
        assert_eq!(found, Vec::<String>::new());
        let mut given: BTreeSet<String> = variables.into_keys().collect();
        if OF_ECPAY.contains(&function) {
            given.insert("ECPAY_APPLY_SIMULATED".to_owned());
        }
        let mut read = read.into_inner();
        assert_eq!(read.remove(of_lambda), function == "SubscriptionMaintenance");
        assert_eq!(read, given, "{function}");
    }
    assert!(deployed("EcpayWebhook").contains_key("ECPAY_APPLY_SIMULATED"));
}

#[test]
fn every_missing_variable_is_named_at_once_and_an_empty_one_is_missing() {
    let own: [(&str, &[&str]); 3] = [
        ("EcpayWebhook", &[]),
        (
            "SubscriptionMaintenance",
            &[
                "ECPAY_CALLS_PER_SECOND is missing",
                "API_BASE_URL is missing",
                "FRONTEND_URL is missing",
                "BUSINESS_NAME is missing",
                "MAIL_SENDER is missing",
                "STAFF_EMAIL is missing",
            ],
        ),
        (
            "AdminApi",
            &[
                "ADMIN_SECRET_ID is missing",
                "PHONE_SECRET_ID is missing",
                "WHATSAPP_CALLBACK_SECRET_ID is missing",
                "SLACK_CALLBACK_SECRET_ID is missing",
                "MAINTENANCE_FUNCTION is missing",
                "API_BASE_URL is missing",
                "FRONTEND_URL is missing",
                "BUSINESS_NAME is missing",
                "PLAN_PRICES is missing",
                "EXEC_TIMES_MONTHLY is missing",
                "EXEC_TIMES_ANNUAL is missing",
                "INVOKE_PATIENCE_SECONDS is missing",
                "REMINDER_FUNCTION is missing",
                "REMINDER_SCHEDULE is missing",
                "SCHEDULE_GROUP is missing",
                "REMINDER_SEND_HOURS is missing",
                "EXPIRY_FUNCTION is missing",
                "NOTIFICATION_URGENT_THRESHOLD is missing",
                "NOTIFICATION_WARNING_THRESHOLD is missing",
                "EXPIRY_THRESHOLD is missing",
            ],
        ),
    ];
    for (function, own) in own {
        let expected = sorted(&[COMMON.as_slice(), own].concat());
        assert_eq!(faults(function, &|_| None), expected, "{function}");
        assert_eq!(faults(function, &|_| Some(String::new())), expected, "{function}");
    }
}

/// Faults of `maintenance-reminder` without any setting.
const WITHOUT_SETTINGS: [&str; 14] = [
    "PHONE_SECRET_ID is missing",
    "REMINDER_CONTINUATION_SCHEDULE is missing",
    "REMINDER_DAILY_CAP is missing",
    "REMINDER_GROUPING is missing",
    "REMINDER_PACE_SECONDS is missing",
    "REMINDER_PROVIDER is missing",
    "REMINDER_REPEAT is missing",
    "REMINDER_SCHEDULE is missing",
    "REMINDER_SECRET_ID is missing",
    "REMINDER_SEND_HOURS is missing",
    "REMINDER_SERVICE_PHONE is missing",
    "REMINDER_TEXT is missing",
    "SCHEDULE_GROUP is missing",
    "TABLE_NAME is missing",
];

#[test]
fn the_reminders_settings_are_checked_together() {
    assert_eq!(faults("MaintenanceReminder", &|_| None), WITHOUT_SETTINGS);
    let one = |name, value| changed("MaintenanceReminder", &[(name, value)]);
    let hours = "REMINDER_SEND_HOURS must be two hours like 6-21, the first before the second, from 0 to 24";
    for (name, value, fault) in [
        ("REMINDER_PROVIDER", "fonnte", "REMINDER_PROVIDER must be starsender or cloud-api"),
        ("REMINDER_FALLBACK_PROVIDER", "starsender", "REMINDER_FALLBACK_PROVIDER is the same as REMINDER_PROVIDER"),
        ("REMINDER_GROUPING", "person", "REMINDER_GROUPING must be vehicle or owner"),
        ("REMINDER_REPEAT", "twice", "REMINDER_REPEAT must be once or daily"),
        ("REMINDER_SEND_HOURS", "21-6", hours),
        ("REMINDER_SEND_HOURS", "6-25", hours),
        ("REMINDER_SEND_HOURS", "6", hours),
        ("REMINDER_PACE_SECONDS", "61", "REMINDER_PACE_SECONDS must be 0 to 60 seconds"),
        ("REMINDER_DAILY_CAP", "0", "REMINDER_DAILY_CAP must be 1 to 100000 messages"),
    ] {
        assert_eq!(one(name, value), [fault], "{name}={value}");
    }
    let wording = one("REMINDER_TEXT", "Bapak {nama}, segera");
    assert_eq!(wording.len(), 1);
    assert!(wording[0].starts_with("REMINDER_TEXT, REMINDER_SERVICE_PHONE:"), "{wording:?}");
    // The text of a follow-up counts where one is sent, its template where the Cloud API sends it.
    let follow_up = |name, value| {
        let days = [("REMINDER_FOLLOW_UP_DAYS", "7"), ("REMINDER_FALLBACK_PROVIDER", "cloud-api"), (name, value)];
        changed("MaintenanceReminder", &[days.as_slice(), &[("WHATSAPP_PHONE_NUMBER_ID", "1")]].concat())
    };
    let missing = "WHATSAPP_FOLLOW_UP_TEMPLATE is missing; REMINDER_FOLLOW_UP_DAYS needs it where the Cloud API sends";
    assert_eq!(
        follow_up("REMINDER_FOLLOW_UP_DAYS", "61"),
        ["REMINDER_FOLLOW_UP_DAYS must be 1 to 60 days, or empty", missing]
    );
    assert_eq!(follow_up("WHATSAPP_FOLLOW_UP_TEMPLATE", ""), [missing]);
    assert_eq!(follow_up("WHATSAPP_FOLLOW_UP_TEMPLATE", "late"), Vec::<String>::new());
    assert_eq!(follow_up("REMINDER_FOLLOW_UP_TEXT", ""), ["REMINDER_FOLLOW_UP_TEXT is missing", missing]);
    let wording = one("REMINDER_TEXT", "Bapak {nama}, segera");
    assert!(wording[0].starts_with("REMINDER_TEXT, REMINDER_SERVICE_PHONE:"), "{wording:?}");
    let grouped = |settings: &[(&str, &str)]| {
        changed("MaintenanceReminder", &[&[("REMINDER_GROUPING", "owner")], settings].concat())
    };
    assert_eq!(grouped(&[]), Vec::<String>::new());
    assert_eq!(grouped(&[("REMINDER_GROUP_TEXT", "")]), ["REMINDER_GROUP_TEXT is missing"]);
    let text = grouped(&[("REMINDER_GROUP_TEXT", "Bapak {nama_pelanggan}")]);
    assert_eq!(text, ["REMINDER_GROUP_TEXT, REMINDER_SERVICE_PHONE: the text lacks {kendaraan}"]);
    let by_cloud = [("REMINDER_PROVIDER", "cloud-api"), ("WHATSAPP_PHONE_NUMBER_ID", "1")];
    let missing = "WHATSAPP_GROUP_TEMPLATE is missing; REMINDER_GROUPING=owner needs it where the Cloud API sends";
    assert_eq!(grouped(&by_cloud), [missing]);
    let endless = [("REMINDER_PACE_SECONDS", "60"), ("REMINDER_DAILY_CAP", "902")];
    let fault = "REMINDER_PACE_SECONDS, REMINDER_DAILY_CAP, REMINDER_SEND_HOURS: 902 messages with 60 seconds between them \
        do not fit into 06:00-21:00";
    assert_eq!(changed("MaintenanceReminder", &endless), [fault]);
    let longest = [("REMINDER_PACE_SECONDS", "60"), ("REMINDER_DAILY_CAP", "901")];
    assert!(changed("MaintenanceReminder", &longest).is_empty());
    assert_eq!(changed("MaintenanceReminder", &[endless.as_slice(), &by_cloud].concat()), Vec::<String>::new());
    let same = [("WHATSAPP_GROUP_TEMPLATE", "maintenance_reminder")];
    let fault = "WHATSAPP_GROUP_TEMPLATE is the same as WHATSAPP_TEMPLATE, which has another text";
    assert_eq!(grouped(&[by_cloud.as_slice(), &same].concat()), [fault]);
    let fault = "WHATSAPP_FOLLOW_UP_TEMPLATE is the same as WHATSAPP_TEMPLATE, which has another text";
    assert_eq!(follow_up("WHATSAPP_FOLLOW_UP_TEMPLATE", "maintenance_reminder"), [fault]);
    // The Cloud API's own settings count where it is used.
    let cloud = [("REMINDER_PROVIDER", "cloud-api"), ("WHATSAPP_PHONE_NUMBER_ID", ""), ("WHATSAPP_TEMPLATE", "")];
    let missing = changed("MaintenanceReminder", &cloud);
    assert_eq!(missing, ["WHATSAPP_PHONE_NUMBER_ID is missing", "WHATSAPP_TEMPLATE is missing"]);
}

#[test]
fn faults_of_different_kinds_are_named_in_one_text() {
    let lookup = |name: &str| match name {
        "ECPAY_ENVIRONMENT" => Some("production".to_owned()),
        "ECPAY_MERCHANT_ID" => Some("2000132".to_owned()),
        "ECPAY_SECRET_ID" => Some("duekeeper/ecpay".to_owned()),
        "ECPAY_APPLY_SIMULATED" => Some("true".to_owned()),
        "DUNNING_RETRY_DAYS" => Some("1,3,9".to_owned()),
        "DUNNING_GRACE_DAYS" => Some("7".to_owned()),
        "DUNNING_EXTRA_GRACE_DAYS" => Some("3".to_owned()),
        "RECEIPTS" => Some("on".to_owned()),
        _ => None,
    };
    let error = ecpay_webhook::Config::parse(&lookup).unwrap_err();
    assert_eq!(
        error.to_string(),
        "configuration: TABLE_NAME is missing; \
         ECPAY_APPLY_SIMULATED cannot be true in production: simulated payments are not money; \
         ECPAY_MERCHANT_ID is a published test merchant, which production refuses; \
         DUNNING_RETRY_DAYS, DUNNING_GRACE_DAYS, DUNNING_EXTRA_GRACE_DAYS: \
         the retry on day 9 can fall after the downgrade, for grace may end on day 7"
    );
}

#[test]
fn a_dunning_policy_that_cannot_be_kept_is_refused_with_the_reason() {
    let all = "DUNNING_RETRY_DAYS, DUNNING_GRACE_DAYS, DUNNING_EXTRA_GRACE_DAYS:";
    let range = "grace must be 3 to 28 days, all extensions included, so that it ends before the next charge";
    let rising = "retry days must rise and begin at day 1 or later";
    let days = "must be whole days";
    let late = "the retry on day 8 can fall after the downgrade, for grace may end on day 7";
    let many = "a charge and 5 retries can fail 6 times, but no retry may follow the fifth failure: ECPay ends an order at the sixth";
    let cases = [
        (["1,3,8", "7", "3"], format!("{all} {late}")),
        (["1,2,3,4,5", "7", "3"], format!("{all} {many}")),
        (["3,1", "7", "3"], format!("{all} {rising}")),
        (["0,1", "7", "3"], format!("{all} {rising}")),
        (["1", "2", "0"], format!("{all} {range}")),
        (["1", "20", "9"], format!("{all} {range}")),
        (["1;3", "7", "3"], format!("DUNNING_RETRY_DAYS {days}")),
        (["1,,3", "7", "3"], format!("DUNNING_RETRY_DAYS {days}")),
        (["1,3,7", "-7", "3"], format!("DUNNING_GRACE_DAYS {days}")),
        (["1,3,7", "7", "3.5"], format!("DUNNING_EXTRA_GRACE_DAYS {days}")),
    ];
    for ([retries, grace, extra], fault) in cases {
        let changes =
            [("DUNNING_RETRY_DAYS", retries), ("DUNNING_GRACE_DAYS", grace), ("DUNNING_EXTRA_GRACE_DAYS", extra)];
        for function in OF_ECPAY {
            assert_eq!(changed(function, &changes), [fault.as_str()], "{function} {changes:?}");
        }
    }
    let tight = [("DUNNING_RETRY_DAYS", "1, 2, 3, 4"), ("DUNNING_GRACE_DAYS", "4"), ("DUNNING_EXTRA_GRACE_DAYS", "24")];
    assert_eq!(changed("EcpayWebhook", &tight), Vec::<String>::new());
}

#[test]
fn what_only_stage_may_do_is_refused_in_production() {
    let production = ("ECPAY_ENVIRONMENT", "production");
    let ours = ("ECPAY_MERCHANT_ID", "3999999");
    for function in OF_ECPAY {
        let simulated = changed(function, &[production, ours, ("ECPAY_APPLY_SIMULATED", "true")]);
        assert_eq!(simulated, ["ECPAY_APPLY_SIMULATED cannot be true in production: simulated payments are not money"]);
        let elsewhere = changed(function, &[production, ours, ("ECPAY_ENDPOINT_URL", "http://127.0.0.1:9")]);
        assert_eq!(elsewhere, ["ECPAY_ENDPOINT_URL cannot be set in production"]);
        for published in ["3002607", "2000132"] {
            let merchant = changed(function, &[production, ("ECPAY_MERCHANT_ID", published)]);
            assert_eq!(merchant, ["ECPAY_MERCHANT_ID is a published test merchant, which production refuses"]);
        }
        assert_eq!(changed(function, &[("ECPAY_APPLY_SIMULATED", "true")]), Vec::<String>::new());
    }
}

#[test]
fn a_malformed_value_is_refused_with_the_rule_and_not_repeated() {
    let url = "must be an https address of at most 160 characters, without query or slash at the end";
    let name_rule = "must be one line of 1 to 60 characters, with none around or within it that shows nothing";
    let long = format!("https://{}.example", "a".repeat(150));
    let table = r#"must be JSON like {"PRO":{"monthly":899,"annual":8999}}"#;
    let cases = [
        ("ECPAY_ENVIRONMENT", "sandbox", "must be stage or production"),
        ("ECPAY_MERCHANT_ID", "12345678901", "a MerchantID is 1 to 10 letters and digits"),
        // A key in the wrong place.
        ("ECPAY_MERCHANT_ID", "pwFHCqoQZGmho4w6", "a MerchantID is 1 to 10 letters and digits"),
        ("ECPAY_APPLY_SIMULATED", "yes", "must be true or false"),
        ("API_BASE_URL", "http://api.duekeeper.example", url),
        // What is sent there holds a key.
        ("ECPAY_ENDPOINT_URL", "http://ecpay.duekeeper.example", url),
        ("STARSENDER_ENDPOINT_URL", "http://starsender.duekeeper.example", url),
        ("WHATSAPP_ENDPOINT_URL", "http://127.0.0.1.duekeeper.example", url),
        ("SLACK_ENDPOINT_URL", "http://127.0.0.1:80@slack.duekeeper.example", url),
        ("API_BASE_URL", "https://api.duekeeper.example/", url),
        ("API_BASE_URL", "https://api.duekeeper.example?stage=1", url),
        ("API_BASE_URL", "https://user@api.duekeeper.example", url),
        ("API_BASE_URL", "https://", url),
        ("FRONTEND_URL", "shop.duekeeper.example", url),
        ("FRONTEND_URL", &long, url),
        ("PLAN_PRICES", "PRO=899", table),
        ("PLAN_PRICES", "{}", table),
        ("PLAN_PRICES", r#"{"PRO":{"monthly":899}}"#, table),
        ("PLAN_PRICES", r#"{"PRO":{"monthly":8.99,"annual":8999}}"#, table),
        ("PLAN_PRICES", r#"{"PRO":{"monthly":899,"annual":8999,"weekly":1}}"#, table),
        ("PLAN_PRICES", r#"{"PRO":{"monthly":0,"annual":8999}}"#, "plan PRO must cost something"),
        ("PLAN_PRICES", r#"{"FREE":{"monthly":1,"annual":1}}"#, "FREE cannot have a price"),
        ("EXEC_TIMES_MONTHLY", "1", "must be 2 to 999 charges"),
        ("EXEC_TIMES_MONTHLY", "1000", "must be 2 to 999 charges"),
        ("EXEC_TIMES_ANNUAL", "100", "must be 2 to 99 charges"),
        ("EXEC_TIMES_ANNUAL", "ninety", "must be 2 to 99 charges"),
        ("MAIL_PER_SECOND", "-1", "must be 1 to 1000 mails"),
        ("MAIL_PER_SECOND", "1001", "must be 1 to 1000 mails"),
        ("MAIL_PER_SECOND", "14.5", "must be 1 to 1000 mails"),
        ("MAIL_CONFIGURATION_SET", "duekeeper mail", "must be 1 to 64 letters, digits, hyphens and underscores"),
        ("MAIL_CONFIGURATION_SET", &long, "must be 1 to 64 letters, digits, hyphens and underscores"),
        ("RECEIPTS", "yes", "must be on or off"),
        ("BUSINESS_NAME", "Moonpine\n", name_rule),
        ("BUSINESS_NAME", "Moon\u{200b}pine", name_rule),
        ("MAIL_SENDER_NAME", &long, name_rule),
        ("MAIL_REPLY_TO", "help", "an email is an address like name@example.com"),
        ("MAIL_SENDER", "billing", "an email is an address like name@example.com"),
        (
            "STAFF_EMAIL",
            "staff@duekeeper.example, boss@duekeeper.example",
            "an email is an address like name@example.com",
        ),
    ];
    for (name, value, rule) in cases {
        let readers: Vec<&str> =
            FUNCTIONS.into_iter().filter(|function| deployed(function).contains_key(name)).collect();
        assert!(!readers.is_empty(), "{name} is in the template");
        for function in readers {
            let found = changed(function, &[(name, value)]);
            assert_eq!(found, [format!("{name} {rule}")], "{function} {name}={value}");
            assert!(!found[0].contains(value), "{}", found[0]);
        }
    }
}
