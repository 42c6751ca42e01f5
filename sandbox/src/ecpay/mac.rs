//! CheckMacValue: the signature on every form that passes between ECPay and a merchant.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::form::{Fields, MAC_FIELD};

/// Characters that .NET's `HttpUtility.UrlEncode`, which ECPay signs with, does not encode.
const DOTNET: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'!').remove(b'*').remove(b'(').remove(b')');

/// The SHA-256 CheckMacValue of the fields; one called `CheckMacValue` is left out.
pub fn check_mac_value(fields: &Fields, hash_key: &str, hash_iv: &str) -> String {
    let mut signed: Vec<(String, &str, &str)> = fields
        .iter()
        .filter(|(name, _)| name != MAC_FIELD)
        .map(|(name, value)| (name.to_ascii_lowercase(), name.as_str(), value.as_str()))
        .collect();
    signed.sort_by(|left, right| left.0.cmp(&right.0));
    let mut text = format!("HashKey={hash_key}");
    for (_, name, value) in signed {
        text.push('&');
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text.push_str("&HashIV=");
    text.push_str(hash_iv);
    hex(&Sha256::digest(encoded(&text)))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, DOTNET).to_string().replace("%20", "+").to_ascii_lowercase()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "pwFHCqoQZGmho4w6";
    const IV: &str = "EkRm7iFT261dpevs";
    const ODD: &str = "a b+c~d'e!f*g(h)i-j_k.l%m&n=o/p:q#r@s";

    fn mac(fields: &[(&str, &str)]) -> String {
        let fields: Fields = fields.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        check_mac_value(&fields, KEY, IV)
    }

    fn periodic(changed: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("MerchantID", "3002607"),
            ("MerchantTradeNo", "SUB20250101A0001"),
            ("StoreID", ""),
            ("RtnCode", "1"),
            ("RtnMsg", "交易成功"),
            ("PeriodType", "M"),
            ("Frequency", "1"),
            ("ExecTimes", "999"),
            ("Amount", "899"),
            ("gwsr", "13401070"),
            ("ProcessDate", "2025/02/01 03:05:06"),
            ("AuthCode", "777777"),
            ("FirstAuthAmount", "899"),
            ("TotalSuccessTimes", "2"),
            ("CustomField1", "PRO"),
            ("CustomField2", "monthly"),
            ("CustomField3", ""),
            ("CustomField4", ""),
        ];
        for (name, value) in changed {
            fields.retain(|(kept, _)| kept != name);
            fields.push((name, value));
        }
        mac(&fields)
    }

    #[test]
    fn the_encoding_is_that_of_the_golden_line() {
        assert_eq!(encoded(ODD), "a+b%2bc%7ed%27e!f*g(h)i-j_k.l%25m%26n%3do%2fp%3aq%23r%40s");
    }

    #[test]
    fn the_published_samples_are_reproduced() {
        let order = mac(&[
            ("TradeDesc", "促銷方案"),
            ("PaymentType", "aio"),
            ("MerchantTradeDate", "2023/03/12 15:30:23"),
            ("MerchantTradeNo", "ecpay20230312153023"),
            ("MerchantID", "3002607"),
            ("ReturnURL", "https://www.ecpay.com.tw/receive.php"),
            ("ItemName", "Apple iphone 15"),
            ("TotalAmount", "30000"),
            ("ChoosePayment", "ALL"),
            ("EncryptType", "1"),
        ]);
        assert_eq!(order, "6C51C9E6888DE861FD62FB1DD17029FC742634498FD813DC43D4243B5685B840");
        let callback = mac(&[
            ("MerchantID", "3002607"),
            ("MerchantTradeNo", "WPLL4E341E122DB44D62"),
            ("PaymentDate", "2019/05/09 00:01:21"),
            ("PaymentType", "Credit_CreditCard"),
            ("PaymentTypeChargeFee", "1"),
            ("RtnCode", "1"),
            ("RtnMsg", "交易成功"),
            ("SimulatePaid", "0"),
            ("TradeAmt", "500"),
            ("TradeDate", "2019/05/09 00:00:18"),
            ("TradeNo", "1905090000188278"),
        ]);
        assert_eq!(callback, "6E7F053EF215FC851A050A2FF01D72CBE440EA138DC3E905647985DDF236FD25");
    }

    #[test]
    fn periodic_notices_are_signed_like_the_vectors() {
        assert_eq!(periodic(&[]), "6EE48A68FD1473398F5671D1BDAA31571338727CD22DB3B5E8DAD2C115AE345A");
        let failed = periodic(&[
            ("RtnCode", "10100252"),
            ("RtnMsg", "額度不足，請檢查卡片額度或餘額"),
            ("gwsr", ""),
            ("AuthCode", ""),
            ("TotalSuccessTimes", "1"),
        ]);
        assert_eq!(failed, "63C72E33FE6869AC4271025E34124A8D754D4BB85EF4E9D66CA054B3757C9296");
        assert_eq!(
            periodic(&[("SimulatePaid", "1")]),
            "7EBB42946EC0DC930F7953C6303EEE3B3E99DB6793D6FB2D8D315D971D55E78F"
        );
        assert_eq!(
            periodic(&[("CustomField1", ODD)]),
            "15F5847C9D53619F26245F2F5F80D41E21B50A74474C2AAD0F5299D0B966FF6D"
        );
    }

    #[test]
    fn requests_are_signed_like_the_vectors() {
        let ids = [("MerchantID", "3002607"), ("MerchantTradeNo", "SUB20250101A0001"), ("TimeStamp", "1738350306")];
        let with = |action| mac(&[ids.as_slice(), &[("Action", action)]].concat());
        assert_eq!(with("ReAuth"), "D705398855C981457478002B7CA2B41947276D784FC3BB82A59571D0812276ED");
        assert_eq!(with("Cancel"), "F5123C2329DEF11699EB1C484EE1D9C979A10F673AA9E20579C5FD4CF009D55B");
        assert_eq!(mac(&ids), "016983297670FC21D2ADFE8C02E182CF3E4BB35FE5730F37672739BF0AD4EE7F");
    }

    /// The draws that check_mac_value.py describes.
    struct Draws(u64);

    impl Draws {
        fn next(&mut self, n: u64) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((self.0 >> 33) % n).unwrap()
        }

        fn text(&mut self, length: usize, alphabet: &[char]) -> String {
            let n = u64::try_from(alphabet.len()).unwrap();
            (0..length).map(|_| alphabet[self.next(n)]).collect()
        }

        fn body(&mut self) -> Fields {
            let names: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['_']).collect();
            let values: Vec<char> = (' '..='~').chain("中文訂閱額度不足綠界繁體，😀é".chars()).collect();
            let mut fields = Fields::new();
            for index in 0..=self.next(18) {
                let length = 1 + self.next(12);
                let mut name = self.text(length, &names);
                while fields.iter().any(|(n, _)| n.eq_ignore_ascii_case(&name)) {
                    name.push_str(&index.to_string());
                }
                let size = self.next(25);
                fields.push((name, self.text(size, &values)));
            }
            fields
        }
    }

    #[test]
    fn generated_bodies_are_signed_as_the_python_oracle_signs_them() {
        let mut draws = Draws(20_260_101);
        let digests: Vec<String> = (0..100)
            .map(|_| {
                let macs: String = (0..100).map(|_| check_mac_value(&draws.body(), KEY, IV)).collect();
                hex(&Sha256::digest(macs)).to_ascii_lowercase()
            })
            .collect();
        assert_eq!(digests.first().unwrap(), "e91112afc8b435f9d00be92139926665e241211e09a8687f66e9c6dd68c20469");
        assert_eq!(digests.last().unwrap(), "503faac41f54a6996bb99f7ae8d1d3bcdab76f89e418131efd2b19f7349fdd33");
    }
}
