#!/usr/bin/env python3
"""An independent CheckMacValue (ECPay, SHA-256) and a generator of test bodies.

It exists to contradict implementations in other languages: the bodies below can
be generated again anywhere, and the MACs of every block of 100 are compared by
one digest.

    check_mac_value.py            100 lines "<block> <sha256 hex>"
    check_mac_value.py --check    verify the known vectors; exit status 0 or 1
    check_mac_value.py --dump N   body N: fields as JSON (in generated order), MAC
    check_mac_value.py --vectors  signed fields, one JSON object a line: the known
                                  vectors, corners of the rule, the first 30 bodies
                                  (kept as shared/tests/ecpay/vectors.jsonl)

The rule
  1. leave out the field named exactly "CheckMacValue"; keep empty values;
  2. sort by name with A-Z folded to a-z, compared byte by byte; stable;
  3. "HashKey=" key "&" name "=" value "&" ... "&HashIV=" iv;
  4. encode the UTF-8 bytes of that whole text: letters, digits and -_.!*() stay,
     a space becomes "+", every other byte "%" and two hex digits;
  5. lower-case everything, SHA-256, upper-case hex.

The generator
  x is an unsigned 64-bit number, 20260101 at the very start. There is one stream:
  it is not restarted between bodies. A draw next(n) first steps
      x = (x * 6364136223846793005 + 1442695040888963407) mod 2^64
  and then gives (x >> 33) mod n.

  For each body, number 0 to 9999, the draws are in this order:
      count = 1 + next(18)
      for index = 0 .. count - 1:
          length = 1 + next(12)
          the name's characters: length times NAME[next(63)]
          while the name, its ASCII letters lower-cased, equals the likewise
          lower-cased name of an earlier field of this body: append the decimal
          index to the name (no draw)
          size = next(25)
          the value's characters: size times VALUE[next(110)]

  NAME  = "A".."Z", "a".."z", "0".."9", "_"                       (63 characters)
  VALUE = U+0020 .. U+007E in order                               (95 code points)
          then 中文訂閱額度不足綠界繁體 (12), U+FF0C full-width comma,
          U+1F600 emoji, U+00E9 e with acute                      (110 in all)

  Keys: HashKey pwFHCqoQZGmho4w6, HashIV EkRm7iFT261dpevs (public stage keys).
  Block b has bodies 100 b .. 100 b + 99; its digest is the lower-case hex SHA-256
  of their 100 MACs (64 ASCII characters each) joined without anything between.
"""

import hashlib
import json
import sys

KEY, IV = "pwFHCqoQZGmho4w6", "EkRm7iFT261dpevs"
BODIES, BLOCK = 10_000, 100

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAME = LETTERS + LETTERS.lower() + "0123456789_"
VALUE = "".join(map(chr, range(0x20, 0x7F))) + "中文訂閱額度不足綠界繁體" + "\uff0c\U0001f600\u00e9"
PLAIN = frozenset((LETTERS + LETTERS.lower() + "0123456789-_.!*()").encode())
FOLD = str.maketrans(LETTERS, LETTERS.lower())


def encode(text):
    out = []
    for byte in text.encode("utf-8"):
        if byte in PLAIN:
            out.append(chr(byte))
        elif byte == 0x20:
            out.append("+")
        else:
            out.append("%%%02x" % byte)
    return "".join(out).translate(FOLD)


def check_mac_value(fields, key=KEY, iv=IV):
    """fields: a list of (name, value)."""
    kept = [pair for pair in fields if pair[0] != "CheckMacValue"]
    kept.sort(key=lambda pair: pair[0].translate(FOLD).encode("utf-8"))
    middle = "".join("&%s=%s" % pair for pair in kept)
    text = "HashKey=%s%s&HashIV=%s" % (key, middle, iv)
    return hashlib.sha256(encode(text).encode("ascii")).hexdigest().upper()


class Draws:
    def __init__(self):
        self.x = 20260101

    def next(self, n):
        self.x = (self.x * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.x >> 33) % n


def body(draws):
    fields, used = [], set()
    for index in range(1 + draws.next(18)):
        name = "".join(NAME[draws.next(63)] for _ in range(1 + draws.next(12)))
        while name.translate(FOLD) in used:
            name += str(index)
        used.add(name.translate(FOLD))
        fields.append((name, "".join(VALUE[draws.next(110)] for _ in range(draws.next(25)))))
    return fields


def bodies():
    draws = Draws()
    for _ in range(BODIES):
        yield body(draws)


PERIODIC = {
    "MerchantID": "3002607", "MerchantTradeNo": "SUB20250101A0001", "StoreID": "",
    "RtnCode": "1", "RtnMsg": "交易成功", "PeriodType": "M", "Frequency": "1",
    "ExecTimes": "999", "Amount": "899", "gwsr": "13401070",
    "ProcessDate": "2025/02/01 03:05:06", "AuthCode": "777777",
    "FirstAuthAmount": "899", "TotalSuccessTimes": "2", "CustomField1": "PRO",
    "CustomField2": "monthly", "CustomField3": "", "CustomField4": "",
}
CAPITAL = {("Gwsr" if name == "gwsr" else name): value for name, value in PERIODIC.items()}
REQUEST = {"MerchantID": "3002607", "MerchantTradeNo": "SUB20250101A0001", "TimeStamp": "1738350306"}
ODD = "a b+c~d'e!f*g(h)i-j_k.l%m&n=o/p:q#r@s"
VECTORS = [
    ({"TradeDesc": "促銷方案", "PaymentType": "aio", "MerchantTradeDate": "2023/03/12 15:30:23",
      "MerchantTradeNo": "ecpay20230312153023", "MerchantID": "3002607",
      "ReturnURL": "https://www.ecpay.com.tw/receive.php", "ItemName": "Apple iphone 15",
      "TotalAmount": "30000", "ChoosePayment": "ALL", "EncryptType": "1"},
     "6C51C9E6888DE861FD62FB1DD17029FC742634498FD813DC43D4243B5685B840"),
    ({"MerchantID": "3002607", "MerchantTradeNo": "WPLL4E341E122DB44D62",
      "PaymentDate": "2019/05/09 00:01:21", "PaymentType": "Credit_CreditCard",
      "PaymentTypeChargeFee": "1", "RtnCode": "1", "RtnMsg": "交易成功", "SimulatePaid": "0",
      "TradeAmt": "500", "TradeDate": "2019/05/09 00:00:18", "TradeNo": "1905090000188278"},
     "6E7F053EF215FC851A050A2FF01D72CBE440EA138DC3E905647985DDF236FD25"),
    (PERIODIC, "6EE48A68FD1473398F5671D1BDAA31571338727CD22DB3B5E8DAD2C115AE345A"),
    (CAPITAL, "6EE48A68FD1473398F5671D1BDAA31571338727CD22DB3B5E8DAD2C115AE345A"),
    (PERIODIC | {"RtnCode": "10100252", "RtnMsg": "額度不足，請檢查卡片額度或餘額", "gwsr": "",
                 "AuthCode": "", "TotalSuccessTimes": "1"},
     "63C72E33FE6869AC4271025E34124A8D754D4BB85EF4E9D66CA054B3757C9296"),
    (PERIODIC | {"SimulatePaid": "1"},
     "7EBB42946EC0DC930F7953C6303EEE3B3E99DB6793D6FB2D8D315D971D55E78F"),
    (PERIODIC | {"CustomField1": ODD},
     "15F5847C9D53619F26245F2F5F80D41E21B50A74474C2AAD0F5299D0B966FF6D"),
    (REQUEST | {"Action": "ReAuth"},
     "D705398855C981457478002B7CA2B41947276D784FC3BB82A59571D0812276ED"),
    (REQUEST | {"Action": "Cancel"},
     "F5123C2329DEF11699EB1C484EE1D9C979A10F673AA9E20579C5FD4CF009D55B"),
    (REQUEST, "016983297670FC21D2ADFE8C02E182CF3E4BB35FE5730F37672739BF0AD4EE7F"),
]


def check():
    wrong = 0
    if encode(ODD) != "a+b%2bc%7ed%27e!f*g(h)i-j_k.l%25m%26n%3do%2fp%3aq%23r%40s":
        print("golden line: wrong", file=sys.stderr)
        wrong += 1
    for number, (fields, expected) in enumerate(VECTORS, 1):
        if check_mac_value(list(fields.items())) != expected:
            print("vector %d: wrong" % number, file=sys.stderr)
            wrong += 1
    print("%d passed, %d failed" % (len(VECTORS) + 1 - wrong, wrong))
    return 1 if wrong else 0


ALL_ASCII = "".join(map(chr, range(0x80)))
CORNERS = [
    [],
    [("CheckMacValue", "left out")],
    [("checkmacvalue", "not left out"), ("A", "1")],
    [("a", "1"), ("B", "2"), ("C", "3")],
    [("Aa", "first"), ("aA", "second")],
    [("aA", "second"), ("Aa", "first")],
    [("A_b", "1"), ("Aab", "2"), ("AB", "3"), ("A", "4"), ("A0", "5")],
    [("All", ALL_ASCII)],
    [("Blank", " "), ("Empty", ""), ("Plus", "+"), ("Percent", "%20")],
    [("A", "1&B=2")],
    [("A", "1"), ("B", "2")],
    [("Text", "\u4e2d\uff0c\U0001f600\u00e9\u0130")],
]
OTHER_KEYS = [("5294y06JbISpM5x9", "v77hoKGq4kWxNNIS"), ("a key&=+/%", "An IV~!*()'")]


def vectors():
    cases = [(list(fields.items()), KEY, IV) for fields, _ in VECTORS]
    cases += [(fields, KEY, IV) for fields in CORNERS]
    cases += [(list(PERIODIC.items()), key, iv) for key, iv in OTHER_KEYS]
    cases += [(fields, KEY, IV) for fields, _ in zip(bodies(), range(30))]
    for fields, key, iv in cases:
        signed = {"key": key, "iv": iv, "fields": fields, "mac": check_mac_value(fields, key, iv)}
        print(json.dumps(signed, ensure_ascii=False))
    return 0


def main(arguments):
    if arguments == ["--check"]:
        return check()
    if arguments == ["--vectors"]:
        return vectors()
    if len(arguments) == 2 and arguments[0] == "--dump" and arguments[1].isdigit():
        wanted = int(arguments[1])
        for number, fields in enumerate(bodies()):
            if number == wanted:
                print(json.dumps(fields, ensure_ascii=False))
                print(check_mac_value(fields))
                return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    macs = [check_mac_value(fields) for fields in bodies()]
    for block in range(BODIES // BLOCK):
        joined = "".join(macs[block * BLOCK:(block + 1) * BLOCK])
        print(block, hashlib.sha256(joined.encode("ascii")).hexdigest())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
