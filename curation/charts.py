"""How do a few numbers look as a picture? Bar charts as SVG, the same bytes for the same numbers.

Not here: which numbers (`curation.cards`).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_ROW, _LABEL, _BAR, _VALUE, _TOP = 22, 170, 420, 130, 34


def bars(title: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """Horizontal bars, one a row of (label, value, value as text), in the order given."""
    most = max((value for _, value, _ in rows), default=0) or 1
    width, height = _LABEL + _BAR + _VALUE, _TOP + _ROW * len(rows) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        ' font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="10" y="22" font-size="15" fill="#222222">{escape(title)}</text>',
    ]
    for number, (label, value, told) in enumerate(rows):
        y = _TOP + _ROW * number
        length = max(1, round(_BAR * value / most))
        lines += [
            f'<text x="{_LABEL - 8}" y="{y + 15}" text-anchor="end" fill="#222222">{escape(_short(label))}</text>',
            f'<rect x="{_LABEL}" y="{y + 3}" width="{length}" height="{_ROW - 6}" fill="#3b6ea5"/>',
            f'<text x="{_LABEL + length + 6}" y="{y + 15}" fill="#444444">{escape(told)}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _short(label: str) -> str:
    return label if len(label) <= 24 else f"{label[:23]}…"
