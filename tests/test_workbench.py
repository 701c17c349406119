"""The workbench: what is edited there comes back as template text, and nothing else changes."""

import shutil
from pathlib import Path

import pytest

import workbench

SLUG = "{{cookiecutter.project_slug}}"
AWS = "overlays/cloud/aws"
LIBRARY = "vendor/smallboat/smallboat"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An open workbench over a copy of the template."""
    for name in ("cookiecutter.json", "hooks", SLUG):
        source = workbench.ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    monkeypatch.setattr(workbench, "ROOT", tmp_path)
    monkeypatch.setattr(workbench, "BENCH", tmp_path / "workbench")
    return workbench.open_bench("f1")


def test_an_untouched_workbench_saves_nothing(bench: Path) -> None:
    assert workbench.save_bench("f1") == []


def test_an_edit_goes_back_to_the_file_that_it_came_from(bench: Path) -> None:
    for name, place, text, template in [
        ("Makefile", "Makefile", "workbench_project", "{{ cookiecutter.project_slug }}"),
        ("workbench_project/problem.py", f"{SLUG}/problem.py", "plain", "plain"),
        (f"{LIBRARY}/errors.py", f"{LIBRARY}/errors.py", "{{ x }}", "{{ x }}"),
        (
            "LICENSE",
            "overlays/licence/MIT/LICENSE",
            "Workbench Author",
            "{{ cookiecutter.__author }}",
        ),
        ("infra/budget.yaml", f"{AWS}/infra/budget.yaml", "plain", "plain"),
        (
            ".github/workflows/deploy.yml",
            f"{AWS}/.github/workflows/deploy.yml",
            "{{ x }}",
            "{{ x }}",
        ),
        ("workbench_project/data.py", f"overlays/use_case/f1/{SLUG}/data.py", "{{ x }}", "{{ x }}"),
    ]:
        with (bench / name).open("a") as file:
            file.write(f"# {text}\n")
        source = workbench.ROOT / SLUG / place
        before = source.read_text()
        assert workbench.save_bench("f1") == [source]
        assert source.read_text() == before + f"# {template}\n"


def test_edits_that_were_not_saved_are_not_lost(bench: Path) -> None:
    (bench / "workbench_project" / "data.py").write_text("")
    with pytest.raises(SystemExit, match="make save first"):
        workbench.open_bench("f1")
    workbench.save_bench("f1")
    assert workbench.open_bench("f1") == bench


def test_a_template_that_moved_on_is_not_overwritten(bench: Path) -> None:
    makefile = workbench.ROOT / SLUG / "Makefile"
    makefile.write_text("moved on\n")
    assert workbench.save_bench("f1") == []
    assert makefile.read_text() == "moved on\n"
    (bench / "Makefile").write_text("edited\n")
    with pytest.raises(SystemExit, match="bring them together by hand"):
        workbench.save_bench("f1")


def test_new_and_deleted_files_are_followed(bench: Path) -> None:
    project = workbench.ROOT / SLUG
    (bench / "flows" / "new.py").write_text("import workbench_project\n")
    (bench / "infra" / "new.yaml").write_text("")
    (bench / "workbench_project" / "new.py").write_text("")
    (bench / "workbench_project" / "metrics.py").unlink()
    own = project / "overlays" / "use_case" / "f1" / SLUG
    shared = project / "flows" / "new.py"
    stack = project / AWS / "infra" / "new.yaml"
    assert set(workbench.save_bench("f1")) == {shared, stack, own / "new.py", own / "metrics.py"}
    assert shared.read_text() == "import {{ cookiecutter.project_slug }}\n"
    assert not (own / "metrics.py").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [("README.md", "{{ not_a_variable }}"), ("workbench_project/data.py", "workbench_project")],
)
def test_what_would_not_survive_a_bake_is_refused_and_nothing_is_saved(
    bench: Path, name: str, text: str
) -> None:
    (bench / name).write_text(text)
    (bench / "Makefile").write_text("changed")
    with pytest.raises(SystemExit, match=name):
        workbench.save_bench("f1")
    assert (workbench.ROOT / SLUG / "Makefile").read_text() != "changed"
