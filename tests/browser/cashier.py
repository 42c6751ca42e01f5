"""The way over ECPay's cashier, which the sandbox stands in for."""

CASHIER = "/ecpay/Cashier/AioCheckOut/V5"


def continue_button(visitor):
    """Button of the checkout page."""
    return visitor.page.get_by_role("button", name="Continue to ECPay")


def number_at(visitor):
    """Number of the order in the form for ECPay that is shown."""
    return visitor.page.locator("input[name=MerchantTradeNo]").first.input_value()


def to_cashier(visitor):
    """Presses the page's button, and returns the number of the order that ECPay gets."""
    visitor.press(continue_button(visitor), CASHIER)
    return number_at(visitor)


def choose(visitor, label):
    """Chooses at ECPay how the payment ends."""
    visitor.press(visitor.page.get_by_role("button", name=label), CASHIER)


def pay(visitor):
    """Pays at ECPay, goes back to the shop, and returns the number of the order."""
    number = number_at(visitor)
    choose(visitor, "Paid")
    visitor.press(visitor.page.get_by_role("link", name="Back to the shop"), "/shop/billing")
    return number
