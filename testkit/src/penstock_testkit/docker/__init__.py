"""A fake Docker engine: its HTTP API over a unix socket or TLS, with containers that are real processes of this machine.

Shapes, statuses and words are those that Docker Engine 20.10.24 gave to the same requests (recorded against one, API 1.41), and for
what came later those of moby's ``api/swagger.yaml`` (1.47) and "Docker Engine API version history". Whether a container's
program sees what it would: it runs as a process of this machine, in a folder that stands for its root; its words and
variables that name paths below a mount's target, or below ``/penstock``, are turned into paths of that folder.

Unknown routes, parameters, and fields of a body are refused with 501 and fail the test, where an engine would ignore them.
Not covered: building, networks and volumes as objects, exec, swarm, standard input, checkpoints, plugins, limits of processors
and devices (they are kept and told, not enforced; memory is).
"""

from penstock_testkit.docker.addresses import tls_address, unix_address
from penstock_testkit.docker.engine import DockerEngine
from penstock_testkit.docker.image_store import RemoteImage

__all__ = ["DockerEngine", "RemoteImage", "tls_address", "unix_address"]
