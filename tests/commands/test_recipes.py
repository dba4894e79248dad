"""What the page of recipes tells people to run."""

import re
import shlex

from commands.declared import (
    QUICK,
    RECIPES,
    assert_trained,
    executes,
    executes_in_turn,
    side_of_sheet,
)
from PIL import Image
from small_recipes import small_options

from pokegan.release import PLAN, read_plan
from pokegan.training.command_line import parse_command_line
from pokegan.training.recipe_files import recipe_names

AGAIN = """\
as_stated="aegan dcgan-nyu dense-gan wgan-dense wgan-dense-aug wgan-gp wgan-gp-aug"
small_batches="dcgan dcgan-gray dcgan-recolor cdcgan cstylegan cunet cunet-projection
  cunet-multiclass caegan caegan-multiclass ddpm"
for recipe in $as_stated; do
  python train.py --recipe $recipe --out runs/$recipe --minutes 8 --resume auto
done
for recipe in $small_batches; do
  python train.py --recipe $recipe --out runs/$recipe --minutes 8 --batch-size 32 --resume auto
done
pokegan runs $(printf 'runs/%s ' $as_stated $small_batches)
pokegan sample $(printf 'runs/%s ' $as_stated $small_batches) --out sheet.png
pokegan sample runs/cunet --types all --out cunet.png"""


@executes_in_turn(AGAIN, "pokegan compare $(dirname runs/*/model) --out runs/report", page=RECIPES)
def test_the_trainings_of_the_page_are_done_again(shell, commands):
    """Two of them; the others' options are read."""
    again, compare = commands
    lists = re.findall(r'="(.*?)"', again, re.DOTALL)
    assert {"sprite", *" ".join(lists).split()} <= {*recipe_names()}
    for names, batch in zip(lists, ([], ["--batch-size", "32"]), strict=True):
        for name in names.split():
            options = ["--recipe", name, "--out", f"runs/{name}", "--minutes", "8", *batch]
            parse_command_line([*options, "--resume", "auto"])
    few = {lists[0]: "aegan", lists[1]: "cunet"}
    (shell.folder / "small").mkdir()
    for name in ("aegan", "cunet"):
        options = shlex.join(small_options(name)[1:])
        (shell.folder / "small" / name).write_text(options)
    few["--minutes 8"] = "--kimg 0.064 $(cat small/$recipe)"
    said = shell(again, instead=few).stdout
    for name in ("aegan", "cunet"):
        assert re.search(rf"^{name} +\d", said, re.MULTILINE)
        assert_trained(shell.folder / "runs" / name)
    with Image.open(shell.folder / "sheet.png") as sheet:
        assert sheet.height == side_of_sheet(2, 16)
    with Image.open(shell.folder / "cunet.png") as sheet:
        assert sheet.height == side_of_sheet(13, 16)
    shell(compare, QUICK)
    assert "cunet" in (shell.folder / "runs/report/report.md").read_text()


@executes(
    "pokegan compare pokegan/recipes/variants/* space/models/{caegan,dcgan,wgan-dense} --table",
    page=RECIPES,
)
def test_what_is_not_shipped_is_measured_and_told(shell, command):
    """All of the plan that is not shipped, beside what they are variants of."""
    variants = {path.parent.name: path for path in RECIPES.parent.glob("variants/*/metrics.json")}
    assert variants.keys() == {model.name for model in read_plan(PLAN) if not model.shipped}
    page = RECIPES.read_text(encoding="utf-8")
    table = shell(command).stdout
    assert f"<!-- variants -->\n{table}<!-- end -->" in page
    assert {*variants, "caegan", "dcgan", "wgan-dense"} == {
        *re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)
    }
