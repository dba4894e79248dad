"""README tells the truth: its two commands are the ones that are run, its snippets work."""

import re
import subprocess
import sys

import pytest
from tiny import ROOT, environment

from pokegan.training.listing import recipe_rows, table

README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES_PAGE = ROOT / "pokegan/recipes/README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def command(mark):
    (block,) = re.findall(rf"<!-- {mark} -->\n```bash\n(.*?)\n```\n<!-- end -->", README)
    return block


def test_both_commands_set_everything_up():
    for mark in ("space", "tests"):
        assert command(mark).startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert command("space").endswith(".venv/bin/python space/app.py")
    assert "README.md" in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_the_python_snippets_run(number, tmp_path):
    code = SNIPPETS[number]
    if "load_dataset" in code:
        build = "from pokegan.cli import main; main(['dataset', 'build', '--source', 'synthetic',"
        code = f"{build} '--out', 'data/gen5'])\n{code}"
    else:
        (tmp_path / "space").symlink_to(ROOT / "space")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_table_of_recipes_is_the_commands():
    (block,) = re.findall(r"<!-- recipes -->\n```\n(.*?)```\n<!-- end -->", README, re.DOTALL)
    assert block == table(recipe_rows()) + "\n"


def test_the_table_of_measures_is_made_from_the_released_metrics():
    (block,) = re.findall(r"<!-- metrics -->\n(.*?)<!-- end -->", README, re.DOTALL)
    released = [f"space/models/{path.name}" for path in sorted((ROOT / "space/models").iterdir())]
    done = subprocess.run(
        [sys.executable, "-m", "pokegan.cli", "compare", *released, "--table"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert block == done.stdout


def test_the_page_of_recipes_shows_what_it_lists():
    page = RECIPES_PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- runs -->\n```\n(.*?)```\n<!-- end -->", page, re.DOTALL)
    listed = {line.split()[0] for line in block.splitlines()[1:]}
    conditional = {row.name: row.conditioning is not None for row in recipe_rows()}
    assert listed <= conditional.keys()
    (measures,) = re.findall(r"<!-- measures -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert set(re.findall(r"^\| `(.*?)` \|", measures, re.MULTILINE)) == listed
    sheets = {path.stem for path in RECIPES_PAGE.parent.glob("sheets/*.png")}
    assert sheets == {"recipes", *(name for name in listed if conditional[name])}
    assert all(f"(sheets/{sheet}.png)" in page for sheet in sheets)
    commands = page[page.index("## The eight minutes again") :]
    assert all(name in commands for name in listed)


@pytest.mark.parametrize("page", [ROOT / "README.md", RECIPES_PAGE], ids=["readme", "recipes"])
def test_every_file_that_is_linked_exists(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_options_that_readme_names_exist():
    from pokegan.training.command_line import parse_command_line

    for options in re.findall(r"train\.py (--[^`\n]*)", README):
        parse_command_line(options.split())
