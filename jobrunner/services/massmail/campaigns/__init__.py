"""Campaigns: what several mass e-mails are for, their tracking URLs, and the figures of what came of them.

While a campaign is Inactive its mass e-mails are neither built nor sent, and keep their state.
"""
