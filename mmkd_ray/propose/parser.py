"""Parse questions from what a language model writes.

Handles numbering, bullets, markdown, code fences, sentences around the questions, quotes, several questions in a line,
and replies that were cut off. Whether a question is acceptable is checked elsewhere (`aspects.checks`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_THINKING = re.compile(r"\A.*</think(?:ing)?>|<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)
"""The model's reasoning. The opening tag may be in the chat template instead; the closing one may be cut off."""
_FENCES_AND_TAGS = re.compile(
    r"```[\w-]*|</?(?:[ou]l|li|p|br|table|t[hrd]|list|item|questions?|answer|output|response)\s*/?>", re.IGNORECASE
)
"""Text before and after a code fence or a tag belongs to different lines."""
_JSON = re.compile(r'[\[{]\s*(?:[\[{]\s*)*"')
"""A possible start of JSON that contains strings."""
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\Z)' + r"|(?<=[\s\[{,:])'((?:[^'\\]|\\.)*)'(?=\s*[\]},:])", re.DOTALL)
"""A JSON string (the last one may be cut off), or a Python string in single quotes."""
_KEYS = ("questions", "question", "selected", "aspects", "text")
_CHATTER = re.compile(r"(?<=[.!:;])[*_]*\s+(?=[\"'*_(\[\N{LEFT DOUBLE QUOTATION MARK}]*[A-Z])|\|")
"""The boundary between a question and the text before it: a statement, or another cell of a table.

"Sure! Is the bird red?", "Colour. Is it red?", "**Beak:** Is it long?".
"""
_MARKER = re.compile(
    r"""^(?:
        [\W_]                                                       # quotes, bullets, tables
        |(?:\d+|[ivx]+|[a-h])\\?[.):\]]+(?=\W|$|[A-Z])              # 1.  (2)  3:  iv)  a.
        |\d+[\W_]+(?=(?-i:[A-Z]))                                   # 1 Is it ...   2 - Is it ...
        |(?:Question|Q|Frage|Aspect)\s*\#?\d*\s*[.):-]+          # Q3:  Question 4.
        |yes\s*(?:/|or)\s*no(?=\W)                                  # rest of "(Yes/No)" after the previous question
    )+""",
    re.VERBOSE | re.IGNORECASE,
)
_QUOTES = {
    '"': '"',
    "'": "'",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "\N{LEFT DOUBLE QUOTATION MARK}",
    "\N{RIGHT SINGLE QUOTATION MARK}": "\N{LEFT SINGLE QUOTATION MARK}",
}
"""{closing quotation mark: its opening one}."""


def parse_questions(reply: str) -> list[str]:
    """The questions in a reply, in order, without duplicates.

    Strings of complete JSON that are not questions are returned too, without a '?' at the end.

    Args:
        reply: JSON (an object with `questions`, or an array; whole or cut off), or text.
    """
    text = _THINKING.sub("", reply).replace("\N{FULLWIDTH QUESTION MARK}", "?")
    found = _from_json(text)
    if found is None:
        found = [question for line in _FENCES_AND_TAGS.sub("\n", text).splitlines() for question in _from_line(line)]
    # JSON's escapes can spell half of a character, which could be neither stored nor asked.
    whole = (question.encode("utf-8", "replace").decode() for question in found)
    return list(dict.fromkeys(whole))


def _from_json(text: str) -> list[str] | None:
    """The strings in the JSON of a reply; None if it has no JSON, or none with questions."""
    found: list[str] = []
    is_json, place = False, 0
    while begin := _JSON.search(text, place):
        try:
            value, place = json.JSONDecoder(strict=False).raw_decode(text, begin.start())
        except json.JSONDecodeError:
            # Cut off, or not quite JSON: use all strings, but only their complete questions, which end with '?'.
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
    except json.JSONDecodeError:  # "the bird\'s head" is invalid, but models write it
        return re.sub(r"\\(.)", r"\1", string)


def _texts(value: Any) -> Iterator[str]:
    """The strings of a JSON value; of an object, only those under `_KEYS`, if it has any of these."""
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
    """The questions in a line: each ends with '?', and sentences before it are dropped."""
    *sentences, _ = line.split("?")
    for sentence in sentences:
        last = re.sub("[*`]", "", _MARKER.sub("", _CHATTER.split(sentence)[-1]))
        cleaned = _without_closing_quote(" ".join(_MARKER.sub("", last).split()).rstrip("_~| "))
        if cleaned:
            yield f"{cleaned[0].upper()}{cleaned[1:]}?"


def _without_closing_quote(text: str) -> str:
    """Drop a closing quotation mark at the end if the text does not contain its opening one."""
    opening = _QUOTES.get(text[-1:])
    if opening is None or re.search(rf"[\s(]{opening}", text[:-1]):
        return text
    return text[:-1].rstrip()
