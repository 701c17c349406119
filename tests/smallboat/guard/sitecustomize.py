"""On PYTHONPATH it keeps a process, and all that it starts, from any host but this one."""

import ipaddress
import socket
from collections.abc import Callable
from functools import wraps
from typing import Any


def _outside(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return False
    try:
        address = ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        return True
    return not (address.is_loopback or address.is_unspecified)


def _resolving(known: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(known)
    def resolve(host: Any, *rest: Any, **named: Any) -> Any:
        if _outside(host):
            raise socket.gaierror(socket.EAI_NONAME, f"the guard refuses to look up {host}")
        return known(host, *rest, **named)

    return resolve


def _connecting(known: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(known)
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and _outside(address[0]):
            raise PermissionError(f"the guard refuses to connect to {address[0]}")
        return known(self, address)

    return connect


for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, name, _resolving(getattr(socket, name)))
for name in ("connect", "connect_ex"):
    setattr(socket.socket, name, _connecting(getattr(socket.socket, name)))
