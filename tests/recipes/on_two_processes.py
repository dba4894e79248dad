"""Train small recipes in one launch: ``torchrun on_two_processes.py FOLDER RECIPE ...``."""

import sys
from pathlib import Path

from small_recipes import small_options, train_small

for job in sys.argv[2:]:
    name, *options = job.split(",")
    train_small([*small_options(name), "--kimg=0.024", *options], Path(sys.argv[1]) / job)
