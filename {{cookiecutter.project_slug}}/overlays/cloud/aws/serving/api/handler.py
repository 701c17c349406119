"""What Lambda calls; the project's part of the page is in `static`, next to this file."""

from pathlib import Path

from smallboat.serving.api import handler as api

handler = api.handler(Path(__file__).with_name("static"))
