//! Wording of the message, and the requests that carry it.

use proptest::prelude::*;
use serde_json::json;
use shared::domain::values::text::{to_ascii, visible};
use shared::domain::values::time::LocalDate;
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::salutation::Salutation;
use shared::domain::workshop::vehicles::PersonName;
use shared::whatsapp::{
    CloudTemplate, GroupReminder, GroupWording, InvalidWording, Provider, Reminder, STARSENDER_SEND_PATH, VehicleVisit,
    Wording, cloud_api_body, cloud_api_group_body, cloud_api_path, starsender_body,
};

const TEXT: &str = "{sapaan} {nama_pelanggan} untuk nomor kendaraan {no_pol} sebentar lagi tiba saat pemeliharaan rutin pada tanggal {next_visit_date}, daftarkan segera melalui nomor pelayanan kami {nomor_pelayanan}";
const SERVICE: &str = "087740659525";

fn with_reminder<T>(name: &str, take: impl FnOnce(&Reminder<'_>) -> T) -> T {
    let (name, plate) = (PersonName::parse(name).unwrap(), Plate::parse("b1234abc").unwrap());
    take(&Reminder {
        name: &name,
        salutation: Salutation::Bapak,
        plate: &plate,
        visit: LocalDate::parse("2025-12-18").unwrap(),
    })
}

#[test]
fn the_documents_example_is_worded_byte_for_byte() {
    let text = with_reminder("Budi Santoso", |reminder| Wording::new(TEXT, SERVICE).unwrap().text(reminder));
    assert_eq!(
        text,
        "Bapak Budi Santoso untuk nomor kendaraan B 1234 ABC sebentar lagi tiba saat pemeliharaan rutin pada tanggal 18-12-2025, daftarkan segera melalui nomor pelayanan kami 087740659525"
    );
}

#[test]
fn braces_in_a_name_stay_braces() {
    let wording =
        Wording::new("{nama_pelanggan}\n{no_pol} {next_visit_date}{nomor_pelayanan}", "+6287740659525").unwrap();
    let text = with_reminder("{no_pol} } Budi {", |reminder| wording.text(reminder));
    assert_eq!(text, "{no_pol} } Budi {\nB 1234 ABC 18-12-2025+6287740659525");
}

#[test]
fn a_text_that_cannot_be_filled_in_is_refused_with_what_is_wrong() {
    use InvalidWording::*;
    let needed = "{no_pol} {next_visit_date}";
    let known = "{sapaan}, {nama_pelanggan}, {no_pol}, {next_visit_date} and {nomor_pelayanan}";
    let unknown = |name: &str| UnknownPlaceholder { name: name.to_owned(), known };
    for (text, fault) in [
        ("", Empty),
        (" \n", Empty),
        ("halo {next_visit_date}", Missing("no_pol")),
        ("halo {no_pol}", Missing("next_visit_date")),
        (&format!("{needed} {{plat}}"), unknown("plat")),
        (&format!("{needed} {{}}"), unknown("")),
        (&format!("{needed} {{ no_pol }}"), unknown(" no_pol ")),
        (&format!("{needed} {{{{no_pol}}}}"), UnbalancedBraces),
        (&format!("{needed} {{"), UnbalancedBraces),
        (&format!("{needed} }}"), UnbalancedBraces),
        (&format!("}}{needed}"), UnbalancedBraces),
        (&format!("{needed}\t"), ControlCharacter),
        (&format!("{needed}\r\n"), ControlCharacter),
        (&format!("{needed}{}", "é".repeat(975)), TooLong),
    ] {
        assert_eq!(Wording::new(text, SERVICE), Err(fault), "{text:?}");
    }
    assert!(Wording::new(&format!("{needed}{}", "é".repeat(974)), SERVICE).is_ok());
    let unknown = Wording::new("{no_pol} {next_visit_date} {plat}", SERVICE).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "the text has {plat}; known are {sapaan}, {nama_pelanggan}, {no_pol}, {next_visit_date} and {nomor_pelayanan}"
    );
}

#[test]
fn a_service_phone_is_8_to_15_digits() {
    let taken = |phone: &str| Wording::new(TEXT, phone) != Err(InvalidWording::ServicePhone);
    for good in ["12345678", "+6287740659525", "123456789012345"] {
        assert!(taken(good), "{good}");
    }
    for bad in ["", "+", "1234567", "1234567890123456", "0877-40659525", "++6287740659525", "08774065952٥", "{no_pol}"]
    {
        assert!(!taken(bad), "{bad}");
    }
}

#[test]
fn a_starsender_request_has_a_delay_only_if_one_is_configured() {
    let to = Phone::parse("08551234567").unwrap();
    let plain = json!({ "messageType": "text", "to": "628551234567", "body": "halo" });
    assert_eq!(starsender_body(&to, "halo", 0), plain);
    assert_eq!(starsender_body(&to, "halo", 7)["delay"], 7);
    assert_eq!(STARSENDER_SEND_PATH, "/api/send");
}

#[test]
fn the_cloud_api_is_asked_for_a_template_with_name_plate_and_date() {
    let to = Phone::parse("08551234567").unwrap();
    let template =
        CloudTemplate { name: "maintenance_reminder".to_owned(), language: "id".to_owned(), has_salutation: false };
    let body = with_reminder("Budi     Santoso", |reminder| cloud_api_body(&to, &template, reminder));
    assert_eq!(
        body,
        json!({
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": "628551234567", "type": "template",
            "template": {
                "name": "maintenance_reminder", "language": { "code": "id" },
                "components": [{ "type": "body", "parameters": [
                    { "type": "text", "text": "Budi Santoso" },
                    { "type": "text", "text": "B 1234 ABC" },
                    { "type": "text", "text": "18-12-2025" },
                ] }],
            },
        })
    );
    let addressed = CloudTemplate { has_salutation: true, ..template };
    for (name, wanted) in [("Budi  Santoso", "Bapak Budi Santoso"), ("Ibu Sari", "Ibu Sari"), ("PT Maju", "PT Maju")] {
        let body = with_reminder(name, |reminder| cloud_api_body(&to, &addressed, reminder));
        assert_eq!(body["template"]["components"][0]["parameters"][0]["text"], wanted);
    }
    assert_eq!(cloud_api_path("106540352242922"), "/v26.0/106540352242922/messages");
}

/// A message about two vehicles of one owner.
fn with_group<T>(name: &str, take: impl FnOnce(&GroupReminder<'_>) -> T) -> T {
    let (name, plates) =
        (PersonName::parse(name).unwrap(), ["b1234abc", "d5xy"].map(|plate| Plate::parse(plate).unwrap()));
    let [first, second] = ["2025-12-17", "2025-12-18"].map(|day| LocalDate::parse(day).unwrap());
    let vehicles =
        vec![VehicleVisit { plate: &plates[0], visit: first }, VehicleVisit { plate: &plates[1], visit: second }];
    take(&GroupReminder { name: &name, salutation: Salutation::Bapak, vehicles })
}

#[test]
fn a_message_about_several_vehicles_has_a_line_for_each() {
    let wording =
        GroupWording::new("{sapaan} {nama_pelanggan}:\n{kendaraan}\nTelp. {nomor_pelayanan}", SERVICE).unwrap();
    let text = with_group("Budi {kendaraan}", |group| wording.text(group));
    assert_eq!(text, "Bapak Budi {kendaraan}:\n- B 1234 ABC: 17-12-2025\n- D 5 XY: 18-12-2025\nTelp. 087740659525");
    for (text, fault) in [
        ("{sapaan}", "the text lacks {kendaraan}"),
        (
            "{kendaraan} {no_pol}",
            "the text has {no_pol}; known are {sapaan}, {nama_pelanggan}, {kendaraan} and {nomor_pelayanan}",
        ),
    ] {
        assert_eq!(GroupWording::new(text, SERVICE).unwrap_err().to_string(), fault);
    }
    let to = Phone::parse("08551234567").unwrap();
    let template = CloudTemplate { name: "group".to_owned(), language: "id".to_owned(), has_salutation: true };
    let body = with_group("PT Maju", |group| cloud_api_group_body(&to, &template, group));
    assert_eq!(
        body["template"]["components"][0]["parameters"],
        json!([{ "type": "text", "text": "PT Maju" }, { "type": "text", "text": "B 1234 ABC: 17-12-2025, D 5 XY: 18-12-2025" }])
    );
}

#[test]
fn a_provider_is_known_by_its_name() {
    for (provider, name) in [(Provider::StarSender, "starsender"), (Provider::CloudApi, "cloud-api")] {
        assert_eq!((provider.name(), Provider::of_name(name)), (name, Some(provider)));
    }
    assert_eq!(Provider::of_name("fonnte"), None);
}

/// Fragments of texts, and arbitrary ones.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "{no_pol}",
        "{sapaan}",
        "{next_visit_date}",
        "{nama_pelanggan}",
        "{nomor_pelayanan}",
        "{",
        "}",
        "{x}",
        " ",
        "halo",
        "\n",
    ];
    prop_oneof![6 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(crate::cases(3_000))]

    #[test]
    fn a_text_that_is_taken_says_which_vehicle_and_when(pieces in proptest::collection::vec(piece(), 0..8), name in any::<String>()) {
        let text = pieces.concat();
        let (Ok(wording), Ok(name)) = (Wording::new(&text, SERVICE), PersonName::parse(&name)) else { return Ok(()) };
        let said = with_reminder(name.as_str(), |reminder| wording.text(reminder));
        prop_assert!(said.contains("B 1234 ABC") && said.contains("18-12-2025"));
        let is_addressed = said.contains(name.as_str());
        let names = text.contains("{nama_pelanggan}");
        prop_assert!(is_addressed || !names);
    }

    #[test]
    fn a_plate_and_a_name_that_are_taken_are_read_back_as_they_are(text in prop_oneof!["[A-Za-z]{1,2}[ .-]?[0-9]{1,4}[ .-]?[A-Za-z]{0,3}", any::<String>()]) {
        if let Ok(plate) = Plate::parse(&text) {
            let again = Plate::parse(plate.as_str()).unwrap();
            prop_assert_eq!(&again, &plate);
            let signs = |text: &str| {
                text.chars().map(to_ascii).filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
            };
            prop_assert_eq!(signs(&text), signs(plate.as_str()));
        }
        if let Ok(name) = PersonName::parse(&text) {
            let visible = visible(&text);
            prop_assert_eq!(name.as_str(), visible.trim());
        }
    }
}
