"""`make docs`: strict, whole, and without another host."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from docs.site.build import run_mkdocs
from docs.site.commands import commands
from docs.site.examples import as_markdown
from docs.site.links import rewritten
from docs.site.pages import site_path
from docs.site.reference import reference
from mmkd_ray.cli.app import PANELS
from mmkd_ray.config import Config

_PRIVATE = re.compile(r"/(work|home|root|tmp/docs|Users)/|127\.0\.0\.1:\d{5}")


@pytest.fixture(scope="module")
def html(repository, tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    built = _build(repository, folder)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "html"


def _build(repository, folder):
    command = [sys.executable, "docs/site/build.py", str(folder)]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


class _Requests(HTMLParser):
    """What a browser asks for as soon as it opens a page."""

    def __init__(self, text):
        super().__init__()
        self.asked = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.asked.append(values.get("href"))
        elif tag in ("img", "script", "iframe", "source", "video", "audio", "object"):
            self.asked.append(values.get("src") or values.get("data"))


def test_the_site_is_built_strictly_and_asks_no_other_host(html):
    pages = sorted(html.rglob("*.html"))
    assert {"index.html", "keys.html", "api.html", "changelog.html", "benchmarks/index.html"} <= {
        page.relative_to(html).as_posix() for page in pages
    }
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for asked in filter(None, _Requests(text).asked):
            assert not urlsplit(asked).netloc, f"{page}: {asked}"
            assert (page.parent / urlsplit(asked).path).exists() or page.name == "404.html", f"{page}: {asked}"
        assert 'class="mermaid"' not in text, f"{page}: the theme would fetch Mermaid from another host"
        assert not (private := _PRIVATE.search(text)), f"{page}: {private}"
    index = (html / "benchmarks" / "index.html").read_text(encoding="utf-8")
    for page in (html / "benchmarks").glob("2*.html"):
        assert f'href="{page.name}"' in index
    for sheet in html.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet


def test_a_page_has_what_the_code_says(html):
    keys = (html / "keys.html").read_text(encoding="utf-8")
    assert "Weight of the aspect loss (paper, eq. 4)." in keys
    api = (html / "api.html").read_text(encoding="utf-8")
    assert all(f'id="mmkd_ray.api.{name}"' in api for name in ("load", "run", "compare", "load_student"))
    assert "the first is what the others are compared with" in api


def test_a_broken_link_and_a_page_without_a_place_fail(repository, tmp_path, capfd):
    settings, pages = tmp_path / "mkdocs.yml", tmp_path / "pages"
    ours = (repository / "mkdocs.yml").read_text()
    plain = re.sub(r"  - mkdocstrings:\n(    .*\n)+", "", ours[: ours.index("\nnav:")])
    settings.write_text(f"{plain}\nnav: [index.md]\n")
    pages.mkdir()
    (pages / "index.md").write_text("# Start\n\n[gone](gone.md) and [no such part](#nothing)\n")
    (pages / "stray.md").write_text("# Nobody leads here\n")
    with pytest.raises(subprocess.CalledProcessError):
        run_mkdocs(pages, tmp_path / "html", settings)
    said = capfd.readouterr().err
    for problem in ("stray.md", "'gone.md'", "#nothing"):
        assert problem in said


def test_the_reference_has_every_key_once_in_each_kind():
    text = reference()
    for section, field in Config.model_fields.items():
        assert f"## `{section}`\n" in text
        for key, own in getattr(field.annotation, "model_fields", {}).items():
            assert text.count(f"`{section}.{key}` · ") == 1
            assert " ".join((own.description or "").split()) in text
    assert "`train.alpha` · number (at least 0) · default `4" in text
    assert "`study.kd_teacher` · keys as those of `student`" in text
    assert "`data.path` · text · required\n:   The folder with `metadata.csv`" in text
    assert text.count("`data.val_fraction` · ") == 1  # of all kinds of files, alike
    assert "`tune.space.KEY.log_uniform` · " in text
    assert "| `makd` | the teacher's answers about each image |" in text


def test_the_commands_are_those_of_the_help():
    text = commands()
    assert all(f"### `mmkd {name}`\n" in text for name in PANELS)
    assert "### `mmkd aspects score`\n" in text
    assert "| `--replace` | exchange the run's images for those of another source |" in text
    assert "| `key.path=value\\|FILE.yaml` | " in text


def test_links_lead_to_pages_wherever_they_stand():
    text = "[a](docs/images.md#x) [b](configs/teachers) [c](https://x.y/z) [d](#here)\n```\n[e](docs/images.md)\n```"
    assert rewritten(text, "README.md", at="index.md", site_path=site_path) == (
        "[a](images.md#x) [b](files/configs/teachers.md) [c](https://x.y/z) [d](#here)\n```\n[e](docs/images.md)\n```"
    )
    inner = rewritten("[r](../README.md) [s](benchmarks/)", "docs/images.md", at="images.md", site_path=site_path)
    assert inner == "[r](index.md) [s](benchmarks/index.md)"
    deeper = rewritten("[c](../../configs/a.yaml)", "docs/benchmarks/x.md", at="benchmarks/x.md", site_path=site_path)
    assert deeper == "[c](../files/configs/a.yaml.md)"


def test_cells_become_text_and_code():
    script = "# %% [markdown]\n# # Title\n#\n# Text.\n\n# %% First\nx = 1\n\n# %%\nprint(x)\n"
    assert as_markdown(script) == "# Title\n\nText.\n\n## First\n\n```python\nx = 1\n```\n\n```python\nprint(x)\n```\n"
