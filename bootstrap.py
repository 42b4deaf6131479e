"""Sets up what is missing in `.venv` and runs the demo, the tests or the benchmark.

    python bootstrap.py demo [options of csc-submit demo]
    python bootstrap.py test [options of pytest]
    python bootstrap.py benchmark [scale | throughput] [options of benchmarks/scale.py, or of the one named]

Needs Python 3.10 to 3.13 and a package index; nothing else. A second call installs nothing.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

# What each task needs beside the package: its extras, then its dependency groups.
NEEDS = {
    "demo": (["trial"], []),
    "benchmark": (["trial"], []),
    "test": (["trial"], ["dev"]),
}


def run(*command: str | Path) -> int:
    """Run a command in the project's folder and return its exit code."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode


def must(*command: str | Path) -> None:
    """Run a command and leave with its exit code when it fails."""
    code = run(*command)
    if code:
        sys.exit(code)


def install(task: str) -> None:
    """Make `.venv` and install what the task needs, unless the same was installed before."""
    extras, groups = NEEDS[task]
    if not PYTHON.is_file():
        print("Making .venv ...", flush=True)
        venv.create(VENV, with_pip=True)
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + repr((extras, groups)).encode()).hexdigest()
    marker = VENV / f"installed-{'-'.join(extras + groups)}"
    if marker.is_file() and marker.read_text(encoding="ascii") == wanted:
        return
    print(f"Installing what the {task} needs ...", flush=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    must(*pip, "--upgrade", "pip>=25.1")  # the first pip that knows dependency groups
    must(*pip, "--editable", f".[{','.join(extras)}]", *(f"--group={name}" for name in groups))
    marker.write_text(wanted, encoding="ascii")


def test(arguments: list[str]) -> int:
    """Check style, types and behaviour; stop at the first that fails."""
    must(PYTHON, "-m", "ruff", "check", ".")
    must(PYTHON, "-m", "ruff", "format", "--check", ".")
    must(PYTHON, "-m", "mypy")
    return run(PYTHON, "-m", "pytest", *arguments)


def main() -> int:
    """Do one task and return its exit code."""
    if not (3, 10) <= sys.version_info[:2] < (3, 14):
        print(f"csc-submit needs Python 3.10 to 3.13; this is {sys.version.split()[0]}. Start it with another one.")
        return 2
    task, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if task not in NEEDS:
        print(__doc__)
        return 2
    install(task)
    if task == "test":
        return test(arguments)
    if task == "benchmark":
        is_named = arguments and (ROOT / "benchmarks" / f"{arguments[0]}.py").is_file()
        name = arguments.pop(0) if is_named else "scale"
        return run(PYTHON, ROOT / "benchmarks" / f"{name}.py", *arguments)
    return run(PYTHON, "-m", "submitter", "demo", *arguments)


if __name__ == "__main__":
    sys.exit(main())
