"""A small class-conditional diffusion model, the baseline that GANs are held against.

Trained as DDPM (Ho et al. 2020, arXiv 2006.11239), sampled by DDIM (Song et al. 2021, arXiv
2010.02502), with the cosine schedule of Nichol & Dhariwal (2021, arXiv 2102.09672); the network
predicts the velocity of Salimans & Ho (2022, arXiv 2202.00512). U-Net and schedulers are those of
diffusers.
"""

from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from pokegan.errors import PokeGANError
from pokegan.models import ARCHITECTURES
from pokegan.models.base import SpriteModel
from pokegan.models.checks import check_choice, check_range
from pokegan.models.conditioning import num_classes

GROUPS = 8
"""Channels are normalised in so many groups."""


@ARCHITECTURES.register("ddpm")
class DDPM(SpriteModel):
    """Predicts image and noise from a noisy image; draws by removing noise in a few large steps.

    It predicts them as one velocity, v. From the noise alone, the image would follow by a division
    by √ᾱ_t, which is nearly 0 where sampling starts: a network that is a little wrong, as every one
    is after a short training, then starts from noise cut off at -1 and 1 and never recovers.

    The latent of a sprite is the noise that sampling starts from, and DDIM adds none on the way,
    so a sprite is a function of its latent and label like any generator's.

    Args:
        widths: channels of the U-Net at each resolution; each next one has half the side. 2 to 6
            multiples of 8 up to 512.
        patch: the U-Net sees squares of patch x patch pixels as one (1, 2 or 4), at a cost that
            falls with the square of it.
        sampling_steps: steps of DDIM, 1 to ``timesteps``.
        timesteps: noise levels in training, 2 to 10000.
        conditioning: "group" (13 type groups) or "type" (18 types).
        channels: image channels: 1, 3 or 4.
        size: height and width of the image: 16, 32, 64, 128 or 256.

    Raises:
        PokeGANError: an argument out of range.
    """

    architecture = "ddpm"
    many_steps = True

    def __init__(
        self,
        widths: list[int] = [64, 96, 128],  # noqa: B006 (the Hub mixin stores lists, no tuples)
        patch: int = 2,
        sampling_steps: int = 25,
        timesteps: int = 1000,
        conditioning: str = "group",
        channels: int = 3,
        size: int = 64,
    ):
        check_range("number of widths", len(widths), 2, 6)
        for width in widths:
            check_range("widths", width, GROUPS, 512)
            if width % GROUPS:
                raise PokeGANError(f"widths must be multiples of {GROUPS}, not {width}")
        check_range("timesteps", timesteps, 2, 10_000)
        check_range("sampling_steps", sampling_steps, 1, timesteps)
        check_choice("channels", channels, (1, 3, 4))
        check_choice("size", size, (16, 32, 64, 128, 256))
        check_choice("patch", patch, (1, 2, 4))
        if size // patch >> (len(widths) - 1) < 2:
            raise PokeGANError(
                f"{len(widths)} widths halve {size // patch} patches too often; give fewer"
            )
        super().__init__()
        from diffusers import DDIMScheduler, UNet2DModel

        self.latent_dim, self.channels, self.size = channels * size * size, channels, size
        self.conditioning, self.timesteps, self._patch = conditioning, timesteps, patch
        self.unet = UNet2DModel(
            sample_size=size // patch,
            in_channels=channels * patch**2,
            out_channels=channels * patch**2,
            block_out_channels=tuple(widths),
            down_block_types=("DownBlock2D",) * len(widths),
            up_block_types=("UpBlock2D",) * len(widths),
            layers_per_block=1,
            norm_num_groups=GROUPS,
            attention_head_dim=GROUPS,
            num_class_embeds=num_classes(conditioning),
        )
        self._schedule = DDIMScheduler(
            num_train_timesteps=timesteps,
            beta_schedule="squaredcos_cap_v2",
            timestep_spacing="trailing",
            prediction_type="v_prediction",
        )
        self._schedule.set_timesteps(sampling_steps)
        self.steps = sampling_steps

    def add_noise(self, images: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """√ᾱ_t x + √(1 − ᾱ_t) ε (Ho et al., equation 4).

        Args:
            images: x, float tensor (n, channels, size, size) in [-1, 1].
            noise: ε, standard normal, of the same shape.
            times: t, int64 tensor (n,) in [0, timesteps).
        """
        return self._schedule.add_noise(images, noise, times)

    def velocity(self, images: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """v = √ᾱ_t ε − √(1 − ᾱ_t) x (Salimans & Ho, appendix D); arguments as for
        :meth:`add_noise`."""
        return self._schedule.get_velocity(images, noise, times)

    def predict_velocity(self, noisy: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """v_θ: the velocity of ``noisy`` (n, channels, size, size) at times (n,), int64, given
        labels (n,), int64."""
        patches = pixel_unshuffle(noisy, self._patch)
        return pixel_shuffle(self.unet(patches, times, class_labels=labels).sample, self._patch)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Draw by DDIM without added noise: latents (n, latent_dim) and labels (n,) to images
        (n, channels, size, size) in [-1, 1]."""
        images = latents.view(-1, self.channels, self.size, self.size)
        for time in self._schedule.timesteps.to(latents.device):
            velocity = self.predict_velocity(images, time.expand(len(images)), labels)
            images = self._schedule.step(velocity, time, images).prev_sample
            if self.on_step:
                self.on_step()
        return images.clamp(-1, 1)
