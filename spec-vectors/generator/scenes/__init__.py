"""The scenarios, by subject. Their import writes them."""

from . import delivery, retained, sessions, shared, subscriptions, transport, wills  # noqa: F401
