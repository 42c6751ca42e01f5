"""A stack on AWS as moto plays it: the real bootstraps behind a small Lambda, and the partners outside as fakes on loopback.

Used by .ci/moto.py and .ci/upgrade.py. Nothing here shares code with the product or with its sandbox."""
