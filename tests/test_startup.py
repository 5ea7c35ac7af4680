"""Commands start at once: what is slow to import waits until it is needed."""

import subprocess
import sys


def loaded_after(code: str) -> set[str]:
    """Top-level packages that are loaded once ``code`` has run in a new interpreter."""
    code = f"import sys; {code}; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_help_and_version_need_no_numbers():
    code = "from click.testing import CliRunner; from spinemorph.cli import cli; "
    for option in ("--help", "--version"):
        loaded = loaded_after(f"{code}assert CliRunner().invoke(cli, ['{option}']).exit_code == 0")
        assert "click" in loaded
        assert not loaded & {"numpy", "rich", "pandas", "onnxruntime"}


def test_listing_plugins_loads_none_of_their_libraries():
    loaded = loaded_after(
        "from spinemorph.plugins import load_plugins; assert load_plugins().registered"
    )
    assert "pluggy" in loaded
    slow = {"cv2", "scipy", "pydicom", "onnxruntime", "typst", "jinja2", "pandas", "numba"}
    assert not loaded & slow
