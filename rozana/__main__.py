"""`python -m rozana`: the same as the command `rozana`."""

from rozana.cli import main

main()
