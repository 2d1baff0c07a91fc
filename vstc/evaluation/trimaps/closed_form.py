"""Alpha mattes from trimaps and frames by closed form matting, with the extra ``matting``."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from vstc.errors import SetupError
from vstc.formats.label_encoding import TRIMAP_VALUES

Array8 = NDArray[np.uint8]
METHOD = "closed-form"
_ALPHA_OF = np.full(256, 0.5, np.float64)
_ALPHA_OF[TRIMAP_VALUES[0]], _ALPHA_OF[TRIMAP_VALUES[2]] = 0.0, 1.0


def require_matting() -> None:
    """Refuse to go on where pymatting is not installed.

    Raises:
        SetupError: It is not.
    """
    if find_spec("pymatting") is None:
        raise SetupError(
            "matting needs pymatting, which is not installed", hint='pip install "vstc[matting]"'
        )


def closed_form_alpha(image: Array8, trimap: Array8) -> NDArray[np.float32] | None:
    """Estimate alpha where a trimap does not know it (Levin et al. 2008).

    Known pixels keep their alpha. A trimap that knows background only, or foreground only, has
    one solution, and that is constant: an object that is absent gives alpha 0.

    Args:
        image: (H, W, 3) RGB.
        trimap: (H, W): 0, 128 and 255; any other value is unknown as well.

    Returns:
        (H, W) in [0, 1]; None where the trimap knows nothing, so that any alpha is a solution.

    Raises:
        SetupError: pymatting is not installed.
    """
    known = _ALPHA_OF[trimap]
    has_background, has_foreground = bool((known == 0).any()), bool((known == 1).any())
    if not has_background and not has_foreground:
        return None
    if not (has_background and has_foreground):
        return np.full(trimap.shape, float(has_foreground), np.float32)
    if not (known == 0.5).any():
        return known.astype(np.float32)
    require_matting()
    # It takes seconds to import, and minutes the first time, when it compiles itself.
    from pymatting import estimate_alpha_cf

    alpha = estimate_alpha_cf(image.astype(np.float64) / 255.0, known)
    solved = np.clip(np.asarray(alpha, np.float64), 0.0, 1.0)
    return np.where(known == 0.5, solved, known).astype(np.float32)
