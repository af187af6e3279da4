"""`python -m jobrunner` is the same as `jobrunner`."""

from jobrunner.cli import main

if __name__ == "__main__":
    main()
