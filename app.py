"""Build the page and launch it: `python app.py`, then http://127.0.0.1:7860."""

import logging

from translate.ui.app import launch

if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    logging.getLogger("translate").setLevel(logging.INFO)
    launch()
