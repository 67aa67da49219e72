"""Which addresses a message may be sent to. Pure, and by tables of our own: what `ipaddress` calls global differs from
one Python to the next.

Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890), with RFC 6598 (shared address space),
RFC 3056 (6to4), RFC 6052 and RFC 8215 (NAT64).
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
"""Networks of one's own. With loopback, they are what `allow_private` opens; nothing else below is ever opened."""
METADATA = tuple(map(ip_network, ("169.254.169.254/32", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::254/128")))
"""Where clouds hand out credentials; two of them lie in networks of PRIVATE."""
SPECIAL = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    )
)
GLOBAL_6 = ip_network("2000::/3")
"""The only global unicast space of IPv6: mapped, NAT64, link-local and multicast addresses lie outside it."""


def allowed(text: str, *, allow_private: bool) -> bool:
    """Whether a connection may be made to this address, as a resolver writes it. What is no address is not allowed."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.scope_id is not None:  # it names one of our own interfaces
        return False
    if _within(address, METADATA):
        return False
    if _within(address, (*LOOPBACK, *PRIVATE)):
        return allow_private
    return not _within(address, SPECIAL) and (isinstance(address, IPv4Address) or address in GLOBAL_6)


def is_loopback(text: str) -> bool:
    """ValueError for what is no address."""
    return _within(ip_address(text), LOOPBACK)


def _within(address: Address, networks: tuple[object, ...]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]
