"""Write docs/images/*.png: the page and the report of the project that `make demo` made."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SIZES = {"page": (1180, 1180), "report": (1180, 1180)}
"""Width and height of each image in pixels."""
MOST_BYTES = 300_000


def shoot(use_case: str, project: Path, page: str) -> None:
    """Write `<use_case>-page.png` and `<use_case>-report.png`.

    Args:
        use_case: the prefix of the files' names.
        project: the generated project, trained.
        page: the address at which it is served.
    """
    newest = max(project.glob("store/runs/*/report.html"), key=lambda file: file.stat().st_mtime)
    for name, address in {"page": page, "report": newest.resolve().as_uri()}.items():
        _shoot(address, IMAGES / f"{use_case}-{name}.png", SIZES[name])


def _shoot(address: str, image: Path, size: tuple[int, int]) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: chromium is not installed: apt install chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium,
            "--headless=new",
            "--no-sandbox",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            f"--window-size={size[0]},{size[1]}",
            "--virtual-time-budget=15000",  # ms, in which the page asks for its first prediction
            f"--screenshot={image}",
            address,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    weight = image.stat().st_size
    if weight > MOST_BYTES:
        sys.exit(f"error: {image.name} has {weight:,} bytes: more than {MOST_BYTES:,}")
    print(f"wrote {image} ({weight:,} bytes)")


if __name__ == "__main__":
    use_case, folder, address = sys.argv[1:]
    IMAGES.mkdir(exist_ok=True)
    shoot(use_case, Path(folder), address)
