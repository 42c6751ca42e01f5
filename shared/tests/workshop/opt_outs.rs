//! Wishes of persons: the words of a reply, and the order in which replies arrive.

use proptest::prelude::*;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::opt_out::{OptOut, StatedWish, Wish, WishOrigin};
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::replies::wish;

use crate::cases;

fn phone() -> Phone {
    Phone::try_from("628551234567".to_owned()).unwrap()
}

/// A reply in a second after noon.
fn reply(wish: Wish, second: i64, id: Option<usize>) -> StatedWish {
    let at = Timestamp::parse("2025-12-16T12:00:00Z").unwrap().plus_seconds(second);
    StatedWish { wish, at, origin: WishOrigin::Reply { message: id.map(|id| format!("id-{id}")) } }
}

fn by_staff(wish: Wish, second: i64) -> StatedWish {
    StatedWish { origin: WishOrigin::Staff { by: "desk".to_owned(), why: None }, ..reply(wish, second, None) }
}

fn after(wishes: &[StatedWish]) -> Option<OptOut> {
    wishes.iter().fold(None, |known, wish| wish.applied(&phone(), known.as_ref()).or(known))
}

#[test]
fn the_words_stand_alone_or_with_courtesies() {
    for text in [
        "STOP",
        "stop",
        " Stop. ",
        "\"STOP\"",
        "*stop*",
        "STOP!!!",
        "🙏 stop 🙏",
        "S\u{200b}TOP",
        "ＳＴＯＰ",
        "stop\nstop",
        "Berhenti",
        "BERHENTI ya pak",
        "Tolong berhenti, terima kasih",
        "unsubscribe",
        "Please unsubscribe",
        "Stop pengingat",
        "stop promosi",
    ] {
        assert_eq!(wish(text), Some(Wish::Stop), "{text}");
    }
    for text in ["START", "start", "Start ya kak", "mohon start"] {
        assert_eq!(wish(text), Some(Wish::Start), "{text}");
    }
    for text in [
        "",
        "  ",
        "ok",
        "Mobil saya berhenti di jalan",
        "jangan berhenti",
        "STOPPED",
        "restart",
        "start stop",
        "Berapa biaya servis?",
        "don't stop",
        "non stop service",
        "stop di bengkel jam 9",
        "1",
    ] {
        assert_eq!(wish(text), None, "{text}");
    }
    assert_eq!(wish(&"stop ".repeat(100)), None);
}

#[test]
fn a_wish_is_stored_once_and_ends_by_the_opposite_one() {
    let stop = reply(Wish::Stop, 0, Some(1));
    let open = after(std::slice::from_ref(&stop)).unwrap();
    assert!(open.is_open());
    assert_eq!(stop.applied(&phone(), Some(&open)), None, "delivered again");
    let ended = reply(Wish::Start, 5, Some(2)).applied(&phone(), Some(&open)).unwrap();
    assert!(!ended.is_open() && ended.has_been_open());
    assert_eq!(stop.applied(&phone(), Some(&ended)), None, "delivered again after the opposite");
    assert_eq!(ended.previous, Some(stop));
    // In the same second, as where a clock stands still: each message counts once.
    let same_second = [reply(Wish::Stop, 0, Some(1)), reply(Wish::Start, 0, Some(2)), reply(Wish::Stop, 0, Some(1))];
    assert!(!after(&same_second).unwrap().is_open());
    assert_eq!(after(&[by_staff(Wish::Start, 0)]), None, "nothing to end");
    assert!(!after(&[reply(Wish::Start, 0, None)]).unwrap().has_been_open());
    let delayed = [reply(Wish::Stop, 0, Some(1)), by_staff(Wish::Stop, 60), reply(Wish::Start, 30, Some(2))];
    assert!(after(&delayed).unwrap().is_open());
    // Staff act now, whatever a reply says.
    assert!(!after(&[reply(Wish::Stop, 60, Some(1)), by_staff(Wish::Start, 0)]).unwrap().is_open());
    assert!(
        !after(&[reply(Wish::Stop, 0, Some(1)), by_staff(Wish::Start, 60), reply(Wish::Stop, 30, Some(2))])
            .unwrap()
            .is_open()
    );
}

#[test]
fn erasure_leaves_the_wish_and_no_person() {
    let why = Some("Budi asked".to_owned());
    let staff = StatedWish { origin: WishOrigin::Staff { by: "desk".to_owned(), why }, ..reply(Wish::Stop, 0, None) };
    let left = after(&[staff]).unwrap().anonymous();
    assert!(left.is_open());
    let text = serde_json::to_string(&left).unwrap();
    assert!(!text.contains("Budi") && !text.contains("628551234567"), "{text}");
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn in_any_order_and_however_often_the_wish_that_was_stated_last_counts(
        stops in proptest::collection::vec(any::<bool>(), 1..8),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..24),
        has_ids in any::<bool>(),
    ) {
        let stated: Vec<StatedWish> = stops.iter().enumerate().map(|(place, stops)| {
            let wish = if *stops { Wish::Stop } else { Wish::Start };
            reply(wish, i64::try_from(place).unwrap(), has_ids.then_some(place))
        }).collect();
        // Each arrives at least once: in a shuffled order, then once more from the last to the first.
        let shuffled = order.iter().map(|index| index.get(&stated).clone());
        let arrived: Vec<StatedWish> = shuffled.chain(stated.iter().rev().cloned()).collect();
        prop_assert_eq!(after(&arrived).unwrap().is_open(), *stops.last().unwrap());
    }
}
