"""Runs what the pages show, so that nothing shown is made up.

On every page, in order and in one empty folder a page:

- a block with ``title="FILE"`` is written to that file;
- a ``console`` block is run: lines after ``$ `` are commands, what follows is their output, ``...``
  stands for any lines, and ``# exit 3`` after a command for its exit code (0 otherwise);
- a ``python`` block without a title is run as a script.

Durations, column widths and temporary paths are not compared, and lines of progress, which a
terminal shows only while it lasts, are left out. ``python docs/commands.py`` writes the outputs anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).resolve().parent
FENCE = re.compile(r"^```(?P<language>\w+)(?P<options>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
EXIT = re.compile(r"\s+# exit (\d+)$")
DURATION = re.compile(r"\b\d+(?:\.\d+)?(?:e-?\d+)? ?(?:ns|us|ms|s|min)\b")
TIMED = re.compile(r"took  |.*\d+ (?:passed|failed|error)")
TIMED_JSON = re.compile(r'("(?:load|solve|check|write)": )[\d.e-]+')
GONE_THROUGH = "bounds: |front of time and memory|stages balanced|placed on the cluster"
PROGRESS = re.compile(rf" *\d+\.\d s  (?:\w.*(?:  incumbent | that could be faster)|{GONE_THROUGH})")
ENVIRONMENT = {"COLUMNS": "100", "LINES": "40", "NO_COLOR": "1", "TERM": "dumb", "PYTHONWARNINGS": "ignore"}
LONGEST_S = 300


@dataclass
class Command:
    """A command of a page and what the page shows of it."""

    text: str
    exit_code: int = 0
    shown: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What a command did: the block it stands in, output lines, exit code."""

    command: Command
    lines: list[str]
    exit_code: int

    @property
    def as_shown(self) -> bool:
        """Whether the page shows what happened."""
        return self.exit_code == self.command.exit_code and matches(self.command.shown, self.lines)


def pages() -> list[Path]:
    """Pages that show something to run, the README among them."""
    found = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [page for page in found if any(_runs(match) for match in FENCE.finditer(page.read_text()))]


def _runs(match: re.Match[str]) -> bool:
    return match["language"] == "console" or (
        match["language"] == "python" and not TITLE.search(match["options"])
    )


def commands(body: str) -> list[Command]:
    """Commands of a ``console`` block."""
    found: list[Command] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            code = EXIT.search(line)
            found.append(Command(EXIT.sub("", line[2:]), int(code[1]) if code else 0))
        elif found and found[-1].text.endswith("\\") and line.startswith("> "):
            found[-1].text = found[-1].text[:-1] + line[2:]
        else:
            found[-1].shown.append(line)
    return found


def run_page(page: Path, folder: Path) -> list[Outcome]:
    """Write the files of a page and run its commands, in order, in `folder`."""
    outcomes = []
    for match in FENCE.finditer(page.read_text()):
        title = TITLE.search(match["options"])
        if title:
            target = folder / title[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(match["body"])
        elif match["language"] == "console":
            outcomes += [run(command, folder) for command in commands(match["body"])]
        elif match["language"] == "python":
            outcomes.append(run(Command(f"python - <<'END'\n{match['body']}END"), folder))
    return outcomes


def run(command: Command, folder: Path) -> Outcome:
    """Run one command in a shell, output and errors together."""
    binaries = Path(sys.executable).parent
    environment = os.environ | ENVIRONMENT | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command.text],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    text = done.stdout.replace(str(folder), "~/plans")
    lines = [line.rstrip() for line in text.splitlines() if not PROGRESS.match(line)]
    while lines and not lines[-1]:
        lines.pop()
    return Outcome(command, lines, done.returncode)


def matches(shown: list[str], lines: list[str]) -> bool:
    """Whether output is as shown, durations aside; ``...`` alone on a line stands for any lines.

    A command that is shown without output may print anything.
    """
    if not shown:
        return True
    parts = [re.escape(steady(line)) + "\n" if line.strip() != "..." else "(?:.*\n)*?" for line in shown]
    return re.fullmatch("".join(parts), "".join(f"{steady(line)}\n" for line in lines)) is not None


def steady(line: str) -> str:
    """A line without what differs from run to run: how long things took, and the width of columns."""
    if TIMED.match(line):
        line = DURATION.sub("<time>", line)
    line = TIMED_JSON.sub(r"\1<time>", line)
    return re.sub(r"[ \u2500-\u257f-]+", " ", line).strip()


def rewritten(page: Path, folder: Path) -> str:
    """The text of a page with the outputs of its commands as they are now.

    A command shown without output stays without, and one whose output matches stays as it is.
    """
    text = page.read_text()
    outcomes = iter(run_page(page, folder))

    def block(match: re.Match[str]) -> str:
        if TITLE.search(match["options"]) or not _runs(match):
            return match[0]
        if match["language"] == "python":
            next(outcomes)
            return match[0]
        return f"```console{match['options']}\n{''.join(map(_shown, _take(outcomes, match['body'])))}```"

    return FENCE.sub(block, text)


def _take(outcomes: object, body: str) -> list[Outcome]:
    return [next(outcomes) for _ in commands(body)]  # type: ignore[call-overload]


def _shown(outcome: Outcome) -> str:
    command = outcome.command
    first = f"$ {command.text}{f'  # exit {outcome.exit_code}' if outcome.exit_code else ''}"
    output = command.shown if outcome.as_shown else outcome.lines
    return "".join(f"{line}\n" for line in (first, *(output if command.shown else ())))


def main() -> None:
    """Rewrite the pages named, or all."""
    for page in [Path(name).resolve() for name in sys.argv[1:]] or pages():
        with tempfile.TemporaryDirectory() as folder:
            text = rewritten(page, Path(folder))
        if text != page.read_text():
            page.write_text(text)
            sys.stdout.write(f"rewrote {page}\n")


if __name__ == "__main__":
    main()
