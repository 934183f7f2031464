"""The `mmkd` command: `mmkd STAGE CONFIG [key.path=value ...]`."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from mmkd_ray import __version__
from mmkd_ray.artifacts import Run, open_run
from mmkd_ray.config import Config, load, to_yaml
from mmkd_ray.console import Console, last_lines, quiet_output
from mmkd_ray.errors import ArtifactError, mmkd_cause
from mmkd_ray.stages import STAGES

_STAGES = {
    "run": "everything, from images to the report",
    "images": "make the image table",
    "aspects": "propose and select the questions, by an LLM or by evidence",
    "extract": "ask the teacher every question about every image",
    "train": "train the students of the study",
    "evaluate": "measure and compare the students",
    "report": "write summary.json and the HTML report",
}
_ABOUT_QUESTIONS = {
    "aspects score": "what each question is worth, from the teacher's answers about a small sample of the images",
    "aspects audit": "how often the teacher is right, where true attributes of the images are known",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 for a mistake that is explained in one line, 1 for a failure of ours."""
    arguments = _parse(argv)
    signal.signal(signal.SIGTERM, _leave)
    try:
        return arguments.call(arguments)
    except (KeyboardInterrupt, _Terminated) as stop:
        how = "`mmkd tune CONFIG --resume`" if getattr(arguments, "stage", "") == "tune" else "the same command"
        print(f"mmkd: stopped; {how} continues", file=sys.stderr)  # noqa: T201
        return 143 if isinstance(stop, _Terminated) else 130
    except Exception as error:  # the one place where a failure before a stage is explained
        return _fail(error, log=None)


class _Terminated(BaseException):
    """SIGTERM as an exception: what was started is stopped on the way out."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mmkd", description="Distil a multimodal LLM into a small vision model.")
    parser.add_argument("--version", action="version", version=f"mmkd_ray {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for stage, what in _STAGES.items():
        command = commands.add_parser(stage, help=what, description=what)
        _add_config(command)
        command.set_defaults(call=_run_stage, stage=stage)
    command = commands.add_parser("config", help="print a configuration with every default filled in")
    _add_config(command)
    command.set_defaults(call=_print_config)
    command = commands.add_parser("plan", help="say what extraction will take: cells, tokens, hours")
    _add_config(command)
    command.add_argument("--answers-per-second", type=float, help="of one engine; measured by earlier runs if unset")
    command.set_defaults(call=_run_stage, stage="plan")
    command = commands.add_parser("study", help="the same as run; --dry-run says what it would train, and the cost")
    _add_config(command)
    command.add_argument("--dry-run", action="store_true", help="train nothing, ask nothing")
    command.add_argument("--seconds-per-epoch", type=float, help="of one student; measured by finished ones if unset")
    command.set_defaults(call=_run_stage, stage="study")
    command = commands.add_parser("tune", help="search alpha, Q and other keys on the stored answers")
    _add_config(command)
    command.add_argument("--resume", action="store_true", help="continue a search that was interrupted")
    command.set_defaults(call=_run_stage, stage="tune")
    for stage, what in _ABOUT_QUESTIONS.items():
        command = commands.add_parser(stage, help=what, description=what)
        _add_config(command)
        command.add_argument("--stored", action="store_true", help="from the stored teacher table: ask nothing")
        command.set_defaults(call=_run_stage, stage=stage)
    command.add_argument("--mapping", metavar="FILE", help="for CUB-200: YAML of {question: attribute}")
    command = commands.add_parser("verify", help="prove that a run's teacher table is complete")
    command.add_argument("run", metavar="RUN", help="folder or URI of a run, e.g. runs/quickstart")
    command.set_defaults(call=_verify)
    command = commands.add_parser("import-teacher", help="make the teacher table from answers made elsewhere")
    command.add_argument("config", metavar="CONFIG", help="YAML file with teacher: {kind: imported, name: ...}")
    command.add_argument("file", metavar="FILE", help="{image name: [P(yes), ...]} as one JSON object or one a line")
    command.add_argument("overrides", nargs="*", metavar="key.path=value | FILE.yaml")
    command.add_argument("--merge-duplicates", action="store_true", help="drop repeats, take the mean of what differs")
    command.add_argument("--epsilon", type=float, default=1e-6, help="P(yes) is clipped to [EPSILON, 1 - EPSILON]")
    command.set_defaults(call=_import_teacher)
    command = commands.add_parser("export-teacher", help="write a run's teacher table as a file of another tool")
    command.add_argument("run", metavar="RUN", help="folder or URI of a run, e.g. runs/quickstart")
    command.add_argument("file", metavar="FILE", help="file to write")
    command.add_argument("--format", choices=["makd-json"], default="makd-json")
    command.add_argument("--splits", nargs="+", default=["train", "val"], help="MaKD's own training wants train alone")
    command.set_defaults(call=_export_teacher)
    guide = commands.add_parser("fieldguide", help="look at the embedded data set").add_subparsers(required=True)
    sheet = guide.add_parser("sheet", help="write a contact sheet of its pictures (PNG)")
    sheet.add_argument("path", help="file to write")
    sheet.add_argument("--species-seed", type=int, default=0)
    sheet.add_argument("--seed", type=int, default=0)
    sheet.set_defaults(call=_write_sheet)
    return parser


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; overrides may also follow an option, which Python 3.11's argparse does not see."""
    parser = _parser()
    given = list(sys.argv[1:] if argv is None else argv)
    if " ".join(given[:2]) in _ABOUT_QUESTIONS:
        given[:2] = [" ".join(given[:2])]
    arguments, rest = parser.parse_known_args(given)
    if rest and ("overrides" not in arguments or any(text.startswith("-") for text in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        arguments.overrides = [*arguments.overrides, *rest]
    return arguments


def _import_teacher(arguments: argparse.Namespace) -> int:
    from mmkd_ray.answers.interop.importing import import_teacher  # noqa: PLC0415 (other commands do not need it)
    from mmkd_ray.answers.ledger import Ledger  # noqa: PLC0415

    config = load(arguments.config, arguments.overrides)
    record = import_teacher(
        config,
        open_run(_storage(config), config.name),
        arguments.file,
        merge_duplicates=arguments.merge_duplicates,
        epsilon=arguments.epsilon,
    )
    print("\n".join([*record["remarks"], Ledger(**record["ledger"]).line()]))  # noqa: T201
    return 0


def _export_teacher(arguments: argparse.Namespace) -> int:
    from mmkd_ray.answers.interop.exporting import export_teacher, open_finished_run  # noqa: PLC0415

    written = export_teacher(open_finished_run(arguments.run), arguments.file, splits=arguments.splits)
    print(f"{arguments.file}: {len(written):,} images; questions in order: {arguments.run}/teacher/questions.json")  # noqa: T201
    return 0


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", metavar="CONFIG", help="YAML file, e.g. configs/quickstart.yaml")
    command.add_argument(
        "overrides",
        nargs="*",
        metavar="key.path=value | FILE.yaml",
        help="e.g. train.epochs=10; a YAML file is laid over CONFIG",
    )


def _print_config(arguments: argparse.Namespace) -> int:
    print(to_yaml(load(arguments.config, arguments.overrides)), end="")  # noqa: T201
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from mmkd_ray.answers.verify import verify  # noqa: PLC0415 (other commands do not need it)

    ledger = verify(open_run(arguments.run, ""))
    print(f"verified  {arguments.run}: {ledger.line()}")  # noqa: T201
    return 0


def _write_sheet(arguments: argparse.Namespace) -> int:
    from mmkd_ray import fieldguide  # noqa: PLC0415 (other commands do not need it)

    fieldguide.write_sheet(arguments.path, species_seed=arguments.species_seed, seed=arguments.seed)
    print(arguments.path)  # noqa: T201
    return 0


def _run_stage(arguments: argparse.Namespace) -> int:
    config = load(arguments.config, arguments.overrides)
    run = open_run(_storage(config), config.name)
    log = _log_file(run, arguments.stage.replace(" ", "-"))
    with quiet_output(log) as console:
        console.say(f"mmkd_ray {__version__}  {arguments.stage} {arguments.config}")
        console.say(f"run       {run.folder.uri}\nlogs      {log}")
        try:
            _stage_function(arguments, config)(config, run, console)
        except Exception as error:
            if stop := _stop_among_causes(error):
                raise stop from error
            traceback.print_exc()
            sys.stderr.flush()
            return _fail(error, log=log, console=console)
        if arguments.stage == "run":
            console.say(_WHAT_NEXT)
    return 0


def _stage_function(arguments: argparse.Namespace, config: Config) -> Callable[[Config, Run, Console], None]:
    """The stage's function, with the environment set before anything heavy is imported."""
    from mmkd_ray.answers.teacher import needs_hub  # noqa: PLC0415
    from mmkd_ray.cluster.environment import prepare_process  # noqa: PLC0415

    proposing = getattr(config.aspects, "llm", None)
    hub = needs_hub(config.teacher) or (proposing is not None and needs_hub(proposing))
    prepare_process(offline=not hub and not config.student.pretrained)
    from mmkd_ray import pipeline  # noqa: PLC0415 (imports ray and torch: seconds)

    if arguments.stage == "plan":
        return partial(pipeline.plan, answers_per_second=arguments.answers_per_second)
    if arguments.stage == "study" and arguments.dry_run:
        return partial(pipeline.dry_run, seconds_per_epoch=arguments.seconds_per_epoch)
    if arguments.stage in ("run", "study"):
        return pipeline.run_all
    stage = STAGES[arguments.stage]
    options = {option.name: getattr(arguments, option.name) for option in fields(stage)}
    return partial(pipeline.run_stage, replace(stage, **options))


def _storage(config: Config) -> str:
    """A job's own folder is Ray's, and temporary: there a relative storage.path is taken from the home folder."""
    from mmkd_ray.cluster.environment import in_ray_job  # noqa: PLC0415

    path = config.storage.path
    if in_ray_job() and "://" not in path and not path.startswith(("/", "~")):
        return f"~/{path}"
    return path


def _log_file(run: Run, stage: str) -> Path:
    name = f"{stage}-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"
    if "://" in run.folder.uri:
        return Path(tempfile.gettempdir()) / "mmkd-logs" / name
    return Path(run.folder.uri) / "logs" / name


def _fail(error: BaseException, *, log: Path | None, console: Console | None = None) -> int:
    """Explain a failure: one line for what a user can mend, else the log's last lines as well."""
    known = mmkd_cause(error) or _storage_error(error)
    if known is not None:
        lines = [f"mmkd: error: {known}"]
    else:
        lines = [f"mmkd: failed: {type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"]
        if log:
            lines += [f"--- last lines of {log}", last_lines(log)]
        else:
            traceback.print_exception(error)
    print("\n".join(lines), file=sys.stderr if console is None else console.stream, flush=True)
    return 2 if known is not None else 1


def _stop_among_causes(error: BaseException | None) -> BaseException | None:
    """A stop that arrived inside of C code of Ray's, which wraps it in a SystemError."""
    while error is not None:
        if isinstance(error, (KeyboardInterrupt, _Terminated)):
            return error
        error = error.__cause__ or error.__context__
    return None


def _storage_error(error: BaseException) -> ArtifactError | None:
    """A full or read-only disk, found among the causes."""
    explained = {errno.ENOSPC: "no space left", errno.EACCES: "permission denied", errno.EROFS: "read-only"}
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, OSError) and current.errno in explained:
            place = f" ({current.filename})" if current.filename else ""
            return ArtifactError(f"storage: {explained[current.errno]}{place}; free some or set storage.path elsewhere")
        current = getattr(current, "cause", None) or current.__cause__ or current.__context__
    return None


def _leave(signum: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated(signum)


_WHAT_NEXT = """
What to try next:
  own images     mmkd run configs/own_images.yaml data.path=FOLDER   (FOLDER/CLASS/IMAGE)
  a real MLLM    ... configs/teachers/internvl3.yaml extract.gpus_per_actor=1
  a cluster      ray job submit --working-dir . -- python jobs/run.py configs/quickstart.yaml
README.md and docs/ say more."""


if __name__ == "__main__":
    sys.exit(main())
