//! Salutations: the word before a name, and texts without one.

use proptest::prelude::*;
use shared::domain::values::time::LocalDate;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::salutation::Salutation;
use shared::domain::workshop::vehicles::PersonName;
use shared::whatsapp::{Reminder, Wording};

const END: &str = " {no_pol} {next_visit_date}";

/// The message of a text before plate and date.
fn said(text: &str, name: &str, salutation: Salutation) -> String {
    let (name, plate) = (PersonName::parse(name).unwrap(), Plate::parse("B 1234 ABC").unwrap());
    let visit = LocalDate::parse("2025-12-18").unwrap();
    let wording = Wording::new(&format!("{text}{END}"), "087740659525").unwrap();
    let said = wording.text(&Reminder { name: &name, salutation, plate: &plate, visit });
    said.strip_suffix("B 1234 ABC 18-12-2025").unwrap().trim_end_matches(' ').to_owned()
}

#[test]
fn a_name_is_addressed_once() {
    for (name, bapak, ibu, none) in [
        ("Budi Santoso", "Bapak Budi Santoso", "Ibu Budi Santoso", "Budi Santoso"),
        ("Ibu Sari Dewi", "Ibu Sari Dewi", "Ibu Sari Dewi", "Ibu Sari Dewi"),
        ("Bapak Budi", "Bapak Budi", "Bapak Budi", "Bapak Budi"),
        ("BPK. BUDI", "BPK. BUDI", "BPK. BUDI", "BPK. BUDI"),
        ("Bpk.Budi", "Bpk.Budi", "Bpk.Budi", "Bpk.Budi"),
        ("pak budi", "pak budi", "pak budi", "pak budi"),
        ("Hj. Siti", "Hj. Siti", "Hj. Siti", "Hj. Siti"),
        ("H. Budi", "Bapak H. Budi", "Ibu H. Budi", "H. Budi"),
        ("dr. Sari", "Bapak dr. Sari", "Ibu dr. Sari", "dr. Sari"),
        ("PT Maju Jaya", "PT Maju Jaya", "PT Maju Jaya", "PT Maju Jaya"),
        ("P.T. Maju Jaya", "P.T. Maju Jaya", "P.T. Maju Jaya", "P.T. Maju Jaya"),
        ("PT.Maju Jaya", "PT.Maju Jaya", "PT.Maju Jaya", "PT.Maju Jaya"),
        ("Maju Jaya, PT", "Maju Jaya, PT", "Maju Jaya, PT", "Maju Jaya, PT"),
        ("CV Abadi", "CV Abadi", "CV Abadi", "CV Abadi"),
        // Names that only begin like a salutation or a company.
        ("Ibunda", "Bapak Ibunda", "Ibu Ibunda", "Ibunda"),
        ("Buana Putra", "Bapak Buana Putra", "Ibu Buana Putra", "Buana Putra"),
        ("Putri", "Bapak Putri", "Ibu Putri", "Putri"),
        ("Cvetana", "Bapak Cvetana", "Ibu Cvetana", "Cvetana"),
    ] {
        for (salutation, expected) in [(Salutation::Bapak, bapak), (Salutation::Ibu, ibu), (Salutation::None, none)] {
            assert_eq!(said("{sapaan} {nama_pelanggan}", name, salutation), expected, "{name} {salutation:?}");
            assert_eq!(salutation.with_name(name), expected);
        }
    }
}

#[test]
fn a_text_without_salutation_has_no_gap() {
    for (text, expected) in [
        ("Yth. {sapaan} {nama_pelanggan},", "Yth. Budi,"),
        ("Halo {sapaan}, apa kabar", "Halo, apa kabar"),
        ("{sapaan} {nama_pelanggan} dan {sapaan} sekalian", "Budi dan sekalian"),
        ("Halo {sapaan}\nmobil", "Halo\nmobil"),
        ("Halo\n{sapaan} {nama_pelanggan}", "Halo\nBudi"),
        ("({sapaan} {nama_pelanggan})", "(Budi)"),
        ("a  b {sapaan} c", "a  b c"),
    ] {
        assert_eq!(said(text, "Budi", Salutation::None), expected, "{text}");
    }
}

#[test]
fn a_cell_of_a_list_is_read_as_it_is_written() {
    for salutation in Salutation::ALL {
        assert_eq!(Salutation::of_list(salutation.in_lists()), Some(salutation));
    }
    for (cell, salutation) in [
        ("BAPAK", Some(Salutation::Bapak)),
        ("Bpk.", Some(Salutation::Bapak)),
        ("Pak", Some(Salutation::Bapak)),
        ("Mr", Some(Salutation::Bapak)),
        ("ibu", Some(Salutation::Ibu)),
        ("Ny.", Some(Salutation::Ibu)),
        ("Mrs.", Some(Salutation::Ibu)),
        ("Tanpa", Some(Salutation::None)),
        ("Manager", None),
        ("Budi", None),
        ("", None),
    ] {
        assert_eq!(Salutation::of_list(cell), salutation, "{cell}");
    }
}

proptest! {
    #![proptest_config(crate::cases(2_000))]

    #[test]
    fn a_salutation_or_company_of_the_name_stands_alone(
        first in proptest::sample::select(vec!["Ibu", "IBU", "bu", "Bu.", "Bapak", "bapak", "Pak", "Bpk.", "PT", "PT.", "P.T.", "CV", "cv.", "UD", "Toko", "Hj."]),
        rest in "[A-Z][a-z]{2,8}( [A-Z][a-z]{2,8}){0,2}",
    ) {
        let name = format!("{first} {rest}");
        for salutation in Salutation::ALL {
            prop_assert_eq!(salutation.with_name(&name), name.as_str());
        }
    }

    #[test]
    fn any_other_name_follows_its_salutation_and_no_gap_is_left(
        words in proptest::collection::vec("Q[a-z]{2,8}", 1..4),
        before in "[a-z]{0,5}",
        after in "[a-z]{0,5}",
    ) {
        let name = words.join(" ");
        let text = format!("{before} {{sapaan}} {{nama_pelanggan}} {after}");
        for (salutation, word) in [(Salutation::Bapak, "Bapak "), (Salutation::Ibu, "Ibu "), (Salutation::None, "")] {
            let said = said(&text, &name, salutation);
            let expected = format!("{before} {word}{name} {after}");
            prop_assert_eq!(said.trim(), expected.trim());
        }
    }
}
