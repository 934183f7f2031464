"""Questions out of what a language model really writes.

Numbering, bullets, markdown, fences, chatter, quotes, several questions in a line, and an end that was cut off are all
survived. Whether a question can be asked is judged elsewhere (`aspects.checks`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_THINKING = re.compile(r"\A.*</think(?:ing)?>|<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)
"""Also without its beginning, which is part of some models' chat templates, or cut off."""
_NO_WORDS = re.compile(
    r"```[\w-]*|</?(?:[ou]l|li|p|br|table|t[hrd]|list|item|questions?|answer|output|response)\s*/?>", re.IGNORECASE
)
"""Fences and tags: what stands before and after them are different lines."""
_JSON = re.compile(r'[\[{]\s*(?:[\[{]\s*)*"')
"""Where JSON with strings in it may begin."""
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\Z)' + r"|(?<=[\s\[{,:])'((?:[^'\\]|\\.)*)'(?=\s*[\]},:])", re.DOTALL)
"""A string of JSON, the last one perhaps cut off, or, in single quotes, of Python."""
_KEYS = ("questions", "question", "selected", "aspects", "text")
_CHATTER = re.compile(r"(?<=[.!:;])[*_]*\s+(?=[\"'*_(\[\N{LEFT DOUBLE QUOTATION MARK}]*[A-Z])|\|")
"""Between what stands before a question, a statement or another cell of a table, and the question.

"Sure! Is the bird red?", "Colour. Is it red?", "**Beak:** Is it long?".
"""
_MARKER = re.compile(
    r"""^(?:
        [\W_]                                                       # quotes, bullets, tables
        |(?:\d+|[ivx]+|[a-h])\\?[.):\]]+(?=\W|$|[A-Z])              # 1.  (2)  3:  iv)  a.
        |\d+[\W_]+(?=(?-i:[A-Z]))                                   # 1 Is it ...   2 - Is it ...
        |(?:Question|Q|Frage|Aspect)\s*\#?\d*\s*[.):-]+          # Q3:  Question 4.
        |yes\s*(?:/|or)\s*no(?=\W)                                  # left of "(Yes/No)" after the question before
    )+""",
    re.VERBOSE | re.IGNORECASE,
)
_QUOTES = {
    '"': '"',
    "'": "'",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "\N{LEFT DOUBLE QUOTATION MARK}",
    "\N{RIGHT SINGLE QUOTATION MARK}": "\N{LEFT SINGLE QUOTATION MARK}",
}
"""Quotation marks: the opening one of each closing one."""


def parse_questions(reply: str) -> list[str]:
    """The questions in a reply, in its order, each once.

    Whole JSON may also hold what is not a question: it is given back too, without a '?' at its end.

    Args:
        reply: JSON (an object with `questions`, or an array; whole or cut off), or text.
    """
    text = _THINKING.sub("", reply).replace("\N{FULLWIDTH QUESTION MARK}", "?")
    found = _from_json(text)
    if found is None:
        found = [question for line in _NO_WORDS.sub("\n", text).splitlines() for question in _from_line(line)]
    return list(dict.fromkeys(found))


def _from_json(text: str) -> list[str] | None:
    """What the JSON in a reply holds; None if there is none, or none about questions."""
    found: list[str] = []
    is_json, place = False, 0
    while begin := _JSON.search(text, place):
        try:
            value, place = json.JSONDecoder(strict=False).raw_decode(text, begin.start())
        except json.JSONDecodeError:
            # Cut off, or not quite JSON: what strings there are; of the last one, the questions that have their '?'.
            strings = [_unescaped(match[1] or match[2] or "") for match in _STRING.finditer(text, begin.start())]
            cut = [question for each in strings for question in _from_line(each)]
            return found + cut if found or cut else None
        strings = list(_texts(value))
        is_json = is_json or any("?" in each for each in strings) or (isinstance(value, dict) and _KEYS[0] in value)
        found += [question for each in strings for question in (_from_line(each) if "?" in each else _as_it_is(each))]
    return found if is_json else None


def _unescaped(string: str) -> str:
    try:
        return json.loads(f'"{string}"', strict=False)
    except json.JSONDecodeError:  # "the bird\'s head": no JSON, but written
        return re.sub(r"\\(.)", r"\1", string)


def _texts(value: Any) -> Iterator[str]:
    """The strings of a JSON value, those under the keys that are about questions if it is an object."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        named = [value[key] for key in _KEYS if key in value]
        for item in named or value.values():
            yield from _texts(item)


def _as_it_is(text: str) -> Iterator[str]:
    if re.search(r"\w", text):
        yield " ".join(text.split())


def _from_line(line: str) -> Iterator[str]:
    """The questions in a line: everything up to a '?' is one, without what stands before its sentence."""
    *sentences, _ = line.split("?")
    for sentence in sentences:
        last = re.sub("[*`]", "", _MARKER.sub("", _CHATTER.split(sentence)[-1]))
        cleaned = _without_closing_quote(" ".join(_MARKER.sub("", last).split()).rstrip("_~| "))
        if cleaned:
            yield f"{cleaned[0].upper()}{cleaned[1:]}?"


def _without_closing_quote(text: str) -> str:
    """Without a quotation mark at the end that closes nothing: its opening one stood before the question."""
    opening = _QUOTES.get(text[-1:])
    if opening is None or re.search(rf"[\s(]{opening}", text[:-1]):
        return text
    return text[:-1].rstrip()
