"""What Lambda calls; the page's own part lies beside it, in `static`."""

from pathlib import Path

from smallboat.serving.api import handler as api

handler = api.of(Path(__file__).with_name("static"))
