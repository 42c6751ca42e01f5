//! Dates in ECPay's notation: `yyyy/MM/dd HH:mm:ss`, Taipei time without an offset.

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Asia::Taipei;

use crate::domain::values::time::Timestamp;

const FORMAT: &str = "%Y/%m/%d %H:%M:%S";

/// Rejection of a text as a date in ECPay's notation.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("ECPay's dates are written like 2025/02/01 03:05:06")]
pub struct NotAnEcpayDate;

/// Reads a date in ECPay's notation.
///
/// # Errors
/// [`NotAnEcpayDate`], also for dates and hours that do not exist.
pub fn parse(text: &str) -> Result<Timestamp, NotAnEcpayDate> {
    let local = NaiveDateTime::parse_from_str(text, FORMAT).map_err(|_| NotAnEcpayDate)?;
    // chrono also accepts missing zeros and surrounding blanks, which ECPay never sends.
    if local.format(FORMAT).to_string() != text {
        return Err(NotAnEcpayDate);
    }
    let instant = Taipei.from_local_datetime(&local).earliest().ok_or(NotAnEcpayDate)?;
    Ok(Timestamp::new(instant.to_utc()))
}

/// Writes a date in ECPay's notation.
#[must_use]
pub fn format(at: Timestamp) -> String {
    at.utc().with_timezone(&Taipei).format(FORMAT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::values::time::Zone;

    #[test]
    fn ecpay_dates_are_taipei_time_and_nothing_but_their_format() {
        let instant = parse("2025/02/01 03:05:06").unwrap();
        assert_eq!(instant.to_string(), "2025-01-31T19:05:06Z");
        assert_eq!(format(instant), "2025/02/01 03:05:06");
        assert_eq!(instant.day(Zone::Taipei).to_string(), "2025-02-01");
        for bad in [
            "",
            "2025/2/1 3:5:6",
            "2025/02/30 00:00:00",
            "2025-02-01 03:05:06",
            "2025/02/01 24:00:00",
            " 2025/02/01 03:05:06",
        ] {
            assert_eq!(parse(bad), Err(NotAnEcpayDate), "{bad:?}");
        }
    }
}
