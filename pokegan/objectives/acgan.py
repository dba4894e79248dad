"""GANs whose discriminator names the type as well: the auxiliary classifier (Odena et al. 2017,
arXiv 1610.09585), with a weight that moves from source to class (Abdool 2022)."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from pokegan.data.batch import Batch
from pokegan.errors import PokeGANError
from pokegan.objectives import OBJECTIVES, Noise
from pokegan.objectives.aegan import AEGAN
from pokegan.objectives.gan import GAN, bce


@dataclass(frozen=True)
class AuxiliaryClassifier:
    """Lets a family's image discriminator be judged by its classes as well.

    With L_s the log-likelihood of the right source and L_c that of the right class, the
    discriminator maximises L_s + L_c and the generator minimises L_s − L_c on generated images
    (Odena et al., equations 2 and 3). Both terms are written as cross-entropies to be minimised,
    weighted 1 − w and w, and the generator's source term is the non-saturating one.

    Args:
        class_weight_start: w at the beginning, in [0, 1].
        class_weight_end: w from ``class_weight_kimg`` on, in [0, 1].
        class_weight_kimg: thousand real images over which w moves linearly, above 0.

    Raises:
        PokeGANError: a value out of range.
    """

    class_weight_start: float = 0.1
    class_weight_end: float = 0.5
    class_weight_kimg: float = 100.0

    def __post_init__(self):
        for name in ("class_weight_start", "class_weight_end"):
            if not 0 <= getattr(self, name) <= 1:
                raise PokeGANError(
                    f"objective.{name} must lie in [0, 1], not {getattr(self, name)}"
                )
        if not self.class_weight_kimg > 0:
            raise PokeGANError(
                f"objective.class_weight_kimg must be above 0, not {self.class_weight_kimg}"
            )
        super().__post_init__()

    def class_weight(self, kimg: float) -> float:
        """The classes' weight w after ``kimg`` thousand real images."""
        share = min(1.0, kimg / self.class_weight_kimg)
        return (1 - share) * self.class_weight_start + share * self.class_weight_end

    def error(
        self,
        verdict: tuple[Tensor, Tensor],
        target: float | Tensor,
        discriminator: nn.Module,
        batch: Batch,
        noise: Noise,
    ) -> Tensor:
        """(1 − w) times the source's error plus w times the classes'; see
        :meth:`pokegan.objectives.gan.SourceJudge.error`."""
        source, classes = verdict
        weight = self.class_weight(noise.kimg)
        labels = batch.labels(discriminator.classifies)
        return (1 - weight) * bce(source, target) + weight * F.cross_entropy(
            classes.float(), labels
        )


@OBJECTIVES.register("acgan")
@dataclass(frozen=True)
class ACGAN(AuxiliaryClassifier, GAN):
    """The GAN with an auxiliary classifier; arguments of both."""


@OBJECTIVES.register("acaegan")
@dataclass(frozen=True)
class ACAEGAN(AuxiliaryClassifier, AEGAN):
    """The autoencoding GAN with an auxiliary classifier in its image discriminator; arguments of
    both."""
