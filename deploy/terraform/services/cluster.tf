locals {
  namespace = "Penstock"
  url       = "https://${var.host}"
  # Written at the start of each container, as the root of its image is read-only.
  settings = <<-TOML
    [core]
    dags_folder = "/srv/penstock/dags"
    state_folder = "/var/lib/penstock"
    logs_folder = "/var/lib/penstock-shared/logs"

    [services.server]
    type = "server.server"
    host = "0.0.0.0"
    port = 8080
    public_url = "${local.url}"
    trusted_proxies = ["${var.network.cidr}"]

    %{~if !can(regex("(?m)^\\[logs\\]", var.settings))~}

    # The disk of a task goes with it.
    [logs]
    store = "s3://${var.data.logs_bucket}/logs"
    conn_id = "penstock_logs"
    %{~endif~}

    %{~if !can(regex("(?m)^\\[xcom\\]", var.settings))~}

    # No worker reads what lies on the disk of another one.
    [xcom]
    store = "s3://${var.data.logs_bucket}/xcom"
    conn_id = "penstock_logs"
    %{~endif~}

    ${indent(4, var.settings)}
  TOML
  # What servers share, beside what each has for itself.
  share = "mkdir -p /var/lib/penstock-shared/snapshots; ln -s /var/lib/penstock-shared/snapshots /var/lib/penstock/snapshots"
  begin = "printf '%s' \"$SETTINGS\" > /tmp/penstock.toml; export PENSTOCK_CONFIG=/tmp/penstock.toml; unset SETTINGS"

  # What every container has: no root, nothing to write but two volumes.
  container = {
    image                  = var.image
    essential              = true
    readonlyRootFilesystem = true
    user                   = "10001:0"
    linuxParameters        = { capabilities = { drop = ["ALL"] }, initProcessEnabled = false }
    mountPoints = [
      { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
      { sourceVolume = "state", containerPath = "/var/lib/penstock", readOnly = false },
    ]
  }
  logged = { for name in concat(["scheduler"], keys(var.workers)) : name => {
    logDriver = "awslogs"
    options = {
      awslogs-group         = aws_cloudwatch_log_group.this[name].name
      awslogs-region        = var.region
      awslogs-stream-prefix = name
    }
  } }
  opens_database = [
    { name = "PENSTOCK_DATABASE__URL", valueFrom = var.data.secrets["database-url"] },
    { name = "PENSTOCK_SECRET_KEY", valueFrom = var.data.secrets["secret-key"] },
  ]
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = toset(concat(["scheduler"], keys(var.workers)))
  name              = "/penstock/${var.name}/${each.key}"
  retention_in_days = var.log_days
}
