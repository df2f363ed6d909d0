import sys

from spatialbias.cli import main

sys.exit(main())
