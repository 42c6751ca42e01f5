//! A business's own texts and logo: shown and sent in place of the defaults, and refused at the start where they are broken.

use std::fs;

use testing::support::Sandbox;

use super::outbox::{BEGIN, failing};
use crate::platform::configuration::changed;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and invented pixels";

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_mail_has_the_text_and_the_logo_of_the_business() {
    let own = "付款沒有成功\r\n\r\n{{plan}} 沒有成功扣款 {{amount}}。\r\n{% if retries == \"true\" %}\r\n會再試一次。\r\n{% endif %}\r\n\r\n[[ 換卡 ]]\r\n";
    let files = folder(&[
        ("customer/zh-TW/first-payment-failure.txt", own.as_bytes()),
        ("logo.png", PNG),
        ("README.md", b"for people"),
    ]);
    let sandbox = Sandbox::with(BEGIN, &[("MAIL_TEMPLATES", files.path().to_str().unwrap())]).await;
    let shown = sandbox.get("/api/mail-templates/first-payment-failure/preview").await;
    assert_eq!(shown["subject"], "付款沒有成功");
    assert!(shown["text"].as_str().unwrap().contains("PRO 沒有成功扣款 NT$899。\n會再試一次。\n\n換卡: "), "{shown}");
    assert!(shown["html"].as_str().unwrap().contains("src=\"data:image/png;base64,iVBORw0KGgo"), "{shown}");
    // Others are as they were.
    let receipt = sandbox.get("/api/mail-templates/receipt/preview").await;
    assert_eq!(receipt["subject"], "付款收據 - Payment Receipt");
    failing(&sandbox, "mei").await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    let mail = sandbox.mails("mei@customer.example").await.remove(0);
    // The card was stolen, so that no retry follows.
    assert_eq!(mail["subject"], "付款沒有成功");
    assert!(!mail["body"].as_str().unwrap().contains("會再試一次"), "{mail}");
    assert!(mail["html"].as_str().unwrap().contains("<img src=\"cid:logo\" alt=\"月松 Moonpine\""), "{mail}");
    assert_eq!(mail["attachments"], serde_json::json!(["logo.png"]));
}

#[test]
fn a_broken_file_refuses_the_start_by_its_name_and_line() {
    let receipt = "customer/en/receipt.txt";
    let cases: [(&str, &[u8], &str); 14] = [
        (receipt, b"Thanks\n\nHello,\n\n{% if plan %}\n\n[[ View ]]\n", "customer/en/receipt.txt, line "),
        (
            receipt,
            b"Thanks\n\nHello {{name}},\n\n[[ View ]]\n",
            "customer/en/receipt.txt, line 3: the mail has no variable name",
        ),
        (receipt, b"Thanks\n\nHello {{plan | shout}},\n\n[[ View ]]\n", "customer/en/receipt.txt, line 3: "),
        (
            receipt,
            b"Thanks\n\nHello,\n",
            "customer/en/receipt.txt, line 1: template receipt: the text needs exactly one",
        ),
        (
            receipt,
            b"Thanks\n\n[[ One ]]\n\n[[ Two ]]\n",
            "customer/en/receipt.txt, line 3: template receipt: the text needs exactly",
        ),
        (receipt, b"Thanks\nHello\n\n[[ View ]]\n", "customer/en/receipt.txt, line 1: needs a subject"),
        (receipt, b"Thanks\n\nHello\n\xff\n\n[[ View ]]\n", "customer/en/receipt.txt, line 4: is not UTF-8"),
        // Another mail has it, this one has not.
        (
            receipt,
            b"Thanks\n\nHello,\nuntil {{grace_ends_at}}\n\n[[ View ]]\n",
            "customer/en/receipt.txt, line 4: the mail has no variable grace_ends_at",
        ),
        // Only after a hard decline.
        (
            "customer/en/advice.txt",
            b"{% if hard_decline == \"true\" %}\n{{plan | shout}}\n{% endif %}\nCheck.\n",
            "customer/en/advice.txt, line 2: ",
        ),
        ("customer/layout.html", b"<p>{{subject}}\n{{colour}}</p>", "customer/layout.html, line 2: "),
        ("customer/zh-TW/advice.txt", b"{{what}}\n", "customer/zh-TW/advice.txt, line 1: "),
        ("staff/refund-due.txt", b"Refund\n\n{{amount}}\n{{customer}}\n", "staff/refund-due.txt, line 4: "),
        (
            "customer/id/receipt.txt",
            b"Terima kasih\n\n[[ Lihat ]]\n",
            "customer/id/receipt.txt, line 1: replaces no template",
        ),
        ("logo.png", b"GIF89a", "logo.png, line 1: must be a PNG of at most 100 KB"),
    ];
    for (name, content, fault) in cases {
        let files = folder(&[(name, content)]);
        for function in ["SubscriptionMaintenance", "AdminApi"] {
            let faults = changed(function, &[("MAIL_TEMPLATES", files.path().to_str().unwrap())]);
            let [found] = &faults[..] else { panic!("{name}: {faults:?}") };
            assert!(found.starts_with(&format!("MAIL_TEMPLATES: mail template {fault}")), "{found}");
        }
    }
}

#[test]
fn a_folder_that_is_not_there_is_a_fault() {
    let faults = changed("AdminApi", &[("MAIL_TEMPLATES", "/nowhere/at/all")]);
    assert_eq!(faults, ["MAIL_TEMPLATES: the folder cannot be read: entity not found"]);
}

#[test]
fn the_folder_that_is_deployed_has_no_fault() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../layers/mail/mail-templates");
    assert_eq!(changed("AdminApi", &[("MAIL_TEMPLATES", folder)]), Vec::<String>::new());
}
