"""Which words of an issue thread did a person write there, and is the thread worth keeping?

The rules are those of BigCode's issue dataset, with every threshold a setting.

Not here: how a thread is put together (`curation.events.threads`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BOT_NAME = re.compile(r"\[bot\]$|(?:^|[-_.])bot$|^bot[-_.]|[a-z]Bot$|robot$|-ci$|^ci-", re.IGNORECASE)
_BOT_NAMES = frozenset(
    "codecov codecov-io coveralls dependabot-preview renovate greenkeeper snyk houndci travis-ci circleci appveyor netlify vercel "
    "sonarcloud stale allcontributors googlecla cla-assistant linux-foundation-easycla github-actions msftgits".split()
)
_BOT_WORDS = re.compile(
    r"this (?:issue|pull request) (?:has been|was) automatically|i am a bot\b|i'm a bot\b|this is an automated (?:message|comment)"
    r"|beep boop|automatically (?:marked as stale|closed because)",
    re.IGNORECASE,
)
_REPLY_STARTS = re.compile(
    r"^(?:on [^\n]{4,200}\n?[^\n]{0,120}\bwrote:\s*$|-{2,}\s*original message\s*-{2,}|from: .+@.+|_{20,}\s*$"
    r"|(?:—|-{2,})\s*\n?(?:you are receiving this|reply to this email|you were assigned)"
    r"|reply to this email directly|you are receiving this because|sent from my \w+)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class ThreadRules:
    """Which threads are kept. One person's thread has to be short; a thread of two or more people may be long."""

    min_chars: int = 200
    max_chars_alone: int = 7000
    max_events_alone: int = 10
    max_chars: int = 1_000_000


def is_bot(login: str) -> bool:
    """Whether an account's name is a machine's. "dependabot[bot]" -> True, "abbott" -> False"""
    return _BOT_NAME.search(login) is not None or login.lower() in _BOT_NAMES


def is_automatic(text: str) -> bool:
    """Whether a text says of itself that no person wrote it."""
    return _BOT_WORDS.search(text) is not None


def without_reply(text: str) -> str:
    """A comment without the e-mail that it answers and the mail programs' own lines. "Yes.\\n\\nOn Monday, A wrote:\\n> Why?" -> "Yes." """
    text = text.replace("\r\n", "\n")
    if found := _REPLY_STARTS.search(text):
        text = text[: found.start()]
    return text.strip()


def reason_to_drop(n_chars: int, n_events: int, n_people: int, rules: ThreadRules) -> str | None:
    """Why a thread is left out, None where it is kept."""
    if not n_people:
        return "bots_only"
    if n_chars < rules.min_chars:
        return "too_short"
    if n_chars > rules.max_chars:
        return "too_long"
    if n_people == 1 and n_chars > rules.max_chars_alone:
        return "alone_too_long"
    return "alone_too_many_events" if n_people == 1 and n_events > rules.max_events_alone else None
