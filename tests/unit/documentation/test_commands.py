"""Every command that README.md and docs/ show is run by a test, or it is said here why not."""

import re
from dataclasses import dataclass

import pytest
from typer.main import get_command

import mmkd_ray as mm
from mmkd_ray.cli import entry
from mmkd_ray.cli.app import PANELS, app
from mmkd_ray.cli.request import Request
from mmkd_ray.config import Config
from tests.support.documented import commands, inline_commands, pages
from tests.support.identities import REPOSITORY

_ANY = {"name": "any", "data": {"source": "folder", "path": "x"}, "aspects": {"source": "file", "path": "y"}}
"""What CONFIG stands for."""
_CLI = "unit/cli/test_commands.py"


@dataclass(frozen=True)
class Run:
    """A test runs such a command."""

    test: str


@dataclass(frozen=True)
class NotRun:
    """No test does."""

    because: str


RULES: dict[str, Run | NotRun] = {
    r"make (quickstart|install|docs|test|check)\b.*": NotRun(
        "make makes the environment that tests run in; its recipes are what CI and test_killed.py run"
    ),
    r"\$EDITOR .*": NotRun("a person writes"),
    r"mmkd study configs/paper/.*--dry-run.*": Run(
        f"{_CLI}::test_the_cost_of_a_study_follows_from_the_rate_given"
    ),
    r"mmkd study (?!configs/paper).*--dry-run.*": Run(f"{_CLI}::test_a_dry_run_says_what_a_study_would_train"),
    r"mmkd study configs/paper/.*": NotRun("it takes GPUs and a download"),
    r"mmkd run .*configs/teachers/.*": NotRun("it takes a GPU and a download; it is parsed and loaded here"),
    r"mmkd extract .*configs/teachers/.*": NotRun("it takes a GPU and a download; it is parsed and loaded here"),
    r"mmkd aspects configs/own_images.yaml configs/aspects/.*": Run(
        "integration/test_language_model.py::test_endpoint_and_actor_give_the_same_text"
    ),
    r"mmkd run .*": Run("cluster/test_killed.py::test_the_output_is_ours_and_complete"),
    r"mmkd images .*": Run(f"{_CLI}::test_how_folders_were_read_is_told"),
    r"mmkd (aspects score|aspects audit|aspects) .*": Run(
        f"{_CLI}::test_questions_are_scored_audited_and_selected_on_a_terminal"
    ),
    r"mmkd plan .*": Run("unit/extract/test_cost.py::test_the_estimate_counts_stored_and_missing_answers"),
    r"mmkd extract .*": Run(
        "integration/test_extract_stage.py::test_a_first_run_asks_everything_and_its_ledger_is_complete"
    ),
    r"mmkd verify .*": Run("unit/test_integrity.py::test_a_whole_run_is_found_whole"),
    r"mmkd import-teacher .*": Run(f"{_CLI}::test_the_values_of_an_imported_file_are_in_the_order_of_the_questions"),
    r"mmkd export-teacher .*": Run("unit/cli/test_entry.py::test_the_splits_of_an_export_are_several_words"),
    r"mmkd tune .*--resume": Run(
        "integration/test_tune.py::test_killed_in_the_middle_and_resumed_it_does_not_train_again_what_had_ended"
    ),
    r"mmkd tune .*": Run("integration/test_tune.py::test_optuna_proposes_other_values_for_each_trial"),
    r"mmkd train runs/NAME/tune/best.yaml": Run(
        "integration/test_tune.py::test_the_best_configuration_is_one_that_train_accepts"
    ),
    r"mmkd train .*": Run("integration/test_study.py::test_it_takes_what_the_cluster_has"),
    r"mmkd compare .*": Run("unit/report/comparison/test_comparing.py::test_one_command_says_it"),
    r"mmkd export .*": Run("unit/cli/test_exporting.py::test_a_run_by_its_folder_and_by_its_configuration"),
    r"mmkd predict .*": Run("unit/cli/test_predicting.py::test_a_table_all_rows_in_a_file_and_what_cannot_be_read"),
    r"mmkd serve .*": Run("cluster/test_serve.py::test_the_command_ends_cleanly_and_leaves_no_process"),
    r"source .venv/bin/activate": NotRun("tests name the environment's programs in full"),
    r"export {2,}.*": NotRun("no command: what `mmkd export` prints"),
    r"export RAY_AUTH_MODE=token": Run("cluster/test_job_submission.py::test_a_cluster_that_asks_for_a_token_says_so"),
    r"ray get-auth-token .*": Run("cluster/test_job_submission.py::test_a_cluster_that_asks_for_a_token_says_so"),
    r"ray start .*": Run("cluster/test_job_submission.py::test_the_whole_run_as_a_job"),
    r"ray job submit .*": Run("cluster/test_job_submission.py::test_the_whole_run_as_a_job"),
    r"curl .*(localhost|127\.0\.0\.1).*": Run(
        "cluster/test_serve.py::test_what_cannot_be_answered_is_refused_in_a_sentence"
    ),
    r"(uv )?pip install .*": NotRun("tests install nothing; `make install` has made their environment"),
    r"serve deploy .*": Run("unit/config/test_deploy.py::test_serve_deploy_takes_its_file_and_kuberay_has_the_same"),
    r"kubectl apply .*": Run(
        "unit/config/test_deploy.py::test_a_manifest_has_the_fields_of_its_kind_and_no_others"
    ),
    r"kubectl port-forward .*": NotRun("it takes a Kubernetes cluster"),
    r"docker (build|run) .*": NotRun("no docker where the tests run; test_deploy.py reads the Dockerfile"),
}  # fmt: skip
"""A pattern for whole commands, the first that fits counts: what runs such a command, or why nothing does."""

SHOWN = [command for page in pages(REPOSITORY) for command in commands(page)]
INLINE = [command for page in pages(REPOSITORY) for command in inline_commands(page)]


def _rule(text):
    return next((pattern for pattern in RULES if re.fullmatch(pattern, text)), None)


def test_every_command_is_run_by_a_test_or_marked_with_the_reason():
    unknown = [f"{command.place}: {command.text}" for command in SHOWN if _rule(command.text) is None]
    assert not unknown, "say in RULES which test runs these, or why none does"
    assert len(SHOWN) > 60, "commands are no longer found"


def test_the_tests_that_are_named_are_there():
    for rule in RULES.values():
        if isinstance(rule, Run):
            file, _, name = rule.test.partition("::")
            assert f"def {name}" in (REPOSITORY / "tests" / file).read_text(encoding="utf-8"), rule.test
        else:
            assert rule.because


def _ours(command):
    """The words after `mmkd`, also of a job; None for another program."""
    words = command.words
    words = words[words.index("--") + 1 :] if words[:3] == ["ray", "job", "submit"] else words
    if words[0] == "python" and len(words) > 1 and (job := re.fullmatch(r"jobs/(\w+)\.py", words[1])):
        return [job.group(1), *words[2:]]
    return words[1:] if words[0] == "mmkd" else None


@pytest.mark.parametrize("command", SHOWN, ids=lambda command: command.place)
def test_its_options_are_accepted_and_its_configuration_loads(command, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    words = _ours(command)
    if words is None:
        return
    assert isinstance(entry._read(words), Request), command
    overrides = [word for word in words[1:] if re.match(r"[\w.]+=", word) or word.endswith(".yaml")]
    if "..." in command.text or "[" in command.text.split("=")[0] or "NAME" in command.text:
        return  # a placeholder
    if "CONFIG" in words:
        assert isinstance(mm.load(_ANY, overrides), Config)
    elif overrides and overrides[0].endswith(".yaml"):
        options = {words[place + 1] for place, word in enumerate(words) if word == "--mapping"}
        assert isinstance(mm.load(overrides[0], [one for one in overrides[1:] if one not in options]), Config)


@pytest.mark.parametrize("command", INLINE, ids=lambda command: command.place)
def test_what_the_text_names_is_there(command, repository):
    words = command.words
    if words[0] == "make":
        assert re.search(rf"(?m)^{words[1]}:", (repository / "Makefile").read_text())
    elif words[0] == "python":
        assert (repository / words[1]).is_file()
    elif options := [word for word in words[2:] if word.startswith("--")]:
        known = get_command(app).commands[words[1]].params
        assert set(options) <= {name for one in known for name in one.opts}, command
    elif len(words) > 2:
        assert isinstance(entry._read(words[1:]), Request), command
    elif len(words) == 2:
        assert words[1] in {*PANELS, "--help", "--version"}, command
