"""Does a bundle's evidence suffice? Pure: a bundle in, sentences out.

The house's own rules for now: every hardware revision has one image and a bill of materials, tests ran, none of them
failed or ended in an error, and the product says which bad events it counts.
"""

from collections import Counter
from collections.abc import Collection

from fleetloop.releases.bundle import Bundle
from fleetloop.releases.model import Kind, Manifest, Tested
from fleetloop.releases.trust import FailedPolicyError, UnknownRevisionError


def check(bundle: Bundle, revisions: Collection[str]) -> None:
    """Raises `UnknownRevisionError` or `FailedPolicyError`, the latter with every reason."""
    made_for = {artifact.revision for artifact in bundle.manifest.artifacts}
    if unknown := sorted(made_for - set(revisions)):
        product = bundle.manifest.product
        raise UnknownRevisionError(
            f"the bundle is for hardware revision {', '.join(unknown)}, which {product} does not have; it has "
            f"{', '.join(sorted(revisions)) or 'none'}. Add it first, or build without it"
        )
    if found := faults(bundle):
        raise FailedPolicyError("the release fails its policy: " + "; ".join(found), reasons=found)


def faults(bundle: Bundle) -> list[str]:
    """Each unmet rule as a sentence; empty if all are met."""
    return [*_images(bundle.manifest), *_tests(bundle.manifest), *_bills(bundle), *_limits(bundle.manifest)]


def _images(manifest: Manifest) -> list[str]:
    of = Counter((a.revision, a.kind, a.component) for a in manifest.artifacts)
    revisions = sorted({a.revision for a in manifest.artifacts})
    lacking = [f"revision {r} has no image" for r in revisions if not of[r, Kind.IMAGE, manifest.component]]
    double = [f"revision {r} has {n} of {k.value} {c}, expected one" for (r, k, c), n in of.items() if n > 1]
    return ([] if revisions else ["there is no artifact"]) + lacking + double


def _tests(manifest: Manifest) -> list[str]:
    if not any(test.passed for test in manifest.tests):
        return ["no test passed"]
    bad = [test for test in manifest.tests if test.failed or test.errors or not test.passed]
    return [f"{_title(t)}: {t.passed} passed, {t.failed} failed, {t.errors} in error" for t in bad]


def _title(test: Tested) -> str:
    return f"{test.step} on revision {test.revision}" if test.revision else test.step


def _bills(bundle: Bundle) -> list[str]:
    revisions = sorted({artifact.revision for artifact in bundle.manifest.artifacts})
    lacking = [r for r in revisions if f"evidence/bom-{r}.cdx.json" not in bundle.files]
    return [f"revision {r} has no bill of materials" for r in lacking]


def _limits(manifest: Manifest) -> list[str]:
    policy = manifest.policy
    wrong = [] if policy.events else ["the policy counts no bad event"]
    if not 0 < policy.tolerated <= 1:
        wrong.append(f"tolerated is {policy.tolerated:g}, expected above 0 and at most 1 a device-day")
    if not 0 < policy.install_failure < 1:
        wrong.append(f"install-failure is {policy.install_failure:g}, expected between 0 and 1")
    return wrong
