"""Requests that nobody sends on purpose, and some that somebody does: seeded, so that each can be sent again."""
