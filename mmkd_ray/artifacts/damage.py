"""What to do about a damaged file, by its place in a storage path: the one table of remedies."""

from __future__ import annotations

import re

from mmkd_ray.errors import DamagedError

_REMEDIES: dict[str, str] = {
    r"(.*/shared/images/[^/]+)/.*": "delete {0} and run `mmkd images CONFIG`: the same images make the same table, so "
    "answers and students stay",
    r".*/shared/answers/.*": "delete it and run `mmkd extract CONFIG`, which asks again what it held",
    r".*/teacher/.*": "run `mmkd extract CONFIG`, which makes it again from the stored answers, or `mmkd "
    "import-teacher` where they were imported",
    r"(.*/study/[^/]+/predictions/[^/]+)/.*": "delete {0} and run `mmkd evaluate CONFIG`",
    r"(.*/study/(?!lanes|tensorboard)[^/]+)/.*": "delete {0} and run `mmkd train CONFIG`, or copy it again",
    r".*/study/record\.json": "run `mmkd train CONFIG`, which writes it again",
    r".*/aspects/conversation/.*": "delete it and run `mmkd aspects CONFIG`, which asks again",
    r"(.*/aspects)/.*": "delete {0} and run `mmkd aspects CONFIG`",
    r".*/evidence/audit\.parquet": "run `mmkd aspects audit CONFIG`, which writes it again",
    r".*/evidence/.*": "run `mmkd aspects score CONFIG`, which writes it again",
    r"(.*/tune)/.*": "delete {0} and run `mmkd tune CONFIG`",
    r".*/images\.json": "run `mmkd images CONFIG`, which writes it again",
    r".*/answers\.json": "run `mmkd extract CONFIG`, which writes it again",
    r".*/(results\.parquet|students\.parquet|evaluation\.json)": "run `mmkd evaluate CONFIG`, which writes it again",
    r".*/summary\.json": "run `mmkd report CONFIG`, which writes it again",
}


def what_to_do(place: str) -> str:
    """The remedy for a damaged file.

    Args:
        place: its path or URI.
    """
    for pattern, remedy in _REMEDIES.items():
        if found := re.fullmatch(pattern, place):
            return remedy.format(*found.groups())
    return "delete it and run again the command that made it"


def damaged(place: str, reason: str) -> DamagedError:
    """The error about a file that is not as it was written.

    Args:
        place: its path or URI.
        reason: what is wrong with it, in a few words.
    """
    return DamagedError(place, reason, what_to_do(place))
