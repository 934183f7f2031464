"""From words to a request: help, mistakes, suggestions."""

import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from mmkd_ray import __version__
from mmkd_ray.cli import entry
from mmkd_ray.cli.app import PANELS, app
from mmkd_ray.cli.request import Request
from mmkd_ray.stages import STAGES

_HEAVY = ("ray", "torch", "transformers", "vllm", "pyarrow", "numpy")


@pytest.mark.parametrize(
    ("command", "options"),
    [("aspects", []), ("aspects score", ["--stored"]), ("aspects audit", ["--stored", "--mapping"])],
)
def test_commands_about_questions_explain_themselves(mmkd, command, options):
    status, shown = mmkd(*command.split(), "--help")
    assert status == 0
    assert f"Usage: mmkd {command} " in " ".join(shown.split())
    assert all((option in shown) == (option in options) for option in ("--stored", "--mapping"))


def test_the_help_has_every_command_in_its_panel(mmkd):
    status, shown = mmkd("--help")
    assert status == 0
    assert {command.name or command.typer_instance.info.name for command in app.registered_commands} < set(PANELS)
    places = [shown.index(f"─ {panel} ─") for panel in dict.fromkeys(PANELS.values())]
    assert places == sorted(places)
    assert all(f"│ {command} " in shown for command in PANELS)
    assert {stage.split()[0] for stage in STAGES} < set(PANELS)


def test_without_a_command_there_is_the_help_and_status_2(mmkd):
    status, shown = mmkd()
    assert status == 2
    assert "Usage: mmkd " in shown


@pytest.mark.parametrize("words", [["--version"], ["-h"], ["fieldguide", "sheet", "-h"]])
def test_what_only_tells_something_ends_well(mmkd, words):
    assert mmkd(*words)[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["aspects", "score", "c.yaml", "--mapping", "x.yaml"], "no such option: --mapping"),
        (["aspects", "score", "c.yaml", "--stord"], "no such option: --stord; did you mean --stored?"),
        (["aspects", "audit", "c.yaml", "--dry-run"], "no such option: --dry-run"),
        (["aspects", "--stored", "c.yaml"], "no such option: --stored (`mmkd aspects --help`"),
        (["aspects", "scor", "c.yaml"], "no such command or file: 'scor'; did you mean 'score'?"),
        (["extrct", "c.yaml"], "no such command 'extrct'; did you mean 'extract'"),
        (["train"], "missing argument 'CONFIG'"),
        (["study", "c.yaml", "--seconds-per-epoch", "abc"], "invalid value for '--seconds-per-epoch': "),
        (["verify", "a", "b"], "got unexpected extra argument(s) (b)"),
        (["export-teacher", "a", "b", "--format", "csv"], "invalid value for '--format': 'csv' is not one of"),
    ],
)
def test_a_mistake_in_typing_is_one_line_and_status_2(mmkd, words, message):
    status, output = mmkd(*words)
    assert status == 2
    (line,) = output.splitlines()
    assert line.startswith(f"mmkd: error: {message}")
    assert line.endswith("--help` says more)")


def _asked(*words):
    """What the work would be called with."""
    request = entry._read(list(words))
    assert isinstance(request, Request)
    assert isinstance(request.call, partial)
    return request.call


def test_an_override_may_follow_an_option():
    work, command, config, overrides = _asked(
        "aspects", "audit", "c.yaml", "a.b=1", "--stored", "--mapping", "m.yaml", "c.d=2"
    ).args
    assert (command, config, overrides) == ("aspects audit", "c.yaml", ["a.b=1", "c.d=2"])
    assert (work.args[0].stored, work.args[0].mapping) == (True, "m.yaml")


def test_aspects_alone_is_a_stage_of_its_own_whatever_its_configuration_is_called():
    for name in ("c.yaml", "scores.yaml"):
        assert _asked("aspects", name, "a=1").args[1:] == ("aspects", name, ["a=1"])


def test_the_splits_of_an_export_are_several_words():
    assert _asked("export-teacher", "a", "b", "--splits", "train", "val").args == ("a", "b", ["train", "val"])
    assert _asked("export-teacher", "--splits", "train", "--format", "makd-json", "a", "b").args[2] == ["train"]
    assert _asked("export-teacher", "a", "b").args[2] == ["train", "val"]


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["extrct"]])
def test_help_is_fast(words):
    """It imports nothing that takes seconds."""
    script = (
        "import sys; from mmkd_ray.cli import main; main(sys.argv[1:]); "
        f"print('heavy:', [name for name in {_HEAVY} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "heavy: []"


def test_every_stage_is_a_script_for_a_cluster_too(repository, mmkd):
    for command in {"run", *(command.split()[0] for command in STAGES)}:
        script = (repository / "jobs" / f"{command}.py").read_text()
        assert f'sys.exit(main(["{command}", *sys.argv[1:]]))' in script


def test_as_a_module():
    ended = subprocess.run([sys.executable, "-m", "mmkd_ray", "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout == f"mmkd_ray {__version__}\n"


def test_completion_knows_the_commands(monkeypatch):
    environment = {**os.environ, "_MMKD_COMPLETE": "complete_bash", "COMP_WORDS": "mmkd ex", "COMP_CWORD": "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "mmkd_ray"], capture_output=True, text=True, check=False, env=environment
    )
    assert ended.stdout.split() == ["extract", "export-teacher", "export"]


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (["tune"], "`mmkd tune CONFIG --resume` (without --resume if no trial had begun)"),
        (["train"], "the same command"),
    ],
)
@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_says_how_to_continue(mmkd, monkeypatch, words, again, signum, status):
    def signalled(*_arguments, **_options):
        os.kill(os.getpid(), signum)

    monkeypatch.setattr("mmkd_ray.config.load", signalled)
    # A shell that starts a job in the background has it ignore SIGINT.
    before = {signal.SIGTERM: signal.getsignal(signal.SIGTERM)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ended, output = mmkd(*words, "c.yaml")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (ended, output) == (status, f"mmkd: stopped; {again} continues")
