"""Everything that is tried. Each module registers its scenarios."""

from . import load, messages, properties, retained, sessions, wills  # noqa: F401
