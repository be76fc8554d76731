"""A provider for Terraform that knows what ``aws_schema.json`` says of resources, and does nothing: enough to validate, and for mocks.

Terraform starts it as it starts any provider, and speaks its plugin protocol (version 6) with it.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(sys.argv[1])

from tf import provider as own  # noqa: E402
from tf.gen import tfplugin_pb2 as pb  # noqa: E402
from tf.gen import tfplugin_pb2_grpc as rpc  # noqa: E402
from tf.iface import Provider  # noqa: E402
from tf.runner import run_provider  # noqa: E402

FACTS = json.loads((HERE / "aws_schema.json").read_text())
_WRITE_ONLY = b"\x58\x01"
"""Field 11 of an attribute, which the protocol has had since Terraform 1.11, and is not among those that were generated."""
_NESTING = {"single": 1, "list": 2, "set": 3}


def _attribute(name, kind, flags):
    known = dict.fromkeys(set(flags) - {"write_only"}, True)
    made = pb.Schema.Attribute(name=name, type=json.dumps(kind).encode(), **known)
    if "write_only" not in flags:
        return made
    return pb.Schema.Attribute.FromString(made.SerializeToString() + _WRITE_ONLY)


def _block(facts):
    return pb.Schema.Block(
        attributes=[_attribute(name, kind, flags) for name, (kind, *flags) in sorted(facts["attributes"].items())],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name, block=_block(block), nesting=_NESTING[nesting], min_items=least, max_items=most
            )
            for name, (nesting, least, most, block) in sorted(facts["blocks"].items())
        ],
    )


class Knowing(rpc.ProviderServicer):
    """Answers what there is, and has no objection."""

    def __init__(self, _provider):
        self._schema = pb.GetProviderSchema.Response(
            provider=pb.Schema(block=_block(FACTS["configuration"])),
            resource_schemas={name: pb.Schema(block=_block(facts)) for name, facts in FACTS["resources"].items()},
        )

    def GetProviderSchema(self, _request, _context):  # noqa: N802 - the protocol's name
        return self._schema

    def ValidateProviderConfig(self, _request, _context):  # noqa: N802 - the protocol's name
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, _request, _context):  # noqa: N802 - the protocol's name
        return pb.ValidateResourceConfig.Response()

    def StopProvider(self, _request, _context):  # noqa: N802 - the protocol's name
        return pb.StopProvider.Response()


class Named(Provider):
    """What the runner asks of a provider."""

    def full_name(self):
        return FACTS["provider"]

    def get_model_prefix(self):
        return "aws_"

    def get_provider_schema(self, diags):
        raise NotImplementedError

    validate_config = configure_provider = get_data_sources = get_resources = get_functions = get_provider_schema


own.ProviderServicer = Knowing
run_provider(Named(), [sys.argv[0]])
