"""A test server that speaks Amazon Redshift's dialect, in front of a real PostgreSQL and a real S3 server.

Source: the wire protocol is PostgreSQL's, as Redshift's is; the dialect, COPY, UNLOAD and system views follow the
Amazon Redshift Database Developer Guide, and each module names its pages. What drivers see of Redshift and not of
PostgreSQL is kept: server version 8.0.2, client encoding `UNICODE`, TRUNCATE that commits, refused statements.

Not covered: concurrency (isolation levels, error 1023 other than by a fault switch, workload management), query plans
and performance, TLS, Spectrum and external schemas, data sharing, MERGE REMOVE DUPLICATES, single-node limits of
FETCH, columnar load formats, identifiers between 64 and 127 bytes, and limits of size. Passwords are asked for in
clear text, where Redshift asks for a digest. Keys, sort and distribution styles are accepted and forgotten.
"""

from penstock_testkit.redshift.faults import Faults
from penstock_testkit.redshift.server import ReceivedStatement, RedshiftDatabase, RedshiftServer, redshift

__all__ = ["Faults", "ReceivedStatement", "RedshiftDatabase", "RedshiftServer", "redshift"]
