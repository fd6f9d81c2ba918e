"""What a failure of the registry's client means: an outage, a refusal, or a mistake in a program."""

import pytest

from lockgate.domain.fetched import FetchReason
from lockgate.errors import InternalError, RegistryUnavailable, RegistryUntrusted
from lockgate.fetch.sources.wandb import _while_transferring
from lockgate.registries.wandb.translate import translate

MISTAKE = AttributeError("'ArtifactManifestV1' object has no attribute 'digest_algorithm'")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MISTAKE, InternalError),
        (TypeError("unexpected keyword argument"), InternalError),
        (ImportError("wandb.apis"), InternalError),
        (ValueError("no usable answer"), RegistryUnavailable),
        (TimeoutError("late"), RegistryUnavailable),
        (OSError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), RegistryUntrusted),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_mistake_in_a_program_is_never_told_as_an_outage(error, kind):
    told = translate("read the manifest", error)
    assert type(told) is kind
    assert "attribute" not in told.message


def test_a_fetch_that_meets_a_mistake_says_so():
    assert _while_transferring("acme/r/c:v1", MISTAKE).reason is FetchReason.INTERNAL_ERROR
    assert _while_transferring("acme/r/c:v1", ValueError()).reason is FetchReason.REGISTRY_UNAVAILABLE
