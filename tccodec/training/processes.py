"""The processes of a run, as `torchrun` describes them in environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tccodec.errors import BadOption, TccodecError
from tccodec.files.text import shown

_LARGEST = 65535  # of a port, and more processes than a run has
_NEEDED = ("RANK", "MASTER_ADDR", "MASTER_PORT")  # by several processes, to find each other


@dataclass(frozen=True, slots=True)
class Processes:
    """How many processes a run has, which one this is, and which one of its machine."""

    world: int = 1
    rank: int = 0
    local_rank: int = 0
    address: str = ""  # HOST:PORT of the first one, if there are several

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Processes:
        """The processes that the variables describe; one if they are not set.

        `BadOption` names a variable that is missing or wrong.
        """
        world = _number(environment, "WORLD_SIZE", 1)
        rank, local_rank = _number(environment, "RANK", 0), _number(environment, "LOCAL_RANK", 0)
        if not 0 <= rank < world:
            raise BadOption(
                f"RANK is {rank} and WORLD_SIZE {world}: the processes of a run count from 0 to"
                " WORLD_SIZE - 1"
            )
        if world == 1:
            return cls()
        if missing := [name for name in _NEEDED if not environment.get(name)]:
            raise BadOption(
                f"WORLD_SIZE is {world}, so {' and '.join(missing)} must be set, too:"
                " torchrun does that"
            )
        port = _number(environment, "MASTER_PORT", 0)
        return cls(world, rank, local_rank, f"{shown(environment['MASTER_ADDR'])}:{port}")

    def device(self, name: str) -> str:
        """The device of this process, where `name` is the one that was chosen for the run.

        `BadOption` if this machine has fewer GPUs than processes, or if one GPU was chosen for all.
        """
        if self.local_rank and name.startswith("cuda:"):
            raise BadOption(
                f"this machine has several processes of the run, which cannot share {name}: with"
                " cuda each takes its own"
            )
        if self.world == 1 or name != "cuda":
            return name
        import torch

        if self.local_rank >= (count := torch.cuda.device_count()):
            raise BadOption(
                f"LOCAL_RANK is {self.local_rank}, but there is no device"
                f" cuda:{self.local_rank}: the last one is cuda:{count - 1}"
            )
        return f"cuda:{self.local_rank}"

    def connect(self, device: str) -> None:
        """Wait for the others, if there are any; `TccodecError` if they cannot be reached."""
        if self.world == 1:
            return
        import torch

        if device.startswith("cuda"):
            torch.cuda.set_device(device)
        try:
            torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        except (RuntimeError, ValueError, OSError) as e:
            reason = str(e).partition("\n")[0][:200]
            raise TccodecError(
                f"the processes of the run cannot meet at {self.address}: {reason}"
            ) from None

    def disconnect(self) -> None:
        """What `connect` did comes to its end."""
        if self.world > 1:
            import torch

            torch.distributed.destroy_process_group()


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= _LARGEST):
        raise BadOption(f"{name} must be a whole number from 0 to {_LARGEST}, not {shown(text)!r}")
    return int(text)
