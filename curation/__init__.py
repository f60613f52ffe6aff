"""Sources -> licensed, deduplicated release."""
