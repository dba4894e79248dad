"""The watch over a training: does the generator still draw different sprites, do losses explode?

It only reads the log. What it says is a function of the lines so far, so a resumed run that shows
its watch the kept lines first goes on exactly like an uninterrupted one.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from torch import Tensor
from torch.nn import functional as F

DIVERSE = 0.3
"""Near-equal samples are a collapse only after the diversity has been this share of the real
sprites': at first, every generator draws one blur for all latents."""

HEALTHY_SHARE, COLLAPSED_SHARE = 0.5, 0.25
"""Shares of the best diversity so far (counted up to the real sprites'): below the first a bad
stretch begins, below the second samples are near equal, and only above the first it ends."""

COLLAPSED_LOOKS = 4
"""Measurements in a row that must find near-equal samples: one bad moment is no collapse."""

STALLED_DIVERSITY, SATURATED = 0.15, 0.9
"""A generator that draws one thing (diversity, as a share of the real sprites', below the first)
for a discriminator that is sure of it (saturation above the second) learns nothing any more."""

STALLED_KIMG, STALLED_LOOKS = 20.0, 10
"""How long that must last, in thousand real images and in measurements, all in a row."""

LOSS_WINDOW = 50
"""Log lines that make a loss's recent range; before there are so many, losses are not judged."""

LOSS_LIMIT = 15.0
"""A loss is far outside its recent range at this many deviations from its median there. Even a
discriminator loss that goes from near 0 to that of a coin toss (2 log 2) at once stays inside."""

LOSS_FLOOR = 0.1
"""A deviation counts as no less than this share of the median, or of 1: a loss that has hardly
moved may begin to."""

SPIKE_LINES = 8
"""Log lines in a row that must be far outside the recent range: healthy runs have spikes of one or
two, which are forgotten at once."""

MAD_TO_DEVIATION = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""

_POOLED = 16


def diversity(images: Tensor) -> float:
    """How different images are: the mean over all pairs of their root mean square difference.

    Images are averaged down to 16x16 first, so that noise counts little and shapes, colours and
    poses count much. A mean of distances, not of squares: it falls to a small share even where a
    few samples escape the collapse.

    Args:
        images: float tensor (n, channels, height, width) in [-1, 1]. Four channels are RGBA with
            straight alpha, and compared on white.

    Returns:
        0 where all images are equal or there is one only, at most 2 (a black and a white one).
    """
    if len(images) < 2:
        return 0.0
    images = images.float()
    if images.shape[1] == 4:
        alpha = (images[:, 3:] + 1) / 2
        images = alpha * images[:, :3] + (1 - alpha)  # white is 1
    vectors = F.adaptive_avg_pool2d(images, _POOLED).flatten(1)  # (n, channels * 16 * 16)
    return (F.pdist(vectors).mean() / vectors.shape[1] ** 0.5).item()


def saturation(real_probability: float, fake_probability: float) -> float:
    """How completely a discriminator tells real sprites from generated ones.

    Args:
        real_probability: mean probability of being real that it gives real ones, "D(x)".
        fake_probability: and generated ones, "D(G(z))".

    Returns:
        From 0 (it cannot tell) to 1 (it is certain, and gradients through it vanish).
    """
    return min(1.0, max(0.0, real_probability - fake_probability))


@dataclass(frozen=True)
class Collapse:
    """The beginning of a collapse or divergence, as a person would want to be told.

    Attributes:
        step: steps done when it was noticed.
        onset_step: the step after the last one that looked healthy; checkpoints before are good.
        reason: what was seen, with numbers, in one line.
    """

    step: int
    onset_step: int
    reason: str


@dataclass
class _Sign:
    """One thing that may go wrong: when it last looked healthy, and for how long it has not."""

    healthy_step: int = 0
    healthy_kimg: float = 0.0
    bad_looks: int = 0
    stands: bool = False

    def look(self, line: Mapping[str, float], bad: bool, healthy: bool) -> None:
        """Count one look; one that is neither bad nor healthy breaks a row but ends nothing."""
        self.bad_looks = self.bad_looks + 1 if bad else 0
        if healthy:
            self.healthy_step, self.healthy_kimg = int(line["step"]), line["kimg"]
            self.stands = False


class Watch:
    """Notices collapses in the lines of a log, shown to it in order.

    * *Near-equal samples*: the diversity has fallen to a small share of its best, and stays there
      (Bennion 2021 met sprites that all look alike).
    * *A stalled generator*: near-equal samples and a saturated discriminator for a long stretch,
      be it from the start.
    * *Spikes*: a loss stays far outside its recent range, measured by median and median absolute
      deviation, which neither slow drifts nor single spikes disturb.

    To take up an interrupted run, show the lines that were kept to a new watch.

    Args:
        reference: the diversity of real sprites, of which the log's "diversity" is a share.

    Attributes:
        reference: the same, but no less than one grey level: real sprites may all be equal.
    """

    def __init__(self, reference: float):
        self.reference = max(reference, 2 / 255)
        self._near_equal, self._stalled = _Sign(), _Sign()
        self._spikes: dict[str, _Sign] = {}
        self._recent: dict[str, deque[float]] = {}
        self._best = 0.0

    def observe(self, line: Mapping[str, float]) -> Collapse | None:
        """Look at the next line.

        Args:
            line: "step", "kimg", every "loss/...", and where they were measured "diversity" (a
                share of ``reference``) and "saturation".

        Returns:
            What has begun, once for each collapse: nothing more is said until every sign of it
            is gone.
        """
        found: list[tuple[_Sign, str]] = []
        if "diversity" in line:
            found += self._look_at_samples(line)
        for name, value in line.items():
            if name.startswith("loss/"):
                found += self._look_at_loss(line, name, value)
        in_a_collapse = any(sign.stands for sign in self._signs())
        for sign, _ in found:
            sign.stands = True
        if in_a_collapse or not found:
            return None
        onset = 1 + min(sign.healthy_step for sign, _ in found)
        return Collapse(int(line["step"]), onset, "; ".join(reason for _, reason in found))

    def _signs(self) -> list[_Sign]:
        return [self._near_equal, self._stalled, *self._spikes.values()]

    def _look_at_samples(self, line: Mapping[str, float]) -> list[tuple[_Sign, str]]:
        now, sure = line["diversity"], line.get("saturation", 0.0)
        self._best = max(self._best, min(now, 1.0))  # noise is more diverse than sprites are
        found = []

        sign, judged = self._near_equal, self._best >= DIVERSE
        bad = judged and now < COLLAPSED_SHARE * self._best
        sign.look(line, bad, healthy=not judged or now >= HEALTHY_SHARE * self._best)
        if sign.bad_looks >= COLLAPSED_LOOKS:
            reason = (
                f"samples have become nearly equal (diversity {now:.2f} of the real sprites',"
                f" {self._best:.2f} at its best)"
            )
            found.append((sign, reason))

        sign, bad = self._stalled, now < STALLED_DIVERSITY and sure > SATURATED
        sign.look(line, bad, healthy=not bad)
        lasted = line["kimg"] - sign.healthy_kimg
        if sign.bad_looks >= STALLED_LOOKS and lasted >= STALLED_KIMG:
            reason = (
                f"samples are nearly equal (diversity {now:.2f} of the real sprites') and the"
                f" discriminator is sure of them (saturation {sure:.2f}), both for {lasted:.0f}"
                f" kimg"
            )
            found.append((sign, reason))
        return found

    def _look_at_loss(
        self, line: Mapping[str, float], name: str, value: float
    ) -> list[tuple[_Sign, str]]:
        sign = self._spikes.setdefault(name, _Sign())
        recent = self._recent.setdefault(name, deque(maxlen=LOSS_WINDOW))
        bad, center, deviation = False, value, 0.0
        if len(recent) == LOSS_WINDOW:
            center, deviation = recent_range(recent)
            bad = abs(value - center) > LOSS_LIMIT * deviation
        sign.look(line, bad, healthy=not bad)
        # Bad lines count as well: where a loss stays at a new level, that becomes its range.
        recent.append(value)
        if sign.bad_looks < SPIKE_LINES:
            return []
        reason = (
            f"{name} is {value:.4g}, far from the {center:.4g} ± {deviation:.2g} of the"
            f" {LOSS_WINDOW} log lines before, for {sign.bad_looks} lines in a row"
        )
        return [(sign, reason)]


def recent_range(values: deque[float]) -> tuple[float, float]:
    """The middle of some values of a loss, and how far they usually lie from it.

    Returns:
        The median, and the larger of the standard deviation that the median absolute deviation
        suggests and the floor ``LOSS_FLOOR * max(1, |median|)``.
    """
    center = median(values)
    spread = MAD_TO_DEVIATION * median(abs(value - center) for value in values)
    return center, max(spread, LOSS_FLOOR * max(1.0, abs(center)))
