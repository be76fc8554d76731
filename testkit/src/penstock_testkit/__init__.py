"""Real servers and faithful fakes for the tests of this repository. Never published.

Installing the package gives pytest these fixtures (see `penstock_testkit.pytest_plugin`): `postgres_server`,
`postgres_url`, `s3_server`, `s3`, `redshift_server`, `redshift`, `saas_net`, `saas` and the guard
`no_outbound_connections`. Outside of pytest the same servers are context managers, and programs start them as
`python -m penstock_testkit postgres|s3|redshift|saas`:

- `penstock_testkit.postgres.postgres()`: a `PostgresServer` that can be stopped, killed and restarted on its data.
- `penstock_testkit.s3.s3_server()`: an `S3Server` with `endpoint_url`, `env` and `client()`.
- `penstock_testkit.redshift.redshift(postgres, s3)`: a `RedshiftServer` whose databases have `url` and `connect()`.
- `penstock_testkit.saas.saas_net(*apps)`: a `SaasNet` that serves fakes under their real host names, over TLS.
- `penstock_testkit.network.network_faults(host, port)`: a TCP proxy that delays, cuts, resets, refuses or swallows.
- `penstock_testkit.guards.outbound.OutboundGuard`: refuses connections that leave this machine.

Nothing is imported here: each of them loads the libraries it needs, and no others.
"""
