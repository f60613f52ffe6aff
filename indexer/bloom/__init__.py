"""The membership filter."""
