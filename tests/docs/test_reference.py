"""Pages made from the code have all there is, and the site builds without a warning."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from planner import testing
from planner.codes import CODES
from planner.formats.importers import IMPORTERS
from planner.library import shipped
from planner.testing.schema import KINDS
from tests.docs.conftest import ROOT, load_script

hooks = load_script("hooks")


def test_cli_page_has_every_command():
    """Each command has a heading, and its options a meaning."""
    page = hooks.cli_page()
    for command in ("plan", "check", "compare", "explain", "diff", "export", "presets", "schema"):
        assert f"### planner {command}\n" in page
    for command in ("show", "validate"):
        assert f"#### planner topology {command}\n" in page
    rows = re.findall(r"^\| <code>-.*$", page, re.MULTILINE)
    assert len(rows) > 10
    assert all(row.split(" | ")[-1].strip(" |") for row in rows)


def test_errors_page_has_every_code():
    """Each code stands once, under the heading of its letter; each exit code too."""
    page = hooks.errors_page()
    for code, meaning in CODES.items():
        assert f"| `{code}` | {meaning} |" in page
    assert {code[0] for code in CODES} <= set(hooks.PARTS)
    for code in (0, 1, 2, 3, 4, 5, 6, 130):
        assert f"\n| {code} |" in page


def test_library_page_has_everything_that_ships():
    """Each shipped file has a row that says what it is."""
    page = hooks.library_page()
    for kind in ("topology", "workload", "model", "gpu", "rules"):
        for name in shipped(kind):
            [row] = re.findall(rf"^\| `{re.escape(name)}` \|.*$", page, re.MULTILINE)
            assert len(row.split(" | ")[-1]) > 10, row


def test_imports_page_has_every_format():
    """Each has a heading and says what is read of it."""
    page = hooks.imports_page()
    for name in IMPORTERS:
        assert re.search(rf"^## {name}\n\n\S.{{30,}}", page, re.MULTILINE), name


@pytest.mark.parametrize(
    ("page", "keys"),
    [
        ("topology_page", ["tiers", "uplink", "scale_up", "gpus", "down", "spare", "degraded", "include"]),
        ("workload_page", ["parallelism", "tp", "vp", "global", "keep", "traffic", "kv_heads", "top_k"]),
        ("rules_page", sorted(KINDS)),
        ("placement_page", ["format_version", "topology", "host_names"]),
    ],
)
def test_file_pages_have_every_key(page, keys):
    """Each key has a row with its type."""
    text = getattr(hooks, page)()
    for key in keys:
        assert re.search(rf"^\| `{key}` \| \S", text, re.MULTILINE), key


def test_links_of_file_pages_lead_somewhere():
    """Each link to another model of the page has a heading."""
    for page in (hooks.topology_page, hooks.workload_page, hooks.rules_page, hooks.placement_page):
        text = page()
        headings = {heading.lower() for heading in re.findall(r"^## (\w+)$", text, re.MULTILINE)}
        assert set(re.findall(r"\]\(#(\w+)\)", text)) <= headings


def test_testing_page_documents_every_assertion():
    """All that planner.testing exports is on the page made from it."""
    page = (ROOT / "docs/reference/testing.md").read_text()
    modules = re.findall(r"^::: planner\.testing\.(\w+)", page, re.MULTILINE)
    for name in testing.__all__:
        assert getattr(testing, name).__module__.rpartition(".")[2] in modules


@pytest.mark.slow
def test_site_builds_without_a_warning(tmp_path):
    """mkdocs accepts every page, link and docstring."""
    # Not --quiet, with which mkdocs does not count warnings.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reference/cli/index.html").is_file()
