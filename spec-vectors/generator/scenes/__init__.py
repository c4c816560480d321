"""The scenarios, by subject. Their import writes them."""

from . import wills  # noqa: F401
