"""The EFI stub from a signed archive: fetched once, named in the fingerprint, and no part of any guest."""

import pytest

from harness.errors import ArchiveUnreachable, PackageNotFound
from harness.guests import catalogue
from harness.guests.efi_stub import PACKAGE, with_efi_stub
from harness.guests.model import Arch, GuestImage
from tests.archive.miniature import deb, regular
from tests.guests.small_guest import SPEC, fill

PATH = "./usr/lib/systemd/boot/efi"
KERNEL = GuestImage("own", Arch.X86_64)


@pytest.fixture
def stub(archive, keyring, cache):
    fill(archive)
    archive.add(PACKAGE, "257", deb([regular(f"{PATH}/linuxx64.efi.stub", b"MZ stub")]))
    archive.publish()

    def stub(image=KERNEL, **more):
        return with_efi_stub(image, **({"mirror": archive.url, "keyring": keyring} | more))

    return stub


def test_it_is_fetched_once_and_then_without_a_network(stub, cache):
    assert stub().efi_stub.read_bytes() == b"MZ stub"
    assert stub(mirror="http://127.0.0.1:9/debian") == stub(offline=True)
    assert catalogue.clean()
    with pytest.raises(ArchiveUnreachable):
        stub(offline=True)


def test_it_makes_another_subject_of_a_guest_and_no_other_guest(stub, archive, keyring):
    guest = catalogue.ensure(SPEC, mirror=archive.url, keyring=keyring)
    booted = stub(guest)
    assert booted.fingerprint != guest.fingerprint
    assert booted.manifest == guest.manifest | {"efi_stub": booted.manifest["efi_stub"]}
    assert booted.manifest["efi_stub"]["version"] == "257"
    assert (booted.kernel, booted.initrd) == (guest.kernel, guest.initrd)
    assert catalogue.find(SPEC) == guest


def test_a_package_without_one_leaves_nothing_behind(stub, archive, cache):
    archive.stanzas.clear()
    archive.add(PACKAGE, "258", deb([regular(f"{PATH}/other.efi", b"")]))
    archive.publish()
    with pytest.raises(PackageNotFound):
        stub()
    assert not list(cache.glob("efi-stubs/x86-64/*"))
