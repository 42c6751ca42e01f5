"""The scenarios of .ci/moto: the real bootstraps on moto, looked at from outside.

moto is a second AWS, which was written without regard to the first emulator of the gate and to the project's sandbox: what
the functions take for granted of AWS, and what the sandbox's author took for granted as well, shows here."""

import datetime
import json
import pathlib
import sys

from aws.actions import FAILED, FAILURE_MAIL, RECEIPT_MAIL, RESTORED_MAIL, account, adopt, create, institution, mails, run
from aws.common import JAKARTA, TAIPEI, Fault, check, days, now, part, until_the_next_second, utc
from aws.functions import app_token
from aws.partners import ECPAY, check_mac_value, signed
from aws.stack import play, stack

APP = app_token("customers reminders institutions")


def first_callback(stack, release):
    """An order is made and paid: its form is signed, the first callback makes it active, and a repeat changes nothing"""
    made = create(release, "moto-first")
    form = made["form_data"]
    check("the CheckMacValue of the order's form", form["CheckMacValue"], check_mac_value(list(form.items())))
    check("the order's form", part(form, "MerchantID", "TotalAmount", "PeriodAmount", "PeriodType"),
          {"MerchantID": "3002607", "TotalAmount": "899", "PeriodAmount": "899", "PeriodType": "M"})
    number = made["subscription_id"]
    check("the state of the order that is not paid", account(release, number)["status"], "pending")
    order = stack.outside.order(number, 899)
    order.charge("1", now())
    check("the answer to the first callback", release.callback(order.first()), (200, "1|OK"))
    first, stored = account(release, number), stack.table.partition(f"SUB#{number}")
    check("the paid order", part(first, "status", "plan_id", "amount_twd"),
          {"status": "active", "plan_id": "PRO", "amount_twd": 899})
    check("its payments", [part(payment, "outcome", "number", "amount_twd", "gwsr") for payment in first["payments"]],
          [{"outcome": "succeeded", "number": 1, "amount_twd": 899, "gwsr": order.charges[0][2]}])
    check("the answer to a repeat", release.callback(order.first()), (200, "1|OK"))
    check("the order after a repeat", account(release, number), first)
    check("the order's items after a repeat", stack.table.partition(f"SUB#{number}"), stored)
    forged = [(name, "1" if name == "TradeAmt" else value) for name, value in signed(order.first())]
    check("the answer to a forged callback", release.form(order.first(), forged), (400, "0|CheckMacValue Error"))
    check("the order after a forged callback", account(release, number), first)


def matches(pattern, value):
    """Lambda's filter of events, as far as the template uses it."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(name in value and matches(inner, value[name]) for name, inner in pattern.items())
    return any(value.startswith(one["prefix"]) if isinstance(one, dict) else value == one for one in pattern)


def stored_messages(stack, release):
    """The table's stream has the order's mail and events go out at once: Lambda's filter lets just these records through"""
    order = stack.outside.order(create(release, "moto-stream")["subscription_id"], 899)
    order.charge("1", now())
    check("the answer to the first callback", release.callback(order.first()), (200, "1|OK"))
    mapping = stack.template.properties("SubscriptionMaintenance")["Events"]["StoredMessages"]["Properties"]
    patterns = [json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]
    records = [one for one in stack.table.records() if any(matches(pattern, one) for pattern in patterns)]
    stored = sorted(one["dynamodb"]["Keys"]["sk"]["S"].split("#")[0] for one in records)
    check("the records that pass the filter", stored, ["EVENT", "EVENT", "EVENT", "NOTICE"])
    check("the mails before", mails(stack, "moto-stream@customer.example"), [])
    answer = release.invoke("SubscriptionMaintenance", {"Records": records})
    check("the answer to the records", answer, {"batchItemFailures": []})
    check("the mails in SES", mails(stack, "moto-stream@customer.example"), [RECEIPT_MAIL])
    release.invoke("SubscriptionMaintenance", {"Records": records})
    check("the mails after the same records", mails(stack, "moto-stream@customer.example"), [RECEIPT_MAIL])
    check("the mails and events that wait", stack.table.queue("send-mail"), [])


def failed_charge(stack, release):
    """A failed charge makes the order past_due and sends one mail through SES; one retry by staff, requested twice, is paid"""
    address = "moto-failure@customer.example"
    order = adopt(stack, release, "DKMOTOFAILURE0000001", "moto-failure")
    # ECPay's clock is a minute ahead: what failed before the adoption would not be retried.
    at = now() + datetime.timedelta(minutes=1)
    order.charge(FAILED, at)
    check("the answer to the failure", release.callback(order.latest()), (200, "1|OK"))
    failing = account(release, order.number)
    check("the order after the failure", part(failing, "status", "plan_id", "grace_period_ends_at"),
          {"status": "past_due", "plan_id": "PRO", "grace_period_ends_at": utc(at + days(7))})
    check("its next action", part(failing["next_action"], "kind", "at"), {"kind": "retry", "at": utc(at + days(1))})
    run(release, "send-mail")
    check("the mails in SES", mails(stack, address), [FAILURE_MAIL])
    html = next(html for to, _, html in stack.moto.mails() if to == address)
    ends = (at + days(7)).astimezone(TAIPEI).strftime("%Y-%m-%d %H:%M")
    for text in (f"寬限期至 {ends}（台北時間）", "NT$899", order.number, "https://api.dev.duekeeper.example/portal/"):
        if text not in html:
            raise Fault(f"the mail about the failure does not have '{text}'")
    run(release, "send-mail", now() + datetime.timedelta(seconds=1))
    check("the mails after another run", mails(stack, address), [FAILURE_MAIL])
    asked = len(stack.outside.actions)
    body = {"why": "the customer raised the card's limit"}
    retried = release.call("POST", f"/api/subscriptions/{order.number}/retry", body, key="moto-retry-1")
    check("the answer to a retry", (retried["outcome"], retried["subscription"]["retry"]["state"]), ("asked", "accepted"))
    release.call("POST", f"/api/subscriptions/{order.number}/retry", body, key="moto-retry-1")
    check("what ECPay was asked", stack.outside.actions[asked:], [(order.number, "ReAuth")])
    order.charge("1", at + datetime.timedelta(minutes=1))
    check("the answer to the success", release.callback(order.latest()), (200, "1|OK"))
    paid = account(release, order.number)
    check("the order after the success", part(paid, "status", "plan_id", "grace_period_ends_at"),
          {"status": "active", "plan_id": "PRO", "grace_period_ends_at": None})
    check("its payments", [payment["outcome"] for payment in paid["payments"]], ["succeeded", "failed", "succeeded"])
    check("its history", [entry["rule"] for entry in paid["history"]],
          ["order-created", "first-charge-paid", "order-adopted", "grace-began", "retry-requested", "retry-accepted",
           "arrears-paid"])


def end_of_grace(stack, release):
    """A grace period that ends unpaid leaves the plan FREE; a payment after that brings the plan back"""
    order = adopt(stack, release, "DKMOTOGRACE000000001", "moto-grace")
    at = now() + datetime.timedelta(minutes=1)
    order.charge(FAILED, at)
    check("the answer to the failure", release.callback(order.latest()), (200, "1|OK"))
    run(release, "send-mail")
    asked = len(stack.outside.actions)
    # The days of the policy's retries; a day after the last one its result is not waited for any longer.
    for day in (1, 3, 7, 8.1, 8.6):
        run(release, ["resume", "end-grace", "reconcile", "retry", "cancel"], at + days(day))
    check("what ECPay was asked", stack.outside.actions[asked:], [(order.number, "ReAuth")] * 3)
    ended = account(release, order.number)
    check("the order after the grace period", part(ended, "status", "plan_id", "ordered_plan_id", "downgrade_reason"),
          {"status": "active", "plan_id": "FREE", "ordered_plan_id": "PRO", "downgrade_reason": "payment_failure"})
    status = release.call("GET", "/api/webhooks/subscription-status/moto-grace")
    check("the customer's plan as the app reads it", status["live_orders"], [{"id": order.number, "plan_id": "FREE"}])
    # Mails go out by the time of the clock, so the one about the downgrade waits.
    check("the customer's mails", [part(notice, "kind", "state") for notice in ended["notices"]],
          [{"kind": "first-payment-failure", "state": "sent"}, {"kind": "downgraded", "state": "queued"}])
    order.charge("1", at + datetime.timedelta(minutes=1))
    check("the answer to the success", release.callback(order.latest()), (200, "1|OK"))
    check("the order after the success", part(account(release, order.number), "status", "plan_id"),
          {"status": "active", "plan_id": "PRO"})
    run(release, "send-mail", now() + datetime.timedelta(seconds=2))
    check("the mails in SES", mails(stack, "moto-grace@customer.example"), [FAILURE_MAIL, RESTORED_MAIL])


def quarantine(stack, release):
    """A wrong amount and an unknown order are quarantined and listed; the order's adoption replays its report"""
    number = create(release, "moto-quarantine")["subscription_id"]
    wrong = stack.outside.order(number, 1)
    wrong.charge("1", now())
    check("the answer to a wrong amount", release.callback(wrong.first()), (200, "1|OK"))
    check("the order", part(account(release, number), "status", "payments"), {"status": "pending", "payments": []})
    unknown = stack.outside.order("DKMOTOUNKNOWN0000001", 899)
    unknown.charge("1", now() - days(2))
    check("the answer about an unknown order", release.callback(unknown.first()), (200, "1|OK"))
    check("its repeat", release.callback(unknown.first()), (200, "1|OK"))
    listed = release.call("GET", "/quarantine")["quarantine"]
    check("the quarantine", sorted((report["reason"], report["merchant_trade_no"], report["state"]) for report in listed),
          [("unknown_order", unknown.number, "open"), ("wrong_amount", number, "open")])
    wanted = {"user_id": "moto-unknown", "email": "moto-unknown@customer.example", "plan_id": "PRO",
              "billing_cycle": "monthly", "merchant_trade_no": unknown.number}
    release.call("POST", "/api/subscriptions/adopt", wanted, 201)
    resolved = release.call("GET", f"/quarantine?subscription={unknown.number}&state=all")["quarantine"]
    check("the report of the adopted order", [report["state"] for report in resolved], ["resolved"])
    check("its payments", [part(payment, "outcome", "number") for payment in account(release, unknown.number)["payments"]],
          [{"outcome": "succeeded", "number": 1}])


def pause_and_resume(stack, release):
    """Staff pause and resume an order; a key repeats nothing, and another request under it is refused"""
    order = adopt(stack, release, "DKMOTOPAUSE000000001", "moto-pause")
    order.charge(FAILED, now() + datetime.timedelta(minutes=1))
    check("the answer to the failure", release.callback(order.latest()), (200, "1|OK"))
    path, body = f"/api/subscriptions/{order.number}/pause", {"days": 10, "why": "the customer asked for time"}
    paused = release.call("POST", path, body, key="moto-pause-1")
    check("the paused order", (paused["next_action"]["kind"], paused["next_action"]["at"]), ("resume", paused["paused_until"]))
    check("the same request", release.call("POST", path, body, key="moto-pause-1"), paused)
    refused = release.call("POST", path, body | {"days": 11}, 409, key="moto-pause-1")
    check("another request under the key", refused["error"]["code"], "key_reused")
    resumed = release.call("POST", f"/api/subscriptions/{order.number}/resume", {"why": "the card was renewed"})
    check("the resumed order", (resumed["paused_until"], resumed["next_action"]["kind"]), (None, "retry"))
    check("its history", [(entry["rule"], entry["by"], entry["why"]) for entry in resumed["history"][-2:]],
          [("dunning-paused", "staff:support", "the customer asked for time"),
           ("dunning-resumed", "staff:support", "the card was renewed")])


def bounce(stack, release):
    """A bounce that SES reports blocks the address, is shown at the order, and tells staff by mail"""
    number = "DKMOTOFAILURE0000001"
    notice = next(notice for notice in account(release, number)["notices"] if notice["kind"] == "first-payment-failure")
    at = utc(now())
    event = json.loads((pathlib.Path(__file__).parent.parent / "events/subscription-maintenance/bounce.json").read_text())
    mail = event["detail"]["mail"]
    mail["destination"] = ["moto-failure@customer.example"]
    mail["tags"]["ses:configuration-set"] = [stack.template.reference("MailConfigurationSet")]
    mail["tags"]["notice"] = [notice["id"].replace(".", "/").encode().hex()]
    event["detail"]["bounce"]["timestamp"] = at
    check("the answer to the bounce", release.invoke("SubscriptionMaintenance", event),
          {"feedback": "permanent_bounce", "outcome": "recorded"})
    reported = {"kind": "permanent_bounce", "sub_type": "NoEmail", "status": "5.1.1", "at": at}
    known = account(release, number)
    check("the block of the address", known["mail_block"], reported)
    check("the mail that bounced", [other["feedback"] for other in known["notices"] if other["id"] == notice["id"]], [reported])
    run(release, "send-mail", now() + datetime.timedelta(seconds=3))
    check("the last mail to staff", mails(stack, stack.template.parameters["StaffEmail"])[-1],
          f"No more mail to the customer: order {number}")


def views(stack, release):
    """Health, statistics, search, the payments of a month and an export show what was done"""
    number = release.call("GET", "/api/webhooks/subscription-status/moto-first")["subscription"]["id"]
    health = release.call("GET", "/api/webhooks/health")
    check("the health", (health["status"], part(health["callbacks_24h"], "applied", "quarantined")),
          ("healthy", {"applied": 6, "quarantined": 2}))
    kinds = release.call("GET", "/api/webhooks/webhook-stats?hours=1")["webhook_types"]
    check("the statistics", {kind: part(counts, "total", "success", "failed", "refused") for kind, counts in kinds.items()},
          {"auth_callback": {"total": 3, "success": 1, "failed": 2, "refused": 1},
           "billing_callback": {"total": 5, "success": 5, "failed": 0, "refused": 0}})
    found = release.call("GET", "/search?q=moto-first@customer.example")["subscriptions"]
    check("the search", [part(one, "id", "user_id", "status") for one in found],
          [{"id": number, "user_id": "moto-first", "status": "active"}])
    month = now().astimezone(TAIPEI).strftime("%Y-%m")
    payments = release.call("GET", f"/api/payments?month={month}")["payments"]
    # The first charges of the adopted orders may be of this month or of one before.
    check("the payments of the month", [one["amount_twd"] for one in payments if one["user_id"] == "moto-first"], [899])
    export = release.call("GET", "/api/users/moto-first/export")
    check("the export", [one["id"] for one in export["subscriptions"]], [number])
    held = {kind: len(export["subscriptions"][0][kind]) for kind in ("payments", "history", "notices", "callbacks", "receipts")}
    check("what it holds of the order", held, {"payments": 1, "history": 2, "notices": 1, "callbacks": 1, "receipts": 1})


def cancellation(stack, release):
    """A cancellation is requested from ECPay and confirmed by its answer to a query; the plan stays until the period ends"""
    order = adopt(stack, release, "DKMOTOCANCEL00000001", "moto-cancel", 5)
    cancelled = release.call("POST", f"/api/subscriptions/{order.number}/cancel", {"why": "the customer asked"})
    check("the next action", cancelled["next_action"]["kind"], "cancel")
    asked = len(stack.outside.actions)
    report = release.call("POST", "/runs/cancel?early=true")
    check("the run", (report["status"], part(report["tasks"]["cancel"], "done", "failed")), ("done", {"done": 1, "failed": {}}))
    check("what ECPay was asked", stack.outside.actions[asked:], [(order.number, "Cancel")])
    over = account(release, order.number)
    check("the order", part(over, "status", "plan_id"), {"status": "active", "plan_id": "PRO"})
    check("its history", [(entry["rule"], entry["by"]) for entry in over["history"][-3:]],
          [("cancel-requested", "staff:support"), ("cancel-requested-at-ecpay", "schedule"), ("order-over", "ecpay")])


def slow_ecpay(stack, release):
    """A function that staff invoke may take longer than the 3 s that other calls of AWS have: ECPay answers after 4 s"""
    stack.outside.delay = 4
    adopt(stack, release, "DKMOTOSLOW0000000001", "moto-slow", 5)
    stack.outside.delay = 0


def expiry_and_erasure(stack, release):
    """An order without a payment expires; its user is erased, and no item of the table names them any more"""
    number = create(release, "moto-erased")["subscription_id"]
    run(release, "check-pending", now() + days(1, hours=1))
    check("the order after a day", account(release, number)["status"], "failed")
    named = [item for item in stack.table.items() if "moto-erased" in json.dumps(item)]
    if not named:
        raise Fault("no item names the user before the erasure")
    erased = release.call("DELETE", "/api/users/moto-erased", {"why": "asked by mail"})
    check("the answer to the erasure", part(erased, "user_id", "by", "already_erased"),
          {"user_id": "moto-erased", "by": "support", "already_erased": False})
    check("the items that name the user",
          [item["pk"]["S"] for item in stack.table.items() if "moto-erased" in json.dumps(item)], [])
    export = release.call("GET", "/api/users/moto-erased/export")
    check("the export after it", part(export, "user", "subscriptions"), {"user": None, "subscriptions": []})
    check("the record of the erasure", export["erased"]["why"], "asked by mail")


def run_ledger(stack, release):
    """Runs are listed newest first with their reports, and a repeated event of a schedule runs nothing again"""
    at = now() + datetime.timedelta(seconds=10)
    done = run(release, ["resume", "end-grace"], at)
    check("the report of the repeated event", run(release, ["resume", "end-grace"], at), done)
    listed, newest = [], release.call("GET", "/runs?limit=4")
    while newest["runs"]:
        listed += newest["runs"]
        newest = release.call("GET", f"/runs?limit=4&before={newest['next']}") if newest["next"] else {"runs": []}
    identities = [one["id"] for one in listed]
    check("the order of the runs", identities, sorted(identities, reverse=True))
    stored = [item["sk"]["S"] for item in stack.table.items() if item["pk"]["S"] == "RUN"]
    check("the runs of all pages", sorted(identities), sorted(stored))
    check("the runs that are not done", [one for one in listed if (one["status"], one["attempts"]) != ("done", 1)], [])
    shown = release.call("GET", f"/runs/{done['run']}")
    check("the run by its address", part(shown, "id", "status", "jobs"),
          {"id": done["run"], "status": "done", "jobs": ["resume", "end-grace"]})


def clean_up(stack, release):
    """The task clean-up deletes the callback logs that are due and nothing else"""
    before = stack.table.keys()
    logs = {key for key in before if key[1].startswith("WEBHOOK#")}
    report = run(release, "clean-up", now() + days(400))
    check("the run", part(report["tasks"]["clean-up"], "due", "done"), {"due": len(logs), "done": len(logs)})
    after = stack.table.keys()
    check("what it deleted", sorted(before - after), sorted(logs))
    check("what it wrote", sorted(pk for pk, _ in after - before), ["LEASE", "RUN", "RUN#clean-up"])
    check("the items that could not be read", stack.table.queue("unreadable"), [])


def reminders(stack, release):
    """An imported list is reminded of once: StarSender gets one message for each due vehicle, and a repeat sends none"""
    today = now().astimezone(JAKARTA).date()
    tomorrow = today + days(1)
    rows = [f"Budi Invented,081234567001,B 1001 INV,2025-01-10,{tomorrow}",
            f"Sari Invented,081234567002,B 1002 INV,2025-01-10,{tomorrow}",
            f"Tono Invented,081234567003,B 1003 INV,2025-01-10,{today + days(40)}",
            f"Wati Invented,not a number,B 1004 INV,2025-01-10,{tomorrow}"]
    titles = "Nama,No HP,No Polisi,Kunjungan Terakhir,Kunjungan Berikutnya"
    imported = release.call("POST", "/customers/import", "\n".join([titles, *rows]), kind="text/csv", token=APP)
    check("the import", part(imported, "rows", "stored", "refused"),
          {"rows": 4, "stored": 3, "refused": [
              {"line": 5, "field": "phone", "reason": "is not a phone number", "reason_id": "bukan nomor telepon"}]})
    out = release.call("POST", "/opt-outs", {"phone": "0812-3456-7002", "why": "asked on the phone"}, 201, token=APP)
    check("the opt-out", part(out, "phone", "opted_out"), {"phone": "6281234567002", "opted_out": True})
    sent = release.call("POST", "/scheduler/maintenance-reminder/run-now", token=APP)["data"]
    check("the first run", part(sent, "status", "reminder_sent", "already_sent", "failed", "skipped", "unclear"),
          {"status": "done", "reminder_sent": 1, "already_sent": 0, "failed": 0, "skipped": 1, "unclear": 0})
    text = (f"Bapak Budi Invented untuk nomor kendaraan B 1001 INV sebentar lagi tiba saat pemeliharaan rutin pada tanggal "
            f"{tomorrow:%d-%m-%Y}, daftarkan segera melalui nomor pelayanan kami 087740659525")
    messages = [{"messageType": "text", "to": "6281234567001", "body": text}]
    check("StarSender's messages", stack.outside.whatsapp, messages)
    again = release.call("POST", "/scheduler/maintenance-reminder/run-now", token=APP)["data"]
    check("the second run", part(again, "status", "reminder_sent", "already_sent"),
          {"status": "done", "reminder_sent": 0, "already_sent": 1})
    check("StarSender's messages after it", stack.outside.whatsapp, messages)
    vehicle = release.call("GET", "/vehicles/B%201001%20INV", token=APP)
    check("the vehicle's reminders", [part(one, "state", "provider", "visit") for one in vehicle["reminders"]],
          [{"state": "sent", "provider": "starsender", "visit": f"{tomorrow}"}])


def schedule(stack, release):
    """Staff stop and start the daily schedule, and every other field of it stays as the template made it"""
    name = f"{stack.template.stack}-maintenance-reminder"
    made = stack.template.schedules()[name]

    def stored():
        found = stack.moto.client("scheduler").get_schedule(GroupName=made["GroupName"], Name=name)
        return {field: found[field] for field in found if field in made}

    check("the schedule as it was deployed", stored(), made)
    path = "/scheduler/maintenance-reminder"
    release.call("POST", f"{path}/stop", token=APP)
    check("the stopped schedule", stored(), made | {"State": "DISABLED"})
    check("its status", release.call("GET", f"{path}/status", token=APP)["data"]["running"], False)
    release.call("POST", f"{path}/start?hour=9&minute=30", token=APP)
    started = made | {"ScheduleExpression": "cron(30 9 * * ? *)"}
    check("the started schedule", stored(), started)
    status = release.call("GET", f"{path}/status", token=APP)["data"]
    check("its status", (status["running"], status["jobs"][0]["trigger"], status["jobs"][0]["next_run_time"][10:]),
          (True, "cron[hour='9', minute='30']", "T09:30:00+07:00"))
    listed = stack.moto.client("scheduler").list_schedules()["Schedules"]
    check("all schedules", sorted(one["Name"] for one in listed), sorted(stack.template.schedules()))


def digest(stack, release):
    """The expiry scan reads all pages of MMS and posts one digest to Slack; the day's next runs post nothing"""
    moment = now()
    today = moment.astimezone(TAIPEI).date()
    ahead = {"INV-URGENT": 3, "INV-WARNING": 20, "INV-NOTICE": 50, "INV-LATER": 200}
    ahead |= {f"INV-LATER-{number}": 300 for number in range(60)}
    stack.outside.institutions = [institution(uid, today + days(count)) for uid, count in ahead.items()]
    # By staff, so that it posts on a Sunday too.
    event = {"task": "mms-expiry-scan", "scheduled_at": utc(moment), "requested_by": "support", "run_id": "moto"}
    report = release.invoke("MmsExpiryScan", event)
    check("the scan", part(report, "status", "error", "institutions", "posting"),
          {"status": "done", "error": None, "institutions": {"expired": 0, "urgent": 1, "warning": 1, "notice": 1},
           "posting": {"messages": 1, "posted": 1, "posted_before": 0, "unclear": 0}})
    check("Slack's messages", [(message["channel"], message["text"].splitlines()[0]) for message in stack.outside.slack],
          [("#mms-notifications", f"MMS 機構到期提醒 {today}")])
    again = release.call("POST", "/runs/mms-expiry-scan")
    check("the next scan", (again["status"], again["posting"]["posted"]), ("already_posted", 0))
    check("Slack's messages after it", len(stack.outside.slack), 1)
    listed = release.call("GET", "/institutions/expiring")["institutions"]
    check("the institutions", [(one["uid"], one["tier"]) for one in listed],
          [("INV-URGENT", "urgent"), ("INV-WARNING", "warning"), ("INV-NOTICE", "notice")])


def rotation(stack, release):
    """ECPay's keys are changed: instances that run and new ones verify callbacks of both keys, and of no other"""
    number = create(release, "moto-rotation")["subscription_id"]
    order = stack.outside.order(number, 899)
    order.charge("1", now())
    # An instance that has met no forged callback: of those only one in 30 s has the secret read again.
    release.restart("EcpayWebhook")
    check("the answer before the change", release.callback(order.first()), (200, "1|OK"))
    # Times are in seconds: a secret that was read in this second is not read again.
    until_the_next_second()
    changed = {"hash_key": "inventedHashKey1", "hash_iv": "inventedHashIv01"}
    stack.moto.client("secretsmanager").put_secret_value(SecretId="duekeeper/ecpay", SecretString=json.dumps(changed))
    for instance in ("the instance that runs", "a new instance"):
        check(f"{instance}, the new key", release.callback(order.first(), changed), (200, "1|OK"))
        check(f"{instance}, the key before", release.callback(order.first(), ECPAY), (200, "1|OK"))
        other = {"hash_key": "anotherHashKey01", "hash_iv": "anotherHashIv001"}
        check(f"{instance}, another key", release.callback(order.first(), other), (400, "0|CheckMacValue Error"))
        release.restart("EcpayWebhook")
    check("the order", (account(release, number)["status"], len(account(release, number)["payments"])), ("active", 1))


SCENARIOS = [
    slow_ecpay, reminders, schedule, digest, first_callback, failed_charge, end_of_grace, quarantine, pause_and_resume, bounce,
    views, run_ledger, cancellation, expiry_and_erasure, rotation, clean_up,
]

if __name__ == "__main__":
    for with_stream, scenarios in ((True, [stored_messages]), (False, SCENARIOS)):
        with stack(with_stream) as made:
            play(scenarios, made, made.release(sys.argv[1]))
