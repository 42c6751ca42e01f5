//! Number plates in the notations that identify the same vehicle.

use shared::domain::workshop::plate::{InvalidPlate, Plate};

#[test]
fn a_plate_is_the_same_however_its_groups_are_parted() {
    for (text, plate) in [
        ("B 1234 ABC", "B 1234 ABC"),
        ("B1234ABC", "B 1234 ABC"),
        ("b 1234 abc", "B 1234 ABC"),
        ("  b-1234.abc ", "B 1234 ABC"),
        ("B\u{a0}1234\u{200b} ABC", "B 1234 ABC"),
        ("B 12 34 ABC", "B 1234 ABC"),
        ("AB-12-CD", "AB 12 CD"),
        ("RI 1", "RI 1"),
        ("1A", "1 A"),
        ("ABCDEF123456", "ABCDEF 123456"),
    ] {
        let read = Plate::parse(text).unwrap();
        assert_eq!(read.as_str(), plate, "{text:?}");
        assert_eq!(Plate::parse(read.as_str()), Ok(read));
    }
}

#[test]
fn what_lacks_letters_or_digits_or_has_other_signs_is_no_plate() {
    for text in ["", " ", "B", "1234", "ABC", "B 1234 ÄBC", "B/1234", "B_1234", "B\n1234", "ABCDEF1234567", "Ｂ1234"]
    {
        assert_eq!(Plate::parse(text), Err(InvalidPlate), "{text:?}");
    }
    assert_eq!(format!("{:?}", Plate::parse("B 1234 ABC").unwrap()), "Plate(***)");
}
