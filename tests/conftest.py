"""Shape checks on for every module of the package, and the faces that several tests share."""

from jaxtyping import install_import_hook

import duchenne.synthesis.raster.raster_solids
import duchenne.synthesis.rig.smooth_step
import duchenne.synthesis.skin.skin_loops  # noqa: F401  compiled functions cannot be wrapped, so they are imported unchecked

# The hook checks shapes and types of every annotated call, so it must come before the first import of the package.
install_import_hook("duchenne", "typechecker.check")
