"""Print the document as it is with no setting: openapi/geocrop.yaml."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from geocrop_processes.service.app import create_app
from geocrop_processes.service.openapi.document import as_yaml
from geocrop_processes.settings import Settings

with TemporaryDirectory() as folder:
    sys.stdout.write(as_yaml(create_app(Settings(data=Path(folder))).openapi()))
