"""The real parts that the tests share: servers, proxies, certificates and counters."""
