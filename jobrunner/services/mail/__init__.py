"""Mail: addresses, composing of messages, sending."""
