"""Build the page and launch it: `python app.py`, then http://127.0.0.1:7860."""

import logging

from translate.errors import TranslateError
from translate.ui.app import launch

if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    logging.getLogger("translate").setLevel(logging.INFO)
    try:
        launch()
    except TranslateError as error:
        logging.error("error: %s", error)
        raise SystemExit(2) from None
