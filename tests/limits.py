"""How long may a test wait for what is going to come? So long that only a hang can exceed it, however busy the machine is.

Whatever ends such a wait early is an event: an answer, an ended process. No test measures a machine's speed by it.
"""

HANG_SECONDS = 600.0
