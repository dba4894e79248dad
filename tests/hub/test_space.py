"""The Space on the Hub is its folder, the package and the models; it starts from what was sent."""

import ast
import re
import shutil

import pytest
import yaml
from hub_repos import front_matter_errors
from hub_server import ROOT, run_python
from model_folder import write_model_folder

from pokegan.errors import PokeGANError
from pokegan.hub.space import space_card, space_contents

SPACE = ROOT / "space"


@pytest.fixture
def page(tmp_path):
    """The page's folder with one small model."""
    folder = tmp_path / "space"
    shutil.copytree(SPACE, folder, ignore=shutil.ignore_patterns("models", "__pycache__"))
    write_model_folder(folder / "models" / "tiny")
    return folder


def front_of(contents):
    return yaml.safe_load(contents.files["README.md"].decode().split("---\n", 2)[1])


def test_the_folder_the_package_and_the_models_are_sent(page):
    (page / ".secret").write_text("x")
    (page / "__pycache__").mkdir()
    (page / "__pycache__" / "app.py").write_text("x")
    (page / "notes.pkl").write_text("x")
    files = space_contents(page).files
    own = {name for name in files if not name.startswith(("pokegan/", "models/"))}
    present = [path for path in SPACE.rglob("*") if path.is_file()]
    names = [path.relative_to(SPACE) for path in present]
    assert own == {
        name.as_posix() for name in names if name.parts[0] not in ("models", "__pycache__")
    }
    assert {"models/tiny/config.json", "models/tiny/model.safetensors"} <= set(files)
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pokegan").rglob("*.py")}
    assert package <= set(files)
    assert {"pokegan/hub/model_card.md", "pokegan/recipes/dcgan.yaml"} <= set(files)
    assert not [name for name in files if "secret" in name or "cache" in name or "pkl" in name]


def test_every_file_of_the_package_that_code_reads_is_sent(page):
    """Whatever an installed package would bring, the Space gets as well."""
    text = (ROOT / "pyproject.toml").read_text()
    section = text.split("[tool.setuptools.package-data]")[1].split("[tool.")[0]
    patterns = [
        (package.replace(".", "/"), pattern)
        for package, found in re.findall(r'"([\w.]+)" = (\[.*\])', section)
        for pattern in ast.literal_eval(found)
    ]
    data = {
        path.relative_to(ROOT).as_posix()
        for package, pattern in patterns
        for path in (ROOT / package).glob(pattern)
    }
    assert len(data) > 20
    assert data <= set(space_contents(page).files)


def test_without_models_of_the_hub_the_card_is_the_one_in_the_folder(page):
    contents = space_contents(page)
    front = yaml.safe_load((SPACE / "README.md").read_text().split("---\n", 2)[1])
    assert front_of(contents) == front
    assert isinstance(front["python_version"], str)


def test_models_of_the_hub_are_named_and_fetched_beforehand(page):
    contents = space_contents(page, ["tiny", "ada/far", "ada/further"])
    assert front_matter_errors(contents.files["README.md"].decode()) == []
    front = front_of(contents)
    assert front["models"] == ["ada/far", "ada/further"]
    assert front["preload_from_hub"] == [
        "ada/far config.json,model.safetensors",
        "ada/further config.json,model.safetensors",
    ]
    assert front["python_version"] == "3.11"
    assert "datasets" not in front
    assert "models/tiny/config.json" in contents.files


def test_the_datasets_behind_the_models_are_linked(page):
    write_model_folder(page / "models" / "other", hub="ada/sprites@v2")
    assert front_of(space_contents(page))["datasets"] == ["ada/sprites"]


def test_models_can_be_chosen_and_brought(page, tmp_path):
    write_model_folder(tmp_path / "runs" / "mine" / "model")
    contents = space_contents(page, [str(tmp_path / "runs" / "mine")])
    models = {name.split("/")[1] for name in contents.files if name.startswith("models/")}
    assert models == {"mine"}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["tyny"], "no model 'tyny'"),
        (["tiny", "tiny"], "two models are called 'tiny'"),
        (["a/b/c"], "no model 'a/b/c'"),
    ],
)
def test_what_is_no_model_is_named(page, models, message):
    with pytest.raises(PokeGANError, match=re.escape(message)):
        space_contents(page, models)


def test_an_incomplete_model_is_named(page):
    (page / "models" / "tiny" / "samples.png").unlink()
    with pytest.raises(PokeGANError, match=r"no complete model folder: samples\.png missing"):
        space_contents(page)


def test_another_folder_is_no_space(tmp_path):
    with pytest.raises(PokeGANError, match=r"is no Space: app\.py, README\.md, requirements"):
        space_contents(tmp_path)


def test_the_rest_of_the_card_is_untouched():
    text = (SPACE / "README.md").read_text(encoding="utf-8")
    changed = space_card(text, ["ada/far"], [])
    assert changed.split("---\n", 2)[2].strip() == text.split("---\n", 2)[2].strip()


def test_what_is_on_the_hub_starts_and_offers_its_models(hub, tmp_path):
    """Downloaded as the Hub's builder does, with nothing but that folder to import from."""
    write_model_folder(tmp_path / "mine" / "model")
    done = run_python(
        [str(ROOT / "push_to_hub.py"), "space", "ada/page", "--models", str(tmp_path / "mine"),
         "ada/far"],
        hub=hub, home=tmp_path / "home", token=hub.token("ada"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    repo = hub.repos["spaces", "ada/page"]
    assert (repo.sdk, repo.private) == ("gradio", False)
    copy = tmp_path / "copy"
    for name, file in repo.resolve("main").files.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(file.data)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import app, pokegan;"
        "print(pokegan.__file__);"
        "print([model.name for model in app.MODELS], app.PROBLEMS)"
    )
    child = run_python(["-c", code, str(copy)], hub=hub, home=tmp_path / "empty")
    assert child.returncode == 0, child.stderr
    where, offered = child.stdout.splitlines()
    assert where == str(copy / "pokegan" / "__init__.py")
    assert offered == "['mine', 'ada/far'] []"


def test_a_dry_run_lists_and_sends_nothing(hub, page, tmp_path):
    done = run_python(
        [str(ROOT / "push_to_hub.py"), "space", "ada/page", "--dry-run"],
        hub=hub, home=tmp_path / "home",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *files, total = done.stdout.splitlines()
    sizes = {line.split()[1]: int(line.split()[0].replace(",", "")) for line in files}
    assert sizes["app.py"] == (SPACE / "app.py").stat().st_size
    assert total == (
        f"{len(sizes)} files, {sum(sizes.values()):,} bytes, to the space ada/page;"
        " nothing was sent"
    )
    assert hub.log == []
