"""Accounts that are read: their rows, how they are loaded, and what becomes of them."""
