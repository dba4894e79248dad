"""What a run carries from step to step: networks, optimizers and averaged weights."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pokegan.errors import PokeGANError
from pokegan.hub.load import load
from pokegan.models.base import SpriteModel
from pokegan.objectives import Objective
from pokegan.training.recipe import OptimizerSettings, Recipe

EMA_RAMPUP = 0.05
"""Early on, the half-life is this share of the images seen so far (Karras et al. 2020, arXiv
2006.06676), so that the first, untrained weights are soon forgotten."""


class TrainState:
    """Networks, one optimizer a player, and the moving average of the published weights.

    Args:
        recipe: what to build.
        objective: says who the players are and which network is published.
        device: where everything lives.

    Raises:
        PokeGANError: unfit settings in the recipe, roles that are not the objective's, or a
            published network that draws no sprites.
    """

    def __init__(self, recipe: Recipe, objective: Objective, device: torch.device):
        roles = {_network_of(role) for player in objective.players.values() for role in player}
        if roles != set(recipe.networks):
            raise PokeGANError(
                f"recipe {recipe.name!r} has the networks {sorted(recipe.networks)}, the objective"
                f" plays with {sorted(roles)}"
            )
        self.networks: dict[str, nn.Module] = {
            # Convolutions are a quarter faster in this layout on a CPU, and no slower on a GPU.
            role: network.to(device, memory_format=torch.channels_last).train()
            for role, network in recipe.build_networks().items()
        }
        self.parameters: dict[str, list[nn.Parameter]] = {
            player: [p for role in roles for p in self._part(role).parameters()]
            for player, roles in objective.players.items()
        }
        self.optimizers = {
            player: _build_optimizer(
                recipe.optimizer,
                parameters,
                objective.publishes in map(_network_of, objective.players[player]),
            )
            for player, parameters in self.parameters.items()
        }
        self._rates = {
            player: optimizer.param_groups[0]["lr"] for player, optimizer in self.optimizers.items()
        }
        self._cooldown = recipe.optimizer.cooldown
        self._growth, self._size = recipe.growth, recipe.image.size
        self._published = self.networks[objective.publishes]
        if not isinstance(self._published, SpriteModel):
            raise PokeGANError(
                f"networks.{objective.publishes} must draw sprites, which"
                f" {recipe.networks[objective.publishes]['architecture']!r} does not"
            )
        self._grows = any(size < self._size for size in self._growth.sizes)
        known = getattr(self._published, "training_sizes", ())
        for size in self._growth.sizes:
            if size < self._size and size not in known:
                raise PokeGANError(
                    f"growth: {recipe.networks[objective.publishes]['architecture']!r} cannot be"
                    f" trained at {size} px on the way to {self._size}; known:"
                    f" {', '.join(map(str, known)) or 'none'}"
                )
        self._average = None
        if recipe.ema_half_life_kimg is not None:
            # use_buffers=False copies buffers: batch-norm statistics are averages already.
            self._average = AveragedModel(
                self._published,
                multi_avg_fn=ema_update(recipe.ema_half_life_kimg, recipe.batch_size),
                use_buffers=False,
            )

    def _part(self, role: str) -> nn.Module:
        """A network, or for a role like "autoencoder.encoder" a part of it."""
        role, _, part = role.partition(".")
        return self.networks[role].get_submodule(part)

    @property
    def published(self) -> SpriteModel:
        """The network that goes into the model folder: averaged where the recipe asks for it."""
        return self._published if self._average is None else self._average.module

    def start_from(self, source: str) -> None:
        """Give the published network the weights of a trained model.

        The model may lack parts that the network has, such as an encoder; they keep their own.

        Args:
            source: a model folder, a run folder or a Hub id.

        Raises:
            PokeGANError: no such model, or weights that do not fit the network.
        """
        weights, own = load(source).state_dict(), self._published.state_dict()
        for name, tensor in weights.items():
            if name not in own or own[name].shape != tensor.shape:
                raise PokeGANError(
                    f"start: {source} does not fit {self._published.architecture!r} as the recipe"
                    f" has it, first in {name}; give the network the arguments of its config.json"
                )
        self._published.load_state_dict(weights, strict=False)
        if own.keys() != weights.keys():
            self._published.begin_fresh_parts()
        if self._average is not None:
            self._average.module.load_state_dict(self._published.state_dict())

    def update(
        self,
        player: str,
        loss: Tensor,
        average: Callable[[tuple[Tensor, ...]], None] = lambda gradients: None,
    ) -> None:
        """One optimizer step of one player.

        Args:
            player: whose weights are to move; no others do.
            loss: what they are to lower, a scalar.
            average: replaces each gradient by its mean over the processes, in place.
        """
        parameters = self.parameters[player]
        # Gradients of this player's weights and no others: nothing to freeze or to zero.
        # Layers for larger images take no part while networks grow; any other must.
        gradients = torch.autograd.grad(loss, parameters, allow_unused=self._growing)
        average(tuple(gradient for gradient in gradients if gradient is not None))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else _laid_out_like(parameter, gradient)
        self.optimizers[player].step()

    def cool_down(self, share_done: float) -> None:
        """Set the step sizes for the time after this share, 0 to 1, of the training."""
        if self._cooldown:
            factor = min(1.0, (1 - share_done) / self._cooldown)
            for player, optimizer in self.optimizers.items():
                for group in optimizer.param_groups:
                    group["lr"] = self._rates[player] * factor

    def grow(self, share_done: float) -> None:
        """Let the networks work at the size for the time after this share, 0 to 1, of the
        training."""
        if self._grows:
            self._published.training_size = self._growth.size_at(share_done, self._size)

    @property
    def image_size(self) -> int:
        """Height and width of the images that the networks work at."""
        return self._published.training_size if self._grows else self._size

    @property
    def _growing(self) -> bool:
        return self.image_size < self._size

    def update_average(self) -> None:
        """Take the newest weights into the moving average; to be called once a step."""
        if self._average is not None:
            self._average.update_parameters(self._published)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs, by name. The tensors are not copied."""
        return dict(self._named_tensors())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what :meth:`tensors` gave.

        Raises:
            KeyError: a tensor is missing.
            RuntimeError: a tensor has another shape.
        """
        for role, network in self.networks.items():
            network.load_state_dict(_below(tensors, f"networks/{role}/"))
        for player, optimizer in self.optimizers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _below(tensors, f"optimizers/{player}/").items():
                index, key = name.split("/")
                parameter = self.parameters[player][int(index)]
                state.setdefault(int(index), {})[key] = _laid_out_like(parameter, tensor)
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state, "param_groups": groups})
        if self._average is not None:
            self._average.load_state_dict(_below(tensors, "average/"))

    def _named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        for role, network in self.networks.items():
            for name, tensor in network.state_dict().items():
                yield f"networks/{role}/{name}", tensor
        for player, optimizer in self.optimizers.items():
            for index, values in optimizer.state_dict()["state"].items():
                for key, tensor in values.items():
                    yield f"optimizers/{player}/{index}/{key}", tensor
        if self._average is not None:
            for name, tensor in self._average.state_dict().items():
                yield f"average/{name}", tensor


def ema_update(half_life_kimg: float, batch_size: int) -> Callable[..., None]:
    """The update of an exponential moving average whose half-life is counted in images.

    ``average <- current + (average - current) * 0.5 ** (batch_size / half_life)``, so that the
    average reaches equally far back whatever the batch size (Karras et al. 2020, arXiv
    2006.06676).

    Args:
        half_life_kimg: thousand images after which a weight counts half.
        batch_size: images a step.

    Returns:
        A function for ``AveragedModel(multi_avg_fn=...)``.
    """

    def update(average: list[Tensor], current: list[Tensor], steps: Tensor | int) -> None:
        half_life = min(half_life_kimg * 1000, int(steps) * batch_size * EMA_RAMPUP)
        torch._foreach_lerp_(average, current, 1 - 0.5 ** (batch_size / half_life))

    return update


def _network_of(role: str) -> str:
    """The network that a role is, or is a part of ("autoencoder.encoder")."""
    return role.partition(".")[0]


def _build_optimizer(
    settings: OptimizerSettings, parameters: list[nn.Parameter], published: bool
) -> torch.optim.Optimizer:
    rate = settings.learning_rate
    if not published and settings.adversary_learning_rate is not None:
        rate = settings.adversary_learning_rate
    if settings.name == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=rate, alpha=settings.betas[1])
    # One pass over memory instead of one for each operation: several times as fast on a CPU.
    return torch.optim.Adam(parameters, lr=rate, betas=settings.betas, fused=True)


def _laid_out_like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """``tensor`` with the parameter's strides, where it has its shape: the fused optimizers walk
    through memory and would silently pair the wrong elements."""
    if tensor.shape != parameter.shape or tensor.stride() == parameter.stride():
        return tensor
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
