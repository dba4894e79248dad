"""The options of a run: where, on what and how a recipe is trained."""

from dataclasses import dataclass
from typing import Literal

from pokegan.errors import PokeGANError


@dataclass(frozen=True)
class RunOptions:
    """What data a recipe runs on, where, and how.

    Args:
        data: "gen5" (built on first use), "synthetic" or "synthetic:SPECIES", a folder made by
            `pokegan dataset build`, or a Hub data set (user/name[@revision]).
        split: the part of the data to train on; "all" leaves no sprites to judge the model by.
        streaming: read the sprites of a folder or a Hub data set while training, for data larger
            than memory or disk.
        stream_buffer: sprites, as they are stored, that a stream holds to mix them, over all
            processes: the more, the better mixed. Besides, it holds the row groups of Parquet that
            it is reading, or pages of large ones, and a few batches.
        out: the run folder (default: runs/ and the recipe's name).
        resume: "auto" continues the run that the folder holds, if it holds one.
        dry_run: print the resolved recipe, parameter counts and data summary, and stop.
        data_may_change: continue a run though its data has changed since the checkpoint.
        stop_on_collapse: end the run where it collapses, instead of only warning.
        cpu: train on the CPU even where there is a GPU; needed for several CPU processes.
        num_processes: refuse to start unless exactly so many processes take part.
        threads: CPU threads of each process (default: the cores shared evenly).
        clock: what minutes and the log's seconds count: "wall", the time that passes, or "cpu", the
            time that the first process computes, over all its threads, which is fair where other
            work shares the cores.
        checkpoint_kimg: thousand real images between checkpoints.
        log_every: steps between lines of the log.
        watch_kimg: thousand real images between looks at the diversity of fixed latents' sprites.
        eval_kimg: thousand real images between evaluations (FD, KID, diversity and novelty, see
            `pokegan evaluate`); the best model by KID to the validation split is kept in best/
            beside model/. Without it there are none. They take time that --minutes does not count.
        eval_minutes: minutes between evaluations, instead of eval_kimg.
        eval_samples: sprites drawn for an evaluation.
        eval_features: feature networks for evaluations, separated by commas; the first one's KID
            decides which model is best.
        max_bank_gib: a data set that needs more memory than this is read through worker processes
            instead of being held in memory.
        push_to: the Hub id (user/name) that the model is published under when the run is complete.
        push_every: thousand real images after which a checkpoint's model is published there as
            well, in the background.
        push_private: create the repository that is pushed to private, and refuse a public one.
    """

    data: str = "gen5"
    split: Literal["train", "all"] = "train"
    streaming: bool = False
    stream_buffer: int = 8192
    out: str | None = None
    resume: Literal["never", "auto"] = "never"
    dry_run: bool = False
    data_may_change: bool = False
    stop_on_collapse: bool = False
    cpu: bool = False
    num_processes: int | None = None
    threads: int | None = None
    clock: Literal["wall", "cpu"] = "wall"
    checkpoint_kimg: float = 20.0
    log_every: int = 10
    watch_kimg: float = 2.0
    eval_kimg: float | None = None
    eval_minutes: float | None = None
    eval_samples: int = 1000
    eval_features: str = "efficientnet-lite0,sprite-net"
    max_bank_gib: float = 4.0
    push_to: str | None = None
    push_every: float | None = None
    push_private: bool = False

    def __post_init__(self):
        above_0 = ("num_processes", "threads", "checkpoint_kimg", "log_every", "watch_kimg")
        for name in (*above_0, "eval_kimg", "eval_minutes", "stream_buffer", "push_every"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise PokeGANError(f"{name} must be above 0, not {value}")
        if self.eval_kimg is not None and self.eval_minutes is not None:
            raise PokeGANError("give one of eval_kimg and eval_minutes, not both")
        if self.evaluates and self.split == "all":
            raise PokeGANError("evaluations need sprites to validate: use --split train")
        if self.evaluates and self.streaming:
            raise PokeGANError("evaluations need all sprites at hand: leave out --streaming")
        if self.push_to is None and (self.push_every is not None or self.push_private):
            raise PokeGANError("push_every and push_private need push_to: say where to push")
        if self.max_bank_gib < 0:
            raise PokeGANError(f"max_bank_gib must not be negative, not {self.max_bank_gib}")

    @property
    def evaluates(self) -> bool:
        """Whether the model is measured while it is trained."""
        return self.eval_kimg is not None or self.eval_minutes is not None
