"""What the commands say to a user who mistypes one, or is in the wrong folder."""

import re
from importlib import import_module
from pathlib import Path

import click
import pytest
import smallboat
from smallboat import cli
from smallboat.errors import CloudError

Printed = pytest.CaptureFixture[str]


def run(printed: Printed, *words: str) -> tuple[int, str, str]:
    """The exit code of a command, its output and its errors."""
    code = cli.main([*words])
    captured = printed.readouterr()
    return code, captured.out, captured.err


def test_help_lists_all_commands_in_the_order_of_their_use(capsys: Printed) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    _, _, commands = out.partition("Commands:\n")
    listed = re.findall(r"(?m)^  ([a-z-]+)  +\S.*", commands)
    assert listed == [name for name, *_ in cli.COMMANDS]
    assert listed[:4] == ["describe", "data", "check", "train"]
    assert "..." not in commands, "a line is cut off"
    assert "Exit codes: 0 done" in commands


@pytest.mark.parametrize("name", [name for name, *_ in cli.COMMANDS])
def test_each_command_has_help_and_its_function_exists(name: str, capsys: Printed) -> None:
    code, out, _ = run(capsys, name, "--help")
    assert code == 0
    ((_, path, text, options),) = (row for row in cli.COMMANDS if row[0] == name)
    assert text in " ".join(out.split()) and "--env ENV" in out
    assert all(isinstance(option, click.Option) and option.help for option in options)
    module, _, function = path.partition(":")
    assert callable(getattr(import_module(f"smallboat.{module}"), function))


def test_the_version_is_the_librarys(capsys: Printed) -> None:
    assert run(capsys, "--version") == (0, f"smallboat, version {smallboat.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "No such command 'trian'. (Did you mean one of: 'retrain', 'train'?)"),
        (["train", "--drr", "x"], "No such option '--drr'. Did you mean '--dir'?"),
        (["train", "--env", "stagin"], "no environment 'stagin': did you mean 'staging'?"),
        (["train", "x"], "Got unexpected extra argument (x)"),
        (["data", "--source"], "Option '--source' requires an argument."),
        (["compare"], "Missing option '--with'."),
        (["serve", "--port", "99999"], "99999 is not in the range 1<=x<=65535"),
        (["serve", "--background=yes"], "'yes' is not '1'"),
    ],
)
def test_what_is_mistyped_is_named_with_the_nearest(
    words: list[str], message: str, capsys: Printed
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert message in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["deploy", "--run="], "--run"),
        (["deploy", "--from", ""], "--from"),
        (["train", "--dir", ""], "--dir"),
        (["train", "--env="], "--env"),
    ],
)
def test_an_empty_value_is_refused(words: list[str], option: str, capsys: Printed) -> None:
    """It comes from an empty variable: `make deploy RUN=$id`."""
    code, _, err = run(capsys, *words)
    assert code == 2
    assert f"Invalid value for '{option}': it is empty: leave it out, or give it a value" in err


def test_outside_of_a_project_it_says_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in (None, "[project]\nname = 'other'\n"):
        if text:
            Path("pyproject.toml").write_text(text)
        code, _, err = run(capsys, "train")
        assert code == 2
        assert err == (
            "error: this folder is not a project: change to the one whose pyproject.toml has a "
            "table [tool.smallboat]\n"
        )


def test_without_a_command_it_shows_its_help(capsys: Printed) -> None:
    code, _, err = run(capsys)
    assert code == 2 and "Commands:\n" in err


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (CloudError("AWS is away"), 4, "error: AWS is away\n"),
        (KeyboardInterrupt(), 130, "\ninterrupted\n"),
    ],
)
def test_how_a_command_ends_is_its_exit_code(
    raised: BaseException,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Printed,
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise raised

    monkeypatch.setattr("smallboat.release.queries.status", fail)
    assert run(capsys, "status") == (code, "", message)
