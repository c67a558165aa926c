"""C programs of the tests, compiled against what an export has written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "exporters" / "c"
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-Wconversion")
LANGUAGES = {
    "c11": ("gcc", "-std=c11", "-O2"),
    "c11-checked": ("gcc", "-std=c11", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"),
    "c++11": ("g++", "-x", "c++", "-std=c++11", "-O2"),
}
"""Compilers by what they take a program for; ``c11-checked`` stops at any access out of bounds."""

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def compile_program(source, headers, into, language="c11"):
    """Compile `source` with warnings as errors, headers being in the folder `headers`; the program."""
    compiler, *flags = LANGUAGES[language]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    program = into / f"{source.stem}-{language}"
    command = [compiler, *flags, *WARNINGS, f"-I{headers}", str(source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def run_program(path, *words):
    """Exit code and output of a program."""
    command = [str(path), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
