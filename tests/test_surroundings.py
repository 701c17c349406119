"""What stands around a command - variables, a home, a git hook - changes nothing that it does."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Project, bake

NOWHERE = "http://127.0.0.1:9"

VARIABLES: dict[str, dict[str, str]] = {
    "metaflow on s3": {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://company/metaflow",
        "METAFLOW_S3_ENDPOINT_URL": NOWHERE,
    },
    "metaflow's service": {
        "METAFLOW_DEFAULT_METADATA": "service",
        "METAFLOW_SERVICE_URL": NOWHERE,
    },
    "a profile of metaflow": {"METAFLOW_PROFILE": "missing"},
    "metaflow's home": {"METAFLOW_HOME": "{home}/.metaflowconfig"},
    "conda": {"METAFLOW_DEFAULT_ENVIRONMENT": "conda", "CONDA_PREFIX": "/opt/conda"},
    "batch": {"METAFLOW_DECOSPECS": "batch"},
    "kubernetes": {"METAFLOW_DECOSPECS": "kubernetes:cpu=64"},
    "another root of runs": {"METAFLOW_DATASTORE_SYSROOT_LOCAL": "{home}/runs"},
    "a user of metaflow": {"METAFLOW_USER": "somebody", "METAFLOW_PRODUCTION_TOKEN": "x"},
    "inside a task": {"MF_PATHSPEC": "Flow/1/start/1", "METAFLOW_RUN_ID": "1", "MF_ATTEMPT": "3"},
    "inside a batch job": {"AWS_BATCH_JOB_ID": "1", "METAFLOW_RUNTIME_ENVIRONMENT": "aws"},
    "a profile of aws": {"AWS_PROFILE": "missing", "AWS_CONFIG_FILE": "{home}/nothing"},
    "keys of aws": {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B", "AWS_REGION": "x"},
    "an endpoint of aws": {"AWS_ENDPOINT_URL": NOWHERE, "AWS_ENDPOINT_URL_S3": NOWHERE},
    "a git hook": {"GIT_DIR": "{other}/.git", "GIT_INDEX_FILE": "{other}/.git/index"},
    "a work tree of git": {"GIT_WORK_TREE": "{other}", "GIT_PREFIX": "data/"},
    "an environment of python": {"VENV": "{other}/venv", "VIRTUAL_ENV": "{other}/venv"},
    "ENV of the shell": {"ENV": "/etc/shinit"},
    "ENV of another tool": {"ENV": "prod"},
    "values of make": {"RUN": "1", "DIR": "{other}", "FROM": "prod", "SOURCE": "api", "PART": "x"},
    "another python": {"PYTHON": "/bin/false", "UV_PYTHON": "3.99"},
    "make -k": {"MAKEFLAGS": "k", "MAKELEVEL": "3"},
    "an environment of uv": {"UV_PROJECT_ENVIRONMENT": "{other}/venv", "UV_NO_SYNC": "1"},
    "another project of uv": {"UV_PROJECT": "{other}", "UV_WORKING_DIRECTORY": "{other}"},
    "pip elsewhere": {"PIP_TARGET": "{other}/target", "PIP_USER": "1"},
    "no bytecode": {"PYTHONDONTWRITEBYTECODE": "1"},
    "modules of others": {"PYTHONPATH": "{other}/modules"},
    "another home of python": {"PYTHONHOME": "/nowhere"},
    "optimised": {"PYTHONOPTIMIZE": "2"},
    "warnings are errors": {"PYTHONWARNINGS": "error"},
    "development": {"PYTHONDEVMODE": "1", "PYTHONASYNCIODEBUG": "1"},
    "a hash seed": {"PYTHONHASHSEED": "12345"},
    "interactive": {"PYTHONINSPECT": "1", "PYTHONSTARTUP": "{other}/modules/numpy.py"},
    "ascii": {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    "the C locale": {"LC_ALL": "C", "LANG": "C"},
    "a locale that is not there": {"LC_ALL": "tr_TR.ISO-8859-9", "LANG": "xx_XX"},
    "Tokyo": {"TZ": "Asia/Tokyo"},
    "New York": {"TZ": "America/New_York"},
    "no time zone": {"TZ": "nonsense"},
    "four threads": {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
    "threads of MKL": {"MKL_NUM_THREADS": "2", "KMP_AFFINITY": "compact", "OMP_DYNAMIC": "true"},
    "joblib": {"JOBLIB_MULTIPROCESSING": "0", "LOKY_MAX_CPU_COUNT": "1"},
    "scikit-learn": {"SKLEARN_ASSUME_FINITE": "1", "SCIPY_ARRAY_API": "1"},
    "numpy": {"NPY_PROMOTION_STATE": "legacy", "NPY_DISABLE_CPU_FEATURES": "AVX2"},
    "comet without logging": {"COMET_AUTO_LOG_DISABLE": "1", "COMET_DISABLE_AUTO_LOGGING": "0"},
    "comet elsewhere": {"COMET_OFFLINE_DIRECTORY": "{home}/comet", "COMET_CONFIG": "{home}/x"},
    "mlflow": {"MLFLOW_EXPERIMENT_NAME": "other", "MLFLOW_ENABLE_ASYNC_LOGGING": "true"},
    "wandb": {"WANDB_MODE": "disabled", "WANDB_DIR": "{home}/wandb", "WANDB_DISABLED": "true"},
    "dbt": {"DBT_PROFILES_DIR": "{home}", "DBT_TARGET": "prod", "DBT_TARGET_PATH": "{home}/t"},
    "great expectations": {"GX_CLOUD_ACCESS_TOKEN": "x", "GX_HOME": "{home}/gx"},
    "matplotlib": {"MPLBACKEND": "TkAgg", "MPLCONFIGDIR": "{home}/mpl"},
    "settings of matplotlib": {"MATPLOTLIBRC": "{home}/.config/matplotlib/matplotlibrc"},
    "proxies": {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "ALL_PROXY": NOWHERE},
    "proxies in lower case": {"http_proxy": NOWHERE, "https_proxy": NOWHERE, "no_proxy": ""},
    "uvicorn": {"UVICORN_WORKERS": "9", "WEB_CONCURRENCY": "9"},
    "flask": {"FLASK_DEBUG": "1", "FLASK_APP": "x", "MODEL_HOST": "0.0.0.0"},
    "prefect": {"PREFECT_PROFILE": "missing", "PREFECT_HOME": "{home}/prefect"},
    "node": {"NODE_OPTIONS": "--require /nowhere.js", "SLS_DEBUG": "*"},
    "github's token": {"GITHUB_TOKEN": "x", "GITHUB_STEP_SUMMARY": "{home}/summary"},
    "a temporary folder with a space": {"TMPDIR": "{other}/a folder"},
    "a narrow terminal": {"COLUMNS": "20", "LINES": "5", "TERM": "dumb"},
    "colours": {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "NO_COLOR": ""},
}

HOME = {
    ".metaflowconfig/config.json": json.dumps(
        {"METAFLOW_DEFAULT_DATASTORE": "s3", "METAFLOW_DEFAULT_METADATA": "service"}
    ),
    ".aws/config": "[default]\nregion = nowhere\n",
    ".aws/credentials": "[default]\naws_access_key_id = A\naws_secret_access_key = B\n",
    ".comet.config": "[comet_auto_log]\ndisable = 1\n",
    ".config/matplotlib/matplotlibrc": "backend: TkAgg\nfont.size: 40\n",
    ".dbt/profiles.yml": "warehouse: {target: prod, outputs: {}}\n",
    ".great_expectations/great_expectations.conf": "[ge_cloud_config]\naccess_token = x\n",
    ".prefect/profiles.toml": 'active = "cloud"\n',
    ".pdbrc": "import os; os._exit(9)\n",
}
"""What an existing user of these tools has at home."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, f1: Project) -> Project:
    """A project of one candidate, which is soon trained."""
    project = bake(tmp_path_factory.mktemp("small"))
    file = project.path / "f1_predictor" / "candidates.py"
    file.write_text(file.read_text() + "\n\nCANDIDATES = CANDIDATES[-1:]\n")
    return project


@pytest.fixture(scope="module")
def expected(small: Project) -> str:
    """The model hash in undisturbed surroundings."""
    return train(small, {})


def train(project: Project, variables: dict[str, str]) -> str:
    """Train with these variables, too; returns the model hash."""
    done = subprocess.run(
        ["make", "--no-print-directory", "train"],
        cwd=project.path,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.partition("passed: model ")[2].split()[0]


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A home, and another project under git; nothing of them may change."""
    for name, text in HOME.items():
        file = tmp_path / "home" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    other = tmp_path / "other"
    for name in ("a folder", "venv/bin", "modules"):
        (other / name).mkdir(parents=True)
    (other / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    for name in ("numpy", "pandas", "random", "sitecustomize"):
        (other / "modules" / f"{name}.py").write_text("import os; os._exit(9)\n")
    subprocess.run(["git", "init", "--quiet", other], check=True)
    return tmp_path


def among(variables: dict[str, str], elsewhere: Path) -> dict[str, str]:
    home, other = str(elsewhere / "home"), str(elsewhere / "other")
    filled = {n: v.replace("{home}", home).replace("{other}", other) for n, v in variables.items()}
    return {"HOME": home} | filled


def test_all_at_once(small: Project, expected: str, elsewhere: Path) -> None:
    together: dict[str, str] = {}
    for variables in VARIABLES.values():
        together |= variables
    before = contents(elsewhere)
    assert train(small, among(together, elsewhere)) == expected
    assert contents(elsewhere) == before


@pytest.mark.nightly
@pytest.mark.parametrize("name", VARIABLES)
def test_one_by_one(small: Project, expected: str, elsewhere: Path, name: str) -> None:
    before = contents(elsewhere)
    assert train(small, among(VARIABLES[name], elsewhere)) == expected
    assert contents(elsewhere) == before


def test_setup_leaves_a_foreign_environment_alone(tmp_path: Path, f1: Project) -> None:
    project, foreign = bake(tmp_path), tmp_path / "foreign"
    subprocess.run(["python3", "-m", "venv", "--without-pip", foreign], check=True)
    before = contents(foreign)
    named = {"VENV": str(foreign), "UV_PROJECT_ENVIRONMENT": str(foreign)}
    done = subprocess.run(
        ["make", "setup"],
        cwd=project.path,
        env=os.environ | named | {"VIRTUAL_ENV": str(foreign)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (project.path / ".venv" / ".ready").exists()
    assert contents(foreign) == before


def test_the_first_documented_path_can_be_reproduced(tmp_path: Path, small: Project) -> None:
    """A repository of its own, its files committed, `make setup`, which writes uv.lock."""
    project = Project(Path(shutil.copytree(small.path, tmp_path / "p", symlinks=True)), "f1")
    shutil.rmtree(project.path / "store", ignore_errors=True)
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    project.make("help")  # links the shared environment
    (project.path / "uv.lock").unlink(missing_ok=True)
    for words in (["init", "--quiet"], ["add", "--all"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=project.path, check=True)
    (project.path / "uv.lock").write_text("version = 1\n")
    (project.path / ".venv" / ".ready").touch()
    model = train(project, {})
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project.path, text=True)
    (evaluation,) = (project.path / "store" / "runs").glob("*/evaluation.json")
    assert json.loads(evaluation.read_text())["commit"] == head.strip()
    done = project.make("reproduce")
    assert done.returncode == 0, done.stdout + done.stderr
    assert model in done.stdout


SHELL = ('"; touch made; "', "'; touch made; '", "$(touch made)", "`touch made`", "; touch made")
MAKE = ("$(shell touch made)", "$$(touch made)", "${shell touch made}")


@pytest.mark.parametrize("value", [*SHELL, *MAKE])
@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("deploy", "RUN"),
        ("deploy", "FROM"),
        ("deploy", "ALLOW_SCHEMA_CHANGE"),
        ("train", "DIR"),
        ("train", "ENV"),
        ("data", "SOURCE"),
        ("serve", "PORT"),
        ("compare", "WITH"),
        ("clean", "KEEP"),
    ],
)
def test_no_text_of_a_value_is_run(small: Project, target: str, name: str, value: str) -> None:
    done = small.make(target, f"{name}={value}")
    assert done.returncode != 0
    assert not list(small.path.glob("made*"))
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["deploy RUN=", "deploy FROM=", "train DIR=", "train ENV="])
def test_an_empty_value_is_refused(small: Project, words: str) -> None:
    done = small.make(*words.split())
    name = words.split()[1][:-1].lower()
    assert f"Invalid value for '--{name}': it is empty: leave it out" in done.stderr
