"""The ground on which fakes of services stand: real host names, real TLS, strict routes, faults on order.

A fake is an `App` with hosts and tables of routes. `SaasNet` serves it to official clients, which find it by their
environment; `plain_http` serves it at a loopback URL.
"""

from penstock_testkit.saas.app import App, NotFakedError, Route, RouteTable
from penstock_testkit.saas.http_faults import Fault, Hold, HttpFaults, Order
from penstock_testkit.saas.loopback import plain_http
from penstock_testkit.saas.messages import HttpAnswer, HttpRequest, ranged
from penstock_testkit.saas.net import SaasNet, saas_net
from penstock_testkit.saas.service import Service

__all__ = [
    "App",
    "Fault",
    "Hold",
    "HttpAnswer",
    "HttpFaults",
    "HttpRequest",
    "NotFakedError",
    "Order",
    "Route",
    "RouteTable",
    "SaasNet",
    "Service",
    "plain_http",
    "ranged",
    "saas_net",
]
