"""`python -m cohort ...` does what `cohort ...` does."""

import sys

from cohort.cli import main

sys.exit(main())
