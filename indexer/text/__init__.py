"""Source text -> tokens, with offsets kept."""
