"""Build the page and launch it: `python app.py`, then http://127.0.0.1:7860; it takes what `translate serve` takes."""

import sys

from translate.cli.main import main

if __name__ == "__main__":
    sys.argv.insert(1, "serve")
    main()
