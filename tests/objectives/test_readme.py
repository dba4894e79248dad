"""The page "How to add a GAN family", followed to the letter in a copy of the repository."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tiny import ROOT, environment

from pokegan.training.logs import read_log

PAGE = ROOT / "pokegan/objectives/README.md"
LEFT = ("runs", "space", ".git", ".venv", "*.egg-info", "__pycache__", ".*_cache")


def test_a_family_is_added_by_what_the_page_says(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(*LEFT))
    copy = tmp_path / "copy"
    added = []
    for language, block in re.findall(r"```(python|bash)\n(.*?)```", text, re.DOTALL):
        if language == "python":
            path = copy / re.match(r"# (\S+\.py)\n", block).group(1)
            assert not path.exists()
            path.write_text(block, encoding="utf-8")
            added.append(path)
            continue
        for line in block.splitlines():
            line = line.replace("--kimg 5", "--kimg 0.064")  # two steps are enough for a test
            print(f"$ {line}\n{run(line, copy)}")
    assert [path.name for path in added] == ["lsgan.py", "test_lsgan.py"]
    assert "family: lsgan" in (copy / "runs/lsgan/recipe.yaml").read_text()
    assert read_log(copy / "runs/lsgan/model/training_log.jsonl")
    assert "lsgan " in run("python -m pokegan.cli recipes", copy)
    # Nothing else knew of it: without its files, all is as before.
    for path in (*added, copy / "pokegan/recipes/lsgan.yaml"):
        path.unlink()
    assert "lsgan" not in run("python -m pokegan.cli recipes", copy)


def run(line: str, folder: Path) -> str:
    here = {"PYTHONPATH": str(folder), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment(**here), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
