"""The page that shows `.tcz` pictures in a browser: served on this machine, or written as a
gallery. The page itself is built in `web/`; it decodes in the browser."""
