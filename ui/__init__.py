"""The page, and the commands that serve it."""
