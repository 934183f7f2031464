"""Local paths and URIs as people write them: `~`, relative paths, and no keys or passwords in any of them."""

from __future__ import annotations

import re
from pathlib import Path

from mmkd_ray.errors import ConfigError

_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>[^?#\s]*)(?:\?(?P<query>[^#\s]*))?(?P<fragment>#\S*)?"
)
_MISTYPED = re.compile(r"(s3|gs|gcs|abfss?|hdfs|https?)(?:://?|//)(?=[^/])", re.IGNORECASE)
"""`s3//bucket`, `s3:/bucket`: they would be local folders."""
_SECRET = re.compile(r"key|secret|token|passw|pwd|sig|credential", re.IGNORECASE)
"""What the name of a secret value in a query contains: `access_key`, `api_key`, `sas_token`, `sig`."""
_HIDDEN = "***"
_ENVIRONMENT = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the machine",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "gcs": "GOOGLE_APPLICATION_CREDENTIALS",
    "http": "the variable that api_key_env names",
    "https": "the variable that api_key_env names",
}
"""Where keys belong, by scheme."""


def absolute(place: str) -> str:
    """A URI as it is; a local path, which may begin with `~` or be relative to the current folder, as an absolute one.

    Raises:
        ConfigError: `~NAME` with a name that this machine does not know, or a URI with a colon or slash too few.
    """
    if "://" in place:
        return place
    if found := _MISTYPED.match(place):
        raise ConfigError(f"'{place}' looks like a URI and is none: write {found[1]}://{place[found.end() :]}")
    try:
        return str(Path(place).expanduser().absolute())
    except RuntimeError as error:
        raise ConfigError(
            f"'{place}': this machine has no home folder for '{Path(place).parts[0]}'; write the path in full"
        ) from error


def looked_at(place: str) -> str:
    """For a message about a local path: ` (looked at /the/whole/path)`, unless it was given whole."""
    whole = absolute(place)
    return "" if whole == place.rstrip("/") else f" (looked at {whole})"


def check_no_credentials(text: str, *, where: str = "") -> None:
    """Refuse a URI that holds a key or a password: it would stand in logs, `config.yaml` and the report.

    Args:
        text: any text; what is not a URI as a whole is not looked at.
        where: what the message begins with, such as a key's path.

    Raises:
        ConfigError: one line, in which the secret is hidden.
    """
    found = _URI.fullmatch(text.strip())
    if found is None or not (_password(found) or any(map(_is_secret, _pairs(found)))):
        return
    variable = _ENVIRONMENT.get(found["scheme"].lower())
    remedy = f"in the environment ({variable})" if variable else "in the environment"
    raise ConfigError(
        f"{f'{where}: ' if where else ''}got {masked(text.strip())}; a URI may hold no key or password, since it is "
        f"written into logs and reports: leave it out, and set it {remedy}"
    )


def masked(text: str) -> str:
    """A text whose URIs have `***` in the place of a password and of the values of a query that may be secret.

    Of http, those are all values; of others, those whose name says so.
    """
    return _URI.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    secret = _password(found)
    rest = f"{_HIDDEN}@{found['rest'][len(secret) + 1 :]}" if secret else found["rest"]
    query = ""
    if found["query"] is not None:
        hide_all = found["scheme"].lower() in ("http", "https")
        query = "?" + "&".join(
            f"{pair.partition('=')[0]}={_HIDDEN}" if hide_all or _is_secret(pair) else pair for pair in _pairs(found)
        )
    return f"{found['scheme']}://{rest}{query}{found['fragment'] or ''}"


def _pairs(found: re.Match[str]) -> list[str]:
    return (found["query"] or "").split("&")


def _is_secret(pair: str) -> bool:
    name, _, value = pair.partition("=")
    return bool(value) and _SECRET.search(name) is not None


def _password(found: re.Match[str]) -> str:
    """What stands before the `@` of a URI, if it is more than a name; else empty.

    A key may hold slashes that were not encoded: `s3://KEY:abc/def@bucket`. A name alone is a container's
    (`abfs://container@account`), but in a web address it is a key.
    """
    before, at, _ = found["rest"].rpartition("@")
    first = before.partition("/")[0]
    if not at or first.startswith("["):
        return ""
    if "/" not in before:
        return before if ":" in before or found["scheme"].lower() in ("http", "https") else ""
    _, colon, port = first.partition(":")
    return before if colon and not port.isdigit() else ""
