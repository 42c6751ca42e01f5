"""A business after three months: one customer on FREE after failed charges, and orders in all other states."""

from staff import CUSTOMER, NO_CREDIT, past_due, request
from world import email

WHY_EXTENDED = "asked by phone to pay after the 20th"
WHY_CANCELLED = "asked for by mail"
NOTE = "card has a new limit from April on"


class Story:
    """Orders by the name of their state."""

    def __init__(self, world):
        self.world = world
        self.orders = {}
        self.begin()
        # On this day the charge of the customer's third month fails, and so do all retries.
        world.travel(59.1)
        self.fail()
        world.travel(4)
        self.number = self.orders["free"]
        self.operate(self.number, "note", {"note": NOTE})
        assert world.account(self.number)["plan_id"] == "FREE"

    def begin(self):
        world, orders = self.world, self.orders
        orders["free"] = world.subscribe(CUSTOMER, "1", *[NO_CREDIT] * 9)
        orders["active"] = world.subscribe("harbour-cafe", plan="ENTERPRISE")
        orders["annual"] = world.subscribe("north-gym", cycle="annual", locale="en")

    def fail(self):
        """What happens on the day of the failed charge, and shortly after."""
        world, orders = self.world, self.orders
        self.operate(self.orders["free"], "extend-grace", {"days": 1, "why": WHY_EXTENDED})
        orders["cancelling"] = world.subscribe("night-market")
        self.operate(orders["cancelling"], "cancel", {"why": WHY_CANCELLED})
        orders["bounced"] = bounced(world, "old-bakery")
        # A payment that ECPay only pretends is quarantined.
        world.call("POST", f"/sandbox/ecpay/orders/{orders['active']}/charge", {"simulate": True})
        world.call("PUT", "/sandbox/faults", {"mail": "refuse"})
        orders["dead"] = world.subscribe("tea-seven")
        world.travel(0.05)
        world.call("PUT", "/sandbox/faults", {"mail": "none"})
        world.travel(8)
        orders["past_due"] = past_due(world, "corner-books", [NO_CREDIT] * 9)
        orders["pending"] = world.order("late-bloomer")["subscription_id"]
        for samples in ("workshop", "institutions"):
            status, _, _ = request(world, "POST", f"/sandbox/samples/{samples}", {}, {"sec-fetch-site": "same-origin"})
            assert status == 303, samples

    def operate(self, number, name, body):
        self.world.call("POST", f"/api/subscriptions/{number}/{name}", body)


def bounced(world, user):
    """A subscription whose receipt did not reach the customer's address."""
    number = world.subscribe(user)
    world.travel(0.01)
    world.call("POST", "/sandbox/mail/feedback", {"to": email(user), "feedback": "permanent_bounce"})
    assert world.account(number)["mail_block"]
    return number
