"""A test server that speaks Amazon Redshift's dialect, in front of a real PostgreSQL and a real S3 server.

Source: the wire protocol is PostgreSQL's, as Redshift's is; the dialect, COPY, UNLOAD and system views follow the
Amazon Redshift Database Developer Guide, and each module names its pages. What drivers see of Redshift and not of
PostgreSQL is kept: server version 8.0.2, client encoding `UNICODE`, TRUNCATE that commits, refused statements.

Not covered: concurrency (isolation levels, error 1023 other than by a fault switch, workload management), query plans
and performance, TLS, Spectrum and external schemas, data sharing, MERGE REMOVE DUPLICATES, single-node limits of
FETCH, columnar load formats, and late binding of views to tables that are not there. What is not covered is refused
by a sentence that says so, identifiers of more than 63 bytes among it. Passwords are asked for in clear text, where
Redshift asks for a digest. Keys, sort and distribution styles are accepted and forgotten. System views tell at once
what Redshift may tell some seconds later. Correlated subqueries are judged by their qualified names alone.
Trailing blanks count when texts are compared, where Redshift ignores them.
"""

from penstock_testkit.redshift.faults import Faults
from penstock_testkit.redshift.server import ReceivedStatement, RedshiftDatabase, RedshiftServer, redshift

__all__ = ["Faults", "ReceivedStatement", "RedshiftDatabase", "RedshiftServer", "redshift"]
