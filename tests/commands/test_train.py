"""Training, as README tells it."""

import shutil
from dataclasses import fields

from commands.declared import FEW, SMALL, STEPS, assert_trained, covers, executes, stored
from huggingface_hub import HfApi
from tiny import ROOT

from pokegan.training.options import RunOptions
from pokegan.training.recipe import Recipe


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
