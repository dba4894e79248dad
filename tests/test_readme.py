"""README tells the truth: its two commands are the ones that are run, its snippets work."""

import re
import subprocess
import sys

import pytest
from tiny import ROOT, environment

from pokegan.models.aegan import AEGAN
from pokegan.training.listing import recipe_rows, table

README = (ROOT / "README.md").read_text(encoding="utf-8")
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
    if "runs/aegan" in code:
        AEGAN(base_width=4).save_pretrained(tmp_path / "runs/aegan")
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


def test_every_file_that_is_linked_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_the_options_that_readme_names_exist():
    from pokegan.training.recipe import parse_command_line

    for options in re.findall(r"train\.py (--[^`\n]*)", README):
        parse_command_line(options.split())
