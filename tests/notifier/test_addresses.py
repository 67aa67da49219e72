"""Which addresses a message may go to: by example, and for every address that there is."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.addresses import LOOPBACK, METADATA, PRIVATE, SPECIAL, allowed, is_loopback

IPV4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
IPV6 = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)
EMBEDDINGS = (
    "::ffff:{}",  # mapped
    "::{}",  # compatible
    "64:ff9b::{}",  # NAT64
    "64:ff9b:1::{}",  # NAT64 of one's own network
    "::ffff:0:{}",  # translated
)


def of_networks(*networks: ipaddress.IPv4Network | ipaddress.IPv6Network) -> st.SearchStrategy[str]:
    """Any address of any of them, the first and the last among them often."""

    def inside(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> st.SearchStrategy[str]:
        size = network.num_addresses - 1
        return st.one_of(st.just(0), st.just(size), st.integers(0, size)).map(lambda number: str(network[number]))

    return st.sampled_from(networks).flatmap(inside)


@pytest.mark.parametrize("address", ["1.1.1.1", "100.63.255.255", "172.32.0.0", "198.41.0.4", "2606:4700::1111"])
def test_public_ones_are_allowed(address: str) -> None:
    assert allowed(address, allow_private=False)
    assert allowed(address, allow_private=True)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"]
)
def test_private_ones_are_allowed_where_the_file_says_so(address: str) -> None:
    assert not allowed(address, allow_private=False)
    assert allowed(address, allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"),  # metadata
        *("0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "169.254.0.1", "fe80::1", "fe80::1%eth0"),
        *("2001:4860::1%2", "::1%lo"),  # through an interface of ours
        *("2002:7f00:1::", "2001:0:53aa:64c:0:fbff:b5a0:9a5e", "64:ff9b::7f00:1", "::ffff:8.8.8.8", "::8.8.8.8"),
        *("2001:db8::1", "192.0.2.1", "198.18.0.1", "240.0.0.1", "fec0::1", "5f00::1", "100::1"),
        *("", "localhost", "127.1", "0x7f000001", "2130706433", "1.1.1.1.", " 1.1.1.1", "[::1]", "1.1.1.1/32"),
    ],
)
def test_others_never_are(address: str) -> None:
    assert not allowed(address, allow_private=False)
    assert not allowed(address, allow_private=True)


@given(st.one_of(IPV4, IPV6), st.booleans())
def test_what_python_does_not_call_global_is_never_public(address: ipaddress.IPv4Address, private: bool) -> None:
    """An oracle that knows the same registries; ours is never wider."""
    if allowed(str(address), allow_private=False):
        assert address.is_global
        assert not address.is_multicast
        assert allowed(str(address), allow_private=private)


@given(of_networks(*LOOPBACK, *PRIVATE))
def test_one_s_own_networks_are_opened_by_the_file_alone(address: str) -> None:
    assert not allowed(address, allow_private=False)
    metadata = any(ipaddress.ip_address(address) in network for network in METADATA)
    assert allowed(address, allow_private=True) is not metadata


@given(of_networks(*SPECIAL, *METADATA), st.booleans())
def test_special_networks_are_never_opened(address: str, private: bool) -> None:
    assert not allowed(address, allow_private=private)


@given(IPV4, st.sampled_from(EMBEDDINGS), st.booleans())
def test_an_address_in_the_clothes_of_another_is_refused(
    address: ipaddress.IPv4Address, form: str, private: bool
) -> None:
    text = form.format(address)
    if not ipaddress.ip_address(text).is_loopback:
        assert not allowed(text, allow_private=private)


@given(IPV4, st.booleans())
def test_6to4_is_refused_whatever_lies_in_it(address: ipaddress.IPv4Address, private: bool) -> None:
    number = (0x2002 << 112) | (int(address) << 80) | 1
    assert not allowed(str(ipaddress.IPv6Address(number)), allow_private=private)


@given(st.text(max_size=50), st.booleans())
def test_no_text_breaks_it(text: str, private: bool) -> None:
    assert allowed(text, allow_private=private) in {True, False}


def test_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.255.0.9", "::1")))
    assert not any(map(is_loopback, ("10.0.0.1", "::ffff:127.0.0.1", "1.1.1.1")))
