"""``python -m spinemorph``."""

from spinemorph.cli import main

if __name__ == "__main__":
    main()
