"""The daemon's HTTP server. It runs in the daemon's event loop, so no handler may block or take long.

Built on Starlette and uvicorn: what is here are pages, for which FastAPI has nothing to add; the REST API will join on
FastAPI, which is a Starlette application itself. It is made to be reached through a reverse proxy that ends TLS, whose
headers are believed only where it is listed (`trusted_proxies`). No link is ever made from `Host`.
"""
