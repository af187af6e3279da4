"""Sending: one run of ProcessWebhookQueue."""
