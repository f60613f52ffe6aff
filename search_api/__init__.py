"""The HTTP API, its client, and the commands that ask questions."""
