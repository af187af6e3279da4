"""Mails as people look at them: listed, shown, and their sources as they came."""
