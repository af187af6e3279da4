"""A database with group accounts."""

from tests.services.mailbox.desk import desk

__all__ = ["desk"]
