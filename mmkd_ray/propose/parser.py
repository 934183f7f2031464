"""Questions out of what a language model really writes.

Numbering, bullets, markdown, fences, chatter, quotes, several questions in a line, and an end that was cut off are all
survived. Whether a question can be asked is judged elsewhere (`aspects.checks`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_FENCE = re.compile(r"```[\w-]*")
_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
"""A JSON string that is whole."""
_KEYS = ("questions", "question", "selected", "aspects", "text")
_MARKER = re.compile(
    r"""^(?:
        [\s>#|*_`~\[\]"'\N{LEFT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}-]   # quotes, bullets, tables
        |[\N{BULLET}\N{EN DASH}\N{EM DASH}\N{TRIANGULAR BULLET}\N{WHITE BULLET}\N{BLACK SMALL SQUARE}]
        |\(?(?:\d+|[ivx]+|[a-h])[.):\]]+(?=\W|$|[A-Z])                                    # 1.  (2)  3:  iv)  a.
        |\d+\s+(?=(?-i:[A-Z]))                                                             # 1 Is it ...
        |(?:Q(?:uestion)?|Frage|Aspect)\s*\#?\d*\s*[.):-]+                                 # Q3:  Question 4.
    )+""",
    re.VERBOSE | re.IGNORECASE,
)
_LAST = " \t*_`~\"'|\N{RIGHT DOUBLE QUOTATION MARK}\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"


def parse_questions(reply: str) -> list[str]:
    """The questions in a reply, in its order, each once.

    Args:
        reply: JSON (an object with `questions`, or an array; whole or cut off), or text.
    """
    text = _THINKING.sub("", reply)
    found = _from_json(text)
    if found is None:
        found = [question for line in _FENCE.sub("\n", text).splitlines() for question in _from_line(line)]
    return list(dict.fromkeys(question for question in found if question))


def _from_json(text: str) -> list[str] | None:
    """The questions in the first JSON value that holds any; None if the reply is not JSON."""
    for start in re.finditer(r"[\[{]", text):
        try:
            value, _ = json.JSONDecoder().raw_decode(text[start.start() :])
        except json.JSONDecodeError:
            continue
        if texts := [text for each in _texts(value) for text in _from_line(each)]:
            return texts
        if isinstance(value, dict) and value.get(_KEYS[0]) == []:
            return []
    if re.match(r"\s*(?:```\w*\s*)?[\[{]\s*[\"{]", text):
        # Cut off: the strings that are whole are taken, the last and broken one is not.
        whole = [json.loads(f'"{match[1]}"', strict=False) for match in _STRING.finditer(text)]
        return [question for each in whole for question in _from_line(each)]
    return None


def _texts(value: Any) -> Iterator[str]:
    """The strings of a JSON value, those under the keys that are about questions if it is an object."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        named = [value[key] for key in _KEYS if key in value]
        for item in named or [item for item in value.values() if isinstance(item, (str, list, dict))]:
            yield from _texts(item)


def _from_line(line: str) -> Iterator[str]:
    """The questions in a line: everything up to a '?' is one, without what stands before its sentence."""
    *sentences, _ = line.split("?")
    for sentence in sentences:
        # A statement before it is chatter: "Sure! Is the bird red?", "Colour. Is it red?", "Beak: Is it long?"
        last = re.split(r"(?<=[.!:;])\s+(?=[\"'*_(\N{LEFT DOUBLE QUOTATION MARK}]*[A-Z])", sentence)[-1]
        cleaned = _MARKER.sub("", last.strip()).rstrip(_LAST).replace("**", "").replace("`", "")
        # What is left of "(Yes/No)" after the question before.
        cleaned = re.sub(r"^\(?\s*yes\s*(?:/|or)\s*no\s*\)?[\s\"',.;:*-]*", "", cleaned, flags=re.IGNORECASE)
        cleaned = " ".join(_MARKER.sub("", cleaned).split())
        if cleaned:
            yield f"{cleaned[0].upper()}{cleaned[1:]}?"
