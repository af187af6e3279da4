"""Folders in which mails are found: those of each user, and those of teams."""
