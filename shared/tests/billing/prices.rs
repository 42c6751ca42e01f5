//! Plans, price table and policy.

use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::plan::{BillingCycle, InvalidPriceTable, PlanId, PriceTable};
use shared::domain::values::money::{NotAnAmount, Twd};

#[test]
fn an_amount_is_read_and_shown_in_whole_dollars() {
    assert_eq!((Twd::new(899).dollars(), Twd::ZERO.dollars()), (899, 0));
    assert_eq!(Twd::new(899).to_string(), "NT$899");
    assert_eq!(Twd::parse("4294967295"), Ok(Twd::new(u32::MAX)));
    for bad in ["", "1a", "-1", "+1", "4294967296"] {
        assert_eq!(Twd::parse(bad), Err(NotAnAmount), "{bad:?}");
    }
}

#[test]
fn a_table_sells_its_plans_by_month_and_by_year() {
    let table = PriceTable::parse(
        r#"{"PRO":{"monthly":899,"annual":8999},"A_1":{"monthly":1,"annual":2},"ABCDEFGHIJKLMNOPQRST":{"monthly":3,"annual":4}}"#,
    )
    .unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), ["ABCDEFGHIJKLMNOPQRST", "A_1", "PRO"]);
    let (plan, price) = table.find("PRO", BillingCycle::Monthly).unwrap();
    assert_eq!((plan.as_str(), plan.to_string().as_str(), price.dollars()), ("PRO", "PRO", 899));
    assert_eq!(table.find("PRO", BillingCycle::Annual).map(|(_, price)| price.dollars()), Some(8999));
    assert_eq!(table.find("FREE", BillingCycle::Monthly), None);
    assert_eq!((plan.is_free(), PlanId::free().is_free(), PlanId::free().as_str()), (false, true, "FREE"));
    assert_eq!((BillingCycle::Monthly.months(), BillingCycle::Annual.months()), (1, 12));
    assert_eq!((BillingCycle::Monthly.period_type(), BillingCycle::Annual.period_type()), ("M", "Y"));
}

#[test]
fn a_table_that_cannot_be_sold_from_is_refused() {
    let priced = |name: &str, monthly: u32, annual: u32| {
        PriceTable::parse(&format!(r#"{{"{name}":{{"monthly":{monthly},"annual":{annual}}}}}"#)).map(|_| ())
    };
    assert_eq!(priced("FREE", 1, 1), Err(InvalidPriceTable::FreeIsNotSold));
    assert_eq!(priced("PRO", 0, 1), Err(InvalidPriceTable::NoPrice("PRO".to_owned())));
    assert_eq!(priced("PRO", 1, 0), Err(InvalidPriceTable::NoPrice("PRO".to_owned())));
    for name in ["", "pro", "A B", "A-B", "Ä", "ABCDEFGHIJKLMNOPQRSTU"] {
        assert_eq!(priced(name, 1, 1), Err(InvalidPriceTable::BadName(name.to_owned())));
    }
    assert_eq!(PriceTable::parse("{}"), Err(InvalidPriceTable::NotATable));
    assert_eq!(priced("P_2", 1, 1), Ok(()));
}

#[test]
fn grace_is_lengthened_once_by_the_days_of_the_policy() {
    let policy = DunningPolicy::new(&[2, 5], 6, 4).unwrap();
    assert_eq!(policy.retry_days().collect::<Vec<_>>(), [2, 5]);
    assert_eq!([0, 1, 2, 3, 9].map(|attempts| policy.grace_days(attempts)), [6, 6, 10, 10, 10]);
    // The limits themselves are accepted.
    assert!(DunningPolicy::new(&[1, 2, 3], 3, 25).is_ok());
    assert!(DunningPolicy::new(&[], 28, 0).is_ok());
    assert!(DunningPolicy::new(&[28], 28, 0).is_ok());
    assert!(DunningPolicy::new(&[], 28, 1).is_err());
    assert!(DunningPolicy::new(&[], 2, 26).is_err());
    assert!(DunningPolicy::new(&[1, 2, 3, 4], 4, 0).is_ok());
    assert!(DunningPolicy::new(&[1, 2, 3, 4, 5], 5, 0).is_err());
}
