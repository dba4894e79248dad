"""Several processes and machines, as README starts them."""

import os
import re

from commands.declared import (
    FEW,
    README,
    SMALL,
    STEPS,
    assert_trained,
    executes,
    executes_in_turn,
    small_sprite,
)
from ports import free_port
from tiny import ROOT


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


@executes(
    "python tests/benchmarks/speed.py --quality space/models/sprite-30 space/models/dcgan \\\n"
    "  --metric eval/fd_efficientnet_lite0@500"
)
def test_minutes_to_the_best_of_the_baseline(shell, command):
    page = README.read_text(encoding="utf-8")
    assert f"<!-- quality -->\n```\n{shell(command).stdout}```\n<!-- end -->" in page


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
