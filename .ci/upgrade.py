"""The scenarios of .ci/upgrade: the functions of the release before and those of this tree on one table."""

import datetime
import json
import pathlib
import sys
import urllib.parse

from aws.actions import FAILED, FAILURE_MAIL, RECEIPT_MAIL, RESTORED_MAIL, account, create, institution, mails, run
from aws.common import JAKARTA, TAIPEI, Fault, check, days, now, part
from aws.functions import STAFF, app_token
from aws.stack import play, stack
from aws.template import Template

APP = app_token("customers reminders institutions")
# Texts for people may be worded in another way in every version, and these times are those of the request.
DIFFERENT = {"explanation", "why", "what", "detail", "exported_at", "generated_at"}
EVERY_SIX_HOURS, EVERY_FIVE_MINUTES = ["resume", "end-grace", "reconcile", "retry", "cancel"], ["check-pending", "send-mail"]
# What the sort keys begin with, and else the partition keys: each kind of item that a release before must go on with.
KINDS = {
    "HISTORY", "PAYMENT", "RECEIPT", "WEBHOOK", "NOTICE", "EVENT", "ORDER", "VEHICLE", "REMINDER", "MESSAGE", "SUB", "USER",
    "CHECKOUT", "PORTAL", "SESSION", "QUARANTINE", "KEY", "PURCHASE", "NUMBER", "CUSTOMER", "OPTOUT", "FIND", "COUNT", "DIGEST",
    "INSTITUTION", "LEASE", "RUN", "PACE", "ERASED", "ADOPTION", "ADDRESS", "FEEDBACK",
}


def kinds(table):
    """Kinds of the items of the table."""
    prefixes = {"HISTORY", "PAYMENT", "RECEIPT", "WEBHOOK", "NOTICE", "EVENT", "ORDER", "VEHICLE", "REMINDER", "MESSAGE"}
    found = set()
    for pk, sk in table.keys():
        pk, sk = pk.split("#")[0], sk.split("#")[0]
        found.add(sk if sk in prefixes else pk)
    return found


def agree(what, before, after):
    """Fails where an answer of the release before has a field that this tree answers differently or not at all."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name not in after:
                raise Fault(f"{what}: '{name}' is missing in the answer of this tree")
            if name not in DIFFERENT:
                agree(f"{what}.{name}", value, after[name])
    elif isinstance(before, list) and isinstance(after, list):
        check(f"{what}: the number of entries", len(after), len(before))
        for place, (left, right) in enumerate(zip(before, after, strict=True)):
            agree(f"{what}[{place}]", left, right)
    else:
        check(f"{what}, by this tree", after, before)


def agree_on_all(stack, old, new):
    """Compares what staff and apps read of everything that is stored."""
    targets = ["/api/subscriptions", "/quarantine?state=all", "/runs", "/notices?state=queued", "/notices?state=dead",
               "/api/events", "/opt-outs", "/institutions/expiring", "/api/webhooks/webhook-stats"]
    places = {
        "SUB": ["/api/subscriptions/{}"], "CUSTOMER": ["/customers/{}"], "VEHICLE": ["/vehicles/{}"],
        "USER": ["/api/users/{}/export", "/api/webhooks/subscription-status/{}"],
    }
    for pk, sk in sorted(stack.table.keys()):
        kind, _, name = pk.partition("#")
        if sk == "STATE":
            targets += [place.format(urllib.parse.quote(name)) for place in places.get(kind, [])]
    for target in targets:
        agree(target, old.call("GET", target), new.call("GET", target))
    return len(targets)


def nothing_is_unreadable(stack, *releases):
    """Fails where an item was taken out of its queue as unreadable, or a task of an order keeps failing."""
    check("the items that could not be read", stack.table.queue("unreadable"), [])
    for release in releases:
        failing = release.call("GET", "/api/subscriptions?needs_attention=true")["subscriptions"]
        check("the orders whose tasks fail", failing, [])
        failed = [one for one in release.call("GET", "/runs")["runs"] if one["status"] != "done"]
        check("the runs that are not done", failed, [])


def answered(what, release, fields):
    check(f"the answer to {what}", release.callback(fields), (200, "1|OK"))


def order_of(stack, release, user):
    order = stack.outside.order(create(release, user)["subscription_id"], 899)
    order.charge("1", now())
    return order


def adopt(release, order, user):
    wanted = {"merchant_trade_no": order.number, "user_id": user, "email": f"{user}@customer.example", "plan_id": "PRO",
              "billing_cycle": "monthly"}
    check("the answer to an adoption", release.call("POST", "/api/subscriptions/adopt", wanted, 201)["outcome"], "adopted")


def retry(release, order):
    """A retry by staff as admin-api invokes it."""
    event = {"retry": {"subscription_id": order.number, "by": "support", "why": "asked"}}
    check("the retry", release.invoke("SubscriptionMaintenance", event)["outcome"], "asked")


def remind(release, identity):
    """A run of reminders by staff, who may send at any hour."""
    event = {"task": "maintenance-reminder", "requested_by": "support", "run_id": identity}
    return release.invoke("MaintenanceReminder", event)


def scan(release, identity):
    """A scan by staff, who may post on any day."""
    return release.invoke("MmsExpiryScan", {"task": "mms-expiry-scan", "requested_by": "support", "run_id": identity})


def invoked_across(stack, old, new):
    """While a deployment is under way, admin-api of each version invokes functions of the other"""
    for place, (caller, callee) in enumerate(((old, new), (new, old))):
        caller.invoked = callee
        order = stack.outside.order(f"DKUPGRADEACROSS000{place}", 899)
        order.charge("1", now() - days(31))
        adopt(caller, order, f"upgrade-across-{place}")
        order.charge(FAILED, now())
        answered("the failure", callee, order.latest())
        retried = caller.call("POST", f"/api/subscriptions/{order.number}/retry", {"why": "asked"})
        check("the retry", retried["outcome"], "asked")
        check("what ECPay was asked", stack.outside.actions.pop(), (order.number, "ReAuth"))
        order.charge("1", now() + datetime.timedelta(minutes=1))
        answered("the success", caller, order.latest())
        check("the run", caller.call("POST", "/runs/reconcile")["status"], "done")
        caller.invoked = caller


def alternating(stack, old, new):
    """Orders of the release before are paid, fail and are retried by both versions in turn, and each callback counts once"""
    minute = datetime.timedelta(minutes=1)
    turns = [(old, new, old, new), (old, old, new, new), (new, old, new, old)]
    for place, (first, failure, staff, success) in enumerate(turns):
        other = {id(old): new, id(new): old}
        order = order_of(stack, old, f"upgrade-{place}")
        answered("the first charge", first, order.first())
        answered("its repeat", other[id(first)], order.first())
        order.charge(FAILED, now() + minute)
        answered("the failure", failure, order.latest())
        answered("its repeat", other[id(failure)], order.latest())
        path = f"/api/subscriptions/{order.number}"
        paused = staff.call("POST", f"{path}/pause", {"days": 3, "why": "asked"}, key=f"upgrade-pause-{place}")
        again = other[id(staff)].call("POST", f"{path}/pause", {"days": 3, "why": "asked"}, key=f"upgrade-pause-{place}")
        check("the request under the same key, by the other version", again["paused_until"], paused["paused_until"])
        other[id(staff)].call("POST", f"{path}/resume", {"why": "asked"})
        retry(staff, order)
        run(other[id(staff)], "send-mail", now() + datetime.timedelta(seconds=place))
        order.charge("1", now() + 2 * minute)
        answered("the success", success, order.latest())
        answered("its repeat", other[id(success)], order.latest())
        for release in (old, new):
            known = account(release, order.number)
            check("the order", part(known, "status", "plan_id"), {"status": "active", "plan_id": "PRO"})
            check("its payments", [one["outcome"] for one in known["payments"]], ["succeeded", "failed", "succeeded"])
            check("its history", [entry["rule"] for entry in known["history"]], [
                "order-created", "first-charge-paid", "grace-began", "dunning-paused", "dunning-resumed", "retry-requested",
                "retry-accepted", "arrears-paid"])
        run(success, "send-mail", now() + datetime.timedelta(seconds=10 + place))
        check("the mails", sorted(mails(stack, f"upgrade-{place}@customer.example")), 
              sorted([RECEIPT_MAIL, FAILURE_MAIL, RESTORED_MAIL]))
    check("what ECPay was asked", [action for _, action in stack.outside.actions], ["ReAuth"] * len(turns))


def shared_work(stack, old, new):
    """Quarantine, reminders and the digest are shared: what one version has done or was asked, the other does not do again"""
    unknown = stack.outside.order("DKUPGRADEUNKNOWN0001", 899)
    unknown.charge("1", now() - days(2))
    answered("an unknown order", old, unknown.first())
    answered("its repeat", new, unknown.first())
    adopt(new, unknown, "upgrade-unknown")
    check("the quarantine", [one["state"] for one in old.call("GET", "/quarantine?state=all")["quarantine"]], ["resolved"])
    tomorrow = now().astimezone(JAKARTA).date() + days(1)
    titles = "Nama,No HP,No Polisi,Kunjungan Terakhir,Kunjungan Berikutnya"
    for place, release in enumerate((old, new)):
        row = f"Budi Invented,08123456700{place},B 100{place} INV,2025-01-10,{tomorrow}"
        imported = release.call("POST", "/customers/import", f"{titles}\n{row}", kind="text/csv", token=APP)
        check("the import", part(imported, "rows", "stored"), {"rows": 1, "stored": 1})
    old.call("POST", "/opt-outs", {"phone": "081234567001", "why": "asked on the phone"}, 201, token=APP)
    sent = remind(new, "upgrade-1")
    check("the reminders of this tree", part(sent, "reminder_sent", "skipped"), {"reminder_sent": 1, "skipped": 1})
    again = remind(old, "upgrade-2")
    check("the reminders of the release before", part(again, "reminder_sent", "already_sent"),
          {"reminder_sent": 0, "already_sent": 1})
    check("StarSender's messages", [message["to"] for message in stack.outside.whatsapp], ["6281234567000"])
    today = now().astimezone(TAIPEI).date()
    stack.outside.institutions = [institution("INV-1", today + days(3)), institution("INV-2", today + days(20))]
    first = scan(old, "upgrade-scan-1")
    check("the digest", (first["status"], first["posting"]["posted"]), ("done", 1))
    acknowledged = {"until": f"{today + days(9)}", "why": "the contract is signed"}
    new.call("POST", "/institutions/INV-2/acknowledge", acknowledged)
    again = scan(new, "upgrade-scan-2")
    check("the digest again", (again["status"], again["posting"]["posted"]), ("already_posted", 0))
    check("Slack's messages", len(stack.outside.slack), 1)


def same_answers(stack, old, new):
    """Both versions answer alike about everything that is stored, and no item was taken out of its queue as unreadable"""
    at = now() + datetime.timedelta(seconds=30)
    for task, first, second in ((EVERY_SIX_HOURS, old, new), (EVERY_FIVE_MINUTES, new, old), ("clean-up", old, new)):
        reports = {id(release): run(release, task, at) for release in (first, second)}
        agree(f"the run of {task}, repeated by the other version", reports[id(old)], reports[id(new)])
    agree_on_all(stack, old, new)
    nothing_is_unreadable(stack, old, new)


def newer_item(stack, old, new):
    """An item with a newer schema number is skipped by the runs of both versions, and done once it can be read"""
    order = order_of(stack, old, "upgrade-newer")
    answered("the first charge", old, order.first())
    order.charge(FAILED, now() + datetime.timedelta(minutes=1))
    answered("the failure", new, order.latest())
    key = {"pk": {"S": f"SUB#{order.number}"}, "sk": {"S": "STATE"}}

    def stored():
        return stack.table.client.get_item(TableName=stack.table.name, Key=key, ConsistentRead=True)["Item"]

    def write(item):
        stack.table.client.put_item(TableName=stack.table.name, Item=item)

    known = stored()
    newer = known | {"schema": {"N": str(int(known["schema"]["N"]) + 1)}}
    write(newer)
    asked = len(stack.outside.actions)
    for place, release in enumerate((old, new)):
        report = run(release, "retry", now() + days(1, minutes=2 + place))
        check("the run", part(report["tasks"]["retry"], "due", "done", "skipped"),
              {"due": 1, "done": 0, "skipped": {"written by a newer version": 1}})
        check("the item after it", stored() == newer, True)
    check("the items that could not be read", stack.table.queue("unreadable"), [])
    write(known)
    report = run(old, "retry", now() + days(1, minutes=5))
    check("the run over the item as it was", part(report["tasks"]["retry"], "due", "done"), {"due": 1, "done": 1})
    check("what ECPay was asked", stack.outside.actions[asked:], [(order.number, "ReAuth")])


def sign_in(release):
    """A session of the console: its cookies."""
    body = urllib.parse.urlencode({"token": STAFF["token"]}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    answer = release.answer("POST", "/console/login", headers, body)
    check("the answer to a sign-in", answer["statusCode"], 303)
    return [cookie.split(";")[0] for cookie in answer["cookies"]]


def written_by_this_tree(stack, old, new):
    """This tree writes every kind of item"""
    minute = datetime.timedelta(minutes=1)
    made = stack.rollback = {}
    for user in ("pending", "paid", "failing", "paused", "retried", "cancelled", "refunded", "changed", "downgraded"):
        made[user] = order_of(stack, new, f"rollback-{user}")
        if user != "pending":
            answered("the first charge", new, made[user].first())
        if user in ("failing", "paused", "retried", "downgraded"):
            made[user].charge(FAILED, now() + minute)
            answered("the failure", new, made[user].latest())
        if user == "failing":
            # The others' mails wait.
            run(new, "send-mail")
    path = {user: f"/api/subscriptions/{order.number}" for user, order in made.items()}
    new.call("POST", f"{path['paused']}/pause", {"days": 2, "why": "asked"}, key="rollback-pause")
    retry(new, made["retried"])
    new.call("POST", f"{path['cancelled']}/cancel", {"why": "asked"})
    payment = account(new, made["refunded"].number)["payments"][0]["id"]
    new.call("POST", f"{path['refunded']}/refund", {"payment_id": payment, "amount_twd": 100, "why": "goodwill"})
    new.call("POST", f"{path['changed']}/change", {"plan_id": "ENTERPRISE", "billing_cycle": "monthly", "why": "asked"}, 201)
    new.call("POST", "/api/users/rollback-paid/portal-link", {"valid_days": 7}, 201)
    new.call("POST", f"{path['paid']}/note", {"note": "calls again on Monday"})
    new.call("POST", f"{path['paid']}/email", {"email": "rollback-paid.new@customer.example", "why": "asked"})
    adopted = stack.outside.order("DKROLLBACKADOPTED001", 899)
    adopted.charge("1", now() - days(5))
    adopt(new, adopted, "rollback-adopted")
    listed = stack.outside.order("DKROLLBACKLISTED0001", 899)
    listed.charge("1", now() - days(5))
    titles = "merchant_trade_no,user_id,email,plan_id,billing_cycle"
    row = f"{listed.number},rollback-listed,rollback-listed@customer.example,PRO,monthly"
    # Its rows wait for an invocation, which the release before takes.
    stack.adoptions = new.call("POST", "/api/adoptions", f"{titles}\n{row}", 202, kind="text/csv")["adoption_id"]
    bounced = {"destination": ["rollback-failing@customer.example"], "tags": {
        "ses:configuration-set": [stack.template.reference("MailConfigurationSet")],
        "notice": [account(new, made["failing"].number)["notices"][-1]["id"].replace(".", "/").encode().hex()]}}
    event = json.loads((pathlib.Path(__file__).parent.parent / "events/subscription-maintenance/bounce.json").read_text())
    event["detail"]["mail"] |= bounced
    check("the answer to a bounce", new.invoke("SubscriptionMaintenance", event)["outcome"], "recorded")
    wrong = stack.outside.order(made["pending"].number, 1)
    wrong.charge("1", now())
    answered("a wrong amount", new, wrong.first())
    unknown = stack.outside.order("DKROLLBACKUNKNOWN001", 899)
    unknown.charge("1", now())
    answered("an unknown order", new, unknown.first())
    tomorrow = now().astimezone(JAKARTA).date() + days(1)
    titles = "Nama,No HP,No Polisi,Kunjungan Terakhir,Kunjungan Berikutnya"
    rows = [f"Budi Invented,08123456710{place},B 110{place} INV,2025-01-10,{tomorrow}" for place in range(2)]
    new.call("POST", "/customers/import", "\n".join([titles, *rows]), kind="text/csv", token=APP)
    new.call("POST", "/opt-outs", {"phone": "081234567101", "why": "asked on the phone"}, 201, token=APP)
    new.call("PUT", "/customers/ROLLBACK-1", {"name": "Sari Invented", "phone": "081234567103"}, 201, token=APP)
    new.call("DELETE", "/customers/ROLLBACK-1", {"why": "asked"}, token=APP)
    remind(new, "rollback-1")
    today = now().astimezone(TAIPEI).date()
    stack.outside.institutions = [institution("INV-1", today + days(3)), institution("INV-2", today + days(20))]
    scan(new, "rollback-scan-1")
    new.call("POST", "/institutions/INV-2/acknowledge", {"until": f"{today + days(9)}", "why": "the contract is signed"})
    stack.cookies = sign_in(new)
    check("the kinds of items that were not written", sorted(KINDS - kinds(stack.table)), [])
    check("the kinds of items that .ci/upgrade.py does not name", sorted(kinds(stack.table) - KINDS), [])
    agree_on_all(stack, old, new)
    new.stop()


def rolled_back(stack, old, new):
    """After a rollback the release before goes on with all of them: its runs are done, and no callback is lost"""
    made, minute = stack.rollback, datetime.timedelta(minutes=1)
    check("the console's page in the session", old.answer("GET", "/console", {}, cookies=stack.cookies)["statusCode"], 200)
    check("the block of an address", bool(account(old, made["failing"].number)["mail_block"]), True)
    for function, event in new.queued:
        old.invoke(function, event)
    adoption = old.call("GET", f"/api/adoptions/{stack.adoptions}")
    check("the list of adoptions", (adoption["status"], adoption["remaining"], adoption["counts"]), ("done", 0, {"adopted": 1}))
    for user in ("failing", "paused", "retried"):
        made[user].charge("1", now() + 2 * minute)
        answered("a success", old, made[user].latest())
        check("the order", part(account(old, made[user].number), "status", "plan_id"), {"status": "active", "plan_id": "PRO"})
    made["paid"].charge(FAILED, now() + minute)
    answered("a failure", old, made["paid"].latest())
    check("the order", account(old, made["paid"].number)["status"], "past_due")
    waiting = set(stack.table.queue("send-mail"))
    if not waiting:
        raise Fault("no mail waits for the release before")
    run(old, EVERY_FIVE_MINUTES)
    check("the mails and events that wait", stack.table.queue("send-mail"), [])
    for user, subject in (("retried", RESTORED_MAIL), ("downgraded", FAILURE_MAIL)):
        check("a mail of the other version", subject in mails(stack, f"rollback-{user}@customer.example"), True)
    for day in (1.1, 3.1, 7.1, 8.2, 8.7):
        run(old, EVERY_SIX_HOURS, now() + days(day))
    check("the unpaid order", part(account(old, made["downgraded"].number), "plan_id", "downgrade_reason"),
          {"plan_id": "FREE", "downgrade_reason": "payment_failure"})
    check("the cancelled order", (made["cancelled"].number, "Cancel") in stack.outside.actions, True)
    check("the last rule of its history", account(old, made["cancelled"].number)["history"][-1]["rule"], "order-over")
    run(old, "check-pending", now() + days(1, hours=1))
    check("the order without a payment", account(old, made["pending"].number)["status"], "failed")
    run(old, "clean-up", now() + days(1))
    check("the reminders", part(remind(old, "rollback-2"), "reminder_sent", "already_sent", "failed"),
          {"reminder_sent": 0, "already_sent": 1, "failed": 0})
    check("the digest", scan(old, "rollback-scan-2")["status"], "already_posted")
    listed = old.call("GET", "/institutions/expiring")["institutions"]
    check("the acknowledgement", [bool(one["acknowledged"]) for one in listed], [False, True])
    nothing_is_unreadable(stack, old)


UPGRADE = [invoked_across, alternating, shared_work, same_answers, newer_item]
ROLLBACK = [written_by_this_tree, rolled_back]

if __name__ == "__main__":
    binaries, tree, binaries_before = sys.argv[1:]
    for scenarios in (UPGRADE, ROLLBACK):
        with stack(with_stream=False) as made:
            play(scenarios, made, made.release(binaries_before, Template(tree)), made.release(binaries))
