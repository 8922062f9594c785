"""`python -m config.embedded DATA_DIR --postgres --valkey`: the keeper."""

import sys

from config.embedded.keeper import main

sys.exit(main())
