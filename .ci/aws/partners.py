"""ECPay, StarSender, MMS and Slack as fakes on loopback, and orders as ECPay has them."""

import json
import pathlib
import sys
import time
import urllib.parse

from emulator import SECRETS

from .common import ecpay_time, serve

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "oracle"))

from check_mac_value import check_mac_value  # noqa: E402

ECPAY = SECRETS["duekeeper/ecpay"]
STARSENDER_KEY = SECRETS["duekeeper/reminders"]["starsender_api_key"]
# A bot's token, which goes to SLACK_ENDPOINT_URL; a webhook would name Slack's own host.
MMS_KEY, SLACK_TOKEN = SECRETS["duekeeper/expiry"]["mms_api_key"], SECRETS["duekeeper/expiry"]["slack_bot_token"]


class Outside:
    """ECPay, StarSender, MMS and Slack on one loopback port, each below a path of its own, with what they were sent.

    `delay` is the time in seconds that ECPay takes for an answer."""

    def __init__(self):
        self.orders, self.actions, self.delay = {}, [], 0
        self.whatsapp, self.slack, self.institutions = [], [], []
        self.gwsr = 13500000
        self.url = serve(self.answer)

    def environment(self):
        """The variables that name partners, where a function has them."""
        return {
            "ECPAY_ENDPOINT_URL": f"{self.url}/ecpay", "STARSENDER_ENDPOINT_URL": f"{self.url}/starsender",
            "MMS_BASE_URL": f"{self.url}/mms", "SLACK_ENDPOINT_URL": f"{self.url}/slack",
        }

    def answer(self, method, path, headers, body):
        partner = path.split("/")[1]
        given = {"ecpay": self.ecpay, "starsender": self.starsender, "mms": self.mms, "slack": self.post}.get(partner)
        if method != "POST" or given is None:
            return 404, {}, b""
        kind, text = given(path, headers, body)
        return 200, {"content-type": kind}, text.encode()

    def ecpay(self, path, _, body):
        fields = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)
        order = dict(fields)
        if order.get("CheckMacValue") != check_mac_value(fields):
            return "text/html", "CheckMacValue Error"
        time.sleep(self.delay)
        number = order["MerchantTradeNo"]
        known = self.orders.get(number)
        if path.endswith("/QueryCreditCardPeriodInfo"):
            return "application/json", json.dumps(known.query() if known else {"RtnCode": 10200047})
        self.actions.append((number, order["Action"]))
        if order["Action"] == "Cancel" and known:
            known.running = False
        reply = [("RtnCode", "1" if known else "10200047"), ("RtnMsg", ""), ("MerchantID", order["MerchantID"]),
                 ("MerchantTradeNo", number)]
        return "text/html", "&".join(f"{name}={value}" for name, value in signed(reply))

    def starsender(self, path, headers, body):
        message = json.loads(body)
        if path != "/starsender/api/send" or headers["authorization"] != STARSENDER_KEY:
            return "application/json", json.dumps({"success": False, "message": "Invalid API key"})
        self.whatsapp.append(message)
        return "application/json", json.dumps({"success": True, "data": {}, "message": "Success sent message"})

    def mms(self, _, headers, body):
        if headers["authorization"] != MMS_KEY:
            return "application/json", json.dumps({"status": "failure", "error": {"message": "token not valid"}})
        wanted = json.loads(body)
        begin = (wanted["pageNumber"] - 1) * wanted["pageSize"]
        page = {"pageData": self.institutions[begin:begin + wanted["pageSize"]], "total": len(self.institutions)}
        return "application/json", json.dumps({"status": "success", "data": {"data": page}})

    def post(self, path, headers, body):
        if path != "/slack/api/chat.postMessage" or headers["authorization"] != f"Bearer {SLACK_TOKEN}":
            return "application/json", json.dumps({"ok": False, "error": "invalid_auth"})
        message = json.loads(body)
        self.slack.append(message)
        answer = {"ok": True, "channel": message["channel"], "ts": f"1700000000.{len(self.slack):06}"}
        return "application/json", json.dumps(answer)

    def order(self, number, amount):
        self.orders[number] = Order(self, number, amount)
        return self.orders[number]


def signed(fields, keys=ECPAY):
    return [*fields, ("CheckMacValue", check_mac_value(list(fields), keys["hash_key"], keys["hash_iv"]))]


class Order:
    """A monthly order as ECPay has it: its charges, and the callbacks about them."""

    def __init__(self, outside, number, amount):
        self.outside, self.number, self.amount = outside, number, amount
        self.charges, self.running = [], True

    def charge(self, code, moment):
        self.outside.gwsr += 1
        self.charges.append((code, moment, str(self.outside.gwsr) if code == "1" else ""))

    def paid(self):
        return sum(code == "1" for code, _, _ in self.charges)

    def query(self):
        log = [
            {"RtnCode": int(code), "RtnMsg": "", "amount": self.amount if code == "1" else "", "gwsr": gwsr,
             "process_date": ecpay_time(moment), "TradeNo": f"26{gwsr}" if gwsr else ""}
            for code, moment, gwsr in self.charges
        ]
        return {
            "MerchantID": "3002607", "MerchantTradeNo": self.number, "TradeNo": "2611010000000001", "RtnCode": 1,
            "PeriodType": "M", "Frequency": 1, "ExecTimes": 99, "PeriodAmount": self.amount, "amount": self.amount,
            "gwsr": int(self.charges[0][2] or 0), "process_date": ecpay_time(self.charges[0][1]), "card4no": "2222",
            "TotalSuccessTimes": self.paid(), "TotalSuccessAmount": self.paid() * self.amount,
            "ExecStatus": "1" if self.running else "0", "ExecLog": log,
        }

    def first(self):
        """Fields of the callback about the first charge."""
        code, moment, gwsr = self.charges[0]
        return [
            ("CustomField1", ""), ("MerchantID", "3002607"), ("MerchantTradeNo", self.number),
            ("PaymentDate", ecpay_time(moment)), ("PaymentType", "Credit_CreditCard"), ("PaymentTypeChargeFee", "22"),
            ("RtnCode", code), ("RtnMsg", "交易成功" if code == "1" else "付款失敗"), ("SimulatePaid", "0"), ("StoreID", ""),
            ("TradeAmt", str(self.amount)), ("TradeDate", ecpay_time(moment)), ("TradeNo", "2611010000000001"),
            ("gwsr", gwsr), ("process_date", ecpay_time(moment)), ("auth_code", "777777"), ("amount", str(self.amount)),
            ("card4no", "2222"), ("card6no", "431195"), ("PeriodAmount", str(self.amount)),
            ("TotalSuccessTimes", str(self.paid())), ("TotalSuccessAmount", str(self.paid() * self.amount)),
            ("PeriodType", "M"), ("Frequency", "1"), ("ExecTimes", "99"),
        ]

    def latest(self):
        """Fields of the callback about the latest charge, one after the first."""
        code, moment, gwsr = self.charges[-1]
        return [
            ("MerchantID", "3002607"), ("MerchantTradeNo", self.number), ("StoreID", ""), ("RtnCode", code),
            ("RtnMsg", "交易成功" if code == "1" else "額度不足，請檢查卡片額度或餘額"), ("PeriodType", "M"), ("Frequency", "1"),
            ("ExecTimes", "99"), ("Amount", str(self.amount)), ("gwsr", gwsr), ("ProcessDate", ecpay_time(moment)),
            ("AuthCode", "777777" if code == "1" else ""), ("FirstAuthAmount", str(self.amount)),
            ("TotalSuccessTimes", str(self.paid())), ("CustomField1", ""),
        ]
