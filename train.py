"""Train a recipe: ``accelerate launch train.py --recipe dcgan --data gen5 --out runs/dcgan``."""

import sys

from pokegan.training.main import main

if __name__ == "__main__":
    sys.exit(main())
