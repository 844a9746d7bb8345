"""Is a picture more real than the others are on average? (relativistic average, Jolicoeur-Martineau 2018, Sec. 4.2)

With C the raw output, real samples are compared by C(x) - mean C(G) and generated ones by C(G) - mean C(x); both
players pay binary cross-entropy on both, with labels the other way round. Means run over all logits of the batch.
"""

from torch import Tensor
from torch.nn import functional as F


def tell_relatively(real: Tensor, fake: Tensor) -> Tensor:
    """-log sigmoid(C(x) - mean C(G)) - log(1 - sigmoid(C(G) - mean C(x))), the discriminator's loss (Algorithm 2).

    Shape: any two -> scalar. Range: at least 0; 2 log 2 where nothing is told apart.
    """
    return F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()


def fool_relatively(real: Tensor, fake: Tensor) -> Tensor:
    """-log sigmoid(C(G) - mean C(x)) - log(1 - sigmoid(C(x) - mean C(G))), the generator's loss (Algorithm 2).

    The second half learns too: through mean C(G), real samples should come to look less real.

    Shape: any two -> scalar. Range: at least 0; 2 log 2 where nothing is told apart.
    """
    return tell_relatively(fake, real)
