"""The page in the browser: `app` builds and launches it, one file a tab; nothing below this package knows it."""

import os

# Read by Gradio when it is imported: no telemetry, no look-up of newer versions.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
