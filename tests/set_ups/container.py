"""The container's programs run here, without a container: as the image has them on its PATH."""

import os
import sys
from pathlib import Path

from tests.set_ups.image import ROOT

ENTRYPOINT = ROOT / "scripts" / "set-ups" / "entrypoint"
HEALTHY = ROOT / "scripts" / "set-ups" / "healthy"


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a container's process finds: nothing of this one but the command."""
    path = f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return {"PATH": path, "HOME": str(home), "PYTHONUNBUFFERED": "1", **more}
