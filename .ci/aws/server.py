"""moto's server, with one copy of a table for a transaction.

Before a transaction moto copies each of its tables, to undo it by, and does so again for each of the transaction's items. All of
these copies are of the same state, so the first one is enough. With all of them a transaction takes longer than the 3 s for which
the functions wait, once there are some hundred items and the machine is busy."""

import copy
import sys
import types

from moto.dynamodb import models
from moto.dynamodb.models.table import Table
from moto.server import main

transact = models.DynamoDBBackend.transact_write_items
copies = {}


def deepcopy(value):
    if not isinstance(value, Table):
        return copy.deepcopy(value)
    if value.name not in copies:
        copies[value.name] = copy.deepcopy(value)
    return copies[value.name]


def transact_with_one_copy(backend, items):
    copies.clear()
    return transact(backend, items)


models.copy = types.SimpleNamespace(deepcopy=deepcopy)
models.DynamoDBBackend.transact_write_items = transact_with_one_copy
main(sys.argv[1:])
