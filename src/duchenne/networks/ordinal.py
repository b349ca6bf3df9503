"""Occurrence and intensity from one latent per AU and side, so that the two can never contradict each other.

P(intensity >= k) = sigmoid(latent - cut_k) for k = A, B, C, D, E (1 to 5), with cuts in rising order and that of B at
0: an AU occurs from B on, so the probability of occurrence is the sigmoid of the latent. A face's latent is that of its
stronger side; AUs that FACS does not code by side have one latent.

Source: McCullagh, J. R. Stat. Soc. B 1980 (cumulative logit model); ours: the fixed cut and the sides.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from duchenne.facs import AU_BY_NAME

GRADES = 5
"""A to E."""
OCCURS_FROM = 2
"""B; FACS coders and data sets take a trace, A, as doubtful."""


class OrdinalScale(nn.Module):
    """The cuts of each AU, and which of the network's outputs is which side's latent.

    Attributes:
        latents: Number of outputs that the network must have.

    Args:
        aus: Names.
    """

    left: Tensor
    right: Tensor

    def __init__(self, aus: Sequence[str]) -> None:
        super().__init__()
        count = len(aus)
        sided = [column for column, name in enumerate(aus) if AU_BY_NAME[name].sided]
        self.latents = count + len(sided)
        right = [count + sided.index(column) if column in sided else column for column in range(count)]
        self.register_buffer("left", torch.arange(count), persistent=False)
        self.register_buffer("right", torch.tensor(right), persistent=False)
        self.steps = nn.Parameter(torch.full((count, GRADES - 1), 0.5413))  # softplus of it is 1

    def sides(self, outputs: Float[Tensor, "n l"]) -> Float[Tensor, "n a 2"]:
        """Return the latents of the subject's left and right."""
        return torch.stack([outputs[:, self.left], outputs[:, self.right]], 2)

    def cuts(self) -> Float[Tensor, "a 5"]:
        """Return the cuts of A, B (0), C, D and E in latent units, rising."""
        steps = nn.functional.softplus(self.steps)
        return torch.cat([-steps[:, :1], torch.zeros_like(steps[:, :1]), steps[:, 1:].cumsum(1)], 1)

    def grade_logits(self, latents: Float[Tensor, "*n a"]) -> Float[Tensor, "*n a 5"]:
        """Return the logit of intensity >= k for k from 1 to 5; the one of 2 is the latent."""
        return latents[..., None] - self.cuts()

    def intensity(self, latents: Float[Tensor, "*n a"]) -> Float[Tensor, "*n a"]:
        """Return the expected intensity, 0-5: the sum of P(intensity >= k); it rises with the probability."""
        return torch.sigmoid(self.grade_logits(latents)).sum(-1)
