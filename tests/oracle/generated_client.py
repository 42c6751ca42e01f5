"""Makes an order with a client that openapi-python-client generated from docs/openapi.json, and reads it back."""

import sys

from client import AuthenticatedClient
from client.api.subscriptions import create_subscription, show_subscription
from client.models import OrderBody

base, token = sys.argv[1:]
client = AuthenticatedClient(base_url=base, token=token, raise_on_unexpected_status=True)
body = OrderBody.from_dict(
    {"user_id": "generated", "email": "generated@customer.example", "plan_id": "PRO", "billing_cycle": "monthly"}
)
made = create_subscription.sync(client=client, body=body)
read = show_subscription.sync(made.subscription_id, client=client)
assert (read.id, read.user_id, read.price_twd) == (made.subscription_id, "generated", 899), read
print("made and read", read.id)
