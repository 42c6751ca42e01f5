//! ECPay's keys are changed while callbacks come: none that ECPay signed is refused, none is taken under keys whose time
//! is over.

use futures::future::join_all;
use sandbox::ecpay::{Fields, check_mac_value, form_body};

use testing::support::random::Random;
use testing::support::{Reply, Sandbox, period, scale};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";

type Keys = (&'static str, &'static str);

const OLD: Keys = ("pwFHCqoQZGmho4w6", "EkRm7iFT261dpevs");
const NEW: Keys = ("inventedHashKey2", "inventedHashIV02");
const NEWEST: Keys = ("inventedHashKey3", "inventedHashIV03");
const STRANGE: Keys = ("inventedHashKey9", "inventedHashIV09");

/// An order and the reports that ECPay could send about it.
struct Stream {
    sandbox: Sandbox,
    order: String,
    last: u32,
}

impl Stream {
    async fn begin(user: &str) -> Self {
        let sandbox = Sandbox::at(BEGIN).await;
        let order = sandbox.subscribe(user, "monthly").await;
        Self { sandbox, order, last: 1 }
    }

    /// A report that was never sent, signed with `keys`.
    fn next(&mut self, keys: Keys) -> Vec<u8> {
        self.last += 1;
        let (number, order) = (self.last, &self.order);
        // Failures, of which an order may have any number.
        let date = format!("2025/01/15 {:02}:{:02}:{:02}", number / 3_600, number / 60 % 60, number % 60);
        signed_with(period(order, "10100252", &date, "1", &(14_000_000 + number).to_string()), keys)
    }

    /// Its answer to one report more.
    async fn send(&mut self, keys: Keys) -> Reply {
        let body = self.next(keys);
        self.sandbox.callback("ecpay-billing", body).await
    }

    fn seconds_later(&self, seconds: i64) {
        self.sandbox.world.leap(self.sandbox.world.now() + chrono::TimeDelta::seconds(seconds));
    }

    fn rotate(&self, (key, iv): Keys) {
        self.sandbox.world.rotate_ecpay_keys(key, iv);
    }

    async fn payments(&self) -> usize {
        self.sandbox.account(&self.order).await["payments"].as_array().unwrap().len()
    }
}

fn signed_with(mut fields: Fields, (key, iv): Keys) -> Vec<u8> {
    let digest = check_mac_value(&fields, key, iv);
    fields.push(("CheckMacValue".to_owned(), digest));
    form_body(&fields)
}

fn is_refused(reply: &Reply) -> bool {
    reply.status == 400 && reply.body == "0|CheckMacValue Error"
}

#[tokio::test]
async fn the_first_callback_under_new_keys_is_taken_though_the_old_ones_were_just_read() {
    let mut stream = Stream::begin("rotation-first").await;
    stream.seconds_later(400);
    assert_eq!(stream.send(OLD).await, Reply::ok());
    stream.rotate(NEW);
    stream.seconds_later(1);
    assert_eq!(stream.send(NEW).await, Reply::ok());
    assert_eq!(stream.send(OLD).await, Reply::ok());
    assert_eq!(stream.payments().await, 4);
}

#[tokio::test]
async fn callbacks_of_both_keys_at_once_are_all_taken_over_every_refresh() {
    let mut random = Random::new(20_250_115);
    let mut stream = Stream::begin("rotation-load").await;
    let rounds = scale::count(400);
    let mut sent = 1;
    for round in 0..rounds {
        // The keys change in the middle; before that ECPay has only the old ones.
        if round == rounds / 2 {
            stream.rotate(NEW);
        }
        let known: &[Keys] = if round < rounds / 2 { &[OLD] } else { &[OLD, NEW] };
        let bodies: Vec<Vec<u8>> = (0..1 + random.below(6)).map(|_| stream.next(*random.pick(known))).collect();
        sent += bodies.len();
        let sandbox = &stream.sandbox;
        let replies = join_all(bodies.into_iter().map(|body| sandbox.callback("ecpay-billing", body))).await;
        assert!(replies.iter().all(|reply| *reply == Reply::ok()), "round {round}: {replies:?}");
        stream.seconds_later([1, 29, 61, 299, 300, 301][random.below(6)]);
    }
    assert_eq!(stream.payments().await, sent);
}

#[tokio::test]
async fn the_old_keys_are_taken_for_48_hours_and_not_a_second_longer() {
    let mut stream = Stream::begin("rotation-window").await;
    stream.rotate(NEW);
    stream.seconds_later(48 * 3_600 - 1);
    assert_eq!(stream.send(OLD).await, Reply::ok());
    assert_eq!(stream.send(NEW).await, Reply::ok());
    stream.sandbox.forget_calls().await;
    stream.seconds_later(1);
    // The instance still holds the keys that it read a second ago.
    assert_eq!(stream.send(NEW).await, Reply::ok());
    assert_eq!(stream.sandbox.calls("secretsmanager").await.len(), 0);
    let late = stream.send(OLD).await;
    assert!(is_refused(&late), "{late:?}");
    stream.seconds_later(400);
    let later = stream.send(OLD).await;
    assert!(is_refused(&later), "{later:?}");
    assert_eq!(stream.payments().await, 4);
}

#[tokio::test]
async fn of_keys_that_were_changed_twice_the_oldest_are_refused() {
    let mut stream = Stream::begin("rotation-twice").await;
    stream.rotate(NEW);
    stream.seconds_later(3_600);
    assert_eq!(stream.send(NEW).await, Reply::ok());
    stream.rotate(NEWEST);
    stream.seconds_later(1);
    assert_eq!(stream.send(NEWEST).await, Reply::ok());
    assert_eq!(stream.send(NEW).await, Reply::ok());
    let oldest = stream.send(OLD).await;
    assert!(is_refused(&oldest), "{oldest:?}");
    assert_eq!(stream.payments().await, 4);
}

#[tokio::test]
async fn forgeries_have_the_keys_read_again_twice_a_minute_at_most() {
    let mut stream = Stream::begin("rotation-forged").await;
    stream.seconds_later(1);
    stream.sandbox.forget_calls().await;
    for _ in 0..60 {
        for _ in 0..3 {
            let forged = stream.send(STRANGE).await;
            assert!(is_refused(&forged), "{forged:?}");
        }
        stream.seconds_later(1);
    }
    // Each time AWSCURRENT and AWSPREVIOUS.
    assert_eq!(stream.sandbox.calls("secretsmanager").await.get("GetSecretValue"), Some(&4));
    let calls = stream.sandbox.calls("dynamodb").await;
    assert_eq!(calls.into_iter().collect::<Vec<_>>(), [("UpdateItem".to_owned(), 60)]);
    assert_eq!(stream.send(OLD).await, Reply::ok());
}
