"""What staff, ECPay and the schedule do in scenarios."""

from .common import check, days, now, part, utc

# ECPay's code of a charge that the card's limit does not allow.
FAILED = "10100252"
RECEIPT_MAIL = "付款收據 - Payment Receipt"
FAILURE_MAIL = "付款失敗通知 - Payment Failure Notice"
RESTORED_MAIL = "付款成功，方案已恢復 - Payment Received, Plan Active"


def account(release, number):
    return release.call("GET", f"/api/subscriptions/{number}")


def create(release, user, plan="PRO"):
    wanted = {"user_id": user, "email": f"{user}@customer.example", "plan_id": plan, "billing_cycle": "monthly"}
    return release.call("POST", "/api/subscriptions", wanted, 201)


def adopt(stack, release, number, user, ago=31):
    """An order that ECPay charged a month ago, taken over: its next charge is about now."""
    order = stack.outside.order(number, 899)
    order.charge("1", now() - days(ago))
    wanted = {"user_id": user, "email": f"{user}@customer.example", "plan_id": "PRO", "billing_cycle": "monthly",
              "merchant_trade_no": number}
    answer = release.call("POST", "/api/subscriptions/adopt", wanted, 201)
    check("the answer to an adoption", part(answer, "outcome", "status", "plan", "succeeded", "failed"),
          {"outcome": "adopted", "status": "active", "plan": "PRO", "succeeded": 1, "failed": 0})
    return order


def run(release, task, at=None):
    """A scheduled run of subscription-maintenance, of which everything due must be done."""
    report = release.invoke("SubscriptionMaintenance", {"task": task, "scheduled_at": utc(at or now())})
    failed = {name: done for name, done in report["tasks"].items() if done["failed"]}
    check(f"the run of {task}", (report["status"], failed), ("done", {}))
    return report


def mails(stack, address):
    return [subject for to, subject, _ in stack.moto.mails() if to == address]


def institution(uid, day):
    """A record of MMS that expires at noon of a day in Taipei."""
    return {
        "uid": uid, "name": f"School {uid}", "expirationTime": f"{day}T04:00:00.000Z", "ownerLastName": "Lin",
        "ownerFirstName": "Invented", "contactNumbers": [{"type": 1, "number": "02-5550-0100"}], "address": "1 Invented Road",
        "purchasePlan": {"name": "Plan A"},
    }
