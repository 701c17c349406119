"""Secrets that are deleted without recovery: the name is taken for a moment, as on AWS."""

from collections.abc import Callable
from threading import Timer
from typing import Any

from moto.secretsmanager.models import SecretsManagerBackend

SECONDS = 1.0
"""Until the name is free; AWS names no time."""


def install() -> None:
    """Add it to moto."""
    backend: Any = SecretsManagerBackend
    backend.delete_secret = _late(backend.delete_secret)


def _late(delete: Callable[..., Any]) -> Callable[..., Any]:
    def deleted(
        self: Any,
        secret_id: str,
        recovery_window_in_days: int | None,
        force_delete_without_recovery: bool,
    ) -> Any:
        if not force_delete_without_recovery or not self._is_valid_identifier(secret_id):
            words = recovery_window_in_days, force_delete_without_recovery
            return delete(self, secret_id, *words)
        secret = self.secrets[secret_id]

        def forget() -> None:
            if self._is_valid_identifier(secret_id) and self.secrets[secret_id] is secret:
                delete(self, secret_id, None, True)

        if not secret.is_deleted():
            delete(self, secret_id, None, False)
        timer = Timer(SECONDS, forget)
        timer.daemon = True
        timer.start()
        return secret.arn, secret.name, secret.deleted_date

    return deleted
