"""Evaluations: how good a model is while it is trained, and the best one so far."""

from collections.abc import Iterable, Mapping

from pokegan.errors import PokeGANError
from pokegan.models.base import SpriteModel

DECIDES = "eval/kid_validation_"
"""What the scalar that decides is called, before its network and number of sprites."""


def deciding_name(lines: Iterable[Mapping[str, float]]) -> str | None:
    """The scalar by which the best model of a log was chosen; ``None`` where none was measured."""
    return next((name for line in lines for name in line if name.startswith(DECIDES)), None)


class Evaluation:
    """Measures models between steps, and remembers the lowest kernel distance.

    The distance that decides is KID to the validation split in the first network: it is unbiased
    for few sprites, and those were not trained on.

    Args:
        data: the dataset, as ``--data`` takes it.
        size: of the model's sprites in pixels.
        samples: sprites drawn each time.
        networks: names of feature networks.

    Attributes:
        best: the lowest distance so far, ``None`` before the first.
        best_step: the step it was measured after.

    Raises:
        PokeGANError: the packages for metrics are missing, or the data has no validation split.
    """

    def __init__(self, data: str, size: int, samples: int, networks: tuple[str, ...]):
        try:
            from pokegan.data.npm import cache_dir
            from pokegan.metrics.image_set import FEWEST
            from pokegan.metrics.judge import Judge
        except ImportError as error:
            raise PokeGANError(
                f"evaluations need {error.name}; run: pip install 'pokegan[metrics]'"
            ) from error
        if samples < FEWEST:
            raise PokeGANError(f"eval_samples must be at least {FEWEST}, not {samples}")
        self._judge = Judge(data, "train", size, networks, cache_dir())
        self._samples = samples
        self._decides = f"{DECIDES}{self._judge.first.metric_name}@{samples}"
        self.best: float | None = None
        self.best_step = 0

    def measure(self, model: SpriteModel, seed: int) -> dict[str, float]:
        """The fast numbers of a model, by names that begin with "eval/".

        Args:
            model: draws the sprites.
            seed: of the latents, the same every time.
        """
        from pokegan.metrics.image_set import model_set

        judge = self._judge
        seen = judge.look(model_set(model, self._samples, seed, judge.real.sprites))
        return {f"eval/{name}": value for name, value in judge.quick(seen).items()}

    def observe(self, line: Mapping[str, float]) -> bool:
        """Look at a line of the log: whether it holds a distance that is the lowest so far."""
        value = line.get(self._decides)
        if value is None or (self.best is not None and value >= self.best):
            return False
        self.best, self.best_step = value, int(line["step"])
        return True

    def recall(self, lines: Iterable[Mapping[str, float]]) -> None:
        """Look at the lines of a run that is taken up again."""
        for line in lines:
            self.observe(line)
