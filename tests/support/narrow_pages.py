"""Whether the tables of a page can be read on a phone."""

from __future__ import annotations

from html.parser import HTMLParser

FEW = 2
"""So many columns fit on any screen."""


class _Tables(HTMLParser):
    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[tuple[str, list[list[tuple[str, dict[str, str | None]]]]]] = []
        self._in_body = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "table":
            self.tables.append((attributes.get("class") or "", []))
        elif tag in ("tbody", "thead"):
            self._in_body = tag == "tbody"
        elif tag == "tr" and self._in_body:
            self.tables[-1][1].append([])
        elif tag in ("td", "th") and self._in_body:
            self.tables[-1][1][-1].append((tag, attributes))


def hidden_columns(html: str) -> list[str]:
    """What a narrow screen would hide or show without its meaning: cells of wide tables.

    The style sheet shows a table of class `stack` as a card a row there, with each cell's `data-label` in place of the
    heading; any other wide table is cut off at the edge of the screen. The first cells say what the row is about.
    """
    found = []
    for kind, rows in _Tables(html).tables:
        for row in rows:
            wide, labelled = len(row) > FEW, [bool(attributes.get("data-label")) for _, attributes in row]
            first = labelled.index(True) if any(labelled) else len(row)
            if wide and ("stack" not in kind.split() or first > FEW or not all(labelled[first:])):
                found.append(f"table '{kind}', row {row}")
    return found
