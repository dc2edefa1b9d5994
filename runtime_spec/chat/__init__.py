"""Conversations to token ids and replies to text, as CHAT.md specifies."""
